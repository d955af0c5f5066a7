"""Endpoints that are being worked on."""

from __future__ import annotations

import pytest

from trio_sip.services import MaintenanceService
from trio_sip.testing import MemoryNetwork

from .conversation import Recorder, credential, open_client, open_guarded_server


async def statuses(
    network: MemoryNetwork, service: MaintenanceService, *headers: tuple[str, object]
) -> list[int]:
    """What alice and bob get for a REGISTER with these headers, with their passwords."""
    found = []
    async with open_guarded_server(network, service, Recorder()), open_client(network) as client:
        for user in ("alice", "bob"):
            response = await client.send_request(
                "REGISTER",
                "sip:server",
                headers=headers,
                from_=f"sip:{user}@server",
                credentials=credential(user),
            )
            found.append(response.status)
            assert ("300" if response.status == 503 else None) == response.headers.get(
                "Retry-After"
            )
    return found


async def test_an_endpoint_that_is_worked_on_begins_nothing_and_others_do(
    sip_network: MemoryNetwork,
) -> None:
    assert [503, 200] == await statuses(sip_network, MaintenanceService(["alice"]))


async def test_all_endpoints_may_be_worked_on(sip_network: MemoryNetwork) -> None:
    service = MaintenanceService()
    service.everybody = True

    assert [503, 503] == await statuses(sip_network, service)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("Expires", 0), ("Contact", "*")], 200),
        ([("Contact", "<sip:a@192.0.2.2>;expires=0")], 200),
        ([("Expires", 0), ("Contact", "<sip:a@192.0.2.2>;expires=60")], 503),
        ([("Expires", 60), ("Contact", "<sip:a@192.0.2.2>")], 503),
        ([("Contact", "<")], 503),
    ],
)
async def test_whatever_ends_something_passes(
    headers: list[tuple[str, object]], status: int, sip_network: MemoryNetwork
) -> None:
    assert [status, 200] == await statuses(sip_network, MaintenanceService(["alice"]), *headers)


async def test_a_stranger_does_not_learn_who_is_worked_on(sip_network: MemoryNetwork) -> None:
    async with (
        open_guarded_server(sip_network, MaintenanceService(["alice"]), Recorder()),
        open_client(sip_network) as client,
    ):
        found = [
            (await client.send_request("INFO", "sip:server", from_=f"sip:{user}@server")).status
            for user in ("alice", "nobody")
        ]

    assert [401, 401] == found
