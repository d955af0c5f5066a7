"""What a transport needs of a network, so that a simulated one can stand in for the real one."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Protocol

import attrs

from ._address import Address
from ._resolver import NaptrRecord, Query, SrvRecord

__all__ = ["Connection", "ConnectionListener", "DatagramSocket", "Network", "Undelivered"]


@attrs.frozen
class Undelivered:
    """News of a datagram that found nobody: what ICMP reports."""

    local: Address
    remote: Address
    error: OSError


class DatagramSocket(Protocol):
    """A bound UDP socket.  Only `wait_readable` waits."""

    @property
    def local(self) -> Address:
        """What it is bound to: perhaps a wildcard."""

    async def wait_readable(self) -> None:
        """Wait until there may be a datagram, or news of an undelivered one."""

    def receive_nowait(self) -> tuple[bytes, Hashable]:
        """One datagram and the path it took: an opaque key for `path_ends`, cheap to hash.

        Raises:
          BlockingIOError: nothing is there.
          OSError: news of an undelivered datagram is there.
        """

    def path_ends(self, path: Hashable) -> tuple[Address, Address]:
        """The local and the remote address of a path."""

    def take_undelivered(self) -> Sequence[Undelivered]:
        """The news that has come in since the last time."""

    def send_nowait(self, data: bytes, local: Address, remote: Address) -> None:
        """Send from *local*, which is of interest when the socket is bound to a wildcard.

        Raises:
          OSError: it was not sent; `BlockingIOError` when there is no room for it now.
        """

    def close(self) -> None:
        """Close it; whoever waits gets `trio.ClosedResourceError`."""


class Connection(Protocol):
    """One end of a byte stream."""

    @property
    def local(self) -> Address: ...
    @property
    def remote(self) -> Address: ...

    async def receive_some(self) -> bytes:
        """Some octets; ``b""`` when the other side has finished.  OSError when it broke."""

    def send_some_nowait(self, data: bytes | memoryview) -> int:
        """How many octets were taken: 0 when there is no room.  OSError when it broke."""

    async def wait_writable(self) -> None:
        """Wait until there may be room."""

    def send_eof(self) -> None:
        """Say that nothing more will be sent."""

    def close(self) -> None:
        """Close it at once; whoever waits on it gets `trio.ClosedResourceError`."""


class ConnectionListener(Protocol):
    """A bound stream socket."""

    @property
    def local(self) -> Address: ...

    async def accept(self) -> Connection:
        """The next connection.  OSError when none could be made; always a checkpoint."""

    def close(self) -> None:
        """Stop listening; whoever waits gets `trio.ClosedResourceError`."""


class Network(Protocol):
    """Sockets and names.  Binding never waits; all addresses are numeric."""

    def bind_datagrams(self, local: Address) -> DatagramSocket:
        """Open a UDP socket; port 0 lets the network choose.  OSError when it cannot be had."""

    def bind_connections(self, local: Address) -> ConnectionListener:
        """Listen for streams."""

    async def connect(self, remote: Address) -> Connection:
        """Open a stream.  OSError when nobody answers; takes as long as it takes."""

    def source_host(self, remote: Address) -> str:
        """The address of ours that packets to *remote* leave from.  OSError: no way there."""

    async def resolve(self, host: str, port: int | None, transport: str) -> Sequence[Address]:
        """The addresses of a name, best first; those of an address are itself.

        Raises:
          NoRoute: the name leads nowhere.
        """

    async def records(self, query: Query) -> Sequence[NaptrRecord | SrvRecord]:
        """The NAPTR or SRV records that *query* asks for; none, if nobody knows of any."""
