"""What a stack leaves behind when everything has been said: nothing."""

from __future__ import annotations

import gc
from collections import Counter

import pytest
import trio

from trio_sip.message import NameAddr
from trio_sip.services import OptionsService
from trio_sip.stack import Stack, StackSettings, open_stack
from trio_sip.testing import CertificateAuthority, MemoryNetwork
from trio_sip.transport import Address, TransportLimits

_SLACK = 200
"""Objects by which the collector's count may differ: caches of trio and of the interpreter."""


class Inventory:
    """How much there is of everything that could be left behind."""

    def __init__(self, network: MemoryNetwork) -> None:
        network.wires.clear()
        gc.collect()
        types = Counter(map(type, gc.get_objects()))
        self.tasks = trio.lowlevel.current_statistics().tasks_living
        self.sockets = network.open_sockets
        self.ours = Counter(
            {
                kind.__qualname__: count
                for kind, count in types.items()
                if kind.__module__.startswith("trio_sip")
            }
        )
        self.total = types.total()


def fill_caches() -> None:
    """Let what was read lately be as much as it ever is."""
    for number in range(2048):
        assert NameAddr.parse(f"<sip:{number}@192.0.2.9>").uri.user == str(number)


async def ask_many(stack: Stack, target: str, times: int) -> None:
    """So many requests, a hundred at a time."""

    async def ask() -> None:
        response = await stack.send_request("OPTIONS", target)
        assert 200 == response.status

    for _ in range(times // 100):
        async with trio.open_nursery() as nursery:
            for _ in range(100):
                nursery.start_soon(ask)


async def test_ten_thousand_transactions_and_a_thousand_works_later_nothing_is_left(
    sip_network: MemoryNetwork,
) -> None:
    async with (
        open_stack("udp://192.0.2.1:5060", network=sip_network.host("alice"), strict=True) as alice,
        open_stack(
            "udp://192.0.2.2:5060",
            "tcp://192.0.2.2:5060",
            services=[OptionsService()],
            network=sip_network.host("bob"),
            strict=True,
        ) as bob,
    ):
        # The first ones make runners that are kept.
        fill_caches()
        await ask_many(alice, "sip:192.0.2.2", 200)
        await ask_many(alice, "sip:192.0.2.2;transport=tcp", 100)
        async with alice.create_work() as work:
            work.push(trio.lowlevel.checkpoint)
        await trio.sleep(700)
        before = Inventory(sip_network)

        await ask_many(alice, "sip:192.0.2.2", 5000)
        await ask_many(alice, "sip:192.0.2.2;transport=tcp", 100)
        for number in range(1000):
            async with alice.create_work(f"work {number}") as work:
                work.push(trio.lowlevel.checkpoint)
        assert 5000 == alice.statistics().transactions.clients
        assert 5000 == bob.statistics().transactions.servers
        # 64*T1 for the transactions, and the time after which an idle connection is closed.
        await trio.sleep(700)
        after = Inventory(sip_network)

        assert (0, 0) == (len(alice._parts.layer), len(bob._parts.layer))
        assert (0, 0) == (alice.statistics().works.open, bob.statistics().works.open)
    assert (before.tasks, before.sockets) == (after.tasks, after.sockets)
    assert {} == dict(after.ours - before.ours)
    assert after.total - before.total < _SLACK


@pytest.mark.parametrize("scheme", ["tls", "ws", "wss"])
async def test_hundreds_of_connections_later_nothing_is_left_of_them(
    scheme: str, sip_network: MemoryNetwork, sip_tls: CertificateAuthority
) -> None:
    async with open_stack(
        f"{scheme}://192.0.2.2:5061",
        services=[OptionsService()],
        network=sip_network.host("bob", "192.0.2.2"),
        tls=sip_tls.settings("192.0.2.2"),
        settings=StackSettings(limits=TransportLimits(idle_seconds=5, connect_seconds=5)),
        strict=True,
    ) as bob:
        alice, crowd = sip_network.host("alice", "192.0.2.1"), sip_network.host("crowd")

        async def visit(times: int) -> None:
            for _ in range(times):
                (await crowd.connect(Address("192.0.2.2", 5061))).reset()
                async with open_stack(network=alice, tls=sip_tls.settings(), grace=0) as stack:
                    await ask_many(stack, f"sip:192.0.2.2:5061;transport={scheme}", 100)
            await trio.sleep(700)

        fill_caches()
        await visit(2)
        before = Inventory(sip_network)
        await visit(5)
        after = Inventory(sip_network)

        assert 0 == bob.statistics().transport.connections
        assert 7 == bob.statistics().transport.handshakes_failed
    assert (before.tasks, before.sockets) == (after.tasks, after.sockets)
    assert {} == dict(after.ours - before.ours)
    assert after.total - before.total < _SLACK


async def test_a_closed_stack_leaves_neither_tasks_nor_sockets(sip_network: MemoryNetwork) -> None:
    sip_network.host("alice")
    before = Inventory(sip_network)
    for _ in range(5):
        async with open_stack(
            "udp://192.0.2.1:5060", "tcp://192.0.2.1:5060", network=sip_network.host("alice")
        ) as stack:
            await stack.create_work().aclose()
    del stack
    after = Inventory(sip_network)

    assert (before.tasks, before.sockets) == (after.tasks, after.sockets)
    assert {} == dict(after.ours - before.ours)
