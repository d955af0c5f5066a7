"""What all connections together may keep of messages that are not complete."""

from __future__ import annotations

from typing import Protocol

from trio_sip._errors import TransportFailed

from ._statistics import Counters

__all__ = ["PartialBudget"]


class Holder(Protocol):
    """A connection."""

    def close(self, error: Exception | None) -> None: ...


class PartialBudget:
    """Octets of incomplete messages, connection by connection.

    Each connection has a limit of its own, but a stranger may open many.  Where all of them
    together hold too much, the one that holds most goes first.
    """

    def __init__(self, limit: int, counters: Counters) -> None:
        self._limit = limit
        self._counters = counters
        self._sizes: dict[Holder, int] = {}
        self._total = 0

    def note(self, holder: Holder, size: int) -> None:
        """*holder* keeps so many octets now.  It, or another, may be closed by this."""
        before = self._sizes.pop(holder, 0)
        self._total += size - before
        if not size:
            return
        self._sizes[holder] = size
        while self._total > self._limit:
            largest = max(self._sizes, key=self._sizes.__getitem__)
            self._total -= self._sizes.pop(largest)
            self._counters.partial_overflows += 1
            largest.close(TransportFailed("too much of incomplete messages is kept"))
