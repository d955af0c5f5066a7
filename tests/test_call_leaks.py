"""What calls leave behind when everybody has hung up or given up: nothing."""

from __future__ import annotations

import random

import pytest
import trio

from trio_sip._errors import SipError
from trio_sip.message import NameAddr
from trio_sip.testing import MemoryNetwork
from trio_sip.ua import IncomingCall, UserAgent

from .test_leaks import Inventory
from .ua.calls import BOB, OFFER, agent, nothing_is_left

_SLACK = 300
"""Objects by which the collector's count may differ: caches of trio and of the interpreter."""

_AT_ONCE = 100


async def have_calls(alice: UserAgent, count: int, seed: int) -> int:
    """So many calls, a hundred at a time; every other one is cancelled somewhere, if it lasts so long.

    Returns:
      How many came to an end without being cancelled.
    """
    dice = random.Random(seed)
    ended = 0

    async def call(patience: float) -> None:
        nonlocal ended
        with trio.move_on_after(patience) as scope:
            try:
                async with alice.call(BOB, OFFER) as call:
                    await call.answered()
                    await trio.sleep(dice.uniform(0.5, 2))
                    if dice.random() < 0.2:
                        await call.hold()
            except SipError:
                pass
        ended += not scope.cancelled_caught

    for _ in range(count // _AT_ONCE):
        async with trio.open_nursery() as nursery:
            for number in range(_AT_ONCE):
                nursery.start_soon(call, dice.uniform(0, 2) if number % 2 else 60.0)
    return ended


async def have_calls_and_look(network: MemoryNetwork, count: int) -> None:
    async with (
        agent(network, "alice", listen=("udp",)) as alice,
        agent(network, "bob", listen=("udp",)) as bob,
        trio.open_nursery() as nursery,
    ):
        dice = random.Random(1)

        async def handle(call: IncomingCall) -> None:
            await call.ring()
            await trio.sleep(dice.uniform(0, 1))
            if dice.random() < 0.1:
                await call.reject(486)
                return
            await call.answer(OFFER)
            await trio.sleep(dice.uniform(0, 3))

        await nursery.start(bob.serve_calls, handle)
        # The first ones fill caches, and make runners that are kept.
        for number in range(2048):
            assert NameAddr.parse(f"<sip:{number}@192.0.2.9>").uri.user == str(number)
        await have_calls(alice, 200, seed=1)
        await trio.sleep(200)
        before = Inventory(network)

        ended = await have_calls(alice, count, seed=2)
        await trio.sleep(200)
        after = Inventory(network)

        nothing_is_left(alice, bob)
        assert count / 2 <= ended <= count * 4 / 5
        assert (before.tasks, before.sockets) == (after.tasks, after.sockets)
        # A reminder's place in its heap is swept out when there are enough of them.
        left = after.ours - before.ours
        assert left["Reminder"] < 512
        del left["Reminder"]
        assert {} == dict(left)
        assert after.total - before.total < _SLACK
        nursery.cancel_scope.cancel()


@pytest.mark.sip(seed=1)
async def test_a_thousand_calls_later_nothing_is_left(sip_network: MemoryNetwork) -> None:
    await have_calls_and_look(sip_network, 1000)


@pytest.mark.fuzz
@pytest.mark.slow
@pytest.mark.sip(seed=1, deadline=86400)
async def test_ten_thousand_calls_later_nothing_is_left(sip_network: MemoryNetwork) -> None:
    await have_calls_and_look(sip_network, 10_000)
