"""Scripted losses: which datagrams a test wants the network to lose."""

from __future__ import annotations

import math

import attrs

from trio_sip.testing.recordings import Label

__all__ = ["Pattern", "every", "first"]


@attrs.define(eq=False, kw_only=True)
class Pattern:
    """Some datagrams: those that fit everything it names.  Made by `first` and `every`."""

    method: str | None = None
    """Of a request, or of a response's CSeq."""

    status: int | None = None
    """Left out while a method is named: requests only."""

    source: str | None = None
    """The sending host's name."""

    destination: str | None = None
    remaining: float = math.inf
    """How many more it takes."""

    def take(self, label: Label, source: str, destination: str) -> bool:
        """Whether it takes this datagram; if so, one fewer remains."""
        fits = self.remaining > 0 and self._fits(label, source, destination)
        if fits:
            self.remaining -= 1
        return fits

    def _fits(self, label: Label, source: str, destination: str) -> bool:
        return (
            (self.method is None or self.method == label.method)
            and (self.status == label.status or (self.status is None and self.method is None))
            and self.source in {None, source}
            and self.destination in {None, destination}
        )


def first(
    count: int = 1,
    *,
    method: str | None = None,
    status: int | None = None,
    source: str | None = None,
    destination: str | None = None,
) -> Pattern:
    """The first datagrams of a kind: ``first(status=200, method="INVITE")``."""
    return Pattern(
        method=method, status=status, source=source, destination=destination, remaining=count
    )


def every(
    *,
    method: str | None = None,
    status: int | None = None,
    source: str | None = None,
    destination: str | None = None,
) -> Pattern:
    """All datagrams of a kind: ``every(method="ACK")``."""
    return Pattern(method=method, status=status, source=source, destination=destination)
