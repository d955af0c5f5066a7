"""What the handler of calls sees of what a strange caller does.

What the caller sees is in ``trio_sip.testing.suite``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from trio_sip.message import Request, Response
from trio_sip.session import OutgoingSession
from trio_sip.stack import IncomingRequest
from trio_sip.testing import MemoryNetwork, PeerCall, SipPeer
from trio_sip.ua import IncomingCall, IncomingReferral, ReferralHandler

from .calls import OFFER, agent

BOB = "sip:bob@192.0.2.2"


@asynccontextmanager
async def bob_answers(
    network: MemoryNetwork, peer: SipPeer, *, referred: ReferralHandler | None = None
) -> AsyncIterator[list[IncomingCall]]:
    """The calls that Bob's handler is given."""
    calls: list[IncomingCall] = []

    async def take(call: IncomingCall) -> None:
        calls.append(call)
        await call.answer(OFFER if call.offer is None else call.offer.answer(5000))
        await trio.sleep_forever()

    async with agent(network, "bob") as bob, trio.open_nursery() as nursery:
        await nursery.start(bob.serve_calls, take)
        if referred is not None:
            await nursery.start(bob.serve_referrals, referred)
        yield calls
        nursery.cancel_scope.cancel()
    assert peer.wires


async def called(peer: SipPeer) -> PeerCall:
    return await peer.invite(BOB)


async def test_an_invite_that_comes_twice_is_one_call(
    sip_network: MemoryNetwork, sip_peer: SipPeer
) -> None:
    async with bob_answers(sip_network, sip_peer) as calls:
        sent = await sip_peer.request("INVITE", BOB, body=sip_peer.sdp, rude="duplicate")
        response = await sent.final()
        await response.ack()
        await sip_peer.call_of(response).bye()

        assert 1 == len(calls)


async def test_a_bye_ends_the_call(sip_network: MemoryNetwork, sip_peer: SipPeer) -> None:
    async with bob_answers(sip_network, sip_peer) as calls:
        call = await called(sip_peer)
        await call.bye()

        assert calls[0].ended is not None


async def test_what_is_refused_is_no_call(sip_network: MemoryNetwork, sip_peer: SipPeer) -> None:
    async with bob_answers(sip_network, sip_peer) as calls:
        for status, headers, kind in (
            (420, [("Require", "teleport")], "application/sdp"),
            (415, [], "application/x-unheard-of"),
        ):
            sent = await sip_peer.request(
                "INVITE", BOB, headers=headers, body=sip_peer.sdp, content_type=kind
            )
            assert status == (await sent.final()).status

        assert [] == calls


async def test_a_body_that_may_be_passed_over_is_no_reason_to_refuse(
    sip_network: MemoryNetwork, sip_peer: SipPeer
) -> None:
    async with bob_answers(sip_network, sip_peer) as calls:
        request = sip_peer.create_request("INVITE", BOB, body=b"x", content_type="image/x")
        request.headers.add("Content-Disposition", "icon; handling=optional")
        sent = await sip_peer.send(request)
        response = await sent.final()
        await response.ack()
        await sip_peer.call_of(response).bye()

        assert (200, 1) == (response.status, len(calls))


def allowed(message: Request | Response) -> set[str]:
    return set(message["Allow"].split(", "))


async def test_allow_names_a_message_once_somebody_reads_them(
    sip_network: MemoryNetwork, sip_peer: SipPeer
) -> None:
    async def talk(call: IncomingCall) -> None:
        await call.ring()
        call.texts()
        await call.answer(OFFER)
        await trio.sleep_forever()

    async with agent(sip_network, "bob") as bob, trio.open_nursery() as nursery:
        await nursery.start(bob.serve_calls, talk)
        sent = await sip_peer.request("INVITE", BOB, body=sip_peer.sdp)
        ringing = await sent.expect(180)
        answered = await sent.final()
        await answered.ack()
        call = sip_peer.call_of(answered)
        options = await (await call.send("OPTIONS")).expect(200)
        message = await (await call.send("MESSAGE", body="hi", content_type="text/plain")).final()
        await call.bye()
        nursery.cancel_scope.cancel()

    assert "MESSAGE" not in allowed(ringing.message)
    assert {"INVITE", "INFO", "MESSAGE"} <= allowed(answered.message)
    assert {"INVITE", "INFO", "MESSAGE"} <= allowed(options.message)
    assert 200 == message.status


@pytest.mark.parametrize("asks", ["nobody", "reader", "handler", "handler of all calls"])
async def test_the_invite_names_what_somebody_is_there_for(
    asks: str, sip_network: MemoryNetwork, sip_peer: SipPeer
) -> None:
    async def read(request: IncomingRequest) -> None:
        request.respond(200)

    async with agent(sip_network, "bob") as bob, trio.open_nursery() as nursery:
        nursery.start_soon(answer_and_hang_up, sip_peer)
        call = bob.call(sip_peer.uri, OFFER)
        if asks == "reader":
            call.texts()
        elif asks == "handler":
            call.set_handler("MESSAGE", read)
        elif asks == "handler of all calls":
            bob.calls.handlers["MESSAGE"] = read
        async with call:
            await call.answered()
            assert (asks != "nobody") == ("MESSAGE" in call.allow)
            await trio.sleep_forever()

    invite = next(wire for wire in sip_peer.wires if wire.label.text == "INVITE")
    assert (asks != "nobody") == (b"MESSAGE" in invite.data)


async def answer_and_hang_up(peer: SipPeer) -> None:
    call = await peer.answer()
    await trio.sleep(1)
    await call.bye()


async def test_a_referral_that_outlives_its_call_is_told_to_nobody(
    sip_network: MemoryNetwork, sip_peer: SipPeer
) -> None:
    async def think(referral: IncomingReferral) -> None:
        await trio.sleep(1)
        referral.accept()
        referral.notify(200)

    async with bob_answers(sip_network, sip_peer, referred=think):
        call = await called(sip_peer)
        refer = await call.send("REFER", headers=[("Refer-To", "<sip:carol@192.0.2.3>")])
        await call.bye()
        accepted = await refer.final()
        await trio.sleep(5)

    assert (202, "false") == (accepted.status, accepted["Refer-Sub"])


async def test_an_early_bye_that_was_refused_is_said_again_with_another_number(
    sip_network: MemoryNetwork, sip_peer: SipPeer
) -> None:
    # RFC 5407 section 3.1.3, with a callee that ends no early dialogs.
    numbers: list[int] = []

    async def refuse_and_take() -> None:
        invite = await sip_peer.expect("INVITE")
        await invite.respond(180)
        bye = await sip_peer.expect("BYE")
        await bye.respond(481)
        await invite.respond(200, body=sip_peer.sdp)
        await sip_peer.expect("ACK")
        again = await sip_peer.expect("BYE")
        await again.respond(200)
        numbers.extend((bye.message.cseq.number, again.message.cseq.number))

    async with agent(sip_network, "bob") as bob, trio.open_nursery() as nursery:
        nursery.start_soon(refuse_and_take)
        async with bob.call(sip_peer.uri, OFFER) as call:
            await anext(call.progress())
            session = call.session
            assert isinstance(session, OutgoingSession)
            session.end_early_dialog(session.dialogs[0], trio.current_time())
            call._leg.perform()
            await call.wait_until_over()

    assert numbers == sorted(set(numbers))
    assert 2 == len(numbers)


@pytest.mark.parametrize(
    "spoil",
    [
        (b";tag=bob", b";tag=bob"),
        (b"To: <sip:peer@192.0.2.1:5060>;tag=", b"To: <sip:peer@192.0.2.1:5060>;tag=x"),
        (b"To: <sip:peer@192.0.2.1:5060>;tag=", b"To: <sip:peer@192.0.2.1:5060>;gat="),
    ],
)
async def test_an_answer_by_another_name_is_an_answer(
    spoil: tuple[bytes, bytes],
    sip_network: MemoryNetwork,
    sip_peer: SipPeer,
) -> None:
    async def answer_oddly() -> None:
        call = await sip_peer.answer()
        info = await call.expect("INFO")
        data = bytes(info.create_response(200))
        assert spoil[0] in data
        await sip_peer.transmit(data.replace(*spoil), info.path)
        await call.expect_bye()

    async with agent(sip_network, "bob") as bob, trio.open_nursery() as nursery:
        nursery.start_soon(answer_oddly)
        async with bob.call(sip_peer.uri, OFFER) as call:
            await call.answered()
            with trio.fail_after(5):
                await call.info("x")
