"""Health and metrics over HTTP."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from trio_sip import TransportFailed
from trio_sip.services import HttpService, MemoryLocation, OptionsService, Registrar
from trio_sip.stack import Stack, open_stack
from trio_sip.testing import MemoryConnection, MemoryNetwork
from trio_sip.transport import Address

WHERE = Address("192.0.2.1", 9100)


@asynccontextmanager
async def watched(network: MemoryNetwork) -> AsyncIterator[Stack]:
    host = network.host("server")
    async with open_stack(
        "udp://0.0.0.0:5060",
        services=[HttpService(*WHERE, network=host), OptionsService(), Registrar(MemoryLocation())],
        network=host,
        strict=True,
    ) as stack:
        yield stack


async def read_all(connection: MemoryConnection) -> str:
    """Everything until the other side has finished."""
    data = b""
    while piece := await connection.receive_some():
        data += piece
    return data.decode()


async def ask(network: MemoryNetwork, *requests: str) -> str:
    """Send requests over one connection, all at once."""
    connection = await network.host("client").connect(WHERE)
    connection.send_some_nowait("".join(requests).encode())
    answer = await read_all(connection)
    connection.close()
    return answer


def get(path: str, *, method: str = "GET", close: bool = True) -> str:
    last = "Connection: close\r\n" if close else ""
    return f"{method} {path} HTTP/1.1\r\nHost: server\r\n{last}\r\n"


async def test_a_healthy_stack_says_so(sip_network: MemoryNetwork) -> None:
    async with watched(sip_network):
        answer = await ask(sip_network, get("/healthz"))

    assert answer.startswith("HTTP/1.1 200 ")
    assert answer.endswith("\r\n\r\nok\n")


async def test_metrics_have_what_the_statistics_have_and_those_of_services(
    sip_network: MemoryNetwork,
) -> None:
    async with watched(sip_network):
        async with open_stack(network=sip_network.host("client")) as client:
            await client.send_request("OPTIONS", "sip:server")
            await client.send_request("REGISTER", "sip:server", to="sip:alice@server")
        answer = await ask(sip_network, get("/metrics"))
    head, _, text = answer.partition("\r\n\r\n")

    assert "content-type: text/plain; version=0.0.4" in head.lower()
    for line in (
        "trio_sip_up 1",
        "trio_sip_requests_received_total 2",
        "# TYPE trio_sip_unanswered gauge",
        "trio_sip_unanswered 0",
        "trio_sip_transactions_servers 2",
        "trio_sip_transport_datagrams_received_total 2",
        "trio_sip_registrar_accepted_total 1",
    ):
        assert line in text.splitlines()
    assert [] == [
        line
        for line in text.splitlines()
        if not re.fullmatch(
            r'# TYPE [a-z_0-9]+ (gauge|counter)|[a-z_0-9]+(\{kind="[a-z ]+"\})? [0-9.]+', line
        )
    ]


async def test_several_questions_over_one_connection_are_answered_in_turn(
    sip_network: MemoryNetwork,
) -> None:
    async with watched(sip_network):
        answer = await ask(
            sip_network,
            get("/healthz", close=False),
            get("/healthz", method="HEAD", close=False),
            get("/nothing?x", close=False),
            get("/healthz", method="DELETE"),
        )

    assert ["200", "200", "404", "405"] == re.findall(r"HTTP/1\.1 (\d+)", answer)
    assert "Allow: GET, HEAD" in answer
    assert 1 == answer.count("ok\n"), "a HEAD has no body"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ("OPTIONS sip:b@x SIP/2.0\r\n\r\n", "400"),
        ("GET /" + "x" * 20_000, "431"),
        ("\x16\x03\x01", ""),
    ],
)
async def test_what_is_no_http_is_refused_and_harms_nobody(
    data: str, status: str, sip_network: MemoryNetwork
) -> None:
    async with watched(sip_network) as stack:
        answer = await ask(sip_network, data)
        assert answer.startswith(f"HTTP/1.1 {status}" if status else "")
        assert "ok\n" in await ask(sip_network, get("/healthz"))
        assert 0 == stack.statistics().handler_errors


async def test_who_says_nothing_is_not_waited_for_and_takes_no_place_for_long(
    sip_network: MemoryNetwork,
) -> None:
    async with watched(sip_network):
        silent = [await sip_network.host("client").connect(WHERE) for _ in range(64)]
        assert "" == await ask(sip_network, get("/healthz")), "no room"
        await trio.sleep(11)
        assert "ok\n" in await ask(sip_network, get("/healthz"))
        for one in silent:
            assert "" == await read_all(one)
            one.close()


async def test_who_breaks_off_harms_nobody(sip_network: MemoryNetwork) -> None:
    async with watched(sip_network) as stack:
        connection = await sip_network.host("client").connect(WHERE)
        connection.send_some_nowait(b"GET / HT")
        connection.close()
        await trio.sleep(1)

        assert "ok\n" in await ask(sip_network, get("/healthz"))
        assert 0 == stack.statistics().handler_errors


async def test_an_address_that_is_taken_stops_the_start(sip_network: MemoryNetwork) -> None:
    host = sip_network.host("server")
    taken = host.bind_connections(WHERE)
    with pytest.raises(TransportFailed, match=r"http://192\.0\.2\.1:9100"):
        async with watched(sip_network):
            pytest.fail("it started")  # pragma: no cover
    taken.close()
    assert 0 == sip_network.open_sockets


async def test_a_stack_that_ends_is_not_healthy(sip_network: MemoryNetwork) -> None:
    answers: list[str] = []
    async with trio.open_nursery() as nursery:

        async def look() -> None:
            await trio.sleep(1)
            answers.append(await ask(sip_network, get("/healthz")))

        async with watched(sip_network) as stack:
            work = stack.create_work()
            work.push(trio.sleep, 3)
            nursery.start_soon(look)
            nursery.start_soon(work.aclose)
            await trio.sleep(0.5)

    assert answers[0].startswith("HTTP/1.1 503 ")
    assert answers[0].endswith("draining\n")


async def test_it_listens_on_the_real_network_too() -> None:
    assert HttpService("127.0.0.1", 0).listening is None
    service = HttpService("127.0.0.1", 0)
    async with open_stack("udp://127.0.0.1:0", services=[service]):
        assert service.listening is not None
        stream = await trio.open_tcp_stream(*service.listening)
        async with stream:
            await stream.send_all(get("/healthz").encode())
            answer = b"".join([piece async for piece in stream])

    assert answer.endswith(b"ok\n")
