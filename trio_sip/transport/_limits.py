"""Every number of this package: how much, how many, how long."""

from __future__ import annotations

import attrs

from trio_sip.message import Limits

__all__ = ["TransportLimits"]


@attrs.frozen(kw_only=True)
class TransportLimits:
    """How much strangers may use of us, and how long anything may take.  Seconds and bytes."""

    message: Limits = attrs.field(factory=Limits)
    """The bounds of one message."""

    tcp_above: int | None = 1300
    """Larger requests prefer TCP (RFC 3261 section 18.1.1); ``None``: never switch."""

    datagram_bytes: int = 65507
    """The largest payload that a UDP datagram holds."""

    datagrams_per_wakeup: int = 128
    """Datagrams read from a socket before other tasks get their turn."""

    cached_flows: int = 8192
    """Peers whose flow a UDP socket remembers; forgetting them costs a microsecond each."""

    max_connections: int = 4096
    """Stream connections.  One more closes the one that has been idle longest."""

    send_queue_bytes: int = 1 << 20
    """What may wait for a slow reader; more closes its connection."""

    partial_bytes: int = 64 << 20
    """What all connections together may hold of messages that are not complete.  More closes the
    one that holds most."""

    connect_seconds: float = 10.0
    """For opening a connection to one address, and for the handshake of one that was opened to us."""

    idle_seconds: float = 600.0
    """A connection that nobody holds is closed after so long without a message."""

    message_seconds: float = 32.0
    """64*T1: from the first to the last octet of a message on a stream."""

    linger_seconds: float = 2.0
    """How long the end of a refused conversation may take: flushing, then waiting for EOF."""

    accept_retry_seconds: float = 0.1
    """The pause when the process has no file descriptor left."""

    returning_answers: int = 1024
    """Answers on their way over a new connection, because the one that they belong to is gone.
    One more is given up."""

    web_origins: frozenset[str] | None = None
    """Pages whose scripts may open WebSockets, as ``https://example.com``; ``None`` for all.
    Programs that are no browsers name none, and may."""
