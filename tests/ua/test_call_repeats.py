"""When a call that nobody answers is tried again."""

from __future__ import annotations

import trio

from trio_sip.testing import MemoryNetwork, SipPeer

from .calls import OFFER, agent


async def test_an_invite_is_repeated_in_growing_intervals(
    sip_network: MemoryNetwork, sip_peer: SipPeer
) -> None:
    async def call() -> None:
        async with alice.call(sip_peer.uri, OFFER) as outgoing:
            await outgoing.answered()

    async with agent(sip_network, "alice") as alice, trio.open_nursery() as nursery:
        nursery.start_soon(call)
        invite = await sip_peer.expect("INVITE")
        await invite.expect_retransmissions(0.5, 1.5, 3.5, 7.5, 15.5)
        nursery.cancel_scope.cancel()
