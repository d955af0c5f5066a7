"""The simulated network: as bad as told, and the same every time."""

from __future__ import annotations

import errno

import pytest
import trio
import trio.testing

from trio_sip._errors import NoRoute
from trio_sip.testing import (
    Fate,
    MemoryHost,
    MemoryNetwork,
    StreamReset,
    deterministic_scheduling,
    every,
    first,
)
from trio_sip.testing.network._host import MemoryDatagramSocket
from trio_sip.transport import Address

A, B = Address("192.0.2.1", 5060), Address("192.0.2.2", 5060)
INVITE = b"INVITE sip:b SIP/2.0\r\nCSeq: 1 INVITE\r\n\r\n"
OK = b"SIP/2.0 200 OK\r\nCSeq: 1 INVITE\r\n\r\n"


def pair(network: MemoryNetwork) -> tuple[MemoryDatagramSocket, MemoryDatagramSocket]:
    alice, bob = network.host("alice"), network.host("bob")
    return alice.bind_datagrams(A), bob.bind_datagrams(B)


def taken(socket: MemoryDatagramSocket) -> list[bytes]:
    found = []
    while True:
        try:
            found.append(socket.receive_nowait()[0])
        except BlockingIOError:
            return found


async def test_a_datagram_takes_the_latency_of_its_link(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with MemoryNetwork.open() as network:
        a, b = pair(network)
        network.one_way("bob", "alice", latency=1.5)
        a.send_nowait(b"1", A, B)
        await b.wait_readable()
        assert trio.current_time() == pytest.approx(0.020)
        b.send_nowait(b"2", B, A)
        await a.wait_readable()
        assert trio.current_time() == pytest.approx(1.520)
        data, path = a.receive_nowait()

        assert (data, (A, B)) == (b"2", a.path_ends(path))


async def conversation(
    seed: int, rounds: int
) -> tuple[list[tuple[float, str, bytes, Fate]], list[bytes]]:
    """Thirty clients talk to an echo, all at once; what was seen."""
    async with MemoryNetwork.open(
        seed=seed, loss=0.2, duplication=0.1, jitter=0.05, reordering=0.1
    ) as network:
        server = network.host("server").bind_datagrams(A)
        arrived: list[bytes] = []

        async def echo() -> None:
            while True:
                await server.wait_readable()
                for data in taken(server):
                    arrived.append(data)
                    server.send_nowait(data, A, Address(f"192.0.2.{int(data[:2])}", 9))

        async def client(number: int) -> None:
            host = network.host(f"client {number}", f"192.0.2.{number}")
            socket = host.bind_datagrams(Address(f"192.0.2.{number}", 9))
            for count in range(rounds):
                socket.send_nowait(b"%d %d" % (number, count), socket.local, A)
                with trio.move_on_after(0.5):
                    await socket.wait_readable()
                taken(socket)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(echo)
            async with trio.open_nursery() as clients:
                for number in range(10, 40):
                    clients.start_soon(client, number)
            nursery.cancel_scope.cancel()
        start = network.wires[0].time
        wires = [(w.time - start, str(w.source), w.data, w.fate) for w in network.wires]
        return wires, arrived


def run(seed: int, rounds: int) -> object:
    clock = trio.testing.MockClock(autojump_threshold=0)
    return trio.run(conversation, seed, rounds, clock=clock)


def test_the_same_seed_gives_the_same_trace_byte_for_byte() -> None:
    first_trace = run(5, 5)

    assert first_trace == run(5, 5)
    assert first_trace != run(6, 5)


def test_a_hundred_runs_of_thirty_peers_are_one_and_the_same() -> None:
    first_trace = run(5, 1)

    assert all(run(5, 1) == first_trace for _ in range(99))


def test_deterministic_scheduling_still_works_with_this_trio() -> None:
    async def order() -> list[int]:
        seen: list[int] = []

        async def note(number: int) -> None:
            for _ in range(5):
                await trio.lowlevel.checkpoint()
                seen.append(number)

        with deterministic_scheduling(1):
            async with trio.open_nursery() as nursery:
                for number in range(10):
                    nursery.start_soon(note, number)
        return seen

    orders = [trio.run(order) for _ in range(10)]

    assert all(one == orders[0] for one in orders)


async def test_loss_and_duplication_are_as_frequent_as_told(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with MemoryNetwork.open(seed=3, loss=0.3, duplication=0.2) as network:
        a, b = pair(network)
        for number in range(2000):
            a.send_nowait(b"%d" % number, A, B)
        await trio.sleep(1)
        fates = [w.fate for w in network.wires]

        assert 540 < fates.count(Fate.LOST) < 660
        assert 230 < fates.count(Fate.DUPLICATED) < 330
        assert len(taken(b)) == 2000 - fates.count(Fate.LOST) + fates.count(Fate.DUPLICATED)


async def test_datagrams_overtake_each_other_only_when_told(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with MemoryNetwork.open(seed=3) as network:
        a, b = pair(network)
        sent = [b"%d" % number for number in range(100)]
        for reordering in (0.0, 0.3):
            network.link("alice", "bob", reordering=reordering)
            for data in sent:
                a.send_nowait(data, A, B)
            await trio.sleep(1)
            got = taken(b)

            assert sorted(got) == sorted(sent)
            assert (got == sent) == (reordering == 0.0)


async def test_one_changed_link_leaves_the_fate_of_others_alone(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def fates(changed: float) -> list[Fate]:
        async with MemoryNetwork.open(seed=9, loss=0.5) as network:
            a, b = pair(network)
            network.one_way("bob", "alice", loss=changed)
            for _ in range(100):
                b.send_nowait(b"x", B, A)
                a.send_nowait(b"x", A, B)
            return [w.fate for w in network.wires if w.source == A]

    assert await fates(0.1) == await fates(0.9)


async def test_scripted_losses(autojump_clock: trio.testing.MockClock) -> None:
    async with MemoryNetwork.open() as network:
        a, b = pair(network)
        network.drop(first(status=200, method="INVITE"))
        network.drop(every(method="INVITE", source="bob"))
        network.drop(first(2, destination="nobody"))
        for _ in range(2):
            a.send_nowait(INVITE, A, B)
            b.send_nowait(INVITE, B, A)
            b.send_nowait(OK, B, A)
        await trio.sleep(1)

        assert taken(b) == [INVITE, INVITE]
        assert taken(a) == [OK]
        assert network.ladder() == (
            "          alice                     bob\n"
            "   0.000  |----------INVITE-------->|\n"
            "   0.000  |x-----INVITE (lost)------|\n"
            "   0.000  |x--200 (INVITE) (lost)---|\n"
            "   0.000  |----------INVITE-------->|\n"
            "   0.000  |x-----INVITE (lost)------|\n"
            "   0.000  |<------200 (INVITE)------|\n"
        )


async def test_a_port_that_nobody_listens_on_is_reported(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with MemoryNetwork.open() as network:
        a, _ = pair(network)
        a.send_nowait(b"x", A, Address(B.host, 9))
        await a.wait_readable()
        with pytest.raises(ConnectionRefusedError):
            a.receive_nowait()
        (news,) = a.take_undelivered()

        assert (news.local, news.remote) == (A, Address(B.host, 9))
        assert trio.current_time() == pytest.approx(0.040)
        # An address that does not exist is a black hole.
        a.send_nowait(b"x", A, Address("203.0.113.9", 9))
        assert network.wires[-1].fate is Fate.LOST


async def test_a_partition_loses_datagrams_and_stalls_streams_until_healed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with MemoryNetwork.open() as network:
        a, b = pair(network)
        alice, bob = network.host("alice"), network.host("bob")
        listener = bob.bind_connections(B)
        near = await alice.connect(B)
        far = await listener.accept()
        network.partition("bob")
        a.send_nowait(b"x", A, B)
        await near.send_all(b"one ")
        await trio.sleep(10)
        assert taken(b) == []
        network.heal()
        await near.send_all(b"two")
        with trio.fail_after(1):
            data = await far.receive_some()
            data += await far.receive_some() if len(data) < 7 else b""

        assert data == b"one two"


async def test_a_stream_keeps_its_order_under_loss_and_jitter(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with MemoryNetwork.open(seed=2, loss=0.3, jitter=0.5) as network:
        alice, bob = network.host("alice"), network.host("bob")
        listener = bob.bind_connections(B)
        near = await alice.connect(B)
        far = await listener.accept()
        sent = b"".join(b"%05d" % number for number in range(40000))
        seen = bytearray()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(near.send_all, sent)
            while len(seen) < len(sent):
                seen += await far.receive_some(1000)  # type: ignore[call-arg]

        assert bytes(seen) == sent


async def test_ends_and_resets_of_streams(autojump_clock: trio.testing.MockClock) -> None:
    async with MemoryNetwork.open() as network:
        alice, bob = network.host("alice"), network.host("bob")
        listener = bob.bind_connections(Address("::", 5060))
        remote = Address("2001:db8::2", 5060)
        near, far = await alice.connect(remote), await listener.accept()
        await near.send_all(b"bye")
        await near.aclose()
        assert [await far.receive_some(), await far.receive_some()] == [b"bye", b""]
        far.send_some_nowait(b"too late")
        await trio.sleep(1)
        with pytest.raises(StreamReset):
            await far.receive_some()
        far.close()

        near, far = await alice.connect(remote), await listener.accept()
        assert network.reset_streams("alice", "bob") == 1
        for stream in (near, far):
            with pytest.raises(trio.BrokenResourceError):
                stream.send_some_nowait(b"x")
            stream.close()
            with pytest.raises(trio.ClosedResourceError):
                await stream.receive_some()
        listener.close()
        with pytest.raises(ConnectionRefusedError):
            await alice.connect(remote)
        with pytest.raises(OSError, match="No route"):
            await alice.connect(Address("203.0.113.9", 1))
        assert network.open_sockets == 0


async def test_binding_names_and_addresses(autojump_clock: trio.testing.MockClock) -> None:
    async with MemoryNetwork.open() as network:
        alice, bob = network.host("alice"), network.host("bob", "203.0.113.7")
        network.alias("example.com", "bob")
        assert isinstance(bob, MemoryHost)
        first_port = alice.bind_datagrams(Address("0.0.0.0", 0)).local.port
        assert first_port != alice.bind_datagrams(Address("0.0.0.0", 0)).local.port
        with pytest.raises(OSError, match="in use") as caught:
            alice.bind_datagrams(Address("192.0.2.1", first_port))
        assert caught.value.errno == errno.EADDRINUSE
        with pytest.raises(OSError, match="assign"):
            alice.bind_connections(Address("203.0.113.7", 5060))
        with pytest.raises(OSError, match="unreachable"):
            bob.source_host(Address("2001:db8::1", 1))

        assert await alice.resolve("Example.COM", None, "UDP") == [Address("203.0.113.7", 5060)]
        assert await bob.resolve("alice", 7, "TCP") == [
            Address("192.0.2.1", 7),
            Address("2001:db8::1", 7),
        ]
        assert await bob.resolve("[::1]", 7, "TCP") == [Address("::1", 7)]
        with pytest.raises(NoRoute):
            await bob.resolve("carol", None, "UDP")
        assert network.host("far", *()).addresses == ("192.0.2.3", "2001:db8::3")


async def test_an_error_inside_the_block_leaves_as_itself(
    autojump_clock: trio.testing.MockClock,
) -> None:
    with pytest.raises(ZeroDivisionError):
        async with MemoryNetwork.open():
            raise ZeroDivisionError


async def test_a_wildcard_socket_sees_the_address_that_was_asked(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with MemoryNetwork.open() as network:
        server = network.host("server", "192.0.2.1", "192.0.2.99")
        socket = server.bind_datagrams(Address("0.0.0.0", 5060))
        client = network.host("client", "192.0.2.2").bind_datagrams(B)
        client.send_nowait(b"x", B, Address("192.0.2.99", 5060))
        await socket.wait_readable()
        _, path = socket.receive_nowait()

        assert socket.path_ends(path) == (Address("192.0.2.99", 5060), B)
        socket.close()
        with pytest.raises(trio.ClosedResourceError):
            await socket.wait_readable()
