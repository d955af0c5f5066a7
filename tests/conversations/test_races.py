"""RFC 5407: every race, on a good network and on thirty that lose a third of everything."""

from __future__ import annotations

from contextlib import suppress

import pytest

from trio_sip._errors import CallRejected, RequestRejected
from trio_sip.testing import MemoryNetwork

from .golden import golden
from .races import RACES

EITHER_WAY: dict[str, type[Exception]] = {
    "rfc5407_3_3_3_refer_meets_bye": RequestRejected,
    "rfc5407_c_cancel_meets_a_refusal": CallRejected,
    "rfc5407_d_request_meets_bye": RequestRejected,
}
"""Races that end with a refusal if the network lets it be the first."""


# Who of two that speak at the same moment is the first depends on the seed: this is the ladders'.
@pytest.mark.sip(seed=4)
@pytest.mark.parametrize("name", RACES)
async def test_a_race_goes_as_its_ladder_says(name: str, sip_network: MemoryNetwork) -> None:
    await RACES[name](sip_network)

    assert golden(name) == sip_network.ladder()


@pytest.mark.sip(seeds=30, loss=0.3, jitter=0.03)
@pytest.mark.parametrize("name", RACES)
async def test_a_race_comes_through_where_a_third_is_lost_and_leaves_nothing(
    name: str, sip_network: MemoryNetwork
) -> None:
    refusals = [EITHER_WAY[name]] if name in EITHER_WAY else []
    with suppress(*refusals):
        await RACES[name](sip_network)
