"""A SIPS URI goes by TLS on every hop of ours: RFC 3261 section 26.2.2, RFC 5630."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from trio_sip._errors import NoRoute, TransportFailed
from trio_sip.services import OptionsService
from trio_sip.stack import LocalContact, Stack, open_stack
from trio_sip.testing import CertificateAuthority, MemoryNetwork
from trio_sip.transport import NaptrRecord, SrvRecord

ALL = ("udp", "tcp", "tls", "ws", "wss")
SERVER = "192.0.2.1"


@asynccontextmanager
async def client_of(
    network: MemoryNetwork,
    authority: CertificateAuthority,
    *names: str,
    listen: tuple[str, ...] = ALL,
) -> AsyncIterator[Stack]:
    """A client of a server for example.com, which has a certificate for these names."""
    server = network.host("server", SERVER, "2001:db8::1")
    network.alias("example.com", "server")
    async with (
        open_stack(
            *(f"{scheme}://{SERVER}" for scheme in listen),
            services=[OptionsService()],
            network=server,
            tls=authority.settings(*names or ("sip:example.com", SERVER)),
            strict=True,
        ),
        open_stack(
            "udp://0.0.0.0", network=network.host("client"), tls=authority.settings(), strict=True
        ) as client,
    ):
        yield client


def used(network: MemoryNetwork) -> set[tuple[str, int]]:
    """Transport and port of whatever was sent to the server."""
    return {
        (wire.transport, wire.destination.port)
        for wire in network.wires
        if wire.destination.host == SERVER
    }


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("sips:example.com", ("TLS", 5061)),
        ("sips:192.0.2.1", ("TLS", 5061)),
        ("sips:example.com;transport=tcp", ("TLS", 5061)),
        ("sips:example.com;transport=tls", ("TLS", 5061)),
        ("sips:example.com:443;transport=ws", ("WSS", 443)),
        ("sips:example.com;transport=wss", ("WSS", 443)),
        ("sip:example.com;transport=tls", ("TLS", 5061)),
        ("sip:example.com;transport=ws", ("WS", 80)),
        ("sip:example.com;transport=wss", ("WSS", 443)),
        ("sip:example.com;transport=TCP", ("TCP", 5060)),
        ("sip:example.com", ("UDP", 5060)),
    ],
)
async def test_scheme_and_transport_say_by_what_a_request_goes(
    target: str,
    expected: tuple[str, int],
    sip_network: MemoryNetwork,
    sip_tls: CertificateAuthority,
) -> None:
    async with client_of(sip_network, sip_tls) as client:
        response = await client.send_request("OPTIONS", target)

        assert 200 == response.status
        assert expected[0] == response.via.transport
        assert {expected} == used(sip_network)


async def test_what_cannot_be_protected_is_not_sent(
    sip_network: MemoryNetwork, sip_tls: CertificateAuthority
) -> None:
    async with client_of(sip_network, sip_tls, listen=("udp", "tcp")) as client:
        with pytest.raises(NoRoute, match="nothing protects udp"):
            await client.send_request("OPTIONS", "sips:example.com;transport=udp")
        with pytest.raises(TransportFailed, match="TLS"):
            await client.send_request("OPTIONS", "sips:example.com")

        assert set() == used(sip_network)


async def test_a_route_to_a_sips_uri_is_protected_as_well(
    sip_network: MemoryNetwork, sip_tls: CertificateAuthority
) -> None:
    async with client_of(sip_network, sip_tls) as client:
        async with client.open_request(
            "OPTIONS",
            "sips:somewhere.else",
            headers=[("Route", "<sip:example.com;lr>")],
            contact=LocalContact(user="me"),
        ) as outgoing:
            await outgoing.final()

        assert {("TLS", 5061)} == used(sip_network)
        assert outgoing.request.headers["Contact"].startswith("<sips:me@")


async def test_the_domain_that_was_asked_for_is_proved_and_not_the_server_that_dns_names(
    sip_network: MemoryNetwork, sip_tls: CertificateAuthority
) -> None:
    sip_network.add_records(
        "example.com", NaptrRecord(1, 1, "s", "SIPS+D2T", "_sips._tcp.example.com")
    )
    sip_network.add_records("_sips._tcp.example.com", SrvRecord(1, 1, 5061, "server"))
    async with client_of(sip_network, sip_tls) as client:
        assert 200 == (await client.send_request("OPTIONS", "sip:example.com")).status
        assert {("TLS", 5061)} == used(sip_network)
        with pytest.raises(TransportFailed, match="not of server"):
            await client.send_request("OPTIONS", "sips:server")
    async with client_of(sip_network, sip_tls, "server") as client:
        with pytest.raises(TransportFailed, match=r"that of server, not of example\.com"):
            await client.send_request("OPTIONS", "sips:example.com")


async def test_the_next_server_is_tried_when_one_cannot_prove_who_it_is(
    sip_network: MemoryNetwork, sip_tls: CertificateAuthority
) -> None:
    sip_network.add_records(
        "_sips._tcp.example.com",
        SrvRecord(1, 1, 5061, "impostor"),
        SrvRecord(2, 1, 5061, "server"),
    )
    async with (
        client_of(sip_network, sip_tls) as client,
        open_stack(
            "tls://0.0.0.0",
            services=[OptionsService()],
            network=sip_network.host("impostor"),
            tls=sip_tls.settings("impostor"),
            strict=True,
        ),
    ):
        assert 200 == (await client.send_request("OPTIONS", "sips:example.com")).status
        assert {("TLS", 5061)} == used(sip_network)
        assert 2 == client.statistics().transport.connects_failed, "it has two addresses"
