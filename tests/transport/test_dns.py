"""NAPTR and SRV records from a name server on a loopback socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from trio_sip.transport import (
    Address,
    NaptrRecord,
    Query,
    QueryKind,
    SocketNetwork,
    SrvRecord,
    TransportLayer,
)

from .recorder import Recorder

dns_message = pytest.importorskip("dns.message")
dns_flags = pytest.importorskip("dns.flags")
dns_rcode = pytest.importorskip("dns.rcode")
dns_rrset = pytest.importorskip("dns.rrset")

ZONE = {
    ("example.test.", "NAPTR"): ['10 20 "s" "SIP+D2T" "" _sip._tcp.example.test.'],
    ("_sip._tcp.example.test.", "SRV"): ["1 2 5070 localhost.", "2 0 5071 ."],
}


class NameServer:
    """A few records, and how often somebody asked."""

    def __init__(self, sock: trio.socket.SocketType) -> None:
        self._socket = sock
        self.address = Address(*sock.getsockname())
        self.asked: list[tuple[str, str]] = []

    async def serve(self) -> None:
        while True:
            data, source = await self._socket.recvfrom(4096)
            query = dns_message.from_wire(data)
            (question,) = query.question
            key = (question.name.to_text(), question.to_text().split()[-1])
            self.asked.append(key)
            answer = dns_message.make_response(query)
            answer.flags |= dns_flags.RA
            if "broken" in key[0]:
                answer.set_rcode(dns_rcode.SERVFAIL)
            elif key in ZONE:
                answer.answer.append(dns_rrset.from_text(key[0], 60, "IN", key[1], *ZONE[key]))
            else:
                answer.set_rcode(dns_rcode.NXDOMAIN)
            await self._socket.sendto(answer.to_wire(), source)


@asynccontextmanager
async def name_server() -> AsyncIterator[NameServer]:
    with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as sock:
        await sock.bind(("127.0.0.1", 0))
        server = NameServer(sock)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.serve)
            yield server
            nursery.cancel_scope.cancel()


async def test_records_are_those_of_the_name_server_and_are_kept_while_they_live() -> None:
    async with name_server() as server:
        network = SocketNetwork(nameservers=[server.address])
        for _ in range(2):
            naptr = await network.records(Query(QueryKind.NAPTR, "example.test"))
            srv = await network.records(Query(QueryKind.SRV, "_sip._tcp.example.test"))

    assert [NaptrRecord(10, 20, "s", "SIP+D2T", "_sip._tcp.example.test")] == naptr
    assert {SrvRecord(1, 2, 5070, "localhost"), SrvRecord(2, 0, 5071, ".")} == set(srv)
    assert 2 == len(server.asked)


async def test_a_name_without_records_has_none() -> None:
    async with name_server() as server:
        network = SocketNetwork(nameservers=[server.address])

        assert () == await network.records(Query(QueryKind.SRV, "_sip._udp.example.test"))
        assert 1 == len(server.asked)


@pytest.mark.parametrize("name", ["localhost", "server", "a.invalid", "printer.local"])
async def test_nobody_is_asked_about_names_that_nobody_can_know(name: str) -> None:
    async with name_server() as server:
        network = SocketNetwork(nameservers=[server.address])

        assert () == await network.records(Query(QueryKind.NAPTR, name))
    assert [] == server.asked


async def test_name_servers_that_know_no_answer_are_left_alone_for_a_while(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with name_server() as server:
        network = SocketNetwork(nameservers=[server.address])
        for name in ("_sip._udp.broken.test", "_sip._tcp.broken.test", "example.test"):
            assert () == await network.records(Query(QueryKind.SRV, name))

        assert {"_sip._udp.broken.test."} == {name for name, _ in server.asked}
    assert 1 == len(caplog.records)


async def test_a_request_goes_where_the_domain_wants_it() -> None:
    async with name_server() as server:
        layer = TransportLayer(SocketNetwork(nameservers=[server.address]), Recorder())
        found = await layer.locate("example.test", None, None)

    assert ("TCP", Address("127.0.0.1", 5070)) in found
    assert {"TCP"} == {one.transport for one in found}
