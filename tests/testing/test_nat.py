"""NAT boxes: whom they let in, for how long, and what others see."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import trio
import trio.testing

from trio_sip._errors import LocalProtocolError
from trio_sip.testing import Cause, Fate, MemoryNetwork, NatBox, NatKind, StreamReset
from trio_sip.testing.network._host import MemoryDatagramSocket
from trio_sip.transport import Address

INSIDE = Address("10.0.0.1", 5060)
PUBLIC = "192.0.2.1"
BOB, BOB_AGAIN = Address("192.0.2.2", 5060), Address("192.0.2.2", 5070)
CAROL = Address("192.0.2.3", 5060)


def taken(socket: MemoryDatagramSocket) -> list[tuple[bytes, Address]]:
    found: list[tuple[bytes, Address]] = []
    while True:
        try:
            data, path = socket.receive_nowait()
        except BlockingIOError:
            return found
        found.append((data, socket.path_ends(path)[1]))


class World:
    """Alice behind a box; Bob with two ports, and Carol, outside."""

    def __init__(self, network: MemoryNetwork, kind: NatKind) -> None:
        self.network = network
        network.host("alice")
        self.bob = network.host("bob").bind_datagrams(BOB)
        self.bob_again = network.host("bob").bind_datagrams(BOB_AGAIN)
        self.carol = network.host("carol").bind_datagrams(CAROL)
        self.box = network.nat("alice", kind=kind, lifetime=30)
        self.alice = network.host("alice").bind_datagrams(Address("0.0.0.0", 5060))

    async def seen_by(self, socket: MemoryDatagramSocket) -> Address:
        """The address that a datagram of Alice comes from."""
        self.alice.send_nowait(b"x", INSIDE, socket.local)
        await trio.sleep(0.1)
        ((_, source),) = taken(socket)
        return source

    async def reaches_alice(self, socket: MemoryDatagramSocket, public: Address) -> bool:
        socket.send_nowait(b"y", socket.local, public)
        await trio.sleep(0.1)
        return [(b"y", socket.local)] == taken(self.alice)


@pytest.fixture
async def network() -> AsyncIterator[MemoryNetwork]:
    async with MemoryNetwork.open() as network:
        yield network


@pytest.mark.parametrize(
    ("kind", "bob_again", "carol"),
    [
        (NatKind.FULL_CONE, True, True),
        (NatKind.RESTRICTED_CONE, True, False),
        (NatKind.PORT_RESTRICTED_CONE, False, False),
        (NatKind.SYMMETRIC, False, False),
    ],
)
async def test_who_gets_in_follows_from_the_kind(
    kind: NatKind,
    bob_again: bool,
    carol: bool,
    network: MemoryNetwork,
    autojump_clock: trio.testing.MockClock,
) -> None:
    world = World(network, kind)
    public = await world.seen_by(world.bob)

    assert PUBLIC == public.host
    assert await world.reaches_alice(world.bob, public)
    assert bob_again == await world.reaches_alice(world.bob_again, public)
    assert carol == await world.reaches_alice(world.carol, public)
    blocked = [wire for wire in network.wires if wire.cause is Cause.NAT]
    assert [Fate.LOST] * (2 - bob_again - carol) == [wire.fate for wire in blocked]


@pytest.mark.parametrize("kind", NatKind)
async def test_a_symmetric_box_has_a_port_for_each_destination(
    kind: NatKind, network: MemoryNetwork, autojump_clock: trio.testing.MockClock
) -> None:
    world = World(network, kind)
    ports = {(await world.seen_by(one)).port for one in (world.bob, world.bob_again, world.carol)}

    assert (3 if kind is NatKind.SYMMETRIC else 1) == len(ports)
    assert len(ports) == len(list(world.box.mappings(trio.current_time())))


async def test_what_goes_out_keeps_a_mapping_and_what_comes_in_does_not(
    network: MemoryNetwork, autojump_clock: trio.testing.MockClock
) -> None:
    world = World(network, NatKind.FULL_CONE)
    public = await world.seen_by(world.bob)
    await trio.sleep(20)
    assert public == await world.seen_by(world.bob)
    await trio.sleep(20)
    assert await world.reaches_alice(world.bob, public)
    await trio.sleep(20)

    assert not await world.reaches_alice(world.bob, public)
    assert public != await world.seen_by(world.bob)
    world.box.forget()
    assert [] == list(world.box.mappings(trio.current_time()))


async def test_a_filter_forgets_one_destination_while_another_keeps_the_mapping(
    network: MemoryNetwork, autojump_clock: trio.testing.MockClock
) -> None:
    world = World(network, NatKind.RESTRICTED_CONE)
    public = await world.seen_by(world.carol)
    for _ in range(3):
        await trio.sleep(20)
        assert public == await world.seen_by(world.bob)

    assert not await world.reaches_alice(world.carol, public)
    assert await world.reaches_alice(world.bob, public)


@pytest.mark.parametrize("hairpin", [False, True])
async def test_two_behind_one_box(
    hairpin: bool, network: MemoryNetwork, autojump_clock: trio.testing.MockClock
) -> None:
    network.host("bob")
    box = network.nat("alice", "dora", kind=NatKind.FULL_CONE, hairpin=hairpin)
    dora = network.host("dora")
    here, there = INSIDE, Address("10.0.0.2", 5060)
    a, d = network.host("alice").bind_datagrams(here), dora.bind_datagrams(there)
    a.send_nowait(b"1", here, there)
    await trio.sleep(0.1)
    assert [(b"1", here)] == taken(d)
    a.send_nowait(b"2", here, BOB)
    ((_, public),) = box.mappings(trio.current_time())
    d.send_nowait(b"3", there, public)
    await trio.sleep(0.1)

    assert hairpin == ([b"3"] == [data for data, _ in taken(a)])
    assert "alice" == network.names()[public] == network.names()["10.0.0.1"]
    assert [Address("10.0.0.2", 5)] == await network.host("alice").resolve("dora", 5, "UDP")
    assert [Address(box.public, 5)] == await network.host("bob").resolve("dora", 5, "UDP")


async def test_both_ends_behind_boxes_meet_when_both_have_sent(
    network: MemoryNetwork, autojump_clock: trio.testing.MockClock
) -> None:
    network.nat("alice")
    network.host("relay", "198.51.100.1")
    network.nat("bob", kind=NatKind.PORT_RESTRICTED_CONE)
    relay = network.host("relay").bind_datagrams(Address("198.51.100.1", 1))
    ends = [
        network.host(name).bind_datagrams(Address(f"10.0.{number}.1", 5060))
        for number, name in enumerate(("alice", "bob"))
    ]
    publics = []
    for end in ends:
        end.send_nowait(b"who am I?", end.local, relay.local)
        await trio.sleep(0.1)
        publics.append(taken(relay)[0][1])
    # Both at once: each lets the other's packet in because its own has gone out before.
    ends[0].send_nowait(b"to bob", ends[0].local, publics[1])
    ends[1].send_nowait(b"to alice", ends[1].local, publics[0])
    await trio.sleep(0.1)

    assert [(b"to alice", publics[1])] == taken(ends[0])
    assert [(b"to bob", publics[0])] == taken(ends[1])


async def test_nobody_outside_reaches_a_private_address_or_a_closed_port(
    network: MemoryNetwork, autojump_clock: trio.testing.MockClock
) -> None:
    world = World(network, NatKind.FULL_CONE)

    for address in (INSIDE, Address(PUBLIC, 5060)):
        assert not await world.reaches_alice(world.bob, address)
    assert [Cause.NOWHERE, Cause.NAT] == [wire.cause for wire in network.wires]
    with pytest.raises(OSError, match="No route"):
        await network.host("bob").connect(Address(PUBLIC, 5060))


async def test_connections_go_out_and_are_forgotten_when_they_are_silent(
    network: MemoryNetwork, autojump_clock: trio.testing.MockClock
) -> None:
    listener = network.host("server", "198.51.100.1").bind_connections(Address("0.0.0.0", 5060))
    box: NatBox = network.nat("alice", stream_lifetime=300)
    near = await network.host("alice").connect(Address("198.51.100.1", 5060))
    far = await listener.accept()
    assert isinstance(far, type(near))
    assert box.public == far.remote.host
    for pause in (200, 200):
        await trio.sleep(pause)
        far.send_some_nowait(b"ping")
        assert b"ping" == await near.receive_some()
    assert far.remote == network.wires[-1].destination
    await near.send_all(b"pong")
    assert far.remote == network.wires[-1].source
    await trio.sleep(301)
    far.send_some_nowait(b"are you there?")
    await trio.sleep(1)

    assert Cause.NAT is network.wires[-1].cause
    with pytest.raises(StreamReset):
        await far.receive_some()


async def test_a_box_wants_hosts_that_it_can_readdress(
    network: MemoryNetwork, autojump_clock: trio.testing.MockClock
) -> None:
    network.host("alice").bind_datagrams(Address("192.0.2.1", 1))
    network.nat("bob")
    for names in ((), ("alice",), ("bob",)):
        with pytest.raises(LocalProtocolError):
            network.nat(*names)
