"""`explain` of what went right: nobody is blamed for it, whatever the network has lost."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress

import attrs
import pytest
import trio
from trio.testing import MockClock

from tests.conversations.flows import FLOWS
from tests.conversations.races import RACES
from tests.conversations.talks import TALKS
from trio_sip._errors import SipError
from trio_sip.testing import FindingKind, MemoryNetwork, Wire, explain
from trio_sip.transport import Address

SEEDS = range(6)
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
            with suppress(SipError):
                await CONVERSATIONS[name](network)
            blamed = faults(network, name)

        assert [] == blamed, f"with seed {seed}"


@pytest.mark.parametrize("name", SILENT)
async def test_who_says_nothing_is_named(name: str, sip_network: MemoryNetwork) -> None:
    await CONVERSATIONS[name](sip_network)
    found = {one.rule: one.sentence for one in explain(sip_network.wires, sip_network.names())}

    assert "nobody answers at 192.0.2." in found["never-answered"]


def at(host: str, wires: Sequence[Wire]) -> list[Wire]:
    """What is seen on that host."""
    return [one for one in wires if host in (one.source.host, one.destination.host)]


def from_(host: str, wires: Sequence[Wire]) -> list[Wire]:
    """What that host sends."""
    return [one for one in wires if host == one.source.host]


def to(host: str, wires: Sequence[Wire]) -> list[Wire]:
    """What that host gets."""
    return [one for one in wires if host == one.destination.host]


def late(host: str, wires: Sequence[Wire]) -> list[Wire]:
    """What is seen on that host by somebody who comes too late."""
    return at(host, wires)[2:]


def twice(host: str, wires: Sequence[Wire]) -> list[Wire]:
    """Everything twice, as on two interfaces."""
    return [again for one in wires for again in (one, attrs.evolve(one, time=one.time + 0.001))]


def over_tcp(host: str, wires: Sequence[Wire]) -> list[Wire]:
    return [attrs.evolve(one, transport="TCP") for one in wires]


def over_ipv6(host: str, wires: Sequence[Wire]) -> list[Wire]:
    def moved(address: Address) -> Address:
        return Address(address.host.replace("192.0.2.", "2001:db8::"), address.port)

    return [
        attrs.evolve(
            one,
            source=moved(one.source),
            destination=moved(one.destination),
            data=_with_right_length(re.sub(rb"192\.0\.2\.(\d+)", rb"[2001:db8::\1]", one.data)),
        )
        for one in wires
    ]


def _with_right_length(data: bytes) -> bytes:
    body = data.partition(b"\r\n\r\n")[2]
    return re.sub(rb"(Content-Length: )\d+", rb"\g<1>%d" % len(body), data)


@pytest.mark.parametrize("view", [at, from_, to, late, twice, over_tcp, over_ipv6])
def test_nobody_is_blamed_by_who_sees_only_a_part(
    view: Callable[[str, Sequence[Wire]], list[Wire]], recorded: Mapping[str, Sequence[Wire]]
) -> None:
    for name, wires in recorded.items():
        for host in {one.source.host for one in wires}:
            found = explain(view(host, wires))

            assert [] == [str(one) for one in found if one.kind is FindingKind.FAULT], name


@pytest.fixture(scope="module")
def recorded() -> Mapping[str, Sequence[Wire]]:
    """Every conversation on a good network."""

    async def have(conversation: Callable[[MemoryNetwork], Awaitable[object]]) -> Sequence[Wire]:
        async with MemoryNetwork.open() as network:
            await conversation(network)
            return list(network.wires)

    return {
        name: trio.run(have, conversation, clock=MockClock(autojump_threshold=0))
        for name, conversation in CONVERSATIONS.items()
        if name not in SILENT
    }
