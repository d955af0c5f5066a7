"""UDP on loopback sockets: real ones, because their corners are the point.  Nothing sleeps."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

import pytest
import trio

from trio_sip._errors import NoRoute, TransportFailed
from trio_sip.message import Response, parse_message_untrusted
from trio_sip.transport import Address, Flow, SocketNetwork, TransportLimits

from .recorder import open_layer, options

HOSTS = ["127.0.0.1", "::1"]


def bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


class Peer:
    """A blocking socket with a deadline: the other side."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.socket = socket.socket(
            socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM
        )
        self.socket.bind((host, 0))
        self.socket.settimeout(5)
        self.port: int = self.socket.getsockname()[1]
        self.host = host

    @property
    def via(self) -> str:
        return f"SIP/2.0/UDP {bracketed(self.host)}:{self.port};branch=z9hG4bK1"

    async def ask(self, data: bytes, host: str, port: int) -> tuple[Response, Address]:
        self.socket.sendto(data, (host, port))
        return await self.receive()

    async def receive(self) -> tuple[Response, Address]:
        answer, source = await trio.to_thread.run_sync(self.socket.recvfrom, 65535)
        message = parse_message_untrusted(answer)
        assert isinstance(message, Response)
        return message, Address(source[0], source[1])


@pytest.fixture
def peer() -> Iterator[Peer]:
    made = Peer()
    yield made
    made.socket.close()


@pytest.fixture(params=HOSTS)
def any_peer(request: pytest.FixtureRequest) -> Iterator[Peer]:
    made = Peer(request.param)
    yield made
    made.socket.close()


async def test_a_request_is_answered_where_it_came_from(any_peer: Peer) -> None:
    async with open_layer(SocketNetwork(), f"udp://{bracketed(any_peer.host)}:0") as (
        _, recorder, (bound,),
    ):  # fmt: skip
        answer, source = await any_peer.ask(
            options(any_peer.via + ";rport"), bound.host, bound.port
        )

        assert answer.status == 200
        assert Address(bound.host, bound.port) == source
        assert (any_peer.host, any_peer.port) == (answer.via.received, answer.via.rport)
        _, flow = recorder.messages[0]
        assert Flow("UDP", source, Address(any_peer.host, any_peer.port)) == flow


async def test_x01_a_foreign_via_host_does_not_misdirect_the_answer(peer: Peer) -> None:
    async with open_layer(SocketNetwork(), "udp://127.0.0.1:0") as (_, _, (bound,)):
        via = "SIP/2.0/UDP 198.51.100.1:9;branch=z9hG4bK1;rport"
        answer, _ = await peer.ask(options(via), bound.host, bound.port)

    assert ("127.0.0.1", peer.port) == (answer.via.received, answer.via.rport)


async def test_x02_a_supplied_received_and_rport_are_overwritten(peer: Peer) -> None:
    async with open_layer(SocketNetwork(), "udp://127.0.0.1:0") as (_, _, (bound,)):
        via = "SIP/2.0/UDP h;branch=z9hG4bK1;received=198.51.100.1;rport=9"
        answer, _ = await peer.ask(options(via), bound.host, bound.port)

    assert ("127.0.0.1", peer.port) == (answer.via.received, answer.via.rport)


async def test_x03_maddr_is_not_followed(peer: Peer) -> None:
    async with open_layer(SocketNetwork(), "udp://127.0.0.1:0") as (_, _, (bound,)):
        answer, _ = await peer.ask(
            options(peer.via + ";maddr=198.51.100.1"), bound.host, bound.port
        )

    assert answer.status == 200


async def test_x04_without_rport_the_answer_goes_to_the_sent_by_port(peer: Peer) -> None:
    other = Peer()
    async with open_layer(SocketNetwork(), "udp://127.0.0.1:0") as (_, _, (bound,)):
        other.socket.sendto(options(peer.via), (bound.host, bound.port))
        answer, _ = await peer.receive()
    other.socket.close()

    assert (answer.via.received, answer.via.rport) == (None, None)


async def test_force_rport_answers_where_the_request_came_from(peer: Peer) -> None:
    async with open_layer(SocketNetwork(), "udp://127.0.0.1:0", force_rport=True) as (
        _, _, (bound,),
    ):  # fmt: skip
        answer, _ = await peer.ask(
            options("SIP/2.0/UDP h:9;branch=z9hG4bK1"), bound.host, bound.port
        )

    assert peer.port == answer.via.rport


@pytest.mark.parametrize("asked", ["127.0.0.1", "127.0.0.2"])
async def test_a_wildcard_socket_answers_from_the_address_that_was_asked(
    peer: Peer, asked: str
) -> None:
    async with open_layer(SocketNetwork(), "udp://0.0.0.0:0") as (layer, recorder, (bound,)):
        answer, source = await peer.ask(options(peer.via + ";rport"), asked, bound.port)

        assert answer.status == 200
        assert Address(asked, bound.port) == source
        flow = recorder.messages[0][1]
        assert Address(asked, bound.port) == flow.local
        assert f"{asked}:{bound.port}" == layer.sent_by(flow)


async def test_a_wildcard_socket_does_so_for_ipv6() -> None:
    peer = Peer("::1")
    async with open_layer(SocketNetwork(), "udp://[::]:0") as (_, recorder, (bound,)):
        _, source = await peer.ask(options(peer.via + ";rport"), "::1", bound.port)

        assert Address("::1", bound.port) == source == recorder.messages[0][1].local
    peer.socket.close()


async def test_a_wildcard_is_never_named_in_a_via(peer: Peer) -> None:
    async with open_layer(SocketNetwork(), "udp://0.0.0.0:0") as (layer, _, (bound,)):
        flow = await layer.flow_for("UDP", Address("127.0.0.1", peer.port))

        assert f"127.0.0.1:{bound.port}" == layer.sent_by(flow)
        layer.send_nowait(options(), flow)
        data, source = await trio.to_thread.run_sync(peer.socket.recvfrom, 65535)
        assert (options(), ("127.0.0.1", bound.port)) == (data, source)


KEEPALIVES = [
    b"", b"\r\n", b"\r\n\r\n", b"\0", bytes(4), bytes(300), b" ",
    b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12),
]  # fmt: skip


async def test_keepalives_are_dropped_silently_and_counted(peer: Peer) -> None:
    async with open_layer(SocketNetwork(), "udp://127.0.0.1:0") as (layer, recorder, (bound,)):
        for data in KEEPALIVES:
            peer.socket.sendto(data, (bound.host, bound.port))
        await peer.ask(options(peer.via), bound.host, bound.port)

        assert len(KEEPALIVES) == layer.statistics().keepalives
        assert recorder.garbage == []
        assert len(KEEPALIVES) + 1 == layer.statistics().datagrams_received


async def test_garbage_is_reported_and_the_socket_stays_usable(peer: Peer) -> None:
    async with open_layer(SocketNetwork(), "udp://127.0.0.1:0") as (layer, recorder, (bound,)):
        for data in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02", b"x" * 60000):
            peer.socket.sendto(data, (bound.host, bound.port))
        await peer.ask(options(peer.via), bound.host, bound.port)

        assert 3 == layer.statistics().unparsable == len(recorder.garbage)


async def test_a_request_without_a_usable_via_is_dropped_and_counted(peer: Peer) -> None:
    async with open_layer(SocketNetwork(), "udp://127.0.0.1:0") as (layer, recorder, (bound,)):
        for bad in (options("SIP/2.0/UDP h:x"), options().replace(b"Via:", b"Vix:")):
            peer.socket.sendto(bad, (bound.host, bound.port))
        await peer.ask(options(peer.via), bound.host, bound.port)

        assert layer.statistics().without_via == 2
        assert len(recorder.messages) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "0.0.0.0"])
async def test_x08_a_port_that_nobody_listens_on_is_reported_once(host: str) -> None:
    dead = Peer("::1" if ":" in host else "127.0.0.1")
    remote = Address(dead.host, dead.port)
    dead.socket.close()
    async with open_layer(SocketNetwork(), f"udp://{bracketed(host)}:0") as (
        layer, recorder, (bound,),
    ):  # fmt: skip
        flow = await layer.flow_for("UDP", remote)
        layer.send_nowait(options(), flow)
        await recorder.event("closed")

        ((told, error),) = recorder.closed
        assert flow == told
        assert isinstance(error, TransportFailed)
        assert getattr(error.__cause__, "errno", None) == errno.ECONNREFUSED
        assert layer.statistics().unreachable == 1
        alive = Peer(dead.host)
        answer, _ = await alive.ask(options(alive.via), dead.host, bound.port)
        assert answer.status == 200
        alive.socket.close()


async def test_x08_a_dead_destination_does_not_fail_the_send_to_another(peer: Peer) -> None:
    dead = Peer()
    dead.socket.close()
    async with open_layer(SocketNetwork(), "udp://127.0.0.1:0") as (layer, recorder, _):
        to_dead = await layer.flow_for("UDP", Address("127.0.0.1", dead.port))
        to_peer = await layer.flow_for("UDP", Address("127.0.0.1", peer.port))
        layer.send_nowait(options(), to_dead)
        layer.send_nowait(options(), to_peer)
        data = await trio.to_thread.run_sync(peer.socket.recv, 65535)
        await recorder.event("closed")

        assert options() == data
        assert [to_dead] == [flow for flow, _ in recorder.closed]


async def test_a_datagram_that_is_too_large_fails_at_once() -> None:
    async with open_layer(SocketNetwork(), "udp://127.0.0.1:0") as (layer, _, _):
        flow = await layer.flow_for("UDP", Address("127.0.0.1", 9))
        with pytest.raises(TransportFailed):
            layer.send_nowait(bytes(65508), flow)

        assert layer.statistics().sends_failed == 1


async def test_all_datagrams_of_a_burst_are_taken_a_few_at_a_time(peer: Peer) -> None:
    limits = TransportLimits(datagrams_per_wakeup=3, cached_flows=1)
    async with open_layer(SocketNetwork(), "udp://127.0.0.1:0", limits=limits) as (
        _, recorder, (bound,),
    ):  # fmt: skip
        for number in range(10):
            peer.socket.sendto(options(peer.via, number), (bound.host, bound.port))
        for _ in range(10):
            await peer.receive()

    assert [f"call-{n}" for n in range(10)] == [m.call_id for m, _ in recorder.messages]


async def test_a_peer_of_the_other_family_has_no_route() -> None:
    async with open_layer(SocketNetwork(), "udp://127.0.0.1:0") as (layer, _, _):
        with pytest.raises(NoRoute):
            await layer.flow_for("UDP", Address("::1", 5060))
        with pytest.raises(NoRoute):
            await layer.flow_for("SCTP", Address("127.0.0.1", 5060))


async def test_the_sockets_are_closed_whichever_way_it_ends() -> None:
    for cancelled in (True, False):
        async with open_layer(SocketNetwork(), "udp://127.0.0.1:0", "tcp://127.0.0.1:0") as (
            layer, _, bound,
        ):  # fmt: skip
            if not cancelled:
                await layer.aclose()
        for listen in bound:
            # The ports are free again.
            kind = socket.SOCK_DGRAM if listen.scheme == "udp" else socket.SOCK_STREAM
            with socket.socket(socket.AF_INET, kind) as again:
                again.bind((listen.host, listen.port))
