"""How many calls a script of peers can make: ``sip_load`` from one peer to another, on one core."""

from __future__ import annotations

import time
from functools import partial

import trio
import trio.testing

from trio_sip.testing import (
    LoadCall,
    LoadResult,
    MemoryNetwork,
    PeerRequest,
    SipPeer,
    sip_load,
)
from trio_sip.transport import Network, SocketNetwork

from ._figure import Figure, noted

__all__ = ["measure_peer_load"]

_SIZES = ((1000, 10.0), (4000, 40.0))
"""How many calls, and how long each lasts: at 100 calls a second nearly all are open at once."""
_RATE = 100.0


def measure_peer_load() -> list[Figure]:
    """Both ends of the calls, in virtual time with few and many open; and one rate in real time."""
    figures = []
    for calls, hold in _SIZES:
        began = time.process_time()
        result = trio.run(_virtual, calls, hold, clock=trio.testing.MockClock(autojump_threshold=0))
        spent = time.process_time() - began
        name = f"virtual time, {result.most_open} open"
        figures.append(noted("peerload", name, calls / spent, "calls/s", "of CPU, both ends"))
    began = time.process_time()
    result = trio.run(_real, 300, 0.5)
    share = (time.process_time() - began) / result.duration
    slowest = f"99 % answered within {result.response_times['200'].percentile(99) * 1000:.1f} ms"
    figures.append(noted("peerload", f"sockets, {_RATE:g} calls/s", share * 100, "% CPU", slowest))
    return figures


async def _virtual(calls: int, hold: float) -> LoadResult:
    async with MemoryNetwork.open(seed=1) as network:
        alice, bob = network.host("alice"), network.host("bob")
        return await _load(alice, str(alice.addresses[0]), bob, str(bob.addresses[0]), calls, hold)


async def _real(calls: int, hold: float) -> LoadResult:
    network = SocketNetwork()
    return await _load(network, "127.0.0.1", network, "127.0.0.1", calls, hold)


async def _load(
    near: Network, near_host: str, far: Network, far_host: str, calls: int, hold: float
) -> LoadResult:
    async with (
        SipPeer.open(far, far_host, port=0, name="bob") as bob,
        SipPeer.open(near, near_host, port=0, name="alice") as alice,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(_be_called, bob)
        caller = partial(_call, alice, bob, hold)
        result = await sip_load(caller, rate=_RATE, calls=calls, peers=[alice])
        nursery.cancel_scope.cancel()
    result.check()
    return result


async def _call(alice: SipPeer, bob: SipPeer, hold: float, call: LoadCall) -> None:
    ours = await alice.invite(bob.uri)
    await trio.sleep(hold)
    await ours.bye()


async def _be_called(bob: SipPeer) -> None:
    async with trio.open_nursery() as nursery:
        while True:
            invite = await bob.expect("INVITE", within=3600)
            assert isinstance(invite, PeerRequest)
            nursery.start_soon(_answer, bob, invite)


async def _answer(bob: SipPeer, invite: PeerRequest) -> None:
    call = await bob.answer(invite)
    await call.expect_bye(within=3600)
