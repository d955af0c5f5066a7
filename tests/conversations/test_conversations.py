"""Every conversation on a perfect network, and on thirty that lose a third of everything."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from trio_sip.testing import FindingKind, MemoryNetwork, explain

from .talks import TALKS, Outcome

SEEDS = range(30)
HOUR = 3600.0


async def on_a_terrible_network(name: str, seed: int) -> Outcome:
    with trio.fail_after(HOUR):
        async with MemoryNetwork.open(
            seed=seed, loss=0.3, duplication=0.05, reordering=0.1, jitter=0.03
        ) as network:
            outcome = await TALKS[name](network)
            assert 0 == network.open_sockets
    return outcome


@pytest.mark.parametrize("name", TALKS)
async def test_on_a_perfect_network_everything_is_answered(
    name: str, sip_network: MemoryNetwork
) -> None:
    assert Outcome.ANSWERED is await TALKS[name](sip_network)


@pytest.mark.parametrize("name", TALKS)
async def test_on_terrible_networks_nearly_everything_is_answered_and_nothing_is_left_over(
    name: str, autojump_clock: MockClock
) -> None:
    outcomes: list[Outcome] = []
    for seed in SEEDS:
        try:
            outcomes.append(await on_a_terrible_network(name, seed))
        except BaseException as error:
            error.add_note(f"{name} with seed {seed}")
            raise

    assert outcomes.count(Outcome.ANSWERED) >= len(SEEDS) - 1


@pytest.mark.parametrize("name", TALKS)
async def test_a_seed_tells_the_same_story_every_time(name: str, autojump_clock: MockClock) -> None:
    stories = []
    for _ in range(2):
        async with MemoryNetwork.open(seed=7, loss=0.3, jitter=0.03) as network:
            began = trio.current_time()
            await TALKS[name](network)
            # Nonces and their answers come from the operating system's dice.
            stories.append(
                [(round(w.time - began, 6), w.source, w.label, w.fate) for w in network.wires]
            )

    assert stories[0] == stories[1]


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
