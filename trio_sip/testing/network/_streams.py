"""Byte streams of the simulated network: reliable, ordered, late, and breakable."""

from __future__ import annotations

import enum
from collections import deque
from typing import TYPE_CHECKING

import trio

from trio_sip.transport import Address, Connection

if TYPE_CHECKING:
    from ._host import MemoryHost
    from ._nat import NatBox

__all__ = ["MemoryConnection", "MemoryListener", "Segment", "StreamReset"]

_WINDOW = 65536
_BACKLOG = 128


class Segment(enum.Enum):
    """What crosses the network beside data."""

    END = "end"
    RESET = "reset"


class StreamReset(ConnectionResetError, trio.BrokenResourceError):
    """The other side reset the stream: an `OSError` as from a socket, and trio's word for it."""

    def __init__(self) -> None:
        super().__init__("connection reset")


class MemoryConnection(trio.abc.HalfCloseableStream):
    """One end of a stream.  What the other end has not read yet fills its window."""

    def __init__(self, host: MemoryHost, local: Address, remote: Address, peer: str) -> None:
        self.host = host
        self.local = local
        self.remote = remote
        self.peer_name = peer
        self.other: MemoryConnection
        self.last_due: float = 0.0
        """When the latest segment arrives: none overtakes it."""

        self.nat: tuple[NatBox, int] | None = None
        """What it passes through, and its public port there."""

        self._veil: str | None = None
        self._vanished = False
        self._inbox = bytearray()
        self._unread = 0
        self._broken = False
        self._ended = False
        self._finished = False
        self._closed = False
        self._readable = trio.lowlevel.ParkingLot()
        self._writable = trio.lowlevel.ParkingLot()
        host.opened(self)

    # -- receiving

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Some bytes; ``b""`` at the end.  `StreamReset` when it broke."""
        await trio.lowlevel.checkpoint()
        while not self._inbox:
            self._check()
            if self._ended:
                return b""
            await self._readable.park()
        self._check()
        data = bytes(self._inbox[:max_bytes])
        del self._inbox[: len(data)]
        self.other._make_room(len(data))
        return data

    def _check(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError("this stream was closed")
        if self._broken:
            raise StreamReset

    def _make_room(self, size: int) -> None:
        self._unread -= size
        self._writable.unpark_all()

    def arrive(self, segment: bytes | Segment) -> None:
        """Take what the network brings."""
        if self._closed or self._vanished:
            # Like a kernel: data for a socket that nobody has any more is answered with a reset.
            if isinstance(segment, bytes):
                self.host.network.send_segment(self, Segment.RESET)
            return
        if segment is Segment.END:
            self._ended = True
        elif segment is Segment.RESET:
            self._broken = True
            self._inbox.clear()
        else:
            self._inbox += segment
        self._readable.unpark_all()
        self._writable.unpark_all()

    # -- sending

    def send_some_nowait(self, data: bytes | memoryview) -> int:
        """Send as much of *data* as the other end's window has room for."""
        self._check()
        if self._finished:
            raise trio.ClosedResourceError("its end was sent")
        size = min(len(data), _WINDOW - self._unread)
        if size > 0:
            self._unread += size
            self.host.network.send_segment(self, bytes(data[:size]), recorded=self._veil is None)
        return max(size, 0)

    def veil(self, transport: str) -> None:
        """What is sent from now on means nothing to a reader: `sent_message` tells what it is."""
        self._veil = transport

    def sent_message(self, data: bytes) -> None:
        """Record a message that is on its way in another guise."""
        self.host.network.record_message(self, data, self._veil or "TCP")

    def received_message(self, data: bytes) -> None:
        """Its sender has recorded it."""

    async def wait_writable(self) -> None:
        """Wait until the window has room."""
        await trio.lowlevel.checkpoint()
        self._check()
        while self._unread >= _WINDOW:
            await self._writable.park()
            self._check()

    async def wait_send_all_might_not_block(self) -> None:
        """The same, as trio names it."""
        await self.wait_writable()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send all of *data*, waiting for room."""
        rest = bytes(data)
        await self.wait_writable()
        while rest:
            await self.wait_writable()
            rest = rest[self.send_some_nowait(rest) :]

    def send_eof(self) -> None:  # type: ignore[override]  # see below
        """Say that nothing more comes.

        Nothing has to be waited for, so unlike trio's it is synchronous.
        """
        self._check()
        if not self._finished:
            self._finished = True
            self.host.network.send_segment(self, Segment.END)

    # -- the end

    def close(self) -> None:
        """Close it: an end after what was sent, or a reset when there is unread input."""
        self._leave(Segment.RESET if self._inbox else Segment.END)

    def reset(self) -> None:
        """Break it, as a crash or a firewall does: the other side gets `StreamReset`."""
        self._leave(Segment.RESET)

    def vanish(self) -> None:
        """Be gone without a word, as in a crash: what the other side sends is answered by a reset."""
        self._vanished = self._broken = True
        self._inbox.clear()
        self._readable.unpark_all()
        self._writable.unpark_all()

    def _leave(self, segment: Segment) -> None:
        if self._closed:
            return
        self._closed = True
        if not self._broken and not (self._finished and segment is Segment.END):
            self.host.network.send_segment(self, segment)
        self._readable.unpark_all()
        self._writable.unpark_all()
        self.host.closed(self)

    async def aclose(self) -> None:
        """Close it."""
        self.close()
        await trio.lowlevel.checkpoint()


class MemoryListener:
    """Accepts streams on one address."""

    def __init__(self, host: MemoryHost, local: Address) -> None:
        self.host = host
        self.local = local
        self._waiting: deque[MemoryConnection] = deque()
        self._failures: deque[OSError] = deque()
        self._closed = False
        self._lot = trio.lowlevel.ParkingLot()
        host.opened(self)

    async def accept(self) -> Connection:
        """The next stream."""
        await trio.lowlevel.checkpoint()
        while True:
            if self._closed:
                raise trio.ClosedResourceError("this listener was closed")
            if self._failures:
                raise self._failures.popleft()
            if self._waiting:
                return self._waiting.popleft()
            await self._lot.park()

    def fail(self, error: OSError) -> None:
        """Let one `accept` fail, as it does for want of file descriptors."""
        self._failures.append(error)
        self._lot.unpark_all()

    def offer(self, connection: MemoryConnection) -> bool:
        """Queue a stream; ``False`` when too many wait."""
        if len(self._waiting) >= _BACKLOG:
            return False
        self._waiting.append(connection)
        self._lot.unpark_all()
        return True

    def close(self) -> None:
        """Stop listening; streams that nobody has accepted are reset."""
        if not self._closed:
            self._closed = True
            self._lot.unpark_all()
            for connection in self._waiting:
                connection.reset()
            self.host.closed(self)
