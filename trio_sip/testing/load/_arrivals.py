"""When the calls of a load begin."""

from __future__ import annotations

import enum
import itertools
import math
import random
from collections.abc import Iterator

__all__ = ["Arrival", "arrival_times"]


class Arrival(enum.Enum):
    """How the beginnings of calls are spread."""

    FIXED = "fixed"
    """One after the other, with the same time between any two."""

    POISSON = "poisson"
    """Each without regard to the others, as those of many people are."""


def arrival_times(
    rate: float, *, ramp: float, arrival: Arrival, dice: random.Random
) -> Iterator[float]:
    """Seconds after the beginning, without end.

    Args:
      rate: calls per second; infinite for all of them at once.
      ramp: seconds in which the rate grows evenly from nothing.
    """
    for expected in _expected(arrival, dice):
        yield _when(expected, rate, ramp)


def _expected(arrival: Arrival, dice: random.Random) -> Iterator[float]:
    """How many calls are due, on the average, when each of them begins."""
    if arrival is Arrival.FIXED:
        yield from map(float, itertools.count())
    expected = 0.0
    while True:
        expected += dice.expovariate(1.0)
        yield expected


def _when(expected: float, rate: float, ramp: float) -> float:
    # The rate is rate*t/ramp during the ramp, so that rate*t*t/(2*ramp) calls are due by then.
    if math.isinf(rate):
        return 0.0
    on_the_ramp = rate * ramp / 2
    if expected < on_the_ramp:
        return math.sqrt(2 * ramp * expected / rate)
    return ramp + (expected - on_the_ramp) / rate
