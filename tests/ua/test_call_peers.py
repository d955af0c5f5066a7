"""Calls with peers that are written by hand, message by message, and what goes over the wire."""

from __future__ import annotations

import pytest
import trio

from trio_sip._errors import (
    AuthenticationRejected,
    CallEnded,
    CallRejected,
    LocalProtocolError,
    NoRoute,
    RemoteProtocolError,
)
from trio_sip.auth import PlainSecret
from trio_sip.message import Request, Response
from trio_sip.services import DigestAuthenticator, IdentifyByUser
from trio_sip.session import Reliable, SessionSettings, Side
from trio_sip.stack import Endpoint
from trio_sip.testing import MakeSipPeer, MemoryNetwork, PeerRequest, SipPeer
from trio_sip.ua import Call, CallSupplement, IncomingCall, UserAgent

from .calls import (
    BOB,
    OFFER,
    agent,
    alice_and_bob,
    alice_and_peer,
    answer_and_wait,
    labels,
)

BODY = bytes(OFFER)


def tagged(invite: PeerRequest, status: int, tag: str, body: bytes = b"") -> Response:
    """The answer of one of several phones behind a proxy that forks."""
    response = invite.create_response(status, body=body)
    response.headers.set("To", invite.message.to.with_tag(tag))
    response.headers.set("Contact", f"<sip:{tag}@192.0.2.2>")
    return response


async def test_the_other_branches_of_a_fork_that_answer_get_ack_and_bye(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    async with (
        alice_and_peer(sip_network, make_sip_peer) as (alice, bob, _),
        alice.call(BOB, OFFER) as call,
    ):
        invite = await bob.expect("INVITE")
        for tag in ("one", "two"):
            await invite.send(tagged(invite, 180, tag))
        phones = {}
        for tag in ("one", "two", "two", "three"):
            response = tagged(invite, 200, tag, BODY)
            await invite.send(response)
            phones[tag] = bob.call_of(invite)
        answered = await call.answered()

        ack = await phones["one"].expect("ACK")
        for tag in ("two", "three"):
            await phones[tag].expect("ACK")
            await phones[tag].expect_bye()
        assert "one" == answered.response.to.tag
        assert call.ended is None
        await phones["one"].expect_nothing(within=0.2)
        assert [] == ack.copies
        await invite.send(tagged(invite, 200, "one", BODY))
        await trio.sleep(0.1)
        assert 1 == len(ack.copies)

        bye = await phones["one"].send("BYE")
        await trio.sleep(1)
    await bye.expect(200)


async def test_early_media_is_known_for_each_phone_that_rings(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    async with alice_and_peer(sip_network, make_sip_peer) as (alice, bob, _):
        with pytest.raises(CallRejected):
            await _hear_two_phones(alice, bob)
        await bob.expect("ACK")


async def _hear_two_phones(alice: UserAgent, bob: SipPeer) -> None:
    async with alice.call(BOB, OFFER) as call:
        invite = await bob.expect("INVITE")
        await invite.send(tagged(invite, 183, "one", BODY))
        await invite.send(tagged(invite, 180, "two"))
        await invite.send(tagged(invite, 183, "two", BODY.replace(b"4000", b"4002")))
        await trio.sleep(1)
        ports = {
            dialog.remote_tag: progress.sdp.media[0].port
            for dialog, progress in call.early_media.items()
            if progress.sdp is not None
        }
        assert {"one": 4000, "two": 4002} == ports
        await invite.send(tagged(invite, 486, "one"))
        await call.answered()


async def test_a_challenge_to_the_invite_is_answered_and_the_ack_carries_the_same_credentials(
    sip_network: MemoryNetwork,
) -> None:
    sip_network.alias("192.0.2.2", "bob")
    async with (
        agent(sip_network, "alice", password="wonderland") as alice,
        agent(sip_network, "bob") as bob,
        trio.open_nursery() as nursery,
    ):
        bob.stack.register_endpoint_identifier(IdentifyByUser({"alice": Endpoint(name="alice")}))
        bob.stack.register_authenticator(
            DigestAuthenticator("bob", {"alice": PlainSecret("alice", "wonderland")})
        )
        await nursery.start(bob.serve_calls, answer_and_wait)
        # The password of an account is for its own domain; that is where the proxy is.
        with pytest.raises(CallRejected, match="401") as caught:
            await take(alice, BOB)
        assert isinstance(caught.value.__cause__, AuthenticationRejected | None)
        nursery.cancel_scope.cancel()

    assert ["INVITE", "401 (INVITE)", "ACK"] == labels(sip_network)[:3]


async def take(alice: UserAgent, target: str) -> None:
    async with alice.call(target, OFFER) as call:
        await call.answered()


async def test_credentials_go_into_the_second_invite_its_ack_and_the_bye(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    challenge = ("Proxy-Authenticate", 'Digest realm="r", nonce="n", qop="auth"')
    people = alice_and_peer(
        sip_network, make_sip_peer, password="wonderland", outbound_proxy=("sip:192.0.2.2",)
    )
    async with people as (alice, proxy, nursery):
        nursery.start_soon(take, alice, "sip:carol@example.com")
        refused = await proxy.expect("INVITE")
        await refused.respond(407, headers=[challenge])
        await proxy.expect("ACK")
        taken = await proxy.expect("INVITE")
        await taken.respond(200, body=BODY)
        call = proxy.call_of(taken)
        acknowledged = await call.expect("ACK")
        ended = await call.expect_bye()

    first, second, ack, bye = (one.message for one in (refused, taken, acknowledged, ended))
    assert "sip:carol@example.com" == first.target
    assert "<sip:192.0.2.2;lr>" == first["Route"]
    assert "Proxy-Authorization" not in first.headers
    assert (1, 2, 2) == (first.cseq.number, second.cseq.number, ack.cseq.number)
    assert second["Proxy-Authorization"] == ack["Proxy-Authorization"]
    # The nonce is known by now, so the BYE need not be refused first.
    assert 'nonce="n"' in bye["Proxy-Authorization"]
    assert "nc=00000002" in bye["Proxy-Authorization"]
    assert "BYE" == bye.method


async def test_a_contact_names_the_transport_that_sends(sip_network: MemoryNetwork) -> None:
    async with alice_and_bob(sip_network, answer_and_wait) as (alice, _):
        async with alice.call(f"{BOB};transport=tcp", OFFER) as call:
            answered = await call.answered()

        assert "<sip:alice@192.0.2.1:5060;transport=tcp>" == str(call.session.invite.contact)
        assert "<sip:bob@192.0.2.2:5060;transport=tcp>" == answered.response["Contact"]


async def test_a_target_with_a_name_is_looked_up(sip_network: MemoryNetwork) -> None:
    async with alice_and_bob(sip_network, answer_and_wait) as (alice, _):
        sip_network.alias("example.com", "bob")
        async with alice.call("sip:bob@example.com", OFFER) as call:
            await call.answered()
        with pytest.raises(NoRoute):
            await take(alice, "sip:bob@nowhere.example")


async def test_a_redirection_is_followed_where_it_is_allowed_in_the_order_of_q(
    sip_network: MemoryNetwork,
) -> None:
    async def send_on(call: IncomingCall) -> None:
        if call.target.user == "bob" and not call.target.params:
            await call.redirect(
                ["<sip:bob@192.0.2.2;n=2>;q=0.2", "<sip:bob@192.0.2.2;n=1>;q=0.7", f"<{BOB}>"]
            )
        elif call.target.params.get("n") == "1":
            await call.reject(404)
        else:
            await answer_and_wait(call)

    async with alice_and_bob(sip_network, send_on) as (alice, _):
        async with alice.call(BOB, OFFER, redirections=2) as call:
            await call.answered()

        invites = [
            wire.data.split(b" ", 2)[1] for wire in sip_network.wires if b"INVITE sip" in wire.data
        ]
        assert [BOB.encode(), b"sip:bob@192.0.2.2;n=1", b"sip:bob@192.0.2.2;n=2"] == invites
        assert "2" == call.target.params.get("n")


async def test_redirections_in_a_circle_come_to_an_end(sip_network: MemoryNetwork) -> None:
    async def send_back(call: IncomingCall) -> None:
        await call.redirect([f"<{BOB}>", f"<{BOB};again>"])

    async with alice_and_bob(sip_network, send_back) as (alice, _):
        with pytest.raises(CallRejected, match="302"):
            async with alice.call(BOB, OFFER, redirections=10) as call:
                await call.answered()

        assert 2 == labels(sip_network).count("INVITE")


async def test_the_first_of_several_targets_that_answers_has_the_call(
    sip_network: MemoryNetwork,
) -> None:
    reasons: list[str] = []

    async def pick_up(call: IncomingCall) -> None:
        await call.ring()
        try:
            await trio.sleep(float(call.target.params["after"] or 0))
        except trio.Cancelled:
            reasons.append(str(call.reason))
            raise
        await call.answer(OFFER)
        await trio.sleep_forever()

    async with alice_and_bob(sip_network, pick_up) as (alice, _):
        targets = [f"{BOB};after={after}" for after in (3, 1, 2)]
        async with alice.fork(targets, OFFER) as call:
            await trio.sleep(1)
            assert "1" == call.target.params["after"]
            assert call.ended is None

        assert ['SIP;cause=200;text="Call completed elsewhere"'] * 2 == reasons


@pytest.mark.parametrize(
    ("statuses", "raised"), [((486, 404), 404), ((486, 603), 603), ((480, 503), 480)]
)
async def test_a_fork_that_everybody_refuses_raises_the_worst_refusal(
    statuses: tuple[int, ...], raised: int, sip_network: MemoryNetwork
) -> None:
    async def refuse(call: IncomingCall) -> None:
        await call.reject(int(call.target.params["status"] or 0))

    async with alice_and_bob(sip_network, refuse) as (alice, _):
        with pytest.raises(CallRejected, match=str(raised)):
            async with alice.fork([f"{BOB};status={one}" for one in statuses], OFFER):
                pass


async def test_a_fork_that_is_cancelled_cancels_them_all(sip_network: MemoryNetwork) -> None:
    async with alice_and_bob(sip_network, answer_and_wait) as (alice, _):
        with trio.move_on_after(0.5):
            async with alice.fork([f"{BOB};n=1", f"{BOB};n=2"], OFFER):
                pass
        with pytest.raises(LocalProtocolError):
            alice.fork([])

        await trio.sleep(1)
        assert 2 == labels(sip_network).count("487 (INVITE)")


async def test_reliable_progress_is_acknowledged(sip_network: MemoryNetwork) -> None:
    async def play(call: IncomingCall) -> None:
        await call.progress(183, OFFER, reliable=True)
        await trio.sleep(1)
        await call.answer()
        await trio.sleep_forever()

    async with alice_and_bob(sip_network, play) as (alice, _):
        async with alice.call(BOB, OFFER) as call:
            answered = await call.answered()

        assert answered.sdp == OFFER
        assert call.remote_sdp == OFFER
        assert ["INVITE", "183 (INVITE)", "PRACK", "200 (PRACK)", "200 (INVITE)"] == labels(
            sip_network
        )[:5]


async def test_an_offer_in_reliable_progress_is_answered_in_the_prack(
    sip_network: MemoryNetwork,
) -> None:
    async def offer(call: IncomingCall) -> None:
        await call.progress(183, OFFER, reliable=True)
        await trio.sleep(1)
        assert call.remote_sdp is not None
        assert 6000 == call.remote_sdp.media[0].port
        await call.answer()
        await trio.sleep_forever()

    async with alice_and_bob(sip_network, offer) as (alice, _), alice.call(BOB) as call:
        async for progress in call.progress():
            assert progress.prack_owed
            assert progress.sdp is not None
            progress.acknowledge(progress.sdp.answer(6000))
        await call.answered()
        await trio.sleep(1)


@pytest.mark.parametrize("refresher", [None, 1])
async def test_a_long_call_is_kept_alive_by_session_timers(
    refresher: int | None, sip_network: MemoryNetwork
) -> None:
    settings = SessionSettings(session_expires=90)
    async with alice_and_bob(sip_network, answer_and_wait, call_settings=settings) as (alice, _):
        async with alice.call(BOB, OFFER) as call:
            await call.answered()
            await trio.sleep(1800)
            assert call.interval is not None
            assert 90 == call.interval.seconds

        assert call.ended_by is Side.LOCAL
        assert 30 < labels(sip_network).count("UPDATE") + labels(sip_network).count("INVITE") < 50


async def test_a_peer_that_has_vanished_is_noticed_by_the_session_timer(
    sip_network: MemoryNetwork,
) -> None:
    settings = SessionSettings(session_expires=90)
    async with alice_and_bob(sip_network, answer_and_wait, call_settings=settings) as (alice, _):
        began = trio.current_time()
        async with alice.call(BOB, OFFER) as call:
            await call.answered()
            sip_network.partition("bob")
            await trio.sleep_forever()

        assert trio.current_time() - began < 180
        assert call.ended is not None
        await trio.sleep(180)


async def test_an_answer_that_is_never_acknowledged_ends_the_call(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    errors: list[BaseException] = []

    async def answer_into_the_void(call: IncomingCall) -> None:
        try:
            await call.answer(OFFER)
        except (CallEnded, trio.Cancelled) as error:
            errors.append(error)
            raise

    async with alice_and_peer(sip_network, make_sip_peer) as (alice, bob, nursery):
        await nursery.start(alice.serve_calls, answer_into_the_void)
        call = await bob.invite(alice.uri, body=b"", rude=["no ACK"])
        bye = await call.expect_bye(within=40)
        answer = next(wire for wire in bob.wires if wire.label.text == "200 (INVITE)")
        copies = [wire for wire in bob.wires if wire.data == answer.data]

        # At 0, 0.5, 1.5, 3.5, 7.5, 11.5, … seconds, and then nothing until 64*T1.
        assert 11 == len(copies)
        assert 32 == pytest.approx(bye.time - copies[0].time, abs=0.1)
        assert bye.time > copies[-1].time

    assert [CallEnded] == [type(error) for error in errors]


async def test_an_unreadable_offer_is_refused_and_the_server_goes_on(
    sip_network: MemoryNetwork,
) -> None:
    async def look(call: IncomingCall) -> None:
        assert call.offer is not None
        await answer_and_wait(call)

    async with alice_and_bob(sip_network, look) as (alice, bob):
        with pytest.raises(CallRejected, match="400"):
            async with alice.call(BOB, "nonsense") as call:
                await call.answered()
        await take(alice, BOB)
        assert 0 == bob.stack.statistics().handler_errors


async def test_an_unreadable_answer_is_an_error_where_it_is_read(
    sip_network: MemoryNetwork,
) -> None:
    async def babble(call: IncomingCall) -> None:
        await call.answer("nonsense")
        await trio.sleep_forever()

    async with alice_and_bob(sip_network, babble) as (alice, _), alice.call(BOB, OFFER) as call:
        answered = await call.answered()
        with pytest.raises(RemoteProtocolError):
            answered.sdp  # noqa: B018


async def test_reliable_provisional_responses_can_be_insisted_upon(
    sip_network: MemoryNetwork,
) -> None:
    settings = SessionSettings(reliable=Reliable.REQUIRED)
    async with alice_and_bob(sip_network, answer_and_wait, call_settings=settings) as (alice, _):
        await take(alice, BOB)

        assert "PRACK" in labels(sip_network)


async def test_more_calls_than_the_limit_are_busy(sip_network: MemoryNetwork) -> None:
    async with alice_and_bob(sip_network, answer_and_wait) as (alice, bob):
        bob.calls.limit = 1
        async with alice.call(BOB, OFFER) as call:
            await call.answered()
            with pytest.raises(CallRejected, match="486"):
                await take(alice, BOB)


async def test_calls_are_served_once(sip_network: MemoryNetwork) -> None:
    async with alice_and_bob(sip_network, answer_and_wait) as (_, bob):
        with pytest.raises(LocalProtocolError, match="served already"):
            await bob.serve_calls(answer_and_wait)


class Witness(CallSupplement):
    """Sees everything, and lets nobody call who is called Mallory."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def on_call(self, call: Call) -> int | None:
        call.storage[self] = len(self.seen)
        self.seen.append("begin")
        if isinstance(call, IncomingCall):
            return 603 if call.target.params.get("from") == "mallory" else None
        return None

    def on_end(self, call: Call) -> None:
        assert 0 <= call.storage[self]
        self.seen.append("end")

    def on_request(self, call: Call, request: Request) -> None:
        self.seen.append(f"> {request.method}")

    def on_response(self, call: Call, response: Response) -> None:
        self.seen.append(f"> {response.status}")

    def on_send_request(self, call: Call, request: Request) -> None:
        if request.method == "INVITE":
            request.add_header("Subject", "seen")
        self.seen.append(f"< {request.method}")

    def on_send_response(self, call: Call, response: Response) -> None:
        self.seen.append(f"< {response.status}")


async def test_supplements_see_the_calls_and_what_belongs_to_them(
    sip_network: MemoryNetwork,
) -> None:
    async with alice_and_bob(sip_network, answer_and_wait) as (alice, bob):
        witnesses = Witness(), Witness()
        alice.calls.supplements, bob.calls.supplements = (witnesses[0],), (witnesses[1],)
        await take(alice, BOB)
        await trio.sleep(1)

        assert ["begin", "< INVITE", "> 180", "> 200", "< BYE", "end", "> 200"] == witnesses[0].seen
        assert ["begin", "< 180", "< 200", "> ACK", "> BYE", "< 200", "end"] == witnesses[1].seen
        assert b"Subject: seen" in sip_network.wires[0].data


async def test_a_supplement_may_refuse_a_call(sip_network: MemoryNetwork) -> None:
    async with alice_and_bob(sip_network, answer_and_wait) as (alice, bob):
        bob.calls.supplements = (Witness(),)
        with pytest.raises(CallRejected, match="603"):
            await take(alice, f"{BOB};from=mallory")


async def test_a_supplement_that_fails_refuses_the_call(sip_network: MemoryNetwork) -> None:
    class Broken(CallSupplement):
        def on_call(self, call: Call) -> int | None:
            raise ZeroDivisionError

    async with alice_and_bob(sip_network, answer_and_wait, strict=False) as (alice, bob):
        bob.calls.supplements = (Broken(),)
        with pytest.raises(CallRejected, match="500"):
            await take(alice, BOB)

        assert 1 == bob.stack.statistics().handler_errors
