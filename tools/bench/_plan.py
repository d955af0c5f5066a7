"""What a loader is told, and what it has to tell."""

from __future__ import annotations

import attrs

__all__ = ["LoadReport", "Plan"]


@attrs.frozen(kw_only=True)
class Plan:
    """How long to load, and how hard.  Nothing is counted before the warm-up is over."""

    window: int = 64
    """Exchanges outstanding at any time."""

    warm: float = 1.0
    """Seconds that the warm-up lasts at least."""

    warm_total: int = 0
    """Exchanges that the warm-up has at least: enough to register every user once."""

    seconds: float = 5.0
    """How long the counting lasts at most."""

    total: int = 1 << 62
    """How many counted exchanges are enough."""

    resend_after: float = 0.5
    """Seconds until a request is sent again; then twice as long, up to 4 s (RFC 3261 T1, T2)."""

    every: float = 1.0
    """Seconds between two reports of progress."""


@attrs.frozen(kw_only=True)
class LoadReport:
    """What came of it: times in seconds, everything else in exchanges or messages."""

    seconds: float
    done: int
    retransmissions: int
    failures: int
    unexpected: int
    """Datagrams that answer nothing that is outstanding, such as late second answers."""

    refusals: dict[str, int]
    """Final responses that ended an exchange as a failure, by status."""

    p50: float
    p99: float
    longest: float
    """The longest time from an exchange's first request to its end."""

    longest_gap: float
    """The longest time in which nothing at all arrived."""

    loader_cpu: float
    """CPU seconds that the loader itself used for these exchanges."""
