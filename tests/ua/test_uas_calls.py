"""What the handler of calls sees of what a strange caller does.

What the caller sees is in ``trio_sip.testing.suite``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from trio_sip.testing import MemoryNetwork, PeerCall, SipPeer
from trio_sip.ua import IncomingCall

from .calls import OFFER, agent

BOB = "sip:bob@192.0.2.2"


@asynccontextmanager
async def bob_answers(network: MemoryNetwork, peer: SipPeer) -> AsyncIterator[list[IncomingCall]]:
    """The calls that Bob's handler is given."""
    calls: list[IncomingCall] = []

    async def take(call: IncomingCall) -> None:
        calls.append(call)
        await call.answer(OFFER if call.offer is None else call.offer.answer(5000))
        await trio.sleep_forever()

    async with agent(network, "bob") as bob, trio.open_nursery() as nursery:
        await nursery.start(bob.serve_calls, take)
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
