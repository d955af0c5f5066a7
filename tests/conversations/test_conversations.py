"""Every conversation on a perfect network, and on thirty that lose a third of everything."""

from __future__ import annotations

import pytest
import trio

from trio_sip.testing import Fate, FindingKind, Label, MemoryNetwork, explain
from trio_sip.transport import Address

from .talks import TALKS, Outcome, unheard


@pytest.mark.parametrize("name", TALKS)
async def test_on_a_perfect_network_everything_is_answered(
    name: str, sip_network: MemoryNetwork
) -> None:
    assert Outcome.ANSWERED is await TALKS[name](sip_network)


@pytest.mark.sip(seeds=30, loss=0.3, duplication=0.05, reordering=0.1, jitter=0.03)
@pytest.mark.parametrize("name", TALKS)
async def test_on_a_terrible_network_only_who_is_not_heard_at_all_gives_up(
    name: str, sip_network: MemoryNetwork
) -> None:
    outcome = await TALKS[name](sip_network)

    assert outcome is Outcome.ANSWERED or unheard(sip_network.wires)


@pytest.mark.sip(seed=7, loss=0.3, jitter=0.03)
@pytest.mark.parametrize("name", TALKS)
async def test_a_seed_tells_the_same_story_every_time(
    name: str, sip_network: MemoryNetwork
) -> None:
    first = await story(name, sip_network)
    # A test has one network, and this one needs another of the same kind.
    async with MemoryNetwork.open(seed=7, loss=0.3, jitter=0.03) as again:
        assert first == await story(name, again)


async def story(name: str, network: MemoryNetwork) -> list[tuple[float, Address, Label, Fate]]:
    """What is said, without the nonces and their answers: those are the operating system's dice."""
    began = trio.current_time()
    await TALKS[name](network)
    return [(round(w.time - began, 6), w.source, w.label, w.fate) for w in network.wires]


@pytest.mark.parametrize("name", TALKS)
@pytest.mark.parametrize(
    "loss",
    [
        pytest.param(0.0, marks=pytest.mark.sip(seed=3)),
        pytest.param(0.3, marks=pytest.mark.sip(seed=3, loss=0.3)),
    ],
)
async def test_nothing_is_explained_where_nothing_is_wrong(
    name: str, loss: float, sip_network: MemoryNetwork
) -> None:
    outcome = await TALKS[name](sip_network)
    findings = explain(sip_network.wires, sip_network.names())

    faults = [one for one in findings if one.kind is FindingKind.FAULT]
    if outcome is Outcome.ANSWERED:
        assert [] == [str(one) for one in faults]
    else:
        assert {"never-answered"} == {one.rule for one in faults}
