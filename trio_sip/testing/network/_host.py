"""A host of the simulated network: what a program that runs there sees as its network."""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING

import trio

from trio_sip._errors import NoRoute
from trio_sip.testing._calling_line import calling_line
from trio_sip.transport import Address, NaptrRecord, Query, SrvRecord, Undelivered

from ._streams import MemoryConnection, MemoryListener

if TYPE_CHECKING:
    from ._nat import NatBox
    from ._network import MemoryNetwork

__all__ = ["MemoryDatagramSocket", "MemoryHost"]

_EPHEMERAL = 49152
_DEFAULT_PORT = 5060
_PORTS = {"TLS": 5061, "WS": 80, "WSS": 443}
_LOOPBACK = {"127.0.0.1", "::1"}
_GIVE_UP_SECONDS = 3.0
_News = deque[Undelivered]


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


class MemoryDatagramSocket:
    """A UDP socket of a simulated host."""

    def __init__(self, host: MemoryHost, local: Address) -> None:
        self.host = host
        self.local = local
        self._inbox: deque[tuple[bytes, tuple[Address, Address]]] = deque()
        self._news: _News = deque()
        self._failures: deque[OSError] = deque()
        self._closed = False
        self._lot = trio.lowlevel.ParkingLot()
        host.opened(self)

    async def wait_readable(self) -> None:
        """Wait for a datagram, or for news of one."""
        if self._inbox or self._news or self._closed:
            await trio.lowlevel.checkpoint()
        else:
            await self._lot.park()
        if self._closed:
            raise trio.ClosedResourceError("this socket was closed")

    def receive_nowait(self) -> tuple[bytes, Hashable]:
        """One datagram, and the pair of its addresses."""
        if self._news:
            raise self._news[0].error
        if not self._inbox:
            raise BlockingIOError(errno.EAGAIN, "no datagram")
        return self._inbox.popleft()

    def path_ends(self, path: Hashable) -> tuple[Address, Address]:
        """The local and the remote address of a path."""
        assert isinstance(path, tuple)
        return path

    def take_undelivered(self) -> Sequence[Undelivered]:
        """The news that has come."""
        news, self._news = self._news, deque()
        return list(news)

    def send_nowait(self, data: bytes, local: Address, remote: Address) -> None:
        """Send a datagram."""
        if self._closed:
            raise trio.ClosedResourceError("this socket was closed")
        if self._failures:
            raise self._failures.popleft()
        if local.is_wildcard:
            local = Address(self.host.source_host(remote), self.local.port)
        self.host.network.send_datagram(self.host, data, local, remote)

    def fail(self, error: OSError) -> None:
        """Let one send fail, as it does when the kernel has no buffer left."""
        self._failures.append(error)

    def arrive(self, data: bytes, local: Address, remote: Address) -> None:
        """Take what the network brings."""
        self._inbox.append((data, (local, remote)))
        self._lot.unpark_all()

    def arrive_news(self, news: Undelivered) -> None:
        """Take what ICMP says."""
        self._news.append(news)
        self._lot.unpark_all()

    def close(self) -> None:
        """Close it."""
        if not self._closed:
            self._closed = True
            self._lot.unpark_all()
            self.host.closed(self)


class MemoryHost:
    """One host: a `trio_sip.transport.Network` of its own.

    It has an IPv4 and an IPv6 address.  Wildcard addresses and ports work as usual, and names
    resolve to the hosts of the network.
    """

    def __init__(self, network: MemoryNetwork, name: str, addresses: tuple[str, ...]) -> None:
        self.network = network
        self.name = name
        self.addresses = addresses
        self.box: NatBox | None = None
        """The NAT box that it is behind."""

        self._next_port = _EPHEMERAL
        self._datagrams: dict[Address, MemoryDatagramSocket] = {}
        self._listeners: dict[Address, MemoryListener] = {}
        self.streams: list[MemoryConnection] = []
        """Stream ends that are open on this host."""
        self._openers: dict[object, str] = {}

    @property
    def open_sockets(self) -> int:
        """How many sockets and streams are open: 0 when everything was cleaned up."""
        return len(self._datagrams) + len(self._listeners) + len(self.streams)

    def open_lines(self) -> list[str]:
        """A line for each of them, with the line of the program that opened it."""
        return [
            f"{_KINDS[type(one)]} {one.local}, opened at {line}"
            for one, line in self._openers.items()
            if isinstance(one, MemoryDatagramSocket | MemoryListener | MemoryConnection)
        ]

    # -- sockets come and go

    def opened(self, one: MemoryDatagramSocket | MemoryListener | MemoryConnection) -> None:
        """Note a socket of this host."""
        self._openers[one] = calling_line()
        if isinstance(one, MemoryDatagramSocket):
            self._datagrams[one.local] = one
        elif isinstance(one, MemoryListener):
            self._listeners[one.local] = one
        else:
            self.streams.append(one)

    def closed(self, one: MemoryDatagramSocket | MemoryListener | MemoryConnection) -> None:
        """Forget a socket of this host."""
        self._openers.pop(one, None)
        if isinstance(one, MemoryDatagramSocket):
            self._datagrams.pop(one.local, None)
        elif isinstance(one, MemoryListener):
            self._listeners.pop(one.local, None)
        else:
            self.streams.remove(one)

    def forget_sockets(self) -> None:
        """Be without any, whoever has opened them: all that used them is over."""
        for memory in (self._datagrams, self._listeners, self._openers, self.streams):
            memory.clear()

    def bind_datagrams(self, local: Address) -> MemoryDatagramSocket:
        """Open a UDP socket."""
        return MemoryDatagramSocket(self, self._free(local, self._datagrams))

    def bind_connections(self, local: Address) -> MemoryListener:
        """Listen for streams."""
        return MemoryListener(self, self._free(local, self._listeners))

    def _free(self, local: Address, taken: Mapping[Address, object]) -> Address:
        if not (local.is_wildcard or local.host in _LOOPBACK or local.host in self.addresses):
            raise _error(errno.EADDRNOTAVAIL)
        if local.port == 0:
            return Address(local.host, self._ephemeral())
        if self._at(local, taken) is not None:
            raise _error(errno.EADDRINUSE)
        return local

    def _ephemeral(self) -> int:
        self._next_port += 1
        return self._next_port

    def _at(self, local: Address, sockets: Mapping[Address, object]) -> object | None:
        wildcard = "::" if local.is_ipv6 else "0.0.0.0"  # noqa: S104
        return sockets.get(local) or sockets.get(Address(wildcard, local.port))

    def datagrams_at(self, local: Address) -> MemoryDatagramSocket | None:
        """The UDP socket that packets to *local* go to."""
        found = self._at(local, self._datagrams)
        return found if isinstance(found, MemoryDatagramSocket) else None

    def listener_at(self, local: Address) -> MemoryListener | None:
        """What accepts streams to *local*."""
        found = self._at(local, self._listeners)
        return found if isinstance(found, MemoryListener) else None

    # -- the rest of a Network

    def source_host(self, remote: Address) -> str:
        """The address of this host that packets to *remote* leave from."""
        if remote.host in _LOOPBACK:
            return remote.host
        for address in self.addresses:
            if (":" in address) == remote.is_ipv6:
                return address
        raise _error(errno.ENETUNREACH)

    def _is_inside(self, remote: Address) -> bool:
        """Whether packets to *remote* stay on this side of its NAT box."""
        return remote.host in _LOOPBACK or (self.box is not None and remote.host in self.box.inside)

    def translated(self, local: Address, remote: Address, now: float) -> Address:
        """Where a datagram to *remote* comes from, as others see it."""
        if self.box is None or self._is_inside(remote):
            return local
        return self.box.send(self, local, remote, now)

    async def resolve(self, host: str, port: int | None, transport: str) -> Sequence[Address]:
        """The addresses of a host of this network."""
        await trio.lowlevel.checkpoint()
        port = _PORTS.get(transport, _DEFAULT_PORT) if port is None else port
        found = self.network.addresses_of(host, self)
        if not found:
            raise NoRoute(f"cannot resolve {host!r} for {transport}: no such host")
        return [Address(address, port) for address in found]

    async def records(self, query: Query) -> Sequence[NaptrRecord | SrvRecord]:
        """What `MemoryNetwork.add_records` was given for that name."""
        await trio.lowlevel.checkpoint()
        return self.network.records_of(query)

    async def connect(self, remote: Address) -> MemoryConnection:
        """Open a stream: one round trip."""
        server = self.network.host_at(remote.host, self)
        if server is None:
            await trio.sleep(_GIVE_UP_SECONDS)
            raise _error(errno.EHOSTUNREACH)
        local = Address(self.source_host(remote), self._ephemeral())
        await self.network.cross(self.name, server.name)
        listener = server.listener_at(remote)
        if listener is None:
            await self.network.cross(server.name, self.name)
            raise _error(errno.ECONNREFUSED)
        outside, nat = local, None
        if self.box is not None and not self._is_inside(remote):
            outside = self.box.open_stream(self, trio.current_time())
            nat = self.box, outside.port
        near = MemoryConnection(self, local, remote, server.name)
        far = MemoryConnection(server, remote, outside, self.name)
        near.other, far.other = far, near
        near.nat = far.nat = nat
        try:
            if not listener.offer(far):
                far.reset()
            await self.network.cross(server.name, self.name)
        except BaseException:
            near.reset()
            raise
        return near


_KINDS: dict[type, str] = {
    MemoryDatagramSocket: "UDP socket",
    MemoryListener: "TCP listener",
    MemoryConnection: "TCP connection",
}
