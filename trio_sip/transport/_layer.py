"""All transports of a stack as one: what is bound, which way a message goes, what was lost."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Sequence

import attrs
import trio

from trio_sip._errors import NoRoute, TransportFailed

from ._address import Address, Listen, default_port, numeric_host
from ._door import Door
from ._flow import Flow, SignsOfLife
from ._limits import TransportLimits
from ._locate import locate
from ._network import Network
from ._receiver import Receiver
from ._resolver import Server
from ._statistics import Counters, TransportStatistics
from ._stream_transport import StreamTransport
from ._tls_identity import PeerIdentity
from ._tls_settings import TlsSettings
from ._udp import UdpTransport

__all__ = ["TransportLayer"]

_CACHED_ROUTES = 8192
_TRANSPORTS = frozenset({"UDP", "TCP", "TLS", "WS", "WSS"})


class TransportLayer:
    """RFC 3261 section 18.

    First `bind` whatever is to be listened on: nothing is read yet, so a port that is taken is
    found out before anything happens.  Then start `serve` in a nursery; it owns every task and
    ends when it is cancelled.

    Args:
      network: the real one, `SocketNetwork`, or a simulated one.
      receiver: gets what comes in.
      force_rport: answer requests on UDP where they came from even when they do not ask for it.
      dice: numbers from 0 to 1, for choosing among servers of one priority.
      tls: certificates and trust; without them nothing listens on TLS, and the authorities of the
        system are trusted.
    """

    def __init__(
        self,
        network: Network,
        receiver: Receiver,
        limits: TransportLimits | None = None,
        *,
        force_rport: bool = False,
        dice: Callable[[], float] = random.random,
        tls: TlsSettings | None = None,
    ) -> None:
        self._network = network
        self._dice = dice
        self._receiver = receiver
        self._limits = TransportLimits() if limits is None else limits
        self._force_rport = force_rport
        self._counters = Counters()
        self._udps: list[UdpTransport] = []
        self._doors: list[Door] = []
        self._streams = StreamTransport(
            network, receiver, self._limits, self._counters, force_rport=force_rport, tls=tls
        )
        # Three caches, each of which can be thrown away at any time.
        self._udp_at: dict[Address, UdpTransport] = {}
        self._udp_flows: dict[Address, Flow] = {}
        self._sources: dict[str, str] = {}
        self._scope: trio.CancelScope | None = None

    # -- life

    async def bind(self, *listens: Listen) -> tuple[Listen, ...]:
        """Open sockets, all of them or none.

        Returns:
          What was bound, with the ports that the system chose instead of 0.

        Raises:
          TransportFailed: one of them cannot be had; the message names it, and the OSError is
            its ``__cause__``.  Those bound before it in this call are closed again.
          LocalProtocolError: there is no certificate for TLS.
        """
        bound: list[UdpTransport | Door] = []
        try:
            for listen in listens:
                bound.append(await self._bind_one(listen))  # noqa: PERF401  (closed if one fails)
        except BaseException:
            for one in bound:
                one.close()
            raise
        for one in bound:
            self._add(one)
        return tuple(
            attrs.evolve(listen, host=one.local.host, port=one.local.port)
            for listen, one in zip(listens, bound, strict=True)
        )

    async def _bind_one(self, listen: Listen) -> UdpTransport | Door:
        self._streams.handshakes.check_listening(listen.transport)
        try:
            local = (await self._network.resolve(listen.host, listen.port, listen.transport))[0]
            if listen.transport != "UDP":
                return Door(listen.transport, self._network.bind_connections(local))
            socket = self._network.bind_datagrams(local)
        except (OSError, NoRoute) as error:
            reason = (isinstance(error, OSError) and error.strerror) or error
            raise TransportFailed(f"cannot listen on {listen}: {reason}") from error
        return UdpTransport(
            socket, self._receiver, self._limits, self._counters, force_rport=self._force_rport
        )

    def _add(self, one: UdpTransport | Door) -> None:
        if isinstance(one, UdpTransport):
            self._udps.append(one)
            self._udp_at[one.local] = one
            self._udp_flows.clear()
        else:
            self._doors.append(one)
        if self._streams.nursery is not None:
            self._start(self._streams.nursery, one)

    def _start(self, nursery: trio.Nursery, one: UdpTransport | Door) -> None:
        if isinstance(one, UdpTransport):
            nursery.start_soon(self._listen, one, name=f"listen udp://{one.local}")
            nursery.start_soon(one.send_in_turns, name=f"send udp://{one.local}")
        else:
            name = f"listen {one.transport.lower()}://{one.local}"
            nursery.start_soon(self._listen, one, name=name)

    async def _listen(self, one: UdpTransport | Door) -> None:
        with contextlib.suppress(trio.ClosedResourceError):  # `aclose` closed it.
            if isinstance(one, UdpTransport):
                await one.serve()
            else:
                await self._streams.serve_listener(one.listener, one.transport)

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Read and accept until cancelled or `aclose`; then every socket is closed."""
        try:
            async with trio.open_nursery() as nursery:
                self._streams.nursery = nursery
                self._scope = nursery.cancel_scope
                for one in self._bound():
                    self._start(nursery, one)
                task_status.started()
                await trio.sleep_forever()
        finally:
            self._close()

    async def aclose(self) -> None:
        """Close every socket and end `serve`."""
        self._close()
        await trio.lowlevel.checkpoint()

    def _close(self) -> None:
        if self._scope is not None:
            self._scope.cancel()
        self._streams.nursery = None
        self._streams.close()
        for one in self._bound():
            one.close()

    def _bound(self) -> list[UdpTransport | Door]:
        return [*self._udps, *self._doors]

    # -- which way

    async def resolve(self, host: str, port: int | None, transport: str) -> Sequence[Address]:
        """The addresses to try for a name or an address, best first; `NoRoute` if none."""
        return await self._network.resolve(host, port, transport)

    async def locate(
        self, host: str, port: int | None, transport: str | None, *, secure: bool = False
    ) -> Sequence[Server]:
        """The servers that a request to a URI goes to, best first.  RFC 3263 section 4.

        Args:
          port: the one in the URI, if it has one.
          transport: the one in the URI, in upper case, if it has one.
          secure: for a SIPS URI, which goes by TLS or not at all.

        Raises:
          NoRoute: the name leads nowhere.
        """
        if (known := self.locate_nowait(host, port, transport, secure=secure)) is not None:
            await trio.lowlevel.checkpoint()
            return known
        return await locate(self._network, host, port, transport, self._dice, secure=secure)

    def locate_nowait(
        self, host: str, port: int | None, transport: str | None, *, secure: bool = False
    ) -> Sequence[Server] | None:
        """The same for what needs no look-up: an address, or the invented name that a WebSocket
        client has for itself (RFC 7118 section 5).  ``None`` for any other name.
        """
        if transport is None and secure:
            transport = "TLS"
        literal = numeric_host(host)
        if literal is not None:
            return [Server(transport, Address(literal, port or default_port(transport)))]
        if not host.lower().endswith(".invalid"):
            return None
        flow = self._streams.flow_of_client(host.lower())
        if flow is None or (secure and not flow.secure):
            raise NoRoute(f"cannot resolve {host!r}: nobody of that name is connected")
        return [Server(flow.transport, flow.remote)]

    def flow_nowait(self, transport: str, remote: Address, name: str | None = None) -> Flow | None:
        """The flow to *remote* that is there already; ``None`` when it takes a connection.

        Raises:
          NoRoute: no UDP socket leads there.
        """
        if transport == "UDP":
            return self._udp_flows.get(remote) or self._find_udp_flow(remote)
        return self._streams.flow_nowait(transport, remote, name)

    async def flow_for(self, transport: str, remote: Address, name: str | None = None) -> Flow:
        """The flow to *remote*; for all but UDP a connection is reused or opened.

        Args:
          name: the domain that was asked for, which over TLS must be that of the certificate
            there (RFC 5922 section 7.3); the address itself, if left out.

        Raises:
          NoRoute: no socket of ours leads there, or the transport is unknown.
          TransportFailed: nobody answers there, or somebody else.
        """
        if transport not in _TRANSPORTS:
            raise NoRoute(f"no transport {transport!r}")
        if transport != "UDP":
            return await self._streams.flow_to(transport, remote, name)
        await trio.lowlevel.checkpoint()
        return self._udp_flows.get(remote) or self._find_udp_flow(remote)

    async def flow_for_request(
        self, remote: Address, size: int, transport: str | None = None, name: str | None = None
    ) -> Flow:
        """The flow for a request of *size* bytes.  RFC 3261 section 18.1.1.

        Args:
          transport: what the URI asks for; it is obeyed.  ``None`` means UDP, except that a
            large request goes over TCP if somebody answers there.
          name: as for `flow_for`.

        Raises:
          NoRoute, TransportFailed: as for `flow_for`.
        """
        if transport is not None:
            return await self.flow_for(transport.upper(), remote, name)
        if self.prefers_tcp(size):
            try:
                return await self._streams.flow_to("TCP", remote)
            except TransportFailed:
                if size > self._limits.datagram_bytes:
                    raise
        elif not self._reaches_udp(remote):
            return await self._streams.flow_to("TCP", remote)
        return await self.flow_for("UDP", remote)

    def flow_for_request_nowait(
        self, remote: Address, size: int, transport: str | None = None, name: str | None = None
    ) -> Flow | None:
        """The same when nothing must be waited for; ``None`` when a connection is to be opened.

        Raises:
          NoRoute: as for `flow_for`.
        """
        if transport is None:
            if self.prefers_tcp(size) or not self._reaches_udp(remote):
                # An open connection serves; but whether to fall back to UDP is seen by trying.
                return self._streams.flow_nowait("TCP", remote)
            transport = "UDP"
        transport = transport.upper()
        if transport not in _TRANSPORTS:
            raise NoRoute(f"no transport {transport!r}")
        return self.flow_nowait(transport, remote, name)

    def prefers_tcp(self, size: int) -> bool:
        """Whether a request of so many bytes should not go into one datagram."""
        return self._limits.tcp_above is not None and size > self._limits.tcp_above

    def _reaches_udp(self, remote: Address) -> bool:
        return any(udp.local.is_ipv6 == remote.is_ipv6 for udp in self._udps)

    def _find_udp_flow(self, remote: Address) -> Flow:
        source = self._source_host(remote)
        found: UdpTransport | None = None
        for udp in self._udps:
            if udp.local.is_ipv6 != remote.is_ipv6:
                continue
            if udp.local.host == source:
                found = udp
                break
            if found is None or (udp.local.is_wildcard and not found.local.is_wildcard):
                found = udp
        if found is None:
            raise NoRoute(f"no UDP socket leads to {remote}")
        local = Address(source, found.local.port) if found.local.is_wildcard else found.local
        if len(self._udp_flows) >= _CACHED_ROUTES:
            self._udp_flows.clear()
        flow = self._udp_flows[remote] = Flow("UDP", local, remote)
        return flow

    def _source_host(self, remote: Address) -> str:
        source = self._sources.get(remote.host)
        if source is None:
            try:
                source = self._network.source_host(remote)
            except OSError as error:
                raise NoRoute(f"no route to {remote}: {error.strerror or error}") from error
            if len(self._sources) >= _CACHED_ROUTES:
                self._sources.clear()
            self._sources[remote.host] = source
        return source

    def sent_by(self, flow: Flow) -> str:
        """``host:port`` for the Via of a request on *flow*: where we can be reached, never 0.0.0.0.

        On a stream that is the port we listen on, not the one that the connection happens to
        leave from (RFC 3261 section 18.1.1).
        """
        return str(self.reachable_address(flow))

    def reachable_address(self, flow: Flow) -> Address:
        """The same as an `Address`: for a Contact."""
        if flow.transport == "UDP":
            return flow.local
        for door in self._doors:
            if door.transport != flow.transport:
                continue
            local = door.local
            same_family = local.is_ipv6 == flow.local.is_ipv6
            if local.host == flow.local.host or (local.is_wildcard and same_family):
                return Address(flow.local.host, local.port)
        return flow.local

    # -- messages go

    def send_nowait(self, data: bytes, flow: Flow) -> None:
        """Send *data* on *flow* without waiting.

        Nothing is said about its arrival.  What goes wrong later (the connection breaks, ICMP
        says that nobody is there) is told by `Receiver.flow_closed`.

        Raises:
          TransportFailed: it cannot be sent.
        """
        if flow.number:
            self._streams.send_nowait(data, flow)
            return
        udp = self._udp_at.get(flow.local) or self._find_udp(flow)
        udp.send_nowait(data, flow)

    def _find_udp(self, flow: Flow) -> UdpTransport:
        for udp in self._udps:
            local = udp.local
            if local.port == flow.local.port and local.is_ipv6 == flow.local.is_ipv6:
                self._udp_at[flow.local] = udp
                return udp
        self._counters.sends_failed += 1
        raise TransportFailed(f"{flow}: no such socket")

    # -- connections

    def is_open(self, flow: Flow) -> bool:
        """Whether something can be sent on *flow*: not on a connection that has ended."""
        return not flow.number or self._streams.is_open(flow)

    def ping(self, flow: Flow) -> None:
        """Keep *flow* open in the boxes on its way, and on a stream ask for a pong.

        RFC 5626 section 3.5.1.  A datagram of nothing but CRLF CRLF is passed over by whoever
        gets it.

        Raises:
          TransportFailed: the connection is gone, or its reader is too slow.
        """
        if flow.number:
            self._streams.ping(flow)
        else:
            self.send_nowait(b"\r\n\r\n", flow)

    def signs_of_life(self, flow: Flow) -> SignsOfLife:
        """What has come by *flow*, if it is a connection that is there still."""
        return self._streams.signs_of_life(flow)

    def close_flow(self, flow: Flow, reason: str) -> None:
        """Give a connection up; `Receiver.flow_closed` is told with *reason*."""
        self._streams.close_flow(flow, reason)

    def hold(self, flow: Flow) -> None:
        """Keep the connection of *flow* although it is idle: a registration or call uses it."""
        self._streams.hold(flow, +1)

    def release(self, flow: Flow) -> None:
        """Undo one `hold`."""
        self._streams.hold(flow, -1)

    def identity(self, flow: Flow) -> PeerIdentity | None:
        """Who is at the other end of a connection, if that was proved by a certificate."""
        return self._streams.identity(flow)

    def statistics(self) -> TransportStatistics:
        """The counters of this moment."""
        return TransportStatistics(**attrs.asdict(self._counters), connections=len(self._streams))
