"""What a scenario needs of whoever carries its messages, and UDP and TCP as those who do."""

from __future__ import annotations

import math
from typing import Protocol

import trio

from trio_sip._errors import RemoteProtocolError
from trio_sip.message import MessageStream, Request, Response, StreamEvent
from trio_sip.transport import Address, Connection, ConnectionListener, Network

__all__ = ["DatagramPort", "ScenarioPort", "StreamPort"]

_CHUNK = 65536


class ScenarioPort(Protocol):
    """Carries the messages of scenarios: a socket, a simulated one, or a peer that has one."""

    @property
    def local(self) -> Address:
        """Where answers find it: never a wildcard."""

    @property
    def transport(self) -> str:
        """As a Via spells it."""

    @property
    def is_reliable(self) -> bool:
        """Whether nothing need be sent twice."""

    def send(self, data: bytes, remote: Address) -> None:
        """Send a message; what cannot be sent is lost."""

    async def receive(self) -> tuple[bytes, Address]:
        """The next message, and who sent it."""


class DatagramPort:
    """A UDP socket of whatever network."""

    transport = "UDP"
    is_reliable = False

    def __init__(self, network: Network, local: Address, remote: Address | None) -> None:
        self._socket = network.bind_datagrams(local)
        self.local = self._socket.local
        if self.local.is_wildcard and remote is not None:
            self.local = Address(network.source_host(remote), self.local.port)

    def send(self, data: bytes, remote: Address) -> None:
        """Send a datagram."""
        try:
            self._socket.send_nowait(data, self.local, remote)
        except OSError:
            # Lost, as far as the scenario is concerned: it is sent again, or is missed.
            return

    async def receive(self) -> tuple[bytes, Address]:
        """The next datagram."""
        while True:
            await self._socket.wait_readable()
            try:
                data, path = self._socket.receive_nowait()
            except BlockingIOError:
                continue
            except OSError:
                # News of something that did not arrive.
                self._socket.take_undelivered()
                continue
            return data, self._socket.path_ends(path)[1]

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


class StreamPort:
    """TCP: a client's connection, or all that a server has accepted."""

    transport = "TCP"
    is_reliable = True

    def __init__(self, network: Network, nursery: trio.Nursery) -> None:
        self.local = Address("0.0.0.0", 0)  # noqa: S104  (until it is open)
        self._network = network
        self._nursery = nursery
        self._listener: ConnectionListener | None = None
        self._connections: dict[Address, trio.MemorySendChannel[bytes]] = {}
        self._came = trio.open_memory_channel[tuple[bytes, Address]](math.inf)

    async def open(self, local: Address, remote: Address | None) -> None:
        """Connect to *remote*, or listen at *local* without one."""
        if remote is None:
            self._listener = self._network.bind_connections(local)
            self.local = self._listener.local
            self._nursery.start_soon(self._accept, self._listener, name="scenario listener")
        else:
            connection = await self._network.connect(remote)
            self.local = connection.local
            self._adopt(connection, remote)

    def send(self, data: bytes, remote: Address) -> None:
        """Send a message on the connection from there; without one it is lost."""
        connection = self._connections.get(remote)
        if connection is not None:
            connection.send_nowait(data)

    async def receive(self) -> tuple[bytes, Address]:
        """The next message of whatever connection."""
        return await self._came[1].receive()

    def close(self) -> None:
        """Stop listening; the connections end with their tasks."""
        if self._listener is not None:
            self._listener.close()

    async def _accept(self, listener: ConnectionListener) -> None:
        while True:
            try:
                connection = await listener.accept()
            except trio.ClosedResourceError:
                return
            except OSError:
                continue
            self._adopt(connection, connection.remote)

    def _adopt(self, connection: Connection, remote: Address) -> None:
        out = trio.open_memory_channel[bytes](math.inf)
        self._connections[remote] = out[0]
        self._nursery.start_soon(self._read, connection, remote, name="scenario connection")
        self._nursery.start_soon(self._write, connection, out[1], name="scenario writer")

    async def _read(self, connection: Connection, remote: Address) -> None:
        stream = MessageStream()
        try:
            while True:
                data = await connection.receive_some()
                if not data:
                    return
                stream.receive_data(data)
                while (event := stream.next_event()) is not StreamEvent.NEED_DATA:
                    if isinstance(event, (Request, Response)):
                        self._came[0].send_nowait((bytes(event), remote))
        except (OSError, RemoteProtocolError, trio.ClosedResourceError):
            # It broke, or what comes is no SIP: nothing more comes from there.
            return
        finally:
            self._connections.pop(remote, None)
            connection.close()

    async def _write(
        self, connection: Connection, messages: trio.MemoryReceiveChannel[bytes]
    ) -> None:
        try:
            async for data in messages:
                rest = data
                while rest:
                    await connection.wait_writable()
                    rest = rest[connection.send_some_nowait(rest[:_CHUNK]) :]
        except (OSError, trio.ClosedResourceError):
            return
