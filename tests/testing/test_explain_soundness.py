"""`explain` of what went right: nobody is blamed for it, whatever the network has lost."""

from __future__ import annotations

from contextlib import suppress

import pytest
from trio.testing import MockClock

from tests.conversations.flows import FLOWS
from tests.conversations.golden import MISFORTUNES
from tests.conversations.races import RACES
from tests.conversations.talks import TALKS
from trio_sip.testing import FindingKind, MemoryNetwork, explain

SEEDS = range(10)
CONVERSATIONS = {**FLOWS, **RACES, **TALKS}

# There is a host in them that hears everything and says nothing.
SILENT = {
    "rfc3665_3_4_successful_session_with_proxy_failure": "never-answered",
    "rfc3665_3_10_unsuccessful_no_response_from_user_agent": "never-answered",
}


def faults(network: MemoryNetwork, name: str) -> list[str]:
    """Who is blamed, and should not be."""
    return [
        str(one)
        for one in explain(network.wires, network.names())
        if one.kind is FindingKind.FAULT and one.rule != SILENT.get(name)
    ]


@pytest.mark.parametrize("name", CONVERSATIONS)
async def test_nobody_is_blamed_for_what_went_right(name: str, sip_network: MemoryNetwork) -> None:
    await CONVERSATIONS[name](sip_network)

    assert [] == faults(sip_network, name)


@pytest.mark.parametrize("name", CONVERSATIONS)
async def test_nobody_is_blamed_for_what_the_network_has_lost(
    name: str, autojump_clock: MockClock
) -> None:
    for seed in SEEDS:
        async with MemoryNetwork.open(seed=seed, loss=0.3, jitter=0.03) as network:
            with suppress(*MISFORTUNES):
                await CONVERSATIONS[name](network)
            blamed = faults(network, name)

        assert [] == blamed, f"with seed {seed}"


@pytest.mark.parametrize("name", SILENT)
async def test_who_says_nothing_is_named(name: str, sip_network: MemoryNetwork) -> None:
    await CONVERSATIONS[name](sip_network)
    found = {one.rule: one.sentence for one in explain(sip_network.wires, sip_network.names())}

    assert "nobody answers at 192.0.2." in found["never-answered"]
