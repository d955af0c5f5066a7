"""The sockets of a peer: on whatever network, and with no opinion about what goes over them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import attrs
import trio

from trio_sip._errors import RemoteProtocolError
from trio_sip.message import StreamEvent
from trio_sip.transport import (
    Address,
    Carrier,
    Connection,
    ConnectionListener,
    DatagramSocket,
    Handshakes,
    Network,
    TlsConnection,
    TlsSettings,
    TransportLimits,
)

from ._misbehaviours import Ending

__all__ = ["PeerPath", "PeerSockets"]

_HANDSHAKE_SECONDS = 10.0
_TRIES = 10
_ONE_PORT = ("UDP", "TCP")
_USUAL_PORTS = {"TLS": 5061, "WS": 80, "WSS": 443}


@attrs.frozen(kw_only=True)
class PeerPath:
    """A way that messages come and go."""

    transport: str
    """``UDP``, ``TCP``, ``TLS``, ``WS`` or ``WSS``."""

    local: Address
    remote: Address
    socket: DatagramSocket | Connection = attrs.field(repr=False, eq=False)
    carrier: Carrier | None = attrs.field(default=None, repr=False, eq=False)
    """Of a connection: how messages are put into it."""

    lock: trio.Lock = attrs.field(factory=trio.Lock, repr=False, eq=False)
    """Held while a message is written that must not be mixed with another."""


Receive = Callable[[bytes, PeerPath], None]


class PeerSockets:
    """UDP sockets, listeners and streams; binding is done at once, reading while `run` runs."""

    def __init__(self, network: Network, receive: Receive, tls: TlsSettings | None = None) -> None:
        self._network = network
        self._handshakes = Handshakes(TransportLimits(), tls)
        self._receive = receive
        self._datagrams: dict[Address, DatagramSocket] = {}
        self._listeners: list[tuple[str, ConnectionListener]] = []
        self._streams: dict[tuple[str, Address], PeerPath] = {}
        self._nursery: trio.Nursery | None = None
        self.addresses: dict[str, Address] = {}
        """What it is bound to, by transport."""

    def bind_all(self, host: str, port: int, transports: Iterable[str]) -> Address:
        """Bind a socket for each transport; the address of the first one.

        UDP and TCP have one port.  The others have their usual ones, or any, if *port* is 0.
        """
        wanted = [one.upper() for one in transports]
        shared = [one for one in wanted if one in _ONE_PORT]
        if shared:
            self.addresses = dict.fromkeys(shared, self._bind_shared(Address(host, port), shared))
        for transport in wanted:
            if transport not in self.addresses:
                own = Address(host, port and _USUAL_PORTS.get(transport, port))
                self.addresses[transport] = self.bind(transport, own)
        return self.addresses[wanted[0]]

    def _bind_shared(self, wanted: Address, transports: Sequence[str]) -> Address:
        for tries in range(_TRIES):
            address = self.bind(transports[0], wanted)
            try:
                for transport in transports[1:]:
                    self.bind(transport, address)
            except OSError:
                # A port that was chosen for one transport may be taken in the other.
                self.close()
                if wanted.port or tries == _TRIES - 1:
                    raise
            else:
                return address
        raise AssertionError("not reached")

    def bind(self, transport: str, local: Address) -> Address:
        """Bind a socket; the address with its real port."""
        if transport == "UDP":
            socket = self._network.bind_datagrams(local)
            self._datagrams[socket.local] = socket
            if self._nursery is not None:
                self._nursery.start_soon(self._read_datagrams, socket)
            return socket.local
        self._handshakes.check_listening(transport)
        listener = self._network.bind_connections(local)
        self._listeners.append((transport, listener))
        if self._nursery is not None:
            self._nursery.start_soon(self._accept, transport, listener)
        return listener.local

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Read everything, until cancelled."""
        async with trio.open_nursery() as self._nursery:
            for socket in self._datagrams.values():
                self._nursery.start_soon(self._read_datagrams, socket)
            for transport, listener in self._listeners:
                self._nursery.start_soon(self._accept, transport, listener)
            task_status.started()
            await trio.sleep_forever()

    def close(self) -> None:
        """Close all of them."""
        for socket in self._datagrams.values():
            socket.close()
        for _, listener in self._listeners:
            listener.close()
        self._datagrams.clear()
        self._listeners.clear()
        self.close_streams()

    def close_streams(self) -> None:
        """Close the connections, in the middle of whatever."""
        streams, self._streams = list(self._streams.values()), {}
        for path in streams:
            path.socket.close()

    def alert_streams(self) -> None:
        """Break the connections over TLS with a fatal alert, and close them."""
        for path in list(self._streams.values()):
            if isinstance(path.socket, TlsConnection):
                self.end(path, Ending.ALERT)

    def end(self, path: PeerPath, ending: Ending) -> None:
        """Put an end to one connection."""
        connection = path.socket
        if path.carrier is None:
            return
        place = path.transport, path.remote
        if self._streams.get(place) is path:
            del self._streams[place]
        if ending is Ending.ALERT and isinstance(connection, TlsConnection):
            connection.abort()
        connection.close()

    # -- sending

    def datagram_path(self, remote: Address) -> PeerPath:
        """The way to *remote* from a UDP socket of the same family."""
        for socket in self._datagrams.values():
            if socket.local.is_ipv6 == remote.is_ipv6:
                return PeerPath(transport="UDP", local=socket.local, remote=remote, socket=socket)
        raise OSError(f"the peer has no UDP socket that reaches {remote}")

    async def stream_path(
        self, remote: Address, transport: str = "TCP", name: str | None = None
    ) -> PeerPath:
        """The connection with *remote*, opened if there is none.

        Args:
          name: whose certificate it must be; the address itself if left out.
        """
        path = self._streams.get((transport, remote))
        if path is None:
            connection = await self._network.connect(remote)
            try:
                carrier = await self._handshakes.connect(connection, transport, name)
            except BaseException:
                connection.close()
                raise
            path = self._adopt(carrier)
        return path

    async def send(self, data: bytes, path: PeerPath) -> None:
        """Send *data* as it is."""
        if path.transport == "UDP":
            path.socket.send_nowait(data, path.local, path.remote)  # type: ignore[union-attr]  # a UDP socket
            return
        carrier = path.carrier
        assert carrier is not None, "a stream has one"
        if carrier.witness is not None:
            carrier.witness.sent_message(data)
        await self._write(path, carrier.framing.frame(data))

    async def _write(self, path: PeerPath, data: bytes) -> None:
        connection: Connection = path.socket  # type: ignore[assignment]  # for a stream it is one
        rest = memoryview(data)
        # Mostly there is room, and nothing to wait for.
        if not path.lock.statistics().locked:
            rest = rest[connection.send_some_nowait(rest) :]
        if rest:
            async with path.lock:
                while rest:
                    await connection.wait_writable()
                    rest = rest[connection.send_some_nowait(rest) :]

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

    async def _accept(self, transport: str, listener: ConnectionListener) -> None:
        while True:
            connection = await listener.accept()
            assert self._nursery is not None
            self._nursery.start_soon(self._welcome, transport, connection)

    async def _welcome(self, transport: str, connection: Connection) -> None:
        try:
            with trio.fail_after(_HANDSHAKE_SECONDS):
                carrier = await self._handshakes.accept(connection, transport)
        except (OSError, trio.TooSlowError, trio.ClosedResourceError):
            # A script sees it by what does not come.
            connection.close()
        except BaseException:
            connection.close()
            raise
        else:
            self._adopt(carrier)

    def _adopt(self, carrier: Carrier) -> PeerPath:
        connection = carrier.pipe
        path = PeerPath(
            transport=carrier.transport,
            local=connection.local,
            remote=connection.remote,
            socket=connection,
            carrier=carrier,
        )
        self._streams[carrier.transport, connection.remote] = path
        assert self._nursery is not None
        self._nursery.start_soon(self._read_stream, carrier, path)
        return path

    async def _read_stream(self, carrier: Carrier, path: PeerPath) -> None:
        connection, framing = carrier.pipe, carrier.framing
        data = b""
        try:
            while True:
                framing.receive_data(data)
                while (event := framing.next_event()) is not StreamEvent.NEED_DATA:
                    if event is StreamEvent.PING:
                        # RFC 5626 section 3.5.1
                        await self.send(b"\r\n", path)
                    elif not isinstance(event, StreamEvent):
                        self._receive(bytes(event), path)
                if replies := framing.take_replies():
                    await self._write(path, replies)
                data = await connection.receive_some()
                if not data or framing.ended:
                    break
        except RemoteProtocolError:
            self._receive(data, path)
        except (OSError, trio.ClosedResourceError, trio.BrokenResourceError):
            # The other side broke it, or we did: a script sees it by what does not come.
            pass
        finally:
            place = path.transport, path.remote
            if self._streams.get(place) is path:
                del self._streams[place]
            connection.close()
