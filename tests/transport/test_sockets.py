"""TCP on loopback sockets."""

from __future__ import annotations

import errno
import os
import resource
import socket

import pytest
import trio

from trio_sip._errors import TransportFailed
from trio_sip.message import create_response
from trio_sip.transport import Address, SocketNetwork, TransportLimits

from .recorder import open_layer, options
from .test_udp import bracketed

HOSTS = ["127.0.0.1", "::1"]
VIA = "SIP/2.0/TCP 127.0.0.1:5060;branch=z9hG4bK1"


@pytest.mark.parametrize("host", HOSTS)
async def test_two_layers_talk_over_tcp_in_both_families(host: str) -> None:
    listen = f"tcp://{bracketed(host)}:0"
    network = SocketNetwork()
    async with (
        open_layer(network, listen, answering=False) as (server, received, (bound,)),
        open_layer(network, answering=False) as (client, answered, _),
    ):
        flow = await client.flow_for("TCP", Address(bound.host, bound.port))
        body = "x" * 300_000
        client.send_nowait(options(f"SIP/2.0/TCP {client.sent_by(flow)}", 1, body), flow)
        await received.event("message")
        request, back = received.messages[0]
        assert len(request.body) == 300_000
        server.send_nowait(bytes(create_response(request, 200, to_tag="t")), back)  # type: ignore[arg-type]
        await answered.event("message")

        assert (flow.local, flow.remote) == (back.remote, back.local)
        await server.aclose()
        await answered.event("closed")
        assert (client.statistics().connections, client.statistics().connections_opened) == (0, 1)
        with pytest.raises(TransportFailed):
            client.send_nowait(options(), flow)


async def test_a_refused_connection_is_told_as_what_it_is() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with open_layer(SocketNetwork()) as (layer, _, _):
        with pytest.raises(TransportFailed) as caught:
            await layer.flow_for("TCP", Address("127.0.0.1", port))

    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.ECONNREFUSED


async def test_f12_a_reset_is_told_and_the_next_client_is_served() -> None:
    async with open_layer(SocketNetwork(), "tcp://127.0.0.1:0") as (layer, recorder, (bound,)):
        for _ in range(20):
            client = await trio.open_tcp_stream(bound.host, bound.port)
            await client.send_all(options(VIA))
            await recorder.event("message")
            # Zero seconds of lingering: closing sends RST.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1] + [0] * 7))
            client.socket.close()
            await recorder.event("closed")
        client = await trio.open_tcp_stream(bound.host, bound.port)
        await client.send_all(options(VIA))
        assert (await client.receive_some()).startswith(b"SIP/2.0 200")
        await client.aclose()
        await recorder.event("message")
        await recorder.event("closed")

        assert layer.statistics().connections == 0


async def test_a_last_answer_survives_the_end_of_a_refused_stream() -> None:
    async with open_layer(SocketNetwork(), "tcp://127.0.0.1:0") as (_, _, (bound,)):
        client = await trio.open_tcp_stream(bound.host, bound.port)
        await client.send_all(b"GET / HTTP/1.1\r\n\r\n" + b"x" * 100_000)
        seen = b""
        with trio.fail_after(5):
            async for data in client:
                seen += data
        await client.aclose()

    assert seen == b"SIP/2.0 400 Bad Request\r\n\r\n"


async def test_a_slow_reader_gets_all_of_what_did_not_fit_into_the_socket() -> None:
    limits = TransportLimits(send_queue_bytes=1 << 24)
    async with open_layer(SocketNetwork(), "tcp://127.0.0.1:0", answering=False, limits=limits) as (
        layer,
        recorder,
        (bound,),
    ):
        client = await trio.open_tcp_stream(bound.host, bound.port)
        await client.send_all(options(VIA))
        await recorder.event("message")
        data = os.urandom(100_000)
        for _ in range(100):
            layer.send_nowait(data, recorder.messages[0][1])
        seen = bytearray()
        with trio.fail_after(5):
            while len(seen) < 100 * len(data):
                seen += await client.receive_some()
        await client.aclose()

    assert data * 100 == bytes(seen)


async def test_a_reader_that_leaves_its_queue_behind_is_told_as_broken() -> None:
    limits = TransportLimits(send_queue_bytes=1 << 24)
    async with open_layer(SocketNetwork(), "tcp://127.0.0.1:0", answering=False, limits=limits) as (
        layer,
        recorder,
        (bound,),
    ):
        client = await trio.open_tcp_stream(bound.host, bound.port)
        await client.send_all(options(VIA))
        await recorder.event("message")
        for _ in range(100):
            layer.send_nowait(bytes(100_000), recorder.messages[0][1])
        await client.aclose()
        await recorder.event("closed")

        assert isinstance(recorder.closed[0][1], OSError)
        assert layer.statistics().connections_broken >= 1


async def test_x09_accepting_goes_on_once_there_are_descriptors_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    limits = TransportLimits(accept_retry_seconds=0.01)
    async with open_layer(SocketNetwork(), "tcp://127.0.0.1:0", limits=limits) as (
        layer, _, (bound,),
    ):  # fmt: skip
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        client = socket.socket()
        client.setblocking(False)
        spare = os.dup(0)
        resource.setrlimit(resource.RLIMIT_NOFILE, (spare, before[1]))
        try:
            client.connect_ex((bound.host, bound.port))
            with trio.fail_after(5):
                while not layer.statistics().accepts_failed:
                    await trio.lowlevel.checkpoint()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
            os.close(spare)
        with trio.fail_after(5):
            await trio.lowlevel.wait_writable(client)
            client.send(options(VIA))
            await trio.lowlevel.wait_readable(client)
        assert client.recv(65536).startswith(b"SIP/2.0 200")
        client.close()

    assert len(caplog.records) == 1


async def test_a_udp_socket_asks_for_a_large_receive_buffer() -> None:
    bound = SocketNetwork(receive_buffer=1 << 18).bind_datagrams(Address("127.0.0.1", 0))
    large = bound._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)  # type: ignore[attr-defined]
    bound.close()

    # The kernel doubles what it is asked for.
    assert large == 2 << 18


async def test_waiting_on_a_closed_socket_ends() -> None:
    network = SocketNetwork()
    udp = network.bind_datagrams(Address("127.0.0.1", 0))
    tcp = network.bind_connections(Address("127.0.0.1", 0))
    for one in (udp, tcp):
        one.close()
        one.close()
    with pytest.raises(trio.ClosedResourceError):
        await udp.wait_readable()
    with pytest.raises(trio.ClosedResourceError):
        await tcp.accept()
