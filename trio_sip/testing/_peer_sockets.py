"""The sockets of a peer: on whatever network, and with no opinion about what goes over them."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import trio

from trio_sip._errors import RemoteProtocolError
from trio_sip.message import MessageStream, StreamEvent
from trio_sip.transport import Address, Connection, ConnectionListener, DatagramSocket, Network

__all__ = ["PeerPath", "PeerSockets"]


@attrs.frozen(kw_only=True)
class PeerPath:
    """A way that messages come and go."""

    transport: str
    """``UDP`` or ``TCP``."""

    local: Address
    remote: Address
    socket: DatagramSocket | Connection = attrs.field(repr=False, eq=False)


Receive = Callable[[bytes, PeerPath], None]


class PeerSockets:
    """UDP sockets, listeners and streams; binding is done at once, reading while `run` runs."""

    def __init__(self, network: Network, receive: Receive) -> None:
        self._network = network
        self._receive = receive
        self._datagrams: dict[Address, DatagramSocket] = {}
        self._listeners: list[ConnectionListener] = []
        self._streams: dict[Address, PeerPath] = {}
        self._nursery: trio.Nursery | None = None

    def bind(self, transport: str, local: Address) -> Address:
        """Bind a socket; the address with its real port."""
        if transport == "UDP":
            socket = self._network.bind_datagrams(local)
            self._datagrams[socket.local] = socket
            if self._nursery is not None:
                self._nursery.start_soon(self._read_datagrams, socket)
            return socket.local
        listener = self._network.bind_connections(local)
        self._listeners.append(listener)
        if self._nursery is not None:
            self._nursery.start_soon(self._accept, listener)
        return listener.local

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Read everything, until cancelled."""
        async with trio.open_nursery() as self._nursery:
            for socket in self._datagrams.values():
                self._nursery.start_soon(self._read_datagrams, socket)
            for listener in self._listeners:
                self._nursery.start_soon(self._accept, listener)
            task_status.started()
            await trio.sleep_forever()

    def close(self) -> None:
        """Close all of them."""
        for socket in self._datagrams.values():
            socket.close()
        for listener in self._listeners:
            listener.close()
        self.close_streams()

    def close_streams(self) -> None:
        """Close the TCP connections, in the middle of whatever."""
        streams, self._streams = list(self._streams.values()), {}
        for path in streams:
            path.socket.close()

    # -- sending

    def datagram_path(self, remote: Address) -> PeerPath:
        """The way to *remote* from a UDP socket of the same family."""
        for socket in self._datagrams.values():
            if socket.local.is_ipv6 == remote.is_ipv6:
                return PeerPath(transport="UDP", local=socket.local, remote=remote, socket=socket)
        raise OSError(f"the peer has no UDP socket that reaches {remote}")

    async def stream_path(self, remote: Address) -> PeerPath:
        """The connection with *remote*, opened if there is none."""
        path = self._streams.get(remote)
        if path is None:
            connection = await self._network.connect(remote)
            path = self._adopt(connection)
        return path

    async def send(self, data: bytes, path: PeerPath) -> None:
        """Send *data* as it is."""
        if path.transport == "UDP":
            path.socket.send_nowait(data, path.local, path.remote)  # type: ignore[union-attr]  # a UDP socket
            return
        connection: Connection = path.socket  # type: ignore[assignment]  # for a stream it is one
        rest = memoryview(data)
        while rest:
            sent = connection.send_some_nowait(rest)
            rest = rest[sent:]
            if not sent:
                await connection.wait_writable()

    # -- receiving

    async def _read_datagrams(self, socket: DatagramSocket) -> None:
        while True:
            await socket.wait_readable()
            try:
                data, ends = socket.receive_nowait()
            except BlockingIOError:
                continue
            except OSError:
                # News of a datagram that found nobody: its sender notices that by itself.
                socket.take_undelivered()
                continue
            local, remote = socket.path_ends(ends)
            self._receive(
                data, PeerPath(transport="UDP", local=local, remote=remote, socket=socket)
            )

    async def _accept(self, listener: ConnectionListener) -> None:
        while True:
            self._adopt(await listener.accept())

    def _adopt(self, connection: Connection) -> PeerPath:
        path = PeerPath(
            transport="TCP",
            local=connection.local,
            remote=connection.remote,
            socket=connection,
        )
        self._streams[connection.remote] = path
        assert self._nursery is not None
        self._nursery.start_soon(self._read_stream, connection, path)
        return path

    async def _read_stream(self, connection: Connection, path: PeerPath) -> None:
        stream = MessageStream()
        try:
            while data := await connection.receive_some():
                stream.receive_data(data)
                while (event := stream.next_event()) is not StreamEvent.NEED_DATA:
                    if event is StreamEvent.PING:
                        # RFC 5626 section 3.5.1
                        await self.send(b"\r\n", path)
                    elif not isinstance(event, StreamEvent):
                        self._receive(bytes(event), path)
        except RemoteProtocolError:
            self._receive(data, path)
        except (OSError, trio.ClosedResourceError, trio.BrokenResourceError):
            # The other side broke it, or we did: a script sees it by what does not come.
            pass
        finally:
            if self._streams.get(path.remote) is path:
                del self._streams[path.remote]
            connection.close()
