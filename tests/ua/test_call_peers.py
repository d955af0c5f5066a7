"""Calls with peers that are written by hand, message by message, and what goes over the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock

from tests.stack.scene import Peer, request
from trio_sip._errors import (
    AuthenticationRejected,
    CallEnded,
    CallRejected,
    LocalProtocolError,
    NoRoute,
    RemoteProtocolError,
)
from trio_sip.auth import PlainSecret
from trio_sip.message import Request, Response, create_response
from trio_sip.services import DigestAuthenticator, IdentifyByUser
from trio_sip.session import Reliable, SessionSettings, Side
from trio_sip.stack import Endpoint
from trio_sip.testing import MemoryNetwork
from trio_sip.transport import Address
from trio_sip.ua import Call, CallSupplement, IncomingCall, OutgoingCall, UserAgent

from .calls import BOB, HOUR, OFFER, agent, alice_and_bob, answer_and_wait, labels, nothing_is_left

BODY = bytes(OFFER)
BOBS_ADDRESS = Address("192.0.2.2", 5060)


@asynccontextmanager
async def alice_and_peer(
    call_settings: SessionSettings | None = None, password: str | None = None
) -> AsyncIterator[tuple[UserAgent, Peer, MemoryNetwork]]:
    with trio.fail_after(HOUR):
        async with (
            MemoryNetwork.open() as network,
            agent(network, "alice", call_settings=call_settings, password=password) as alice,
        ):
            peer = Peer(network.host("bob"), BOBS_ADDRESS, Address("192.0.2.1", 5060))
            yield alice, peer, network
            await trio.sleep(130)
            nothing_is_left(alice)
            peer.close()


def answer(
    to: Request, status: int, tag: str = "b", *headers: tuple[str, str], body: bytes = b""
) -> bytes:
    response = create_response(to, status, to_tag=None if status == 100 else tag)
    response.headers.add("Contact", f"<sip:{tag}@192.0.2.2>")
    for name, value in headers:
        response.headers.add(name, value)
    if body:
        response.add_body(body, "application/sdp")
    return bytes(response)


async def test_the_other_branches_of_a_fork_that_answer_get_ack_and_bye(
    autojump_clock: MockClock,
) -> None:
    async with alice_and_peer() as (alice, peer, _), alice.call(BOB, OFFER) as call:
        invite = await peer.request()
        for tag in ("one", "two"):
            peer.send(answer(invite, 180, tag))
        for tag in ("one", "two", "two", "three"):
            peer.send(answer(invite, 200, tag, body=BODY))
        answered = await call.answered()

        requests = [await peer.request() for _ in range(6)]
        for one in requests:
            if one.method == "BYE":
                peer.send(answer(one, 200))
        assert "one" == answered.response.to.tag
        assert [("ACK", "one")] == [
            (one.method, one.to.tag) for one in requests if one.to.tag == "one"
        ]
        assert {"ACK", "BYE"} == {one.method for one in requests if one.to.tag == "two"}
        assert {"ACK", "BYE"} == {one.method for one in requests if one.to.tag == "three"}
        assert call.ended is None
        peer.send(answer(invite, 200, "one", body=BODY))
        again = await peer.request()
        assert ("ACK", "one") == (again.method, again.to.tag)

        leave_soon(alice, peer, call)
        await trio.sleep(1)


def leave_soon(alice: UserAgent, peer: Peer, call: OutgoingCall) -> None:
    """Let the peer hang up."""
    dialog = call.dialog
    assert dialog is not None
    lines = [
        "BYE sip:alice@192.0.2.1 SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKbye",
        "Max-Forwards: 70",
        f"From: <{BOB}>;tag={dialog.id.remote_tag}",
        f"To: <sip:alice@192.0.2.1>;tag={dialog.id.local_tag}",
        f"Call-ID: {dialog.id.call_id}",
        "CSeq: 1 BYE",
        "Content-Length: 0",
    ]
    peer.send("\r\n".join([*lines, "", ""]).encode())


async def test_early_media_is_known_for_each_phone_that_rings(autojump_clock: MockClock) -> None:
    async with alice_and_peer() as (alice, peer, _):
        with pytest.raises(CallRejected):
            await _hear_two_phones(alice, peer)
        await peer.request()


async def _hear_two_phones(alice: UserAgent, peer: Peer) -> None:
    async with alice.call(BOB, OFFER) as call:
        invite = await peer.request()
        peer.send(answer(invite, 183, "one", body=BODY))
        peer.send(answer(invite, 180, "two"))
        peer.send(answer(invite, 183, "two", body=BODY.replace(b"4000", b"4002")))
        await trio.sleep(1)
        ports = {
            dialog.remote_tag: progress.sdp.media[0].port
            for dialog, progress in call.early_media.items()
            if progress.sdp is not None
        }
        assert {"one": 4000, "two": 4002} == ports
        peer.send(answer(invite, 486, "one"))
        await call.answered()


async def test_a_challenge_to_the_invite_is_answered_and_the_ack_carries_the_same_credentials(
    autojump_clock: MockClock,
) -> None:
    async with MemoryNetwork.open() as network:
        network.alias("192.0.2.2", "bob")
        async with (
            agent(network, "alice", password="wonderland") as alice,
            agent(network, "bob") as bob,
            trio.open_nursery() as nursery,
        ):
            bob.stack.register_endpoint_identifier(
                IdentifyByUser({"alice": Endpoint(name="alice")})
            )
            bob.stack.register_authenticator(
                DigestAuthenticator("bob", {"alice": PlainSecret("alice", "wonderland")})
            )
            await nursery.start(bob.serve_calls, answer_and_wait)
            # The password of an account is for its own domain; that is where the proxy is.
            with pytest.raises(CallRejected, match="401") as caught:
                await take(alice, BOB)
            assert isinstance(caught.value.__cause__, AuthenticationRejected | None)
            nursery.cancel_scope.cancel()

    assert ["INVITE", "401 (INVITE)", "ACK"] == labels(network)[:3]


async def take(alice: UserAgent, target: str) -> None:
    async with alice.call(target, OFFER) as call:
        await call.answered()


async def test_credentials_go_into_the_second_invite_its_ack_and_the_bye(
    autojump_clock: MockClock,
) -> None:
    challenge = ("Proxy-Authenticate", 'Digest realm="r", nonce="n", qop="auth"')
    async with (
        MemoryNetwork.open() as network,
        agent(
            network,
            "alice",
            password="wonderland",
            outbound_proxy=("sip:192.0.2.2",),
        ) as alice,
        trio.open_nursery() as nursery,
    ):
        peer = Peer(network.host("bob"), BOBS_ADDRESS, Address("192.0.2.1", 5060))
        nursery.start_soon(take, alice, "sip:carol@example.com")
        first = await peer.request()
        peer.send(answer(first, 407, "x", challenge))
        assert "ACK" == (await peer.request()).method
        second = await peer.request()
        peer.send(answer(second, 200, body=BODY))
        ack = await peer.request()
        bye = await peer.request()
        peer.send(answer(bye, 200))
        peer.close()

    assert "sip:carol@example.com" == first.target
    assert "<sip:192.0.2.2;lr>" == first["Route"]
    assert "Proxy-Authorization" not in first.headers
    assert (1, 2, 2) == (first.cseq.number, second.cseq.number, ack.cseq.number)
    assert second["Proxy-Authorization"] == ack["Proxy-Authorization"]
    # The nonce is known by now, so the BYE need not be refused first.
    assert 'nonce="n"' in bye["Proxy-Authorization"]
    assert "nc=00000002" in bye["Proxy-Authorization"]
    assert "BYE" == bye.method


async def test_a_contact_names_the_transport_that_sends(autojump_clock: MockClock) -> None:
    async with alice_and_bob(answer_and_wait) as (alice, _, _net):
        async with alice.call(f"{BOB};transport=tcp", OFFER) as call:
            answered = await call.answered()

        assert "<sip:alice@192.0.2.1:5060;transport=tcp>" == str(call.session.invite.contact)
        assert "<sip:bob@192.0.2.2:5060;transport=tcp>" == answered.response["Contact"]


async def test_a_target_with_a_name_is_looked_up(autojump_clock: MockClock) -> None:
    async with alice_and_bob(answer_and_wait) as (alice, _, network):
        network.alias("example.com", "bob")
        async with alice.call("sip:bob@example.com", OFFER) as call:
            await call.answered()
        with pytest.raises(NoRoute):
            await take(alice, "sip:bob@nowhere.example")


async def test_a_redirection_is_followed_where_it_is_allowed_in_the_order_of_q(
    autojump_clock: MockClock,
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

    async with alice_and_bob(send_on) as (alice, _, network):
        async with alice.call(BOB, OFFER, redirections=2) as call:
            await call.answered()

        invites = [
            wire.data.split(b" ", 2)[1] for wire in network.wires if b"INVITE sip" in wire.data
        ]
        assert [BOB.encode(), b"sip:bob@192.0.2.2;n=1", b"sip:bob@192.0.2.2;n=2"] == invites
        assert "2" == call.target.params.get("n")


async def test_redirections_in_a_circle_come_to_an_end(autojump_clock: MockClock) -> None:
    async def send_back(call: IncomingCall) -> None:
        await call.redirect([f"<{BOB}>", f"<{BOB};again>"])

    async with alice_and_bob(send_back) as (alice, _, network):
        with pytest.raises(CallRejected, match="302"):
            async with alice.call(BOB, OFFER, redirections=10) as call:
                await call.answered()

        assert 2 == labels(network).count("INVITE")


async def test_the_first_of_several_targets_that_answers_has_the_call(
    autojump_clock: MockClock,
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

    async with alice_and_bob(pick_up) as (alice, _, _net):
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
    statuses: tuple[int, ...], raised: int, autojump_clock: MockClock
) -> None:
    async def refuse(call: IncomingCall) -> None:
        await call.reject(int(call.target.params["status"] or 0))

    async with alice_and_bob(refuse) as (alice, _, _net):
        with pytest.raises(CallRejected, match=str(raised)):
            async with alice.fork([f"{BOB};status={one}" for one in statuses], OFFER):
                pass


async def test_a_fork_that_is_cancelled_cancels_them_all(autojump_clock: MockClock) -> None:
    async with alice_and_bob(answer_and_wait) as (alice, _, network):
        with trio.move_on_after(0.5):
            async with alice.fork([f"{BOB};n=1", f"{BOB};n=2"], OFFER):
                pass
        with pytest.raises(LocalProtocolError):
            alice.fork([])

        await trio.sleep(1)
        assert 2 == labels(network).count("487 (INVITE)")


async def test_reliable_progress_is_acknowledged(autojump_clock: MockClock) -> None:
    async def play(call: IncomingCall) -> None:
        await call.progress(183, OFFER, reliable=True)
        await trio.sleep(1)
        await call.answer()
        await trio.sleep_forever()

    async with alice_and_bob(play) as (alice, _, network):
        async with alice.call(BOB, OFFER) as call:
            answered = await call.answered()

        assert answered.sdp == OFFER
        assert call.remote_sdp == OFFER
        assert ["INVITE", "183 (INVITE)", "PRACK", "200 (PRACK)", "200 (INVITE)"] == labels(
            network
        )[:5]


async def test_an_offer_in_reliable_progress_is_answered_in_the_prack(
    autojump_clock: MockClock,
) -> None:
    async def offer(call: IncomingCall) -> None:
        await call.progress(183, OFFER, reliable=True)
        await trio.sleep(1)
        assert call.remote_sdp is not None
        assert 6000 == call.remote_sdp.media[0].port
        await call.answer()
        await trio.sleep_forever()

    async with alice_and_bob(offer) as (alice, _, _net), alice.call(BOB) as call:
        async for progress in call.progress():
            assert progress.prack_owed
            assert progress.sdp is not None
            progress.acknowledge(progress.sdp.answer(6000))
        await call.answered()
        await trio.sleep(1)


@pytest.mark.parametrize("refresher", [None, 1])
async def test_a_long_call_is_kept_alive_by_session_timers(
    refresher: int | None, autojump_clock: MockClock
) -> None:
    settings = SessionSettings(session_expires=90)
    async with alice_and_bob(answer_and_wait, call_settings=settings) as (alice, _, network):
        async with alice.call(BOB, OFFER) as call:
            await call.answered()
            await trio.sleep(1800)
            assert call.interval is not None
            assert 90 == call.interval.seconds

        assert call.ended_by is Side.LOCAL
        assert 30 < labels(network).count("UPDATE") + labels(network).count("INVITE") < 50


async def test_a_peer_that_has_vanished_is_noticed_by_the_session_timer(
    autojump_clock: MockClock,
) -> None:
    settings = SessionSettings(session_expires=90)
    async with alice_and_bob(answer_and_wait, call_settings=settings) as (alice, _, network):
        began = trio.current_time()
        async with alice.call(BOB, OFFER) as call:
            await call.answered()
            network.partition("bob")
            await trio.sleep_forever()

        assert trio.current_time() - began < 180
        assert call.ended is not None
        await trio.sleep(180)


async def test_an_answer_that_is_never_acknowledged_ends_the_call(
    autojump_clock: MockClock,
) -> None:
    errors: list[BaseException] = []

    async def answer_into_the_void(call: IncomingCall) -> None:
        try:
            await call.answer(OFFER)
        except (CallEnded, trio.Cancelled) as error:
            errors.append(error)
            raise

    with trio.fail_after(HOUR):
        async with MemoryNetwork.open() as network, agent(network, "alice") as alice:
            peer = Peer(network.host("bob"), BOBS_ADDRESS, Address("192.0.2.1", 5060))
            async with trio.open_nursery() as nursery:
                await nursery.start(alice.serve_calls, answer_into_the_void)
                peer.send(
                    request(
                        "INVITE",
                        uri="sip:alice@192.0.2.1",
                        via="SIP/2.0/UDP 192.0.2.2:5060",
                        headers=["Contact: <sip:bob@192.0.2.2>"],
                    )
                )
                seen: list[str] = []
                with trio.move_on_after(40):
                    while True:
                        message = await peer.receive()
                        if isinstance(message, Response):
                            seen.append(str(message.status))
                        else:
                            seen.append(message.method)
                            peer.send(answer(message, 200))
                nursery.cancel_scope.cancel()
            peer.close()

    # At 0, 0.5, 1.5, 3.5, 7.5, 11.5, … seconds, and then nothing until 64*T1.
    assert ["200"] * 11 + ["BYE"] == seen
    assert [CallEnded] == [type(error) for error in errors]


async def test_an_unreadable_offer_is_refused_and_the_server_goes_on(
    autojump_clock: MockClock,
) -> None:
    async def look(call: IncomingCall) -> None:
        assert call.offer is not None
        await answer_and_wait(call)

    async with alice_and_bob(look) as (alice, bob, _):
        with pytest.raises(CallRejected, match="400"):
            async with alice.call(BOB, "nonsense") as call:
                await call.answered()
        await take(alice, BOB)
        assert 0 == bob.stack.statistics().handler_errors


async def test_an_unreadable_answer_is_an_error_where_it_is_read(
    autojump_clock: MockClock,
) -> None:
    async def babble(call: IncomingCall) -> None:
        await call.answer("nonsense")
        await trio.sleep_forever()

    async with alice_and_bob(babble) as (alice, _, _net), alice.call(BOB, OFFER) as call:
        answered = await call.answered()
        with pytest.raises(RemoteProtocolError):
            answered.sdp  # noqa: B018


async def test_reliable_provisional_responses_can_be_insisted_upon(
    autojump_clock: MockClock,
) -> None:
    settings = SessionSettings(reliable=Reliable.REQUIRED)
    async with alice_and_bob(answer_and_wait, call_settings=settings) as (alice, _, network):
        await take(alice, BOB)

        assert "PRACK" in labels(network)


async def test_more_calls_than_the_limit_are_busy(autojump_clock: MockClock) -> None:
    async with alice_and_bob(answer_and_wait) as (alice, bob, _):
        bob.calls.limit = 1
        async with alice.call(BOB, OFFER) as call:
            await call.answered()
            with pytest.raises(CallRejected, match="486"):
                await take(alice, BOB)


async def test_calls_are_served_once(autojump_clock: MockClock) -> None:
    async with alice_and_bob(answer_and_wait) as (_, bob, _net):
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
    autojump_clock: MockClock,
) -> None:
    async with alice_and_bob(answer_and_wait) as (alice, bob, network):
        witnesses = Witness(), Witness()
        alice.calls.supplements, bob.calls.supplements = (witnesses[0],), (witnesses[1],)
        await take(alice, BOB)
        await trio.sleep(1)

        assert ["begin", "< INVITE", "> 180", "> 200", "< BYE", "end", "> 200"] == witnesses[0].seen
        assert ["begin", "< 180", "< 200", "> ACK", "> BYE", "< 200", "end"] == witnesses[1].seen
        assert b"Subject: seen" in network.wires[0].data


async def test_a_supplement_may_refuse_a_call(autojump_clock: MockClock) -> None:
    async with alice_and_bob(answer_and_wait) as (alice, bob, _):
        bob.calls.supplements = (Witness(),)
        with pytest.raises(CallRejected, match="603"):
            await take(alice, f"{BOB};from=mallory")


async def test_a_supplement_that_fails_refuses_the_call(autojump_clock: MockClock) -> None:
    class Broken(CallSupplement):
        def on_call(self, call: Call) -> int | None:
            raise ZeroDivisionError

    async with alice_and_bob(answer_and_wait, strict=False) as (alice, bob, _):
        bob.calls.supplements = (Broken(),)
        with pytest.raises(CallRejected, match="500"):
            await take(alice, BOB)

        assert 1 == bob.stack.statistics().handler_errors
