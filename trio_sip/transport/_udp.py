"""SIP over UDP.  RFC 3261 section 18, RFC 3581.

The loop below is the hottest of the package.  It asks the event loop once whether the socket is
readable, then reads until the socket is empty: waiting for each datagram by itself would cost
four times as much.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable, Hashable

import trio

from trio_sip._errors import RemoteProtocolError, TransportFailed
from trio_sip.message import Request, parse_message_untrusted

from ._address import Address
from ._flow import Flow
from ._limits import TransportLimits
from ._network import DatagramSocket
from ._receiver import Receiver
from ._statistics import Counters
from ._via import stamp_via

__all__ = ["UdpTransport"]

_BLANK = b"\r\n\0 \t"
_FIRST_PRINTABLE = 33
_LARGEST = 65507
"""Octets that fit into a datagram of IPv4; IPv6 has room for a few more."""

_STUN_COOKIE = b"\x21\x12\xa4\x42"
# The kernel is out of buffers for the moment: for UDP that is the same as a lost datagram.
_NO_ROOM = {errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM}


def is_keepalive(data: bytes) -> bool:
    """Whether a datagram only keeps a NAT binding open: blanks, NULs or STUN (RFC 5626, 5389)."""
    return not data.strip(_BLANK) or (data[4:8] == _STUN_COOKIE and data[0] < 2)


class UdpTransport:
    """One bound UDP socket and the peers seen on it."""

    def __init__(
        self,
        socket: DatagramSocket,
        receiver: Receiver,
        limits: TransportLimits,
        counters: Counters,
        *,
        force_rport: bool,
    ) -> None:
        self._socket = socket
        self._send = socket.send_nowait
        self._receiver = receiver
        self._limits = limits
        self._counters = counters
        self._force_rport = force_rport
        self._flows: dict[Hashable, Flow] = {}
        # Datagrams that wait for the end of the scheduler's turn, and the task that sends them.
        # There is none once the socket is closed.
        self._outbox: list[tuple[bytes, Flow]] | None = []
        self._sender: trio.lowlevel.Task | None = None

    @property
    def local(self) -> Address:
        """What it is bound to."""
        return self._socket.local

    async def serve(self) -> None:
        """Read datagrams until cancelled."""
        while True:
            await self._socket.wait_readable()
            self._drain()

    async def send_in_turns(self) -> None:
        """Send until closed; `send_nowait` only collects what one turn of the scheduler sends.

        A peer that sleeps is woken by the first datagram, which costs the sender ten times the
        sending.  When the answers to one burst of requests go out as a burst, the peer is awake
        for all but the first.
        """
        try:
            while self._outbox is not None:
                while self._outbox:
                    outbox, self._outbox = self._outbox, []
                    for data, flow in outbox:
                        self._send_now(data, flow)
                self._sender = trio.lowlevel.current_task()
                await trio.lowlevel.wait_task_rescheduled(self._stop_waiting)
        finally:
            self._sender = None

    def _stop_waiting(self, _raise_cancel: Callable[[], object]) -> trio.lowlevel.Abort:
        self._sender = None
        return trio.lowlevel.Abort.SUCCEEDED

    def _drain(self) -> None:
        # Everything that the loop needs is a local name: this is worth a tenth of its time.
        receive, flows, counters = self._socket.receive_nowait, self._flows, self._counters
        parse, limits = parse_message_untrusted, self._limits.message
        receive_message, force_rport = self._receiver.receive_message, self._force_rport
        for taken in range(self._limits.datagrams_per_wakeup):
            try:
                data, path = receive()
            except BlockingIOError:
                if not taken:
                    # Awake for nothing: an error that a send consumed has left its details here.
                    self._report_undelivered()
                return
            except OSError:
                self._report_undelivered()
                continue
            counters.datagrams_received += 1
            flow = flows.get(path) or self._remember(path)
            if (not data or data[0] < _FIRST_PRINTABLE) and is_keepalive(data):
                counters.keepalives += 1
                continue
            try:
                message = parse(data, limits)
            except RemoteProtocolError as error:
                counters.unparsable += 1
                self._receiver.receive_garbage(error, data, flow)
                continue
            if isinstance(message, Request):
                remote = flow.remote
                message.received_port = remote.port
                port = stamp_via(message, remote, force_rport)
                if port is None:
                    counters.without_via += 1
                    continue
                if port != remote.port:
                    # RFC 3261 section 18.2.2: no rport, so the answer goes to the sent-by port.
                    # Its host is where the request came from, whatever maddr says.
                    flow = Flow("UDP", flow.local, Address(remote.host, port))
            receive_message(message, flow)

    def _remember(self, path: Hashable) -> Flow:
        if len(self._flows) >= self._limits.cached_flows:
            self._flows.clear()
        local, remote = self._socket.path_ends(path)
        flow = self._flows[path] = Flow("UDP", local, remote)
        return flow

    def _report_undelivered(self) -> None:
        for news in self._socket.take_undelivered():
            self._counters.unreachable += 1
            error = TransportFailed(f"UDP {news.remote}: {news.error.strerror}")
            error.__cause__ = news.error
            self._receiver.flow_closed(Flow("UDP", news.local, news.remote), error)

    def send_nowait(self, data: bytes, flow: Flow) -> None:
        """Send one datagram at the end of this turn; drop it if the kernel has no room then.

        Raises:
          TransportFailed: it can never be sent, because it is too large.  What else goes wrong
            is told by `Receiver.flow_closed`.  Or the socket is closed.
        """
        if len(data) > _LARGEST:
            self._counters.sends_failed += 1
            raise TransportFailed(f"UDP {flow.remote}: {len(data)} bytes do not fit a datagram")
        if self._outbox is None:
            raise TransportFailed(f"UDP {flow.remote}: the socket is closed")
        self._outbox.append((data, flow))
        sender = self._sender
        if sender is not None:
            self._sender = None
            trio.lowlevel.reschedule(sender)

    def _send_now(self, data: bytes, flow: Flow) -> None:
        try:
            self._send(data, flow.local, flow.remote)
        except OSError as error:
            if error.errno in _NO_ROOM:
                self._counters.sends_dropped += 1
                return
            self._counters.sends_failed += 1
            failure = TransportFailed(f"UDP {flow.remote}: {error.strerror or error}")
            failure.__cause__ = error
            self._receiver.flow_closed(flow, failure)
        else:
            self._counters.datagrams_sent += 1

    def close(self) -> None:
        """Send what is in the outbox, and close the socket."""
        outbox, self._outbox = self._outbox, None
        for data, flow in outbox or ():
            with contextlib.suppress(OSError):
                self._send(data, flow.local, flow.remote)
        self._socket.close()
