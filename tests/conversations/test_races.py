"""RFC 5407: every race, on a good network and on thirty that lose a third of everything."""

from __future__ import annotations

import pytest
from trio.testing import MockClock

from trio_sip.testing import MemoryNetwork

from .golden import golden, on_terrible_networks
from .races import RACES

SEEDS = range(30)


# Who of two that speak at the same moment is the first depends on the seed: this is the ladders'.
@pytest.mark.sip(seed=4)
@pytest.mark.parametrize("name", RACES)
async def test_a_race_goes_as_its_ladder_says(name: str, sip_network: MemoryNetwork) -> None:
    await RACES[name](sip_network)

    assert golden(name) == sip_network.ladder()


@pytest.mark.parametrize("name", RACES)
async def test_nothing_is_left_of_a_race_whatever_is_lost(
    name: str, autojump_clock: MockClock
) -> None:
    whole = await on_terrible_networks(RACES[name], SEEDS)

    assert whole >= len(SEEDS) // 2
