"""Conditions of a link beyond loss: sizes, connections that break, connections half gone."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from trio_sip.testing import Cause, Fate, MemoryNetwork, StreamReset
from trio_sip.transport import Address

A, B = Address("192.0.2.1", 5060), Address("192.0.2.2", 5060)
HEADERS = 28


async def test_what_is_larger_than_the_mtu_goes_in_fragments(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with MemoryNetwork.open(mtu=1500) as network:
        alice = network.host("alice").bind_datagrams(A)
        network.host("bob").bind_datagrams(B)
        network.link("alice", "bob", drops_fragments=True)
        for size in (1500 - HEADERS, 1501 - HEADERS):
            alice.send_nowait(b"x" * size, A, B)
        network.link("alice", "bob", drops_fragments=False)
        alice.send_nowait(b"x" * 4000, A, B)

        assert [None, Cause.MTU, None] == [wire.cause for wire in network.wires]


async def test_a_datagram_is_lost_with_any_of_its_fragments(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with MemoryNetwork.open(seed=1, loss=0.1, mtu=576) as network:
        alice = network.host("alice").bind_datagrams(A)
        network.host("bob").bind_datagrams(B)
        for size in [100] * 500 + [4000] * 500:
            alice.send_nowait(b"x" * size, A, B)
        lost = [wire.fate is Fate.LOST for wire in network.wires]

        # 10 % of one packet, and 1 - 0.9**8 = 57 % of eight.
        assert 30 < sum(lost[:500]) < 70
        assert 250 < sum(lost[500:]) < 320


async def test_connections_break_as_often_as_told(autojump_clock: trio.testing.MockClock) -> None:
    broken = 0
    async with MemoryNetwork.open(seed=4, resets=0.2) as network:
        alice = network.host("alice")
        listener = network.host("bob").bind_connections(B)
        for _ in range(100):
            near = await alice.connect(B)
            far = await listener.accept()
            await near.send_all(b"hello")
            try:
                assert b"hello" == await far.receive_some()
            except StreamReset:
                broken += 1
                with pytest.raises(StreamReset):
                    await near.receive_some()
            near.close()
            far.close()
            await trio.sleep(1)

    assert 10 < broken < 32


async def test_who_is_left_with_half_a_connection_learns_it_when_it_sends(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with MemoryNetwork.open() as network:
        alice = network.host("alice")
        listener = network.host("bob").bind_connections(B)
        near, far = await alice.connect(B), await listener.accept()
        assert 1 == network.half_open("bob", "alice")
        with pytest.raises(StreamReset):
            await far.receive_some()
        with trio.move_on_after(3600) as silence:
            await near.receive_some()
        assert silence.cancelled_caught
        await near.send_all(b"still there?")

        with pytest.raises(StreamReset):
            await near.receive_some()
        far.close()
        near.close()
        listener.close()
        assert 0 == network.open_sockets
