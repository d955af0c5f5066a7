"""A network in memory, on trio's clock, with every misfortune a real one has.

All of it is derived from one seed: the same seed gives the same trace, byte for byte.  One task
delivers everything: packets wait in a heap, and the task sleeps until the first one is due.
"""

from __future__ import annotations

import errno
import heapq
import itertools
import math
import os
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio

from trio_sip._errors import LocalProtocolError
from trio_sip.testing.recordings import Cause, Fate, Label, Wire, ladder
from trio_sip.transport import Address, NaptrRecord, Query, QueryKind, SrvRecord, Undelivered

from ._host import MemoryHost
from ._link import Link, Path
from ._nat import NatBox, NatKind
from ._rules import Pattern
from ._scheduling import deterministic_scheduling
from ._streams import MemoryConnection, Segment

__all__ = ["MemoryNetwork"]

_LOOPBACK = {"127.0.0.1", "::1"}
# By the number of copies that arrive.
_FATES = (Fate.LOST, Fate.DELIVERED, Fate.DUPLICATED)
# TEST-NET-1 and the documentation prefix: addresses that cannot be anybody's.
_FIRST_BLOCK = 254


class MemoryNetwork:
    """Hosts, and what is between them.

    Example::

        async with MemoryNetwork.open(seed=7, loss=0.3) as network:
            alice, bob = network.host("alice"), network.host("bob")
            ...                     # each is a `trio_sip.transport.Network`
            print(network.ladder())
    """

    def __init__(self, seed: int, link: Link) -> None:
        self.seed = seed
        self.wires: list[Wire] = []
        """Everything that was sent, in the order of sending."""

        self._link = link
        self._hosts: dict[str, MemoryHost] = {}
        self._by_address: dict[str, MemoryHost] = {}
        self._boxes: dict[str, NatBox] = {}
        self._aliases: dict[str, str] = {}
        self._records: dict[str, list[NaptrRecord | SrvRecord]] = {}
        self._paths: dict[tuple[str, str], Path] = {}
        self._rules: list[Pattern] = []
        self._islands: list[frozenset[str]] = []
        self._healed = trio.lowlevel.ParkingLot()
        self._sequence = itertools.count()
        # Any: whatever arguments the function takes.
        self._due: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._alarm = trio.CancelScope()

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        *,
        seed: int = 0,
        latency: float = 0.020,
        jitter: float = 0.0,
        loss: float = 0.0,
        duplication: float = 0.0,
        reordering: float = 0.0,
        mtu: float = math.inf,
        resets: float = 0.0,
    ) -> AsyncIterator[MemoryNetwork]:
        """Run a network inside the block.

        The keywords are those of `Link`, for all links that `link` and `one_way` leave alone.
        While the block runs, trio's order of tasks is derived from *seed* as well.
        """
        link = Link(
            latency=latency,
            jitter=jitter,
            loss=loss,
            duplication=duplication,
            reordering=reordering,
            mtu=mtu,
            resets=resets,
        )
        network = cls(seed, link)
        try:
            with deterministic_scheduling(seed):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(network.deliver, name="memory network")
                    yield network
                    nursery.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            # The error of the block leaves as itself; the nursery is nobody's business.
            if len(group.exceptions) == 1:
                raise group.exceptions[0] from None
            raise

    # -- hosts

    def host(self, name: str, *addresses: str) -> MemoryHost:
        """The host of that name, made when it is first asked for.

        Without *addresses* the first host gets 192.0.2.1 and 2001:db8::1, the next one .2, ….
        """
        if name not in self._hosts:
            number = len(self._hosts) + 1
            host = MemoryHost(self, name, addresses or _default_addresses(number))
            self._hosts[name] = host
            self._by_address.update(dict.fromkeys(host.addresses, host))
        return self._hosts[name]

    def alias(self, name: str, host: str) -> None:
        """Let another name, perhaps a domain, resolve to a host."""
        self._aliases[name.lower()] = host

    def add_records(self, name: str, *records: NaptrRecord | SrvRecord) -> None:
        """Let the domain name system of this network know more about *name*."""
        self._records.setdefault(name.lower(), []).extend(records)

    def records_of(self, query: Query) -> Sequence[NaptrRecord | SrvRecord]:
        """What it knows."""
        found = self._records.get(query.name.lower(), ())
        if query.kind is QueryKind.NAPTR:
            return [one for one in found if isinstance(one, NaptrRecord)]
        return [one for one in found if isinstance(one, SrvRecord)]

    def nat(
        self,
        *names: str,
        kind: NatKind = NatKind.PORT_RESTRICTED_CONE,
        lifetime: float = 30.0,
        stream_lifetime: float = 7440.0,
        hairpin: bool = False,
    ) -> NatBox:
        """Put hosts behind one NAT box.

        Their addresses become private ones, 10.0.0.1 and so on, and what was the first one's
        address is the public one of the box.  Others see that address, and so does `wires`.

        Args:
          names: the hosts; they are made if they are not there yet.
          lifetime: seconds for which a UDP mapping outlives the last packet out.
          stream_lifetime: seconds after which a silent TCP connection is forgotten.  What is
            sent on it then is answered with a reset.
          hairpin: whether hosts behind it reach each other by their public addresses.

        Raises:
          LocalProtocolError: no names, or one of them has open sockets or a NAT box already.
        """
        hosts = [self.host(name) for name in names]
        if not hosts or any(host.open_sockets or host.box for host in hosts):
            raise LocalProtocolError("a NAT box wants hosts without sockets or another box")
        public = next(one for one in hosts[0].addresses if ":" not in one)
        box = NatBox(
            public, kind, lifetime=lifetime, stream_lifetime=stream_lifetime, hairpin=hairpin
        )
        for number, host in enumerate(hosts, 1):
            for address in host.addresses:
                del self._by_address[address]
            private = f"10.0.{len(self._boxes)}.{number}"
            host.addresses, host.box = (private,), box
            box.inside[private] = host
        self._boxes[public] = box
        return box

    def addresses_of(self, name: str, asking: MemoryHost | None = None) -> tuple[str, ...]:
        """What a name resolves to; an address to itself, and an unknown name to nothing.

        Hosts behind a NAT box have their private address for each other only.
        """
        bare = name.strip("[]").lower()
        if bare.replace(".", "").isdigit() or ":" in bare:
            return (bare,)
        host = self._hosts.get(self._aliases.get(bare, name))
        if host is None:
            return ()
        if host.box is None or (asking is not None and asking.box is host.box):
            return host.addresses
        return (host.box.public,)

    def host_at(self, address: str, asking: MemoryHost) -> MemoryHost | None:
        """Whose address it is; a loopback address is that of who asks."""
        if address in _LOOPBACK:
            return asking
        if asking.box is not None and address in asking.box.inside:
            return asking.box.inside[address]
        return self._by_address.get(address)

    @property
    def open_sockets(self) -> int:
        """Sockets and streams that are open anywhere."""
        return sum(host.open_sockets for host in self._hosts.values())

    def open_lines(self) -> list[str]:
        """A line for each of them: what it is, and who opened it."""
        return [
            f"{name}: {line}" for name, host in self._hosts.items() for line in host.open_lines()
        ]

    # -- conditions

    def link(self, one: str, other: str, **changes: float) -> None:
        """Change the `Link` between two hosts, in both directions."""
        self.one_way(one, other, **changes)
        self.one_way(other, one, **changes)

    def one_way(self, source: str, destination: str, **changes: float) -> None:
        """Change the `Link` from one host to another, and not back."""
        path = self._path(source, destination)
        path.link = attrs.evolve(path.link, **changes)

    def _path(self, source: str, destination: str) -> Path:
        path = self._paths.get((source, destination))
        if path is None:
            dice = random.Random(f"{self.seed} {source} {destination}")  # noqa: S311
            link = Link(latency=0.0) if source == destination else self._link
            path = self._paths[source, destination] = Path(source, destination, link, dice)
        return path

    def drop(self, rule: Pattern) -> None:
        """Lose the datagrams that *rule* takes: ``drop(first(status=200, method="INVITE"))``."""
        self._rules.append(rule)

    def partition(self, *names: str) -> None:
        """Cut the named hosts off from all others.  Datagrams are lost, streams stall."""
        self._islands.append(frozenset(names))

    def heal(self) -> None:
        """End all partitions; what streams have sent meanwhile goes on its way."""
        self._islands.clear()
        self._healed.unpark_all()
        for path in self._paths.values():
            held, path.held = path.held, []
            for connection, segment in held:
                self._post(path, connection, segment)

    def _is_cut(self, source: str, destination: str) -> bool:
        return any((source in island) != (destination in island) for island in self._islands)

    def reset_streams(self, one: str, other: str) -> int:
        """Break every stream between two hosts; how many there were."""
        broken = [stream for stream in self.host(one).streams if stream.peer_name == other]
        for stream in broken:
            stream.arrive(Segment.RESET)
            stream.other.arrive(Segment.RESET)
        return len(broken)

    def half_open(self, one: str, other: str) -> int:
        """Let every stream between two hosts be gone at *one*, as in a crash; how many there were.

        *other* is not told: it finds out by the reset that answers whatever it sends.
        """
        gone = [stream for stream in self.host(one).streams if stream.peer_name == other]
        for stream in gone:
            stream.vanish()
        return len(gone)

    # -- what travels

    async def cross(self, source: str, destination: str) -> None:
        """Take as long as a packet does."""
        while self._is_cut(source, destination):
            await self._healed.park()
        await trio.sleep(self._path(source, destination).delay())

    def send_datagram(
        self, source: MemoryHost, data: bytes, local: Address, remote: Address
    ) -> None:
        """Put a datagram on its way, or lose it."""
        now = trio.current_time()
        target, box = self.host_at(remote.host, source), self._boxes.get(remote.host)
        if box is not None:
            target = box.host_of(remote.port)
        path = self._path(source.name, target.name if target else remote.host)
        passage = path.passage(len(data))
        outside = source.translated(local, remote, now)
        cause = passage.cause
        if target is None:
            cause = Cause.NOWHERE
        elif cause is None:
            cause = self._loss(data, path)
        if cause is None and box is not None and box is source.box and not box.hairpin:
            cause = Cause.NAT
        fate = Fate.LOST if cause else _FATES[len(passage.delays)]
        wire = self._record("UDP", data, outside, remote, fate, cause)
        if target is not None and cause is None:
            for delay in passage.delays:
                self._schedule(now + delay, self._arrive, wire, source, local, target)

    def _loss(self, data: bytes, path: Path) -> Cause | None:
        if self._islands and self._is_cut(path.source, path.destination):
            return Cause.PARTITION
        if not self._rules:
            return None
        label = Label.of(data)
        taken = any(rule.take(label, path.source, path.destination) for rule in self._rules)
        return Cause.RULE if taken else None

    def _arrive(self, wire: Wire, source: MemoryHost, local: Address, target: MemoryHost) -> None:
        remote = wire.destination
        box = self._boxes.get(remote.host)
        if box is not None:
            found = box.receive(remote.port, wire.source, trio.current_time())
            if found is None:
                self._lose(wire, Cause.NAT)
                return
            target, remote = found
        socket = target.datagrams_at(remote)
        if socket is not None:
            socket.arrive(wire.data, remote, wire.source)
            return
        # Nobody is there: ICMP says so, if it gets through.
        back = self._path(target.name, source.name)
        if box is None and not self._is_cut(target.name, source.name):
            error = ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
            due = trio.current_time() + back.link.latency
            self._schedule(due, _tell, source, Undelivered(local, remote, error))

    def _lose(self, wire: Wire, cause: Cause) -> None:
        """Correct the record of what was under way and did not arrive."""
        for place in range(len(self.wires) - 1, -1, -1):
            if self.wires[place] is wire:
                self.wires[place] = attrs.evolve(wire, fate=Fate.LOST, cause=cause)
                return

    def send_segment(
        self, connection: MemoryConnection, segment: bytes | Segment, *, recorded: bool = True
    ) -> None:
        """Put a piece of a stream on its way, or hold it until a partition is over."""
        now = trio.current_time()
        forgotten = connection.nat is not None and not connection.nat[0].passes(
            connection.nat[1], now
        )
        fate, cause = (Fate.LOST, Cause.NAT) if forgotten else (Fate.DELIVERED, None)
        if recorded and isinstance(segment, bytes):
            # As others see it: where the other end believes to be connected to.
            source = connection.other.remote
            self._record("TCP", segment, source, connection.remote, fate, cause)
        path = self._path(connection.host.name, connection.peer_name)
        if forgotten:
            self._schedule(now + path.delay(), connection.arrive, Segment.RESET)
        elif self._is_cut(path.source, path.destination):
            path.held.append((connection, segment))
        else:
            self._post(path, connection, segment)

    def record_message(self, connection: MemoryConnection, data: bytes, transport: str) -> None:
        """Note a message of a stream whose octets cannot be read: over TLS, for example."""
        source = connection.other.remote
        self._record(transport, data, source, connection.remote, Fate.DELIVERED, None)

    def _post(self, path: Path, connection: MemoryConnection, segment: bytes | Segment) -> None:
        due = trio.current_time() + path.stream_delay()
        if path.breaks():
            self._schedule(due, connection.arrive, Segment.RESET)
            segment = Segment.RESET
        connection.last_due = max(due, connection.last_due)
        self._schedule(connection.last_due, connection.other.arrive, segment)

    def _record(
        self,
        transport: str,
        data: bytes,
        source: Address,
        destination: Address,
        fate: Fate,
        cause: Cause | None,
    ) -> Wire:
        wire = Wire(
            time=trio.current_time(),
            source=source,
            destination=destination,
            transport=transport,
            data=data,
            fate=fate,
            cause=cause,
        )
        self.wires.append(wire)
        return wire

    # -- time

    def _schedule(self, due: float, function: Callable[..., None], *args: Any) -> None:
        heapq.heappush(self._due, (due, next(self._sequence), function, args))
        if due < self._alarm.deadline:
            self._alarm.deadline = due

    async def deliver(self) -> None:
        """Bring everything to its destination in time; `open` runs it."""
        due = self._due
        while True:
            first = due[0][0] if due else math.inf
            with trio.CancelScope(deadline=first) as self._alarm:
                await trio.sleep_forever()
            now = trio.current_time()
            while due and due[0][0] <= now:
                _, _, function, args = heapq.heappop(due)
                function(*args)

    # -- what was seen

    def names(self) -> dict[str | Address, str]:
        """The name for each address, as `ladder` wants them."""
        names: dict[str | Address, str] = {
            address: host.name for address, host in self._by_address.items()
        }
        for box in self._boxes.values():
            names.update(box.names())
        return names

    def ladder(self, wires: Sequence[Wire] | None = None) -> str:
        """Draw what was sent: all of it, or the *wires* given."""
        return ladder(self.wires if wires is None else wires, self.names())


def _tell(source: MemoryHost, news: Undelivered) -> None:
    socket = source.datagrams_at(news.local)
    if socket is not None:
        socket.arrive_news(news)


def _default_addresses(number: int) -> tuple[str, str]:
    if number <= _FIRST_BLOCK:
        return f"192.0.2.{number}", f"2001:db8::{number:x}"
    return f"198.18.{number >> 8 & 255}.{number & 255}", f"2001:db8::{number:x}"
