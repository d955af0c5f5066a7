"""When calls begin."""

from __future__ import annotations

import math

import attrs

__all__ = ["Pace", "Ramp", "ScenarioPlan"]


@attrs.frozen
class Ramp:
    """A rate of calls that grows."""

    start: float
    """Calls a second at the beginning."""

    increase: float
    """How many more in each interval."""

    interval: float = 60.0
    """Seconds."""

    maximum: float = math.inf
    """The rate that is kept when it is reached."""

    def rate(self, seconds: float) -> float:
        """Calls a second after so many seconds."""
        return min(self.start + self.increase * (seconds // self.interval), self.maximum)


@attrs.frozen(kw_only=True)
class ScenarioPlan:
    """When the calls of a scenario begin, and until when."""

    rate: float | Ramp = 10.0
    """How many begin in a second."""

    limit: int | None = None
    """How many may be open at once."""

    users: int | None = None
    """So many callers instead of a rate: each begins a call when its last one has ended."""

    duration: float = math.inf
    """Seconds after which no call begins any more."""

    patience: float = math.inf
    """Seconds after which calls that have not ended have failed."""


class Pace:
    """One time after the other.  What is late does not make what follows it late."""

    def __init__(self, rate: float | Ramp, now: float) -> None:
        self._ramp = rate if isinstance(rate, Ramp) else Ramp(rate, 0.0)
        self._began = self._next = now

    def next(self) -> float:
        """When the next call begins."""
        time = self._next
        self._next = time + 1 / self._ramp.rate(time - self._began)
        return time
