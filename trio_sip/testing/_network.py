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

from trio_sip.transport import Address, Undelivered

from ._host import MemoryHost
from ._ladder import ladder
from ._rules import Pattern
from ._scheduling import deterministic_scheduling
from ._streams import MemoryConnection, Segment
from ._wire import Fate, Label, Wire

__all__ = ["Link", "MemoryNetwork"]

_LOOPBACK = {"127.0.0.1", "::1"}
_RETRANSMISSION_SECONDS = 0.2
# TEST-NET-1 and the documentation prefix: addresses that cannot be anybody's.
_FIRST_BLOCK = 254


@attrs.frozen(kw_only=True)
class Link:
    """How one host reaches another.  Seconds and probabilities.

    Streams lose nothing: there a loss costs the delay of a retransmission.
    """

    latency: float = 0.020
    """Each way."""

    jitter: float = 0.0
    """Up to so much more, evenly distributed.  More than the distance of packets reorders them."""

    loss: float = 0.0
    duplication: float = 0.0
    reordering: float = 0.0
    """The share of datagrams that are held back for up to `reordering_delay`."""

    reordering_delay: float = 0.1


@attrs.define(eq=False)
class _Path:
    """One direction between two hosts, with dice of its own: other links do not disturb it."""

    source: str
    destination: str
    link: Link
    dice: random.Random
    held: list[tuple[MemoryConnection, bytes | Segment]] = attrs.field(factory=list)
    """Segments that wait for the end of a partition."""


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
        self._aliases: dict[str, str] = {}
        self._paths: dict[tuple[str, str], _Path] = {}
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

    def addresses_of(self, name: str) -> tuple[str, ...]:
        """What a name resolves to; an address to itself, and an unknown name to nothing."""
        bare = name.strip("[]").lower()
        if bare.replace(".", "").isdigit() or ":" in bare:
            return (bare,)
        host = self._hosts.get(self._aliases.get(bare, name))
        return host.addresses if host else ()

    def host_at(self, address: str, asking: MemoryHost) -> MemoryHost | None:
        """Whose address it is; a loopback address is that of who asks."""
        return asking if address in _LOOPBACK else self._by_address.get(address)

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

    def _path(self, source: str, destination: str) -> _Path:
        path = self._paths.get((source, destination))
        if path is None:
            dice = random.Random(f"{self.seed} {source} {destination}")  # noqa: S311
            link = Link(latency=0.0) if source == destination else self._link
            path = self._paths[source, destination] = _Path(source, destination, link, dice)
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

    # -- what travels

    async def cross(self, source: str, destination: str) -> None:
        """Take as long as a packet does."""
        while self._is_cut(source, destination):
            await self._healed.park()
        path = self._path(source, destination)
        await trio.sleep(_delay(path.link, path.dice))

    def send_datagram(
        self, source: MemoryHost, data: bytes, local: Address, remote: Address
    ) -> None:
        """Put a datagram on its way, or lose it."""
        target = self.host_at(remote.host, source)
        path = self._path(source.name, target.name if target else remote.host)
        link, dice = path.link, path.dice
        # As many rolls for each datagram, whatever becomes of it: a test that changes one
        # probability keeps the rest of its trace.
        lost, doubled, late = dice.random(), dice.random(), dice.random()
        delay = _delay(link, dice)
        if late < link.reordering:
            delay += dice.random() * link.reordering_delay
        fate = Fate.DELIVERED
        if target is None or lost < link.loss or self._is_dropped(data, path):
            fate = Fate.LOST
        elif doubled < link.duplication:
            fate = Fate.DUPLICATED
        now = self._record("UDP", data, local, remote, fate)
        if target is None or fate is Fate.LOST:
            return
        self._schedule(now + delay, self._arrive, source, target, data, local, remote)
        if fate is Fate.DUPLICATED:
            again = now + delay + _delay(link, dice)
            self._schedule(again, self._arrive, source, target, data, local, remote)

    def _is_dropped(self, data: bytes, path: _Path) -> bool:
        if self._islands and self._is_cut(path.source, path.destination):
            return True
        if not self._rules:
            return False
        label = Label.of(data)
        return any(rule.take(label, path.source, path.destination) for rule in self._rules)

    def _arrive(
        self, source: MemoryHost, target: MemoryHost, data: bytes, local: Address, remote: Address
    ) -> None:
        socket = target.datagrams_at(remote)
        if socket is not None:
            socket.arrive(data, remote, local)
            return
        # Nobody is there: ICMP says so, if it gets through.
        back = self._path(target.name, source.name)
        if not self._is_cut(target.name, source.name):
            error = ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
            due = trio.current_time() + back.link.latency
            self._schedule(due, _tell, source, Undelivered(local, remote, error))

    def send_segment(self, connection: MemoryConnection, segment: bytes | Segment) -> None:
        """Put a piece of a stream on its way, or hold it until a partition is over."""
        if isinstance(segment, bytes):
            self._record("TCP", segment, connection.local, connection.remote, Fate.DELIVERED)
        path = self._path(connection.host.name, connection.peer_name)
        if self._is_cut(path.source, path.destination):
            path.held.append((connection, segment))
        else:
            self._post(path, connection, segment)

    def _post(self, path: _Path, connection: MemoryConnection, segment: bytes | Segment) -> None:
        delay = _delay(path.link, path.dice)
        wait = _RETRANSMISSION_SECONDS
        while path.dice.random() < path.link.loss < 1:
            delay += wait
            wait *= 2
        connection.last_due = max(trio.current_time() + delay, connection.last_due)
        self._schedule(connection.last_due, connection.other.arrive, segment)

    def _record(
        self, transport: str, data: bytes, source: Address, destination: Address, fate: Fate
    ) -> float:
        now = trio.current_time()
        self.wires.append(
            Wire(
                time=now,
                source=source,
                destination=destination,
                transport=transport,
                data=data,
                fate=fate,
            )
        )
        return now

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
        return {address: host.name for address, host in self._by_address.items()}

    def ladder(self, wires: Sequence[Wire] | None = None) -> str:
        """Draw what was sent: all of it, or the *wires* given."""
        return ladder(self.wires if wires is None else wires, self.names())


def _delay(link: Link, dice: random.Random) -> float:
    return link.latency + dice.random() * link.jitter


def _tell(source: MemoryHost, news: Undelivered) -> None:
    socket = source.datagrams_at(news.local)
    if socket is not None:
        socket.arrive_news(news)


def _default_addresses(number: int) -> tuple[str, str]:
    if number <= _FIRST_BLOCK:
        return f"192.0.2.{number}", f"2001:db8::{number:x}"
    return f"198.18.{number >> 8 & 255}.{number & 255}", f"2001:db8::{number:x}"
