"""Times, gathered: how many, how long, and how they are spread."""

from __future__ import annotations

import bisect
import math
import statistics
from array import array
from collections.abc import Iterable, Iterator

import attrs

__all__ = ["Histogram"]


@attrs.define(eq=False, repr=False)
class Histogram:
    """How long something took, each time that it was done.

    Every time is kept, in eight bytes, so that nothing that is asked is an estimate.
    While there is none, all that could be asked of them is NaN: no comparison with it holds, so
    ``assert times.percentile(99) < 0.2`` fails when nothing was measured.
    """

    _times: array[float] = attrs.field(init=False, factory=lambda: array("d"))
    _is_sorted: bool = attrs.field(init=False, default=True)

    @classmethod
    def of(cls, times: Iterable[float]) -> Histogram:
        """One of these times, in seconds."""
        histogram = cls()
        histogram._times.extend(times)
        histogram._is_sorted = False
        return histogram

    def add(self, seconds: float) -> None:
        """One more time."""
        self._times.append(seconds)
        self._is_sorted = False

    def merge(self, other: Histogram) -> None:
        """Add the times of another, which keeps them."""
        self._times.extend(other._times)
        self._is_sorted = False

    @property
    def count(self) -> int:
        """How many times."""
        return len(self._times)

    @property
    def mean(self) -> float:
        """The sum, divided by the count."""
        return math.fsum(self._times) / len(self._times) if self._times else math.nan

    @property
    def deviation(self) -> float:
        """The standard deviation of the times from their mean."""
        return statistics.pstdev(self._times) if self._times else math.nan

    @property
    def minimum(self) -> float:
        """The shortest time."""
        return min(self._times, default=math.nan)

    @property
    def maximum(self) -> float:
        """The longest time."""
        return max(self._times, default=math.nan)

    def percentile(self, percent: float) -> float:
        """The shortest of the times that at least so many percent do not exceed.

        It is one that was measured, the nearest rank: nothing is interpolated.

        Raises:
          ValueError: *percent* is not from 0 to 100.
        """
        if not 0 <= percent <= 100:
            raise ValueError(f"want 0 to 100 percent, not {percent!r}")
        if not self._times:
            return math.nan
        times = self._in_order()
        # Rounded first: 0.07 * 100 is a little more than 7.
        rank = math.ceil(round(percent * len(times) / 100, 9))
        return times[max(rank, 1) - 1]

    def repartition(self, bounds: Iterable[float]) -> dict[float, int]:
        """How many times are below each bound and not below the one before it.

        Those that no bound is above come last, below infinity: the rows of SIPp's
        ``ResponseTimeRepartition``, in seconds.
        """
        times = self._in_order()
        table: dict[float, int] = {}
        before = 0
        for bound in [*sorted(set(bounds) - {math.inf}), math.inf]:
            place = bisect.bisect_left(times, bound)
            table[bound] = place - before
            before = place
        return table

    def __iter__(self) -> Iterator[float]:
        """The times, the shortest first."""
        return iter(self._in_order())

    def __repr__(self) -> str:
        if not self._times:
            return "Histogram(count=0)"
        return (
            f"Histogram(count={self.count}, minimum={self.minimum:.6f}, mean={self.mean:.6f}, "
            f"maximum={self.maximum:.6f})"
        )

    def _in_order(self) -> array[float]:
        if not self._is_sorted:
            self._times = array("d", sorted(self._times))
            self._is_sorted = True
        return self._times
