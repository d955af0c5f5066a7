"""Who can be reached, found out by asking."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from trio_sip import LocalProtocolError
from trio_sip.services import (
    OptionsService,
    Qualified,
    QualifyService,
    Reachability,
)
from trio_sip.stack import IncomingRequest, Service, open_stack
from trio_sip.testing import MemoryNetwork

from .conversation import open_server

UNKNOWN, REACHABLE, UNREACHABLE = Reachability


@asynccontextmanager
async def asking(
    network: MemoryNetwork, service: QualifyService, contact: str = "sip:server"
) -> AsyncIterator[Qualified]:
    """A client that qualifies one contact."""
    network.host("server")
    async with open_server_at(network, "client", service):
        with service.qualify(contact) as qualified:
            yield qualified


@asynccontextmanager
async def open_server_at(
    network: MemoryNetwork, host: str, *services: Service
) -> AsyncIterator[None]:
    async with open_stack(
        "udp://0.0.0.0:5060", network=network.host(host), services=services, strict=True
    ):
        yield


class Refuses(Service):
    """Says 404 to everything."""

    methods = frozenset({"OPTIONS"})

    async def on_request(self, request: IncomingRequest) -> bool:
        request.respond(404)
        return True


async def test_a_contact_that_answers_is_reachable_and_its_round_trip_is_known(
    sip_network: MemoryNetwork,
) -> None:
    async with open_server(sip_network, OptionsService()):
        sip_network.host("client")
        sip_network.link("client", "server", latency=0.25)
        async with asking(sip_network, QualifyService()) as qualified:
            assert (UNKNOWN, True) == (qualified.status.reachability, qualified.is_reachable)
            await trio.sleep(1)

            assert REACHABLE is qualified.status.reachability
            assert 0.5 == pytest.approx(qualified.status.rtt)


async def test_changes_are_told_once_each(sip_network: MemoryNetwork) -> None:
    seen: list[tuple[float, Reachability]] = []
    service = QualifyService(interval=60, patience=3)
    async with asking(sip_network, service):
        began = trio.current_time()
        async with trio.open_nursery() as nursery, service.changes() as changes:

            async def watch() -> None:
                while True:
                    status = await changes.receive()
                    seen.append((round(status.since - began), status.reachability))

            nursery.start_soon(watch)
            await trio.sleep(130)
            async with open_server(sip_network, OptionsService()):
                await trio.sleep(120)
            await trio.sleep(120)
            nursery.cancel_scope.cancel()

    assert [(0, UNREACHABLE), (180, REACHABLE), (300, UNREACHABLE)] == seen


async def test_silence_is_given_up_after_so_many_seconds(sip_network: MemoryNetwork) -> None:
    async with open_server(sip_network, OptionsService()):
        sip_network.host("client")
        sip_network.link("client", "server", loss=1.0)
        async with asking(sip_network, QualifyService(patience=3)) as qualified:
            began = qualified.status.since
            await trio.sleep(4)

            assert (UNREACHABLE, None) == (qualified.status.reachability, qualified.status.rtt)
            assert began + 3 == pytest.approx(qualified.status.since)


@pytest.mark.sip(seeds=30, latency=0.05, loss=0.3)
async def test_a_contact_behind_a_terrible_network_is_found_nevertheless(
    sip_network: MemoryNetwork,
) -> None:
    async with (
        open_server(sip_network, OptionsService()),
        asking(sip_network, QualifyService(interval=60, patience=32)) as qualified,
    ):
        await trio.sleep(59)

        assert REACHABLE is qualified.status.reachability


@pytest.mark.parametrize(
    ("only_success", "reachability"), [(False, REACHABLE), (True, UNREACHABLE)]
)
async def test_whoever_says_anything_is_there_unless_only_a_success_counts(
    only_success: bool, reachability: Reachability, sip_network: MemoryNetwork
) -> None:
    async with (
        open_server(sip_network, Refuses()),
        asking(sip_network, QualifyService(only_success=only_success)) as qualified,
    ):
        await trio.sleep(1)

        assert reachability is qualified.status.reachability
        assert (reachability is REACHABLE) is qualified.is_reachable


async def test_a_contact_that_leads_nowhere_is_unreachable_at_once(
    sip_network: MemoryNetwork,
) -> None:
    service = QualifyService()
    async with asking(sip_network, service, "sip:nowhere") as qualified:
        await trio.sleep(1)

        assert UNREACHABLE is qualified.status.reachability
        assert (qualified.status,) == service.statuses()


async def test_a_contact_is_asked_once_however_often_it_is_wanted_and_forgotten_when_stopped(
    sip_network: MemoryNetwork,
) -> None:
    service = QualifyService(interval=10)
    async with (
        open_server(sip_network, OptionsService()),
        asking(sip_network, service) as qualified,
    ):
        assert qualified is service.qualify("sip:server")
        await trio.sleep(35)
        assert 4 == len([one for one in sip_network.wires if one.data.startswith(b"OPTIONS")])
        qualified.stop()
        again = service.qualify("sip:server")
        await trio.sleep(1)
        assert again is not qualified
        again.stop()
        await trio.sleep(100)

        assert 5 == len([one for one in sip_network.wires if one.data.startswith(b"OPTIONS")])
        assert () == service.statuses()


async def test_contacts_may_be_named_before_the_stack_runs(sip_network: MemoryNetwork) -> None:
    service = QualifyService()
    qualified = service.qualify("sip:server")
    async with (
        open_server(sip_network, OptionsService()),
        open_server_at(sip_network, "client", service),
    ):
        await trio.sleep(1)

        assert REACHABLE is qualified.status.reachability


async def test_who_does_not_listen_fast_enough_misses_some(sip_network: MemoryNetwork) -> None:
    service = QualifyService(interval=1, patience=1)
    async with service.changes() as changes:
        for _ in range(1001):
            service._note(Qualified(service.qualify("sip:a").uri, "sip:a"), 1.0)
        assert 1000 == changes.statistics().current_buffer_used


@pytest.mark.parametrize("contact", ["tel:+1", "nonsense", ""])
async def test_what_cannot_be_asked_is_an_error(contact: str) -> None:
    with pytest.raises(LocalProtocolError):
        QualifyService().qualify(contact)


@pytest.mark.parametrize("patience", [0, 61])
def test_patience_is_within_the_interval(patience: float) -> None:
    with pytest.raises(LocalProtocolError, match="within the interval"):
        QualifyService(interval=60, patience=patience)
