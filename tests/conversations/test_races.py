"""RFC 5407: every race, on a good network and on thirty that lose a third of everything."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from trio_sip.testing import MemoryNetwork

from .golden import HOUR, golden, on_terrible_networks
from .races import RACES

SEEDS = range(30)


@pytest.mark.parametrize("name", RACES)
async def test_a_race_goes_as_its_ladder_says(name: str, autojump_clock: MockClock) -> None:
    with trio.fail_after(HOUR):
        async with MemoryNetwork.open() as network:
            await RACES[name](network)

    assert golden(name) == network.ladder()


@pytest.mark.parametrize("name", RACES)
async def test_nothing_is_left_of_a_race_whatever_is_lost(
    name: str, autojump_clock: MockClock
) -> None:
    whole = await on_terrible_networks(RACES[name], SEEDS)

    assert whole >= len(SEEDS) // 2
