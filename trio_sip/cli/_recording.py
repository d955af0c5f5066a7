"""A network that remembers what went over it: for ladders, and to tell who answered when."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import Protocol

import attrs
import trio

from trio_sip._errors import RemoteProtocolError
from trio_sip.message import MessageStream, StreamEvent
from trio_sip.testing import Wire
from trio_sip.transport import (
    Address,
    Connection,
    ConnectionListener,
    DatagramSocket,
    NaptrRecord,
    Network,
    Query,
    SocketNetwork,
    SrvRecord,
    Undelivered,
    Witness,
)

__all__ = ["Pieces", "Record", "Recorder", "RecordingNetwork"]


class Recorder(Protocol):
    """What is told of everything that goes over the sockets of a network."""

    def sent(self, local: Address, remote: Address, transport: str, data: bytes) -> None:
        """A datagram, or a message on a stream, left."""

    def received(self, local: Address, remote: Address, transport: str, data: bytes) -> None:
        """One came."""


@attrs.define(eq=False)
class Record:
    """What went over the sockets of one network.  It only grows."""

    wires: list[Wire] = attrs.field(factory=list)
    """Everything that was sent or received, in that order."""

    last_received: Wire | None = None

    def sent(self, local: Address, remote: Address, transport: str, data: bytes) -> None:
        """Keep a datagram, or a message on a stream, that left."""
        self.wires.append(_wire(local, remote, transport, data))

    def received(self, local: Address, remote: Address, transport: str, data: bytes) -> None:
        """Keep one that came."""
        self.last_received = _wire(remote, local, transport, data)
        self.wires.append(self.last_received)


def _wire(source: Address, destination: Address, transport: str, data: bytes) -> Wire:
    return Wire(
        time=trio.current_time(),
        source=source,
        destination=destination,
        transport=transport,
        data=data,
    )


@attrs.frozen
class RecordingNetwork:
    """Another network, the real one if none is given, that tells a recorder what happens there."""

    record: Recorder
    _network: Network = attrs.field(factory=SocketNetwork)

    def bind_datagrams(self, local: Address) -> DatagramSocket:
        return _RecordedDatagrams(self._network.bind_datagrams(local), self.record)

    def bind_connections(self, local: Address) -> ConnectionListener:
        return _RecordedListener(self._network.bind_connections(local), self.record)

    async def connect(self, remote: Address) -> Connection:
        return _RecordedConnection(await self._network.connect(remote), self.record)

    def source_host(self, remote: Address) -> str:
        return self._network.source_host(remote)

    async def resolve(self, host: str, port: int | None, transport: str) -> Sequence[Address]:
        return await self._network.resolve(host, port, transport)

    async def records(self, query: Query) -> Sequence[NaptrRecord | SrvRecord]:
        return await self._network.records(query)


class _RecordedDatagrams:
    def __init__(self, socket: DatagramSocket, record: Recorder) -> None:
        self._socket = socket
        self._record = record

    @property
    def local(self) -> Address:
        return self._socket.local

    async def wait_readable(self) -> None:
        await self._socket.wait_readable()

    def receive_nowait(self) -> tuple[bytes, Hashable]:
        data, path = self._socket.receive_nowait()
        local, remote = self._socket.path_ends(path)
        self._record.received(local, remote, "UDP", data)
        return data, path

    def path_ends(self, path: Hashable) -> tuple[Address, Address]:
        return self._socket.path_ends(path)

    def take_undelivered(self) -> Sequence[Undelivered]:
        return self._socket.take_undelivered()

    def send_nowait(self, data: bytes, local: Address, remote: Address) -> None:
        self._socket.send_nowait(data, local, remote)
        self._record.sent(local, remote, "UDP", data)

    def close(self) -> None:
        self._socket.close()


class Pieces:
    """One direction of a stream, in messages: what is written or read at once may be several."""

    def __init__(self) -> None:
        self._stream: MessageStream | None = MessageStream()

    def cut(self, data: bytes) -> Iterator[bytes]:
        """The messages that are complete with *data*; it itself, once they cannot be told."""
        if self._stream is None:
            if data:
                yield data
            return
        self._stream.receive_data(data)
        try:
            while (event := self._stream.next_event()) is not StreamEvent.NEED_DATA:
                yield b"\r\n\r\n" if isinstance(event, StreamEvent) else bytes(event)
        except RemoteProtocolError:
            self._stream = None
            yield data


class _RecordedConnection:
    def __init__(self, connection: Connection, record: Recorder) -> None:
        self._connection = connection
        self._record = record
        self._incoming = Pieces()
        self._outgoing = Pieces()
        self._veil: str | None = None

    def veil(self, transport: str) -> None:
        self._veil = transport
        if isinstance(self._connection, Witness):
            self._connection.veil(transport)

    def sent_message(self, data: bytes) -> None:
        self._record.sent(self.local, self.remote, self._veil or "TCP", data)
        if isinstance(self._connection, Witness):
            self._connection.sent_message(data)

    def received_message(self, data: bytes) -> None:
        self._record.received(self.local, self.remote, self._veil or "TCP", data)
        if isinstance(self._connection, Witness):
            self._connection.received_message(data)

    @property
    def local(self) -> Address:
        return self._connection.local

    @property
    def remote(self) -> Address:
        return self._connection.remote

    async def receive_some(self) -> bytes:
        data = await self._connection.receive_some()
        for message in () if self._veil else self._incoming.cut(data):
            self._record.received(self.local, self.remote, "TCP", message)
        return data

    def send_some_nowait(self, data: bytes | memoryview) -> int:
        taken = self._connection.send_some_nowait(data)
        for message in () if self._veil else self._outgoing.cut(bytes(data[:taken])):
            self._record.sent(self.local, self.remote, "TCP", message)
        return taken

    async def wait_writable(self) -> None:
        await self._connection.wait_writable()

    def send_eof(self) -> None:
        self._connection.send_eof()

    def close(self) -> None:
        self._connection.close()


class _RecordedListener:
    def __init__(self, listener: ConnectionListener, record: Recorder) -> None:
        self._listener = listener
        self._record = record

    @property
    def local(self) -> Address:
        return self._listener.local

    async def accept(self) -> Connection:
        return _RecordedConnection(await self._listener.accept(), self._record)

    def close(self) -> None:
        self._listener.close()
