from __future__ import annotations

import math
import re

import pytest
import trio

from trio_sip._errors import LocalProtocolError
from trio_sip.auth import AuthOutcome, OutboundCredential, PlainSecret
from trio_sip.message import Request
from trio_sip.testing import (
    MakeSipPeer,
    MemoryNetwork,
    MessagePattern,
    MissingMessage,
    PeerCall,
    PeerRequest,
    PeerResponse,
    ScriptFailed,
    SipPeer,
    UnexpectedMessage,
    every,
    first,
)


@pytest.fixture
def alice(make_sip_peer: MakeSipPeer) -> SipPeer:
    return make_sip_peer("alice")


@pytest.fixture
def bob(make_sip_peer: MakeSipPeer) -> SipPeer:
    return make_sip_peer("bob")


async def calling(alice: SipPeer, bob: SipPeer) -> tuple[PeerCall, PeerCall]:
    """Alice has called Bob, and he has answered."""
    calls: dict[str, PeerCall] = {}

    async def answer() -> None:
        calls["bob"] = await bob.answer()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(answer)
        calls["alice"] = await alice.invite(bob.uri)
    return calls["alice"], calls["bob"]


async def parting(ours: PeerCall, theirs: PeerCall) -> None:
    """Let the first of them hang up."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(theirs.expect_bye)
        await ours.bye()


# -- in order, or not


async def test_a_script_goes_message_by_message(alice: SipPeer, bob: SipPeer) -> None:
    sent = await alice.request("INVITE", bob.uri)
    invite = await bob.expect("INVITE", to__user="bob", from__user="alice")
    await invite.respond(180)
    await alice.expect(180)
    await invite.respond(486, headers=[("Retry-After", "30")])
    busy = await alice.expect(486, retry_after="30")
    await busy.ack()
    await bob.expect("ACK")
    options = await alice.request("OPTIONS", bob.uri)
    await (await bob.expect("OPTIONS")).respond(200)
    await options.expect(200, allow=re.compile("UPDATE"))

    assert sent.request is busy.request
    assert "Busy Here" == busy.message.reason


async def test_an_unexpected_message_is_shown_with_its_differences(
    alice: SipPeer, bob: SipPeer
) -> None:
    await alice.request("INVITE", bob.uri)
    with pytest.raises(UnexpectedMessage) as caught:
        await bob.expect("INVITE", to__user="carol")

    assert "bob expected INVITE with to.user='carol'" in str(caught.value)
    assert "but got  INVITE at 0.020 s" in str(caught.value)
    assert "  to.user: expected 'carol', got 'bob'" in str(caught.value)
    assert "  Max-Forwards: 70" in str(caught.value)
    assert caught.value.wire is not None


async def test_a_message_that_does_not_come_in_time_is_missed(bob: SipPeer) -> None:
    began = trio.current_time()
    with pytest.raises(MissingMessage, match="bob expected INVITE, but nothing came in 3 s"):
        await bob.expect("INVITE", within=3)

    assert 3.0 == trio.current_time() - began


async def test_optional_messages_may_come_or_not(alice: SipPeer, bob: SipPeer) -> None:
    sent = await alice.request("INVITE", bob.uri)
    invite = await bob.expect("INVITE")
    for status in (100, 183, 180, 603):
        await invite.respond(status)
        await trio.sleep(0.1)

    assert 603 == (await sent.expect(603, optional=[180, 181, 183])).status


async def test_one_of_several_messages_will_do(alice: SipPeer, bob: SipPeer) -> None:
    await alice.request("MESSAGE", bob.uri)
    came = await bob.expect_any("INFO", "MESSAGE")

    assert isinstance(came, PeerRequest)
    await came.respond(202)
    await alice.expect(range(200, 300))


async def test_several_messages_may_come_in_any_order(alice: SipPeer, bob: SipPeer) -> None:
    for method in ("MESSAGE", "OPTIONS", "INFO"):
        await alice.request(method, bob.uri)
    info, options, message = await bob.expect_all("INFO", "OPTIONS", "MESSAGE")

    assert ["INFO", "OPTIONS", "MESSAGE"] == [one.label for one in (info, options, message)]
    for one in (info, options, message):
        assert isinstance(one, PeerRequest)
        await one.respond(200)
    await alice.expect_all(200, 200, 200)


async def test_nothing_or_not_this_may_come(alice: SipPeer, bob: SipPeer) -> None:
    await alice.request("MESSAGE", bob.uri)
    await bob.expect_nothing("INVITE", within=1)
    with pytest.raises(UnexpectedMessage, match="MESSAGE"):
        await bob.expect_nothing(within=1)
    message = await bob.expect("MESSAGE")
    await message.respond(200)
    await alice.expect(200)


async def test_a_message_can_be_looked_for_without_insisting(alice: SipPeer, bob: SipPeer) -> None:
    nothing = await bob.maybe_expect("MESSAGE", within=1)
    await alice.request("OPTIONS", bob.uri)
    other = await bob.maybe_expect("MESSAGE", within=1)
    options = await bob.maybe_expect("OPTIONS", within=1)

    assert (None, None) == (nothing, other)
    assert isinstance(options, PeerRequest)
    await options.respond(200)
    await alice.expect(200)


async def test_what_nobody_expected_is_an_error_at_the_end(alice: SipPeer, bob: SipPeer) -> None:
    await alice.request("MESSAGE", bob.uri)
    await trio.sleep(1)
    with pytest.raises(UnexpectedMessage, match=r"nobody expected what bob got: MESSAGE at 0\.020"):
        bob.check_nothing_is_left()
    bob.ignore("MESSAGE")
    await (await bob.expect("MESSAGE")).respond(200)
    await alice.expect(200)


async def test_what_is_ignored_or_answered_by_itself_disturbs_no_script(
    alice: SipPeer, bob: SipPeer
) -> None:
    bob.answer_automatically("OPTIONS", "INFO")
    bob.ignore("MESSAGE", subject="noise")
    for _ in range(2):
        await (await alice.request("OPTIONS", bob.uri)).expect(200)
    await alice.request("MESSAGE", bob.uri, headers=[("Subject", "noise")])
    await trio.sleep(1)

    bob.check_nothing_is_left()


async def test_octets_that_are_no_message_fail_the_script(alice: SipPeer, bob: SipPeer) -> None:
    await alice.send_raw(b"hello there\r\n\r\n", bob.address)
    with pytest.raises(UnexpectedMessage, match="bob got 15 bytes that are no SIP message"):
        await bob.expect("INVITE")


async def test_raw_octets_go_as_they_are(alice: SipPeer, bob: SipPeer) -> None:
    raw = (
        b"OPTIONS sip:bob@192.0.2.2 SIP/2.0\r\nv:SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\n"
        b"f:<sip:a@b>;tag=1\r\nt:<sip:b@b>\r\ni:raw\r\ncseq:1 OPTIONS\r\n\r\n"
    )
    await alice.send_raw(raw, bob.uri)
    options = await bob.expect("OPTIONS", call_id="raw")

    assert raw == options.wire.data
    await options.send(b"SIP/2.0 200 Fine\r\nCSeq: 1 OPTIONS\r\nCall-ID: raw\r\n\r\n")
    assert "Fine" == (await alice.expect(200)).message.reason


# -- time and loss


async def test_retransmissions_are_counted_and_asserted_by_time(
    alice: SipPeer, bob: SipPeer
) -> None:
    sent = await alice.request("INVITE", bob.uri)
    invite = await bob.expect("INVITE")
    await invite.expect_retransmissions(0.5, 1.5, 3.5)
    await invite.respond(486)
    await sent.final()

    assert [0.5, 1.5, 3.5] == invite.retransmissions


async def test_in_a_dialog_that_is_not_answered_yet_a_peer_may_speak(
    alice: SipPeer, bob: SipPeer
) -> None:
    sent = await alice.request("REFER", bob.uri, headers=[("Refer-To", "<sip:carol@c>")])
    refer = await bob.expect("REFER")
    dialog = bob.call_of(refer)
    await dialog.send("NOTIFY", headers=[("Event", "refer")])
    notify = await alice.expect("NOTIFY", call_id=sent.request.call_id)
    await refer.respond(202)
    accepted = await sent.expect(202)

    assert str(bob.contact) == notify["Contact"]
    assert notify.message.from_.tag == accepted.message.to.tag
    assert notify.message.to.tag == sent.request.from_.tag


async def test_retransmissions_at_other_times_fail(alice: SipPeer, bob: SipPeer) -> None:
    await alice.request("MESSAGE", bob.uri)
    message = await bob.expect("MESSAGE")
    with pytest.raises(ScriptFailed, match=r"repeated 2 times, at 0\.5, 1 s, and was 1 times"):
        await message.expect_retransmissions(0.5, 1)
    with pytest.raises(ScriptFailed, match="repeated never"):
        await message.expect_retransmissions(tolerance=2)
    await message.respond(200)
    await alice.expect(200)


async def test_a_peer_can_leave_out_retransmissions(make_sip_peer: MakeSipPeer) -> None:
    quiet, bob = make_sip_peer("quiet", retransmits=False), make_sip_peer("bob")
    await quiet.request("MESSAGE", bob.uri)
    message = await bob.expect("MESSAGE")
    await message.expect_retransmissions(tolerance=5)
    await message.respond(200)
    await quiet.expect(200)


async def test_a_message_has_a_t1_of_its_own_or_no_copies(alice: SipPeer, bob: SipPeer) -> None:
    hasty = await alice.request("MESSAGE", bob.uri, t1=0.1)
    message = await bob.expect("MESSAGE")
    await message.expect_retransmissions(0.1, 0.3, 0.7)
    await message.respond(200)
    await hasty.expect(200)
    sent = await alice.request("INVITE", bob.uri, t1=math.inf)
    invite = await bob.expect("INVITE")
    await invite.expect_retransmissions(tolerance=5)
    await invite.respond(200, t1=1)
    answer = await sent.expect(200)
    await answer.expect_retransmissions(1, 3, 7)
    await answer.ack()
    await bob.expect("ACK")


async def test_one_message_of_a_quiet_peer_may_be_repeated(make_sip_peer: MakeSipPeer) -> None:
    quiet, bob = make_sip_peer("quiet", retransmits=False), make_sip_peer("bob")
    await quiet.request("MESSAGE", bob.uri, t1=0.5)
    message = await bob.expect("MESSAGE")
    await message.expect_retransmissions(0.5, 1.5)
    await message.respond(200)
    await quiet.expect(200)


async def test_a_2xx_is_repeated_until_the_ack_comes(alice: SipPeer, bob: SipPeer) -> None:
    sent = await alice.request("INVITE", bob.uri)
    invite = await bob.expect("INVITE")
    await invite.respond(200)
    answer = await sent.expect(200)
    await answer.expect_retransmissions(0.5, 1.5)
    await answer.ack()
    await bob.expect("ACK")
    await trio.sleep(20)

    assert [0.5, 1.5] == answer.retransmissions


async def test_a_message_of_ones_choice_gets_lost(alice: SipPeer, bob: SipPeer) -> None:
    bob.lose("MESSAGE", count=2)
    sent = await alice.request("MESSAGE", bob.uri)
    message = await bob.expect("MESSAGE")
    await message.respond(200, lost=True)
    await trio.sleep(5)
    await sent.expect(200)

    # Sent at 0, 0.5 and 1.5 s, received for the first time then, and answered when it came again.
    assert (1.52, [2.0]) == (message.time, message.retransmissions)


@pytest.mark.sip(seeds=3)
async def test_calls_survive_a_peer_with_bad_luck(alice: SipPeer, bob: SipPeer) -> None:
    bob.loss = 0.2
    ours, theirs = await calling(alice, bob)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(theirs.expect_bye)
        await ours.bye()


async def test_requests_other_than_invite_are_repeated_every_four_seconds(
    alice: SipPeer, bob: SipPeer
) -> None:
    await alice.request("MESSAGE", bob.uri)
    message = await bob.expect("MESSAGE")
    await message.expect_retransmissions(0.5, 1.5, 3.5, 7.5, 11.5, 15.5)
    await message.respond(200)
    await alice.expect(200)


async def test_an_ack_that_was_lost_is_sent_again_with_the_next_2xx(
    alice: SipPeer, bob: SipPeer, sip_network: MemoryNetwork
) -> None:
    sip_network.drop(first(2, method="ACK"))
    ours, theirs = await calling(alice, bob)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(theirs.expect_bye)
        await ours.bye()

    assert 3 == [wire.label.text for wire in sip_network.wires].count("ACK")


# -- calls


async def test_a_call_takes_a_few_lines(
    alice: SipPeer, bob: SipPeer, sip_network: MemoryNetwork
) -> None:
    ours, theirs = await calling(alice, bob)
    info = await ours.send("INFO", body="Signal=5", content_type="application/dtmf-relay")
    await (await theirs.expect("INFO", body="Signal=5")).respond(200)
    await info.expect(200)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(theirs.bye)
        await ours.expect_bye()

    assert [
        "INVITE", "180 (INVITE)", "200 (INVITE)", "ACK", "INFO", "200 (INFO)", "BYE", "200 (BYE)",
    ] == [wire.label.text for wire in sip_network.wires]  # fmt: skip


async def test_the_messages_of_a_call_are_not_in_the_way_of_other_scripts(
    alice: SipPeer, bob: SipPeer
) -> None:
    ours, theirs = await calling(alice, bob)
    info = await ours.send("INFO")
    message = await alice.request("MESSAGE", bob.uri)
    await (await bob.expect("MESSAGE")).respond(200)
    await (await theirs.expect("INFO")).respond(200)
    await message.expect(200)
    await info.expect(200)
    await parting(ours, theirs)


async def test_a_call_follows_the_target_and_the_numbers_of_the_other_side(
    alice: SipPeer, bob: SipPeer, make_sip_peer: MakeSipPeer
) -> None:
    ours, theirs = await calling(alice, bob)
    moved = make_sip_peer("moved")
    update = await ours.send("UPDATE", headers=[("Subject", "x")])
    update.request.headers.set("Contact", str(moved.contact))
    again = await alice.send(alice.again(update.request))
    await (await theirs.expect("UPDATE", subject="x")).respond(200)
    await (await theirs.expect("UPDATE", contact__user="moved")).respond(200)
    await update.expect(200)
    await again.expect(200)
    await parting(ours, theirs)

    assert again.request.cseq.number == theirs.dialog.remote_sequence
    assert moved.uri == theirs.dialog.remote_target


async def test_the_next_message_of_a_call_goes_elsewhere(
    alice: SipPeer, bob: SipPeer, make_sip_peer: MakeSipPeer
) -> None:
    ours, theirs = await calling(alice, bob)
    carol = make_sip_peer("carol")
    info = await ours.send("INFO", to=carol.address)
    await (await carol.expect("INFO", uri__user="bob")).respond(481)
    refused = await info.final()
    await parting(ours, theirs)

    assert 481 == refused.status


async def test_a_call_id_with_another_from_tag_is_another_call(
    alice: SipPeer, bob: SipPeer
) -> None:
    ours, theirs = await calling(alice, bob)
    other = alice.create_request("OPTIONS", bob.uri, call_id=ours.dialog.id.call_id)
    sent = await alice.send(other)
    await theirs.expect_nothing(within=1)
    await (await bob.expect("OPTIONS", call_id=ours.dialog.id.call_id)).respond(200)
    await sent.expect(200)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(theirs.expect_bye)
        await ours.bye()


async def test_several_calls_and_peers_go_on_at_once(make_sip_peer: MakeSipPeer) -> None:
    carol, peers = make_sip_peer("carol"), [make_sip_peer(name) for name in ("a", "b", "c")]
    seen: list[str] = []

    async def be_called(peer: SipPeer) -> None:
        call = await peer.answer(ring=1)
        await trio.sleep(2)
        await call.bye()

    async def call_one(peer: SipPeer) -> None:
        call = await carol.invite(peer.uri)
        await call.expect_bye()
        seen.append(peer.name)

    async with trio.open_nursery() as nursery:
        for peer in peers:
            nursery.start_soon(be_called, peer)
            nursery.start_soon(call_one, peer)

    assert ["a", "b", "c"] == sorted(seen)


async def test_a_forked_call_has_two_dialogs_with_one_call_id(alice: SipPeer, bob: SipPeer) -> None:
    await alice.request("INVITE", bob.uri)
    invite = await bob.expect("INVITE")
    one = invite.create_response(200)
    other = invite.create_response(200)
    other.headers.set("To", str(one.to.with_tag("another")))
    await invite.send(one)
    await invite.send(other)
    first_answer, second = await alice.expect_all(200, 200)
    assert isinstance(first_answer, PeerResponse)
    assert isinstance(second, PeerResponse)
    for answer in (first_answer, second):
        await answer.ack()
    acks = await bob.expect_all("ACK", "ACK")

    assert {one.to.tag, "another"} == {ack.message.to.tag for ack in acks}


async def test_a_request_can_be_cancelled(alice: SipPeer, bob: SipPeer) -> None:
    sent = await alice.request("INVITE", bob.uri)
    invite = await bob.expect("INVITE")
    await invite.respond(180)
    cancel = await sent.cancel()
    theirs = await bob.expect("CANCEL", via__branch=invite.message.via.branch)
    await theirs.respond(200)
    await invite.respond(487)
    await cancel.expect(200)

    assert 487 == (await sent.final()).status


async def test_record_routes_are_followed(
    alice: SipPeer, bob: SipPeer, make_sip_peer: MakeSipPeer
) -> None:
    proxy = make_sip_peer("proxy")
    sent = await alice.request("INVITE", bob.uri, headers=[("Record-Route", f"<{proxy.uri};lr>")])
    invite = await bob.expect("INVITE")
    answer = await invite.respond(200)
    response = await sent.final()
    await response.ack()

    assert answer.headers["Record-Route"] == f"<{proxy.uri};lr>"
    await proxy.expect("ACK", route=f"<{proxy.uri};lr>", uri__user="bob")


# -- transports


async def test_one_peer_speaks_udp_and_tcp_at_once(alice: SipPeer, bob: SipPeer) -> None:
    over_tcp = await alice.request("OPTIONS", bob.tcp_uri)
    await (await bob.expect("OPTIONS", via__transport="TCP")).respond(200)
    over_udp = await alice.request("OPTIONS", bob.uri)
    await (await bob.expect("OPTIONS", via__transport="UDP")).respond(200)

    assert "TCP" == (await over_tcp.expect(200)).path.transport
    assert "UDP" == (await over_udp.expect(200)).path.transport


async def test_a_connection_can_be_closed_and_opened_again(alice: SipPeer, bob: SipPeer) -> None:
    for _ in range(2):
        sent = await alice.request("OPTIONS", bob.tcp_uri)
        await (await bob.expect("OPTIONS")).respond(200)
        await sent.expect(200)
        alice.close_streams()
        await trio.sleep(1)


# -- who it is


SECRET = PlainSecret("alice", "wonderland")


async def test_a_peer_challenges_and_verifies(alice: SipPeer, bob: SipPeer) -> None:
    outcomes = []

    async def register() -> None:
        credentials = OutboundCredential(SECRET, realm="example.com")
        sent = await alice.request("REGISTER", bob.uri, credentials=credentials)
        assert 200 == (await sent.final()).status

    async with trio.open_nursery() as nursery:
        nursery.start_soon(register)
        request = await bob.expect("REGISTER", authorization=None)
        outcomes.append(request.check_credentials("example.com", SECRET))
        await request.challenge("example.com", SECRET, algorithms=["SHA-256"])
        again = await bob.expect("REGISTER", authorization=..., cseq__number=2)
        outcomes.append(again.check_credentials("example.com", PlainSecret("alice", "wrong")))
        outcomes.append(again.check_credentials("example.com", SECRET))
        await again.respond(200)

    assert [AuthOutcome.NO_CREDENTIALS, AuthOutcome.BAD_RESPONSE, AuthOutcome.OK] == outcomes


async def test_a_challenge_that_comes_again_is_the_answer(alice: SipPeer, bob: SipPeer) -> None:
    answers = []

    async def register() -> None:
        credentials = OutboundCredential(SECRET, realm="example.com")
        sent = await alice.request("REGISTER", bob.uri, credentials=credentials)
        answers.append((await sent.final()).status)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(register)
        await (await bob.expect("REGISTER")).challenge("example.com", SECRET)
        await (await bob.expect("REGISTER")).challenge("example.com", SECRET)

    assert [401] == answers


async def test_a_challenged_invite_is_acknowledged_and_sent_again(
    alice: SipPeer, bob: SipPeer
) -> None:
    async def call() -> None:
        made = await alice.invite(
            bob.uri, credentials=OutboundCredential(SECRET, realm="example.com")
        )
        await made.bye()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(call)
        invite = await bob.expect("INVITE")
        await invite.challenge("example.com", SECRET, status=407)
        await bob.expect("ACK")
        theirs = await bob.answer(proxy_authorization=...)
        await theirs.expect_bye()


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SHA-512-256"])
async def test_the_body_is_protected_too(alice: SipPeer, bob: SipPeer, algorithm: str) -> None:
    async def say() -> None:
        credentials = OutboundCredential(SECRET, realm="example.com")
        sent = await alice.request("MESSAGE", bob.uri, body="hi", credentials=credentials)
        assert 200 == (await sent.final()).status

    async with trio.open_nursery() as nursery:
        nursery.start_soon(say)
        message = await bob.expect("MESSAGE")
        await message.challenge("example.com", SECRET, algorithms=[algorithm], qop=["auth-int"])
        again = await bob.expect("MESSAGE", authorization=re.compile("qop=auth-int"))
        outcome = again.check_credentials("example.com", SECRET)
        await again.respond(200)

    assert AuthOutcome.OK is outcome


async def test_a_stale_nonce_is_answered_with_the_next(alice: SipPeer, bob: SipPeer) -> None:
    async def register() -> None:
        credentials = OutboundCredential(SECRET, realm="example.com")
        sent = await alice.request("REGISTER", bob.uri, credentials=credentials)
        assert 200 == (await sent.final()).status

    async with trio.open_nursery() as nursery:
        nursery.start_soon(register)
        await (await bob.expect("REGISTER")).challenge("example.com", SECRET)
        again = await bob.expect("REGISTER", authorization=...)
        await trio.sleep(1)
        await again.challenge("example.com", SECRET, stale=True)
        last = await bob.expect("REGISTER", cseq__number=3)
        await last.respond(200)

    assert AuthOutcome.OK is last.check_credentials("example.com", SECRET)


async def test_two_proxies_challenge_at_once(alice: SipPeer, bob: SipPeer) -> None:
    realms = ("one.example", "two.example")

    async def say() -> None:
        known = [OutboundCredential(SECRET, realm=realm) for realm in realms]
        sent = await alice.request("MESSAGE", bob.uri, credentials=known)
        assert 200 == (await sent.final()).status

    async with trio.open_nursery() as nursery:
        nursery.start_soon(say)
        message = await bob.expect("MESSAGE")
        response = message.create_response(407)
        for realm in realms:
            for value in message.challenges(realm, SECRET):
                response.add_header("Proxy-Authenticate", value)
        await message.send(response)
        again = await bob.expect("MESSAGE")
        await again.respond(200)

    assert [AuthOutcome.OK] * 2 == [again.check_credentials(realm, SECRET) for realm in realms]


# -- beside a stack


async def test_a_message_is_altered_before_it_is_sent(alice: SipPeer, bob: SipPeer) -> None:
    request = alice.create_request("MESSAGE", bob.uri, call_id="mine", cseq=99)
    request.headers.set("Max-Forwards", "0")
    sent = await alice.send(request)
    message = await bob.expect(
        MessagePattern("MESSAGE", call_id="mine"), cseq__number=99, max_forwards=0
    )
    assert isinstance(message, PeerRequest)
    await message.respond(483)

    assert 483 == (await sent.final()).status
    assert isinstance(sent.request, Request)


async def test_the_network_loses_the_first_200(
    sip_network: MemoryNetwork, alice: SipPeer, bob: SipPeer
) -> None:
    sip_network.drop(first(status=200, method="INVITE"))
    sip_network.drop(every(method="MESSAGE"))
    ours, theirs = await calling(alice, bob)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(theirs.expect_bye)
        await ours.bye()

    assert any("200 (INVITE) (lost)" in line for line in sip_network.ladder().splitlines())


async def test_the_answer_to_a_bye_whose_sender_was_cancelled_is_explained(
    alice: SipPeer, bob: SipPeer
) -> None:
    ours, theirs = await calling(alice, bob)
    with trio.move_on_after(0.03):
        await ours.bye()
    await theirs.expect_bye()
    await trio.sleep(0.1)

    with pytest.raises(UnexpectedMessage) as caught:
        alice.check_nothing_is_left()
    assert [
        "nobody expected what alice got: 200 (BYE) at 0.110 s",
        (
            "the 200 (BYE) answers a BYE of the script, and nobody awaited it: was `bye` cancelled "
            "because the call's block ended with it?"
        ),
    ] == str(caught.value).splitlines()
    # Its owner is gone, so that only who looks at all of them gets it.
    await alice.take([MessagePattern(200)], belongs=lambda message: True)


async def test_who_waits_for_a_copy_is_told_that_copies_came(alice: SipPeer, bob: SipPeer) -> None:
    sent = await alice.request("INVITE", bob.uri)
    invite = await bob.expect("INVITE")
    await invite.respond(200)
    response = await sent.final()
    ack = await response.ack()
    theirs = bob.call_of(invite)
    await theirs.expect("ACK")
    for _ in range(2):
        await alice.send_raw(bytes(ack), bob.uri)

    with pytest.raises(MissingMessage) as caught:
        await theirs.expect("ACK", within=1)
    assert [
        "bob expected ACK, but nothing came in 1 s",
        "2 copies of the ACK of 0.060 s came: they are no messages of their own, see its `copies`",
    ] == str(caught.value).splitlines()
    await parting(alice.call_of(response), theirs)


@pytest.mark.parametrize(
    ("method", "way"), [("ACK", "response.ack()"), ("CANCEL", "sent.cancel()")]
)
async def test_what_belongs_to_an_invite_is_not_sent_in_a_call(
    method: str, way: str, alice: SipPeer, bob: SipPeer
) -> None:
    ours, theirs = await calling(alice, bob)

    with pytest.raises(LocalProtocolError, match=re.escape(way)):
        await ours.send(method)
    await parting(ours, theirs)
