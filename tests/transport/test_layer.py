"""Binding all or nothing, and which way a request goes."""

from __future__ import annotations

import errno
import socket

import pytest
import trio
import trio.testing

from trio_sip._errors import NoRoute, TransportFailed
from trio_sip.testing import MemoryNetwork
from trio_sip.transport import Address, Flow, Listen, SocketNetwork, TransportLayer, TransportLimits

from .recorder import Recorder, open_layer, options

BOB = Address("192.0.2.2", 5060)
BOTH = ("udp://192.0.2.2:5060", "tcp://192.0.2.2:5060")


async def test_port_0_lets_the_system_choose() -> None:
    layer = TransportLayer(SocketNetwork(), Recorder())
    bound = await layer.bind(Listen.parse("udp://127.0.0.1:0"), Listen.parse("tcp://[::1]:0"))
    await layer.aclose()

    assert [(b.scheme, b.host) for b in bound] == [("udp", "127.0.0.1"), ("tcp", "::1")]
    assert all(b.port for b in bound)


@pytest.mark.parametrize("scheme", ["udp", "tcp"])
async def test_a_taken_port_is_named_and_nothing_stays_bound(scheme: str) -> None:
    layer = TransportLayer(SocketNetwork(), Recorder())
    kind = socket.SOCK_DGRAM if scheme == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as taken, socket.socket() as probe:
        taken.bind(("127.0.0.1", 0))
        if scheme == "tcp":
            taken.listen()
        port = taken.getsockname()[1]
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
        probe.close()
        with pytest.raises(TransportFailed, match=f"{scheme}://127.0.0.1:{port}") as caught:
            await layer.bind(Listen("tcp", "127.0.0.1", free), Listen(scheme, "127.0.0.1", port))
        with socket.socket() as again:
            again.bind(("127.0.0.1", free))

    assert isinstance(caught.value.__cause__, OSError)
    await layer.aclose()


async def test_nothing_is_read_before_serving(autojump_clock: trio.testing.MockClock) -> None:
    async with MemoryNetwork.open() as network, trio.open_nursery() as nursery:
        recorder = Recorder()
        layer = TransportLayer(network.host("alice"), recorder)
        await layer.bind(Listen("udp", "0.0.0.0", 5060))
        async with open_layer(network.host("bob"), BOTH[0]) as (bob, _, _):
            bob.send_nowait(options(), await bob.flow_for("UDP", Address("192.0.2.1", 5060)))
            await trio.sleep(1)
            assert recorder.messages == []
            await nursery.start(layer.serve)
            await recorder.event("message")
        nursery.cancel_scope.cancel()


async def test_more_can_be_bound_while_serving(autojump_clock: trio.testing.MockClock) -> None:
    async with (
        MemoryNetwork.open() as network,
        open_layer(network.host("alice"), "udp://0.0.0.0:5060") as (alice, _, _),
        open_layer(network.host("bob")) as (bob, recorder, _),
    ):
        await bob.bind(*map(Listen.parse, BOTH))
        alice.send_nowait(options(), await alice.flow_for("UDP", BOB))
        alice.send_nowait(options(), await alice.flow_for("TCP", BOB))
        await recorder.event("message")
        await recorder.event("message")


@pytest.mark.parametrize(
    ("size", "transport", "expected"),
    [
        (1300, None, "UDP"),
        (1301, None, "TCP"),
        (1301, "udp", "UDP"),
        (10, "tcp", "TCP"),
    ],
)
async def test_x10_a_large_request_goes_over_tcp_unless_the_uri_says_udp(
    size: int, transport: str | None, expected: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with (
        MemoryNetwork.open() as network,
        open_layer(network.host("alice"), "udp://192.0.2.1:5060") as (layer, _, _),
        open_layer(network.host("bob"), *BOTH),
    ):
        flow = await layer.flow_for_request(BOB, size, transport)

    assert expected == flow.transport


async def test_x10_it_falls_back_to_udp_when_nobody_answers_on_tcp(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with (
        MemoryNetwork.open() as network,
        open_layer(network.host("alice"), "udp://192.0.2.1:5060") as (layer, _, _),
        open_layer(network.host("bob"), BOTH[0]),
    ):
        assert (await layer.flow_for_request(BOB, 2000)).transport == "UDP"
        with pytest.raises(TransportFailed):
            await layer.flow_for_request(BOB, 70000)


async def test_the_switch_to_tcp_can_be_turned_off(
    autojump_clock: trio.testing.MockClock,
) -> None:
    limits = TransportLimits(tcp_above=None)
    async with (
        MemoryNetwork.open() as network,
        open_layer(network.host("alice"), "udp://192.0.2.1:5060", limits=limits) as (a, _, _),
        open_layer(network.host("bob"), *BOTH),
    ):
        assert (await a.flow_for_request(BOB, 9000)).transport == "UDP"


async def test_without_a_udp_socket_of_the_family_tcp_is_taken(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with (
        MemoryNetwork.open() as network,
        open_layer(network.host("alice"), "udp://[2001:db8::1]:5060") as (layer, _, _),
        open_layer(network.host("bob"), *BOTH),
    ):
        assert (await layer.flow_for_request(BOB, 10)).transport == "TCP"


async def test_the_socket_that_the_routing_table_names_is_taken(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with MemoryNetwork.open() as network:
        alice = network.host("alice", "192.0.2.1", "192.0.2.77", "2001:db8::1")
        listens = ("udp://192.0.2.77:5060", "udp://192.0.2.1:5062", "udp://[::]:5060")
        async with open_layer(alice, *listens) as (layer, _, _):
            flow = await layer.flow_for("UDP", BOB)
            assert Address("192.0.2.1", 5062) == flow.local
            flow = await layer.flow_for("UDP", Address("2001:db8::2", 5060))
            assert layer.sent_by(flow) == "[2001:db8::1]:5060"
            with pytest.raises(TransportFailed):
                layer.send_nowait(b"", Flow("UDP", Address("192.0.2.1", 9), BOB))


async def test_on_a_stream_sent_by_is_the_port_that_is_listened_on(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with (
        MemoryNetwork.open() as network,
        open_layer(network.host("alice"), "tcp://0.0.0.0:5070") as (server, _, _),
        open_layer(network.host("bob"), *BOTH),
        open_layer(network.host("carol")) as (client, _, _),
    ):
        assert server.sent_by(await server.flow_for("TCP", BOB)) == "192.0.2.1:5070"
        flow = await client.flow_for("TCP", BOB)
        assert str(flow.local) == client.sent_by(flow)


async def test_names_resolve_and_addresses_need_no_thread() -> None:
    network = SocketNetwork()
    layer = TransportLayer(network, Recorder())

    assert [Address("192.0.2.1", 5060)] == list(await layer.resolve("192.0.2.1", None, "UDP"))
    assert [Address("2001:db8::1", 5)] == list(await layer.resolve("[2001:DB8:0::1]", 5, "TCP"))
    assert Address("127.0.0.1", 5060) in await layer.resolve("localhost", None, "UDP")
    for name in ("a" * 70 + ".example", "\udcff"):
        with pytest.raises(NoRoute):
            await layer.resolve(name, None, "UDP")


async def test_x09_a_datagram_that_the_kernel_has_no_room_for_counts_as_lost(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with (
        MemoryNetwork.open() as network,
        open_layer(network.host("alice"), "udp://192.0.2.1:5060") as (layer, recorder, _),
    ):
        socket = network.host("alice").datagrams_at(Address("192.0.2.1", 5060))
        assert socket is not None
        flow = await layer.flow_for("UDP", BOB)
        for number in (errno.ENOBUFS, errno.EAGAIN):
            socket.fail(OSError(number, "no room"))
            layer.send_nowait(options(), flow)
            await trio.testing.wait_all_tasks_blocked()
        socket.fail(OSError(errno.EPERM, "firewall"))
        layer.send_nowait(options(), flow)
        await recorder.event("closed")
        statistics = layer.statistics()

        assert (statistics.sends_dropped, statistics.sends_failed) == (2, 1)
        assert network.wires == []
        assert [(flow, "UDP 192.0.2.2:5060: firewall")] == [
            (closed, str(error)) for closed, error in recorder.closed
        ]


async def test_a_datagram_too_large_for_udp_is_refused_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with (
        MemoryNetwork.open() as network,
        open_layer(network.host("alice"), "udp://192.0.2.1:5060") as (layer, _, _),
    ):
        flow = await layer.flow_for("UDP", BOB)

        with pytest.raises(TransportFailed, match="do not fit a datagram"):
            layer.send_nowait(b"x" * 65508, flow)


async def test_no_route_to_a_host_is_said_before_sending(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with (
        MemoryNetwork.open() as network,
        open_layer(network.host("alice", "192.0.2.1"), "udp://0.0.0.0:5060") as (layer, _, _),
    ):
        with pytest.raises(NoRoute):
            layer.flow_nowait("UDP", Address("2001:db8::2", 5060))
        flow = layer.flow_nowait("UDP", BOB)
        assert flow is not None
        assert flow is layer.flow_nowait("UDP", BOB)
        assert layer.flow_nowait("TCP", BOB) is None
