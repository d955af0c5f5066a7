"""SIP over streams: who is connected, whom to connect to, and whom to disconnect.

RFC 3261 section 18, RFC 5923 in so far as a connection is used in both directions.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import logging
from collections import OrderedDict

import attrs
import trio

from trio_sip._errors import RemoteProtocolError, TransportFailed
from trio_sip.message import Request, Response, parse_message_untrusted, sent_by

from ._address import Address, numeric_host
from ._budget import PartialBudget
from ._connection import MessageConnection, Phase
from ._flow import Flow, SignsOfLife
from ._handshakes import Carrier, Handshakes, reason_of
from ._invented_names import InventedNames
from ._limits import TransportLimits
from ._network import Connection, ConnectionListener, Network
from ._receiver import Receiver
from ._statistics import Counters
from ._tls_identity import PeerIdentity
from ._tls_settings import TlsSettings
from ._via import stamp_via

__all__ = ["StreamTransport"]

_log = logging.getLogger("trio_sip.transport")
_NEWCOMERS = 4
"""For each so many connections one may be in its handshake, once there are too many of all."""

_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


@attrs.define(eq=False)
class _Opening:
    """A connection on its way, and those who wait for it."""

    done: trio.Event = attrs.field(factory=trio.Event)
    flow: Flow | None = None
    error: Exception | None = None


class StreamTransport:
    """All stream connections of a layer."""

    def __init__(
        self,
        network: Network,
        receiver: Receiver,
        limits: TransportLimits,
        counters: Counters,
        *,
        force_rport: bool,
        tls: TlsSettings | None = None,
    ) -> None:
        self.handshakes = Handshakes(limits, tls)
        self._network = network
        self._receiver = receiver
        self._limits = limits
        self._counters = counters
        self._force_rport = force_rport
        self._numbers = itertools.count(1)
        # In the order of last use, so that the one to evict is found at the front.
        self._connections: OrderedDict[int, MessageConnection] = OrderedDict()
        self._by_remote: dict[tuple[str, Address], list[MessageConnection]] = {}
        self._openings: dict[tuple[str, Address, str | None], _Opening] = {}
        # Those that have been accepted and are still agreeing on keys and protocols.
        self._arriving: dict[int, Connection] = {}
        self._names = InventedNames()
        self._returns: dict[Address, list[tuple[bytes, Flow]]] = {}
        self._returning = 0
        self._budget = PartialBudget(limits.partial_bytes, counters)
        self._warned = False
        self.nursery: trio.Nursery | None = None
        """Where the connections run, while the layer serves."""

    def __len__(self) -> int:
        return len(self._connections) + len(self._arriving)

    # -- connections come

    async def serve_listener(self, listener: ConnectionListener, transport: str = "TCP") -> None:
        """Accept connections until cancelled."""
        room_was_made = False
        while True:
            try:
                pipe = await listener.accept()
            except OSError as error:
                self._counters.accepts_failed += 1
                if error.errno in _EXHAUSTED:
                    self._warn_once(listener, error)
                    # Not twice in a row: what did not help has only cost somebody a connection.
                    room_was_made = not room_was_made and self._make_room(error)
                    if not room_was_made:
                        # The listener stays readable, so without a pause this would spin.
                        await trio.sleep(self._limits.accept_retry_seconds)
                continue
            room_was_made = False
            self._counters.connections_accepted += 1
            if transport == "TCP":
                self._adopt(Carrier.of_stream(pipe, self._limits), accepted=True)
            else:
                self._start_handshake(pipe, transport)

    def _start_handshake(self, pipe: Connection, transport: str) -> None:
        """Let a new connection take its time, beside all others."""
        nursery = self._nursery_for(pipe)
        while len(self) >= self._limits.max_connections:
            self._evict()
        number = next(self._numbers)
        self._arriving[number] = pipe
        name = f"handshake {transport} {pipe.remote}"
        nursery.start_soon(self._shake_hands, pipe, transport, number, name=name)

    async def _shake_hands(self, pipe: Connection, transport: str, number: int) -> None:
        carrier: Carrier | None = None
        try:
            with trio.fail_after(self._limits.connect_seconds):
                carrier = await self.handshakes.accept(pipe, transport)
        except (OSError, trio.TooSlowError, trio.ClosedResourceError) as error:
            # Strangers do this all day: the first is news, the others are a number.
            self._counters.handshakes_failed += 1
            level = logging.DEBUG if self._counters.handshakes_failed > 1 else logging.INFO
            why = reason_of(error) or "too slow"
            _log.log(level, "no %s with %s: %s", transport, pipe.remote, why)
        finally:
            waited_for = self._arriving.pop(number, None)
            if carrier is None or waited_for is None:
                pipe.close()
        if carrier is not None and waited_for is not None:
            with contextlib.suppress(trio.ClosedResourceError):  # The layer has been closed.
                self._adopt(carrier, accepted=True)

    def _make_room(self, error: OSError) -> bool:
        """Whether a descriptor of our own was given up for the next connection.

        Strangers may hold them all, idle, long before there are `max_connections`.
        """
        idle = error.errno == errno.EMFILE and (
            bool(self._arriving) or any(not c.holds for c in self._connections.values())
        )
        if idle:
            self._evict()
        return idle

    def _warn_once(self, listener: ConnectionListener, error: OSError) -> None:
        if not self._warned:
            self._warned = True
            _log.error("cannot accept connections on %s: %s", listener.local, error)

    def _nursery_for(self, pipe: Connection) -> trio.Nursery:
        if self.nursery is None:
            # The layer was closed while this one was on its way.
            pipe.close()
            raise trio.ClosedResourceError("the transports are not running")
        return self.nursery

    def _adopt(self, carrier: Carrier, *, accepted: bool = False) -> MessageConnection:
        pipe = carrier.pipe
        nursery = self._nursery_for(pipe)
        while len(self) >= self._limits.max_connections:
            self._evict()
        flow = Flow(carrier.transport, pipe.local, pipe.remote, next(self._numbers))
        connection = MessageConnection(
            carrier, flow, self._limits, self._counters, nursery, self._budget
        )
        connection.accepted = accepted
        self._connections[flow.number] = connection
        self._by_remote.setdefault((flow.transport, flow.remote), []).append(connection)
        nursery.start_soon(self._serve_connection, connection, name=f"read {flow}")
        return connection

    def _evict(self) -> None:
        """Close somebody to make room: the one that is missed least."""
        self._counters.connections_evicted += 1
        unheld = (c for c in self._connections.values() if not c.holds)
        oldest = next(unheld, None)
        if self._arriving and (
            oldest is None or len(self._arriving) > len(self._connections) // _NEWCOMERS
        ):
            # Where many have come and not said who they are, it is one of them.
            self._arriving.pop(next(iter(self._arriving))).close()
            return
        oldest = oldest or next(iter(self._connections.values()))
        oldest.close(None)
        self._forget(oldest)

    async def _serve_connection(self, connection: MessageConnection) -> None:
        try:
            await connection.serve(self._deliver, self._refuse)
        finally:
            connection.close(None)
            self._forget(connection)
            if connection.sent_by is not None:
                for data in connection.unsent:
                    if not self._return(data, connection.flow, connection.identity):
                        self._counters.sends_failed += 1
            self._receiver.flow_closed(connection.flow, connection.error)

    def _forget(self, connection: MessageConnection) -> None:
        flow = connection.flow
        if self._connections.pop(flow.number, None) is None:
            return
        self._names.forget(connection)
        place = flow.transport, flow.remote
        there = self._by_remote[place]
        there.remove(connection)
        if not there:
            del self._by_remote[place]

    # -- messages come

    def _deliver(self, message: Request | Response, connection: MessageConnection) -> None:
        if connection.flow.number in self._connections:
            self._connections.move_to_end(connection.flow.number)
        if connection.flow.transport in ("WS", "WSS"):
            self._names.note(message, connection)
        if isinstance(message, Request):
            if stamp_via(message, connection.flow.remote, self._force_rport) is None:
                self._counters.without_via += 1
                return
            assert message.via_text is not None, "it has been stamped"
            connection.sent_by = sent_by(message.via_text)
        self._receiver.receive_message(message, connection.flow)

    def _refuse(self, error: RemoteProtocolError, data: bytes, flow: Flow) -> None:
        self._receiver.receive_garbage(error, data, flow)

    # -- connections are opened

    def flow_of_client(self, name: str) -> Flow | None:
        """The connection of the WebSocket client that calls itself *name*."""
        return self._names.flow_of(name)

    def flow_nowait(self, transport: str, remote: Address, name: str | None = None) -> Flow | None:
        """The flow of an open connection to *remote*, if there is one that *name* may use."""
        for connection in reversed(self._by_remote.get((transport, remote), ())):
            if connection.phase is Phase.OPEN and self._serves(connection, name):
                return connection.flow
        return None

    def _serves(self, connection: MessageConnection, name: str | None) -> bool:
        """Whether what is meant for *name* alone may go over *connection*.  RFC 5923 section 5."""
        flow = connection.flow
        if not flow.secure or name in connection.names:
            return True
        host = name or flow.remote.host
        if connection.accepted:
            # Clients have no certificate as a rule.  Who asked for an address is told by its
            # other end, and who asked for a domain wants it proved.
            proved = connection.identity is not None and connection.identity.is_of(host)
            return proved or numeric_host(host) == flow.remote.host
        return self.handshakes.accepts(connection.identity, host)

    async def flow_to(self, transport: str, remote: Address, name: str | None = None) -> Flow:
        """The flow of a connection to *remote*, opened if need be.

        Whoever asks while it is being opened shares it; cancelling one of them hurts no other.

        Args:
          name: the domain that was asked for: whose certificate it must be, over TLS.

        Raises:
          TransportFailed: nobody answers there, or not the right one.
        """
        if (flow := self.flow_nowait(transport, remote, name)) is not None:
            await trio.lowlevel.checkpoint()
            return flow
        key = transport, remote, name if transport != "TCP" else None
        opening = self._openings.get(key)
        if opening is None:
            if self.nursery is None:
                raise trio.ClosedResourceError("the transports are not running")
            opening = self._openings[key] = _Opening()
            what = f"connect {transport} {remote}"
            self.nursery.start_soon(self._open, key, opening, name=what)
        await opening.done.wait()
        if opening.flow is None:
            reason = "closed meanwhile" if opening.error is None else reason_of(opening.error)
            raise TransportFailed(f"{transport} {remote}: {reason}") from opening.error
        return opening.flow

    async def _open(self, key: tuple[str, Address, str | None], opening: _Opening) -> None:
        transport, remote, name = key
        try:
            with trio.fail_after(self._limits.connect_seconds):
                carrier = await self._connect(transport, remote, name)
            self._counters.connections_opened += 1
            opening.flow = self._adopt(carrier).flow
        except (OSError, trio.TooSlowError) as error:
            self._counters.connects_failed += 1
            opening.error = error if isinstance(error, OSError) else _too_slow()
        except trio.ClosedResourceError:
            return
        finally:
            del self._openings[key]
            opening.done.set()

    async def _connect(self, transport: str, remote: Address, name: str | None) -> Carrier:
        pipe = await self._network.connect(remote)
        try:
            return await self.handshakes.connect(pipe, transport, name)
        except BaseException:
            pipe.close()
            raise

    # -- messages go

    def send_nowait(self, data: bytes, flow: Flow) -> None:
        """Send on the connection of *flow*; a response finds another way when it is broken.

        Raises:
          TransportFailed: the connection is gone, or its reader is too slow.
        """
        try:
            self._send_on(data, flow)
        except TransportFailed:
            connection = self._connections.get(flow.number)
            # Who reads too slowly would read no faster on another connection.
            slow = connection is not None and isinstance(connection.error, TransportFailed)
            if slow or not self._return(data, flow, self.identity(flow)):
                self._counters.sends_failed += 1
                raise

    def _send_on(self, data: bytes, flow: Flow) -> None:
        connection = self._connections.get(flow.number)
        if connection is None:
            raise TransportFailed(f"{flow}: the connection is closed")
        connection.send_nowait(data)
        self._connections.move_to_end(flow.number)

    # -- answers whose connection is gone

    def _return(self, data: bytes, flow: Flow, identity: PeerIdentity | None) -> bool:
        """Whether *data* is a response that can go to who asked by another connection than *flow*.

        RFC 3261 section 18.2.2: "the server SHOULD open a connection to the IP address in the
        "received" parameter, if present, using the port in the "sent-by" value".  One that it has
        opened itself meanwhile, perhaps to ask again, comes first: through a NAT there is no
        other.  It is nobody else's, as the same address calls itself by the same name there; that
        is no proof, so over TLS it takes the same certificate, or a name that nobody can guess.
        """
        asker = _asker(data)
        if asker is None or self.nursery is None:
            return False
        host = flow.remote.host
        known = not flow.secure or asker[0].lower().endswith(".invalid")
        for connection in reversed(self._connections.values()):
            if (
                connection.sent_by == asker
                and connection.flow.remote.host == host
                # Nothing that was asked in private is answered in public.
                and connection.flow.transport == flow.transport
                and (known or (identity is not None and identity == connection.identity))
            ):
                try:
                    connection.send_nowait(data)
                except TransportFailed:
                    continue
                return True
        if flow.transport != "TCP" or self._returning >= self._limits.returning_answers:
            # Over TLS nobody has said whose certificate it must be, and a browser has no address.
            return False
        back = Address(host, asker[1])
        self._returning += 1
        if back not in self._returns:
            self._returns[back] = []
            self.nursery.start_soon(self._send_back, back, name=f"answer {back}")
        self._returns[back].append((data, flow))
        return True

    async def _send_back(self, back: Address) -> None:
        """Open a connection, and send what goes there in the order in which it was to go."""
        failure: Exception | None = None
        try:
            connected = await self.flow_to("TCP", back)
        except (TransportFailed, trio.ClosedResourceError) as error:
            failure = error
        answers = self._returns.pop(back)
        self._returning -= len(answers)
        for data, flow in answers:
            try:
                if failure is None:
                    # If that one breaks, too, it is over.
                    self._send_on(data, connected)
            except TransportFailed as error:
                failure = error
            if failure is not None:
                self._counters.sends_failed += 1
                self._receiver.flow_closed(flow, failure)

    def ping(self, flow: Flow) -> None:
        """Ask whether anybody is at the other end.  RFC 5626 section 3.5.1.

        Raises:
          TransportFailed: the connection is gone, or its reader is too slow.
        """
        connection = self._connections.get(flow.number)
        if connection is None:
            raise TransportFailed(f"{flow}: the connection is closed")
        connection.ping()

    def signs_of_life(self, flow: Flow) -> SignsOfLife:
        """What has come by the connection of *flow*."""
        if (connection := self._connections.get(flow.number)) is None:
            return SignsOfLife()
        return SignsOfLife(connection.arrivals, connection.pongs)

    def close_flow(self, flow: Flow, reason: str) -> None:
        """Close the connection of *flow*."""
        connection = self._connections.get(flow.number)
        if connection is not None:
            connection.close(TransportFailed(f"{flow}: {reason}"))

    def is_open(self, flow: Flow) -> bool:
        """Whether the connection of *flow* takes messages."""
        connection = self._connections.get(flow.number)
        return connection is not None and connection.phase is Phase.OPEN

    def identity(self, flow: Flow) -> PeerIdentity | None:
        """Who was proved to be at the other end."""
        connection = self._connections.get(flow.number)
        return None if connection is None else connection.identity

    def hold(self, flow: Flow, change: int) -> None:
        """Change how many users want the connection kept while it is idle."""
        if (connection := self._connections.get(flow.number)) is not None:
            connection.hold(change)

    def close(self) -> None:
        """Close every connection."""
        for connection in list(self._connections.values()):
            connection.close(None)
        for pipe in self._arriving.values():
            pipe.close()


def _asker(data: bytes) -> tuple[str, int] | None:
    """Who the Via of a response says has asked."""
    if not data.startswith(b"SIP/2.0 "):
        return None
    try:
        via = parse_message_untrusted(data).via_text
        return None if via is None else sent_by(via)
    except RemoteProtocolError:
        return None


def _too_slow() -> OSError:
    return TimeoutError(errno.ETIMEDOUT, "no answer in time")
