"""What carries the messages of scenarios: UDP and TCP, of whatever network."""

from __future__ import annotations

import math
from typing import Protocol

import trio

from trio_sip._errors import RemoteProtocolError
from trio_sip.message import MessageStream, Request, Response, StreamEvent
from trio_sip.transport import Address, Connection, ConnectionListener, Network

__all__ = ["DatagramPort", "NoPort", "ScenarioPort", "StreamPort"]

_CHUNK = 65536


class ScenarioPort(Protocol):
    """Carries the messages of all calls, or of one."""

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
        """The next message, and who sent it; b"" if a connection of ours is gone."""

    def close_connection(self, remote: Address) -> None:
        """Close a connection, if there is one.  The next message opens another."""

    def close(self) -> None:
        """Close all of it, when what was sent has gone out."""

    async def drain(self) -> None:
        """Wait until what was sent has gone out."""


class NoPort:
    """For what sends nothing."""

    local = Address("0.0.0.0", 0)  # noqa: S104
    transport = "UDP"
    is_reliable = True

    def send(self, data: bytes, remote: Address) -> None:
        """Nothing is sent."""

    async def receive(self) -> tuple[bytes, Address]:
        """Nothing comes."""
        await trio.sleep_forever()

    def close_connection(self, remote: Address) -> None:
        """There is none."""

    def close(self) -> None:
        """There is nothing to close."""

    async def drain(self) -> None:
        """There is nothing to wait for."""
        await trio.lowlevel.checkpoint()


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
            if data:
                return data, self._socket.path_ends(path)[1]

    def close_connection(self, remote: Address) -> None:
        """There is none."""

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    async def drain(self) -> None:
        """It has gone out."""
        await trio.lowlevel.checkpoint()


class StreamPort:
    """TCP: the connections that a client has made, or that a server has accepted."""

    transport = "TCP"
    is_reliable = True

    def __init__(self, network: Network, nursery: trio.Nursery) -> None:
        self.local = Address("0.0.0.0", 0)  # noqa: S104  (until it is open)
        self._network = network
        self._nursery = nursery
        self._listener: ConnectionListener | None = None
        self._connections: dict[Address, trio.MemorySendChannel[bytes]] = {}
        self._came = trio.open_memory_channel[tuple[bytes, Address]](math.inf)
        self._writers = 0
        self._is_drained = trio.Event()

    def listen(self, local: Address) -> None:
        """Accept whoever connects."""
        self._listener = self._network.bind_connections(local)
        self.local = self._listener.local
        self._nursery.start_soon(self._accept, self._listener, name="scenario listener")

    async def connect(self, remote: Address) -> None:
        """Connect.

        Raises:
          OSError: nobody is there.
        """
        connection = await self._network.connect(remote)
        self.local = connection.local
        self._adopt(connection, remote)

    def send(self, data: bytes, remote: Address) -> None:
        """Send a message on the connection from there, or on a new one."""
        connection = self._connections.get(remote)
        if connection is None and self._listener is None:
            out = trio.open_memory_channel[bytes](math.inf)
            connection = self._connections[remote] = out[0]
            self._nursery.start_soon(self._dial, remote, out[1], name="scenario connection")
        if connection is not None:
            connection.send_nowait(data)

    async def receive(self) -> tuple[bytes, Address]:
        """The next message of whatever connection."""
        return await self._came[1].receive()

    def close_connection(self, remote: Address) -> None:
        """Close that connection when what was sent on it has gone out."""
        connection = self._connections.pop(remote, None)
        if connection is not None:
            connection.close()

    def close(self) -> None:
        """Stop listening, and close the connections."""
        if self._listener is not None:
            self._listener.close()
        for remote in list(self._connections):
            self.close_connection(remote)
        if not self._writers:
            self._is_drained.set()

    async def drain(self) -> None:
        """Wait until what was sent before it was closed has gone out."""
        await self._is_drained.wait()

    async def _accept(self, listener: ConnectionListener) -> None:
        while True:
            try:
                connection = await listener.accept()
            except trio.ClosedResourceError:
                return
            except OSError:
                continue
            self._adopt(connection, connection.remote)

    async def _dial(self, remote: Address, messages: trio.MemoryReceiveChannel[bytes]) -> None:
        out = self._connections.get(remote)
        try:
            connection = await self._network.connect(remote)
        except OSError:
            if out is not None:
                self._lose(remote, out)
            return
        self.local = connection.local
        self._nursery.start_soon(self._write, connection, messages, name="scenario writer")
        await self._read(connection, remote, out)

    def _adopt(self, connection: Connection, remote: Address) -> None:
        out = trio.open_memory_channel[bytes](math.inf)
        self._connections[remote] = out[0]
        self._nursery.start_soon(self._read, connection, remote, out[0], name="scenario reader")
        self._nursery.start_soon(self._write, connection, out[1], name="scenario writer")

    def _lose(self, remote: Address, out: trio.MemorySendChannel[bytes]) -> None:
        """A connection is gone.  A client is told, if it was not the one that closed it."""
        if self._connections.get(remote) is out:
            del self._connections[remote]
            if self._listener is None:
                self._came[0].send_nowait((b"", remote))
        out.close()

    async def _read(
        self, connection: Connection, remote: Address, out: trio.MemorySendChannel[bytes] | None
    ) -> None:
        stream = MessageStream()
        try:
            while data := await connection.receive_some():
                stream.receive_data(data)
                while (event := stream.next_event()) is not StreamEvent.NEED_DATA:
                    if isinstance(event, (Request, Response)):
                        self._came[0].send_nowait((bytes(event), remote))
        except (OSError, RemoteProtocolError, trio.ClosedResourceError):
            # It broke, or what comes is no SIP: nothing more comes from there.
            return
        finally:
            if out is not None:
                self._lose(remote, out)
            connection.close()

    async def _write(
        self, connection: Connection, messages: trio.MemoryReceiveChannel[bytes]
    ) -> None:
        self._writers += 1
        try:
            async for data in messages:
                rest = data
                while rest:
                    await connection.wait_writable()
                    rest = rest[connection.send_some_nowait(rest[:_CHUNK]) :]
        except (OSError, trio.ClosedResourceError):
            return
        finally:
            connection.close()
            self._writers -= 1
            if not self._writers and not self._connections:
                self._is_drained.set()
