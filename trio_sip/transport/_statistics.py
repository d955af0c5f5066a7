"""What was carried and what was dropped.  Nothing is dropped without being counted here."""

from __future__ import annotations

import attrs

__all__ = ["Counters", "TransportStatistics"]


@attrs.define
class Counters:
    """The running totals, which the transports of one layer share."""

    datagrams_received: int = 0
    """With a message in them or not."""

    datagrams_sent: int = 0
    """Handed to the kernel."""

    keepalives: int = 0
    """CRLF, NULs and STUN on UDP; pings on streams."""

    unparsable: int = 0
    """Datagrams and streams that held no message: given to `Receiver.receive_garbage`."""

    without_via: int = 0
    """Requests dropped because no response could find its way: no Via, or a broken one."""

    sends_dropped: int = 0
    """Datagrams that the kernel had no room for; they count as lost, and are repeated."""

    sends_failed: int = 0
    """Messages that could not be sent: no route, too large, the connection gone."""

    unreachable: int = 0
    """ICMP errors that named a destination of ours."""

    connections_accepted: int = 0
    """Streams that were opened to us."""

    connections_opened: int = 0
    """Streams that we opened."""

    connects_failed: int = 0
    """Streams that we could not open: refused, unreachable, too slow."""

    handshakes_failed: int = 0
    """Streams opened to us that spoke neither TLS nor WebSocket where they had to, or too slowly."""

    connections_evicted: int = 0
    """Closed to make room for a new one."""

    connections_idle: int = 0
    """Closed because nothing had happened on them for long."""

    slow_messages: int = 0
    """Connections closed because one message took too long to arrive."""

    partial_messages: int = 0
    """Messages whose end never came: the stream ended first."""

    partial_overflows: int = 0
    """Connections closed because too much was kept of messages that were not complete."""

    queue_overflows: int = 0
    """Connections closed because their reader was too slow."""

    connections_broken: int = 0
    """Connections that ended with an error from the network."""

    accepts_failed: int = 0
    """Times that a connection could not be accepted, for want of file descriptors mostly."""


@attrs.frozen
class TransportStatistics(Counters):
    """A copy of the counters, and how many things there are at this moment."""

    connections: int = 0
    """Open stream connections, those in their handshake included."""
