"""Registrations at registrars that follow a script."""

from __future__ import annotations

import trio

from trio_sip.auth import PlainSecret
from trio_sip.testing import MemoryNetwork, SipPeer

from .calls import agent

SECRET = PlainSecret("alice", "wonderland")


async def test_a_registrar_may_find_a_nonce_stale_more_than_once(
    sip_network: MemoryNetwork, sip_peer: SipPeer
) -> None:
    async def registrar() -> None:
        first = await sip_peer.expect("REGISTER")
        await first.challenge("example.com", SECRET)
        for _ in range(2):
            again = await sip_peer.expect("REGISTER")
            await again.challenge("example.com", SECRET, stale=True)
        while True:
            last = await sip_peer.expect("REGISTER", within=600)
            await last.respond(200, headers=[("Contact", last["Contact"]), ("Expires", 600)])

    async with (
        agent(sip_network, "alice", password=SECRET.password) as alice,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(registrar)
        async with alice.register(600, registrar=f"sip:{sip_peer.address}") as registration:
            assert registration.bindings
        nursery.cancel_scope.cancel()
