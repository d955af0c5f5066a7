"""How much one source may make us write into a log."""

from __future__ import annotations

import math
from collections import OrderedDict

import attrs

__all__ = ["LogLimit"]


@attrs.define(eq=False)
class _Source:
    began: float
    lines: int = 0
    left_out: int = 0


@attrs.define(eq=False)
class LogLimit:
    """So many lines for each source in a period: more than a ban tool needs to act upon.

    And so many for all of them together, for who can forge a source has as many as there are.

    Nothing is lost but lines: every event is counted, and listeners get all of them.
    """

    lines: int = 10
    all_lines: int = 1000
    period: float = 10.0
    """Seconds."""

    capacity: int = 10_000
    """Sources remembered; the one longest known goes first."""

    _sources: OrderedDict[str, _Source] = attrs.field(factory=OrderedDict, init=False)
    _all: _Source = attrs.field(factory=lambda: _Source(-math.inf), init=False)

    def __len__(self) -> int:
        return len(self._sources)

    def admit(self, host: str, now: float) -> int | None:
        """Whether *host* may have one more line.

        Returns:
          ``None`` if not; else how many were left out before it that nobody was told of.
        """
        source = self._sources.get(host)
        left_out = 0
        if source is None or now - source.began >= self.period:
            if source is not None:
                left_out = source.left_out
                del self._sources[host]
            elif len(self._sources) >= self.capacity:
                self._sources.popitem(last=False)
            source = self._sources[host] = _Source(now)
        if now - self._all.began >= self.period:
            self._all = _Source(now)
        if source.lines >= self.lines or self._all.lines >= self.all_lines:
            source.left_out += left_out + 1
            return None
        source.lines += 1
        self._all.lines += 1
        return left_out
