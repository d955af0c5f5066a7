"""One set of tests, written with the public fixtures, for three systems that are not ours.

What a system does otherwise than RFC 3261 says is written in tests/data/other_systems.toml.  The
test must then fail in the way that is written there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from tools.other_systems import wrongs
from trio_sip.testing import (
    PeerCall,
    PeerRequest,
    PeerThread,
    SentRequest,
    SipPeer,
    UnexpectedMessage,
)

from .telephones import TELEPHONES, Telephone, install_libraries

pytestmark = [pytest.mark.interop, pytest.mark.parametrize("system", TELEPHONES)]


RINGS = range(101, 200)
WRONG = {(one.system, one.test): one for one in wrongs()}


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_libraries(tmp_path_factory.mktemp("libraries"))


@pytest.fixture
def phone(
    request: pytest.FixtureRequest,
    system: str,
    sip_peer_thread: PeerThread,
    libraries: Path,
    tmp_path: Path,
) -> Iterator[Telephone]:
    name = request.function.__name__.removeprefix("test_").replace("_", " ")
    known = WRONG.get((system, name))
    if known is not None:
        right = pytest.RaisesExc(AssertionError, match=known.seen)
        request.applymarker(pytest.mark.xfail(reason=known.does, raises=right, strict=True))
    with TELEPHONES[system](tmp_path / "phone", libraries, sip_peer_thread) as telephone:
        yield telephone


async def call(peer: SipPeer, phone: Telephone) -> SentRequest:
    """An INVITE at which the telephone rings."""
    sent = await peer.request("INVITE", phone.uri, body=peer.sdp)
    await sent.expect(RINGS)
    await trio.to_thread.run_sync(phone.wait_until_it_rings)
    return sent


async def establish(peer: SipPeer, phone: Telephone) -> PeerCall:
    """A call that the telephone has answered."""
    sent = await call(peer, phone)
    phone.answer()
    answer = await sent.expect(200, optional=[RINGS])
    await answer.ack()
    return peer.call_of(answer)


async def be_called(peer: SipPeer, phone: Telephone) -> PeerRequest:
    """An INVITE of the telephone."""
    phone.dial(str(peer.uri))
    return await peer.expect("INVITE")


async def cancel(sent: SentRequest) -> None:
    """End a call that rings."""
    answer = await (await sent.cancel()).expect(200)
    refusal = await sent.expect(487, optional=[RINGS])
    await refusal.ack()
    assert "CANCEL" == answer.method


# -- calls


def test_it_says_what_it_can(sip_peer_thread: PeerThread, phone: Telephone) -> None:
    response = sip_peer_thread.request("OPTIONS", phone.uri)

    assert 200 == response.status
    assert {"INVITE", "ACK", "CANCEL", "BYE"} <= set(response["Allow"].replace(",", " ").split())


def test_it_rings_answers_and_is_hung_up_on(sip_peer_thread: PeerThread, phone: Telephone) -> None:
    async def script(peer: SipPeer) -> None:
        established = await establish(peer, phone)
        await established.bye()

    sip_peer_thread.run(script)


def test_it_rings_answers_and_hangs_up(sip_peer_thread: PeerThread, phone: Telephone) -> None:
    async def script(peer: SipPeer) -> None:
        established = await establish(peer, phone)
        await trio.sleep(_MOMENT)
        phone.hang_up()
        await established.expect_bye()

    sip_peer_thread.run(script)


def test_it_calls_and_is_hung_up_on(sip_peer_thread: PeerThread, phone: Telephone) -> None:
    async def script(peer: SipPeer) -> None:
        established = await peer.answer(await be_called(peer, phone))
        await established.bye()

    sip_peer_thread.run(script)


def test_it_calls_and_hangs_up(sip_peer_thread: PeerThread, phone: Telephone) -> None:
    async def script(peer: SipPeer) -> None:
        established = await peer.answer(await be_called(peer, phone))
        await trio.sleep(_MOMENT)
        phone.hang_up()
        await established.expect_bye()

    sip_peer_thread.run(script)


def test_a_call_to_somebody_else_is_seen(sip_peer_thread: PeerThread, phone: Telephone) -> None:
    phone.dial(str(sip_peer_thread.uri))
    with pytest.raises(UnexpectedMessage, match="got 'peer'") as failure:
        sip_peer_thread.expect("INVITE", to__user="carol")

    assert failure.value.wire is not None


# -- transactions


def test_its_invite_is_repeated_as_timer_a_says(
    sip_peer_thread: PeerThread, phone: Telephone
) -> None:
    async def script(peer: SipPeer) -> None:
        invite = await be_called(peer, phone)
        await invite.expect_retransmissions(0.5, 1.5, tolerance=0.3)
        await invite.respond(486)
        await peer.expect("ACK")

    sip_peer_thread.run(script)


def test_it_acknowledges_a_refusal_in_its_transaction(
    sip_peer_thread: PeerThread, phone: Telephone
) -> None:
    async def script(peer: SipPeer) -> None:
        invite = await be_called(peer, phone)
        refusal = await invite.respond(486)
        ack = await peer.expect("ACK", within=3)
        assert invite.message.via.branch == ack.message.via.branch
        assert refusal.to.tag == ack.message.to.tag

    sip_peer_thread.run(script)


def test_a_repeated_invite_is_answered_again_and_alike(
    sip_peer_thread: PeerThread, phone: Telephone
) -> None:
    async def script(peer: SipPeer) -> None:
        sent = await peer.request("INVITE", phone.uri, body=peer.sdp)
        ringing = await sent.expect(RINGS)
        await trio.to_thread.run_sync(phone.wait_until_it_rings)
        await peer.transmit(bytes(sent.request), sent.path)
        await trio.sleep(_MOMENT)
        assert 1 == len(ringing.retransmissions)
        phone.answer()
        answer = await sent.expect(200)
        await answer.ack()
        await peer.call_of(answer).bye()
        assert ringing.message.to.tag == answer.message.to.tag

    sip_peer_thread.run(script)


def test_its_200_is_repeated_until_the_ack(sip_peer_thread: PeerThread, phone: Telephone) -> None:
    async def script(peer: SipPeer) -> None:
        sent = await call(peer, phone)
        phone.answer()
        answer = await sent.expect(200, optional=[RINGS])
        await answer.expect_retransmissions(0.5, 1.5, tolerance=0.3)
        await answer.ack()
        await trio.sleep(2.3)
        assert 2 == len(answer.retransmissions)
        await peer.call_of(answer).bye()

    sip_peer_thread.run(script)


def test_a_call_that_rings_can_be_cancelled(sip_peer_thread: PeerThread, phone: Telephone) -> None:
    async def script(peer: SipPeer) -> None:
        await cancel(await call(peer, phone))

    sip_peer_thread.run(script)


def test_a_repeated_bye_is_answered_again(sip_peer_thread: PeerThread, phone: Telephone) -> None:
    async def script(peer: SipPeer) -> None:
        established = await establish(peer, phone)
        bye = await established.send("BYE")
        answer = await bye.expect(200)
        await peer.transmit(bytes(bye.request), bye.path)
        await answer.expect_retransmissions(0.1, tolerance=0.3)

    sip_peer_thread.run(script)


# -- refusals


def test_a_bye_of_no_call_is_refused(sip_peer_thread: PeerThread, phone: Telephone) -> None:
    nobody = f"<{phone.uri}>;tag=nobody"

    assert 481 == sip_peer_thread.request("BYE", phone.uri, to=nobody, within=3).status


def test_a_cancel_of_nothing_is_refused(sip_peer_thread: PeerThread, phone: Telephone) -> None:
    assert 481 == sip_peer_thread.request("CANCEL", phone.uri, within=3).status


def test_an_unknown_method_is_refused(sip_peer_thread: PeerThread, phone: Telephone) -> None:
    assert sip_peer_thread.request("DANCE", phone.uri, within=3).status in (405, 501)


def test_an_unknown_extension_is_refused(sip_peer_thread: PeerThread, phone: Telephone) -> None:
    async def script(peer: SipPeer) -> None:
        headers = [("Require", "telepathy")]
        sent = await peer.request("INVITE", phone.uri, headers=headers, body=peer.sdp)
        refusal = await sent.expect(420, within=3)
        await refusal.ack()
        assert "telepathy" == refusal["Unsupported"]

    sip_peer_thread.run(script)


def test_a_bye_with_another_tag_is_refused(sip_peer_thread: PeerThread, phone: Telephone) -> None:
    async def script(peer: SipPeer) -> None:
        established = await establish(peer, phone)
        wrong = await established.send("BYE", rude=["wrong To tag"])
        await wrong.expect(481, within=3)
        await established.bye()

    sip_peer_thread.run(script)


def test_an_old_cseq_is_refused(sip_peer_thread: PeerThread, phone: Telephone) -> None:
    async def script(peer: SipPeer) -> None:
        established = await establish(peer, phone)
        old = await established.send("BYE", rude=["old CSeq"])
        await old.expect(500, within=3)
        await established.bye()

    sip_peer_thread.run(script)


# -- dialogs


def test_it_takes_the_way_that_was_recorded(sip_peer_thread: PeerThread, phone: Telephone) -> None:
    async def script(peer: SipPeer) -> None:
        way = f"<sip:{peer.address};lr>"
        invite = await be_called(peer, phone)
        # As if there was a proxy between the two.
        await invite.respond(200, headers=[("Record-Route", way)], body=peer.sdp)
        established = peer.call_of(invite)
        await established.expect("ACK", route=way)
        await trio.sleep(_MOMENT)
        phone.hang_up()
        bye = await established.expect("BYE", route=way)
        await bye.respond(200)

    sip_peer_thread.run(script)


def test_it_tells_others_of_the_way_that_was_recorded(
    sip_peer_thread: PeerThread, phone: Telephone
) -> None:
    async def script(peer: SipPeer) -> None:
        headers = [("Record-Route", "<sip:192.0.2.1;lr>")]
        sent = await peer.request("INVITE", phone.uri, headers=headers, body=peer.sdp)
        await sent.expect(RINGS, record_route="<sip:192.0.2.1;lr>")
        await trio.to_thread.run_sync(phone.wait_until_it_rings)
        await cancel(sent)

    sip_peer_thread.run(script)


def test_a_call_can_be_held(sip_peer_thread: PeerThread, phone: Telephone) -> None:
    async def script(peer: SipPeer) -> None:
        established = await establish(peer, phone)
        held = peer.sdp.replace(b"sendrecv", b"sendonly").replace(b"- 1 1 ", b"- 1 2 ")
        reinvite = await established.send("INVITE", body=held)
        answer = await reinvite.expect(200, optional=[100], within=5)
        await answer.ack()
        await established.bye()
        assert b"recvonly" in answer.body or b"inactive" in answer.body

    sip_peer_thread.run(script)


def test_digits_by_info_are_taken_or_refused(sip_peer_thread: PeerThread, phone: Telephone) -> None:
    async def script(peer: SipPeer) -> None:
        established = await establish(peer, phone)
        digits = b"Signal=5\r\nDuration=160\r\n"
        info = await established.send("INFO", body=digits, content_type="application/dtmf-relay")
        answer = await info.final(within=3)
        await established.bye()
        assert answer.status in (200, 405, 415, 469, 501)

    sip_peer_thread.run(script)


def test_a_cancel_after_its_200_changes_nothing(
    sip_peer_thread: PeerThread, phone: Telephone
) -> None:
    async def script(peer: SipPeer) -> None:
        sent = await call(peer, phone)
        phone.answer()
        answer = await sent.expect(200, optional=[RINGS])
        late = await (await sent.cancel()).final(within=3)
        await answer.ack()
        await peer.call_of(answer).bye()
        assert late.status in (200, 481)

    sip_peer_thread.run(script)


_MOMENT = 0.3
"""Seconds that a telephone gets to learn that its call stands."""
