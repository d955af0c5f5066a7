"""A test with the public fixtures: a thousand calls on a network that loses every fifth message.

``pytest tools/bench/virtual_calls.py`` runs it; ``python -m tools.bench virtual`` says what it costs.
"""

from __future__ import annotations

import pytest
import trio

from trio_sip.sdp import SessionDescription
from trio_sip.testing import MemoryNetwork, SipPeer
from trio_sip.ua import IncomingCall, open_user_agent

CALLS = 1000
_ANSWER = SessionDescription.audio(4000, "192.0.2.1", session_id=1)


async def answer(call: IncomingCall) -> None:
    """Ring for two seconds, answer, and stay until they hang up."""
    await call.ring()
    await trio.sleep(2)
    await call.answer(_ANSWER)
    await trio.sleep_forever()


@pytest.mark.sip(loss=0.2, seed=7)
async def test_every_call_comes_to_its_end(sip_network: MemoryNetwork, sip_peer: SipPeer) -> None:
    bob = sip_network.host("bob")
    address = f"{bob.addresses[0]}:5060"
    ended = 0

    async def call_bob(number: int) -> None:
        nonlocal ended
        await trio.sleep(number * 0.05)
        call = await sip_peer.invite(f"sip:bob@{address}")
        await trio.sleep(10)
        await call.bye()
        ended += 1

    async with (
        open_user_agent(
            f"sip:bob@{address}", listen=[f"udp://{address}"], network=bob, strict=True
        ) as user_agent,
        trio.open_nursery() as nursery,
    ):
        await nursery.start(user_agent.serve_calls, answer)
        async with trio.open_nursery() as callers:
            for number in range(CALLS):
                callers.start_soon(call_bob, number)
        await trio.sleep(64)
        nursery.cancel_scope.cancel()

    lost = sum(wire.cause is not None for wire in sip_network.wires)
    assert ended == CALLS
    assert lost > CALLS / 2
