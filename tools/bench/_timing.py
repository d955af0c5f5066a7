"""CPU time of one operation, over things that all differ, beside the floor of parsing.

Nothing but the standard library is imported here: other stacks are measured with it in
environments of their own.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from .messages import create_invites

__all__ = ["SPLIT_ON_THE_SCALE", "Timing", "split_and_partition", "the_same", "time_operation"]

T = TypeVar("T")

SPLIT_ON_THE_SCALE = 2.3
"""CPU microseconds that the floor cost on the reference machine."""

# Long enough for the clock, short enough that some are not disturbed.
_BATCH = 250


class Timing(NamedTuple):
    """What an operation costs."""

    microseconds: float
    """CPU time of one operation, in the cheapest batch."""

    to_floor: float
    """How many times the floor that is, in the median of pairs of batches."""


def split_and_partition(data: bytes) -> list[tuple[bytes, bytes]]:
    """The floor: lines cut at their colons, and nothing understood."""
    head, _ = data.split(b"\r\n\r\n", 1)
    fields = []
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        # Not a comprehension: a parser has to look at each line, too.
        fields.append((name, value))
    return fields


def the_same(items: Sequence[T]) -> Callable[[], Sequence[T]]:
    """Prepares each round with the same items, for operations that leave them as they are."""
    return lambda: items


def time_operation(
    # Any: what an operation gives back is thrown away.
    operation: Callable[[T], Any],
    prepare: Callable[[], Sequence[T]],
    seconds: float,
) -> Timing:
    """Measure in batches, each followed by a batch of the floor.

    A machine with other things to do may be half as fast for seconds.  Two batches in a row see
    the same machine, so their ratio can be trusted even then.

    Args:
      operation: what is measured, called with one item.
      prepare: gives the items of a round, all different.  It is not measured.
      seconds: CPU time to spend on rounds, at least; three rounds are made in any case.
    """
    invites = create_invites(_BATCH)
    costs: list[float] = []
    ratios: list[float] = []
    begin = time.process_time()
    rounds = 0
    while rounds < 3 or time.process_time() - begin < seconds:
        items = prepare()
        rounds += 1
        gc.collect()
        for first in range(0, len(items), _BATCH):
            cost = _batch(operation, items[first : first + _BATCH])
            costs.append(cost)
            ratios.append(cost / _batch(split_and_partition, invites))
    return Timing(min(costs), statistics.median(ratios))


def _batch(operation: Callable[[T], Any], items: Sequence[T]) -> float:
    begin = time.process_time()
    for item in items:
        operation(item)
    return (time.process_time() - begin) / len(items) * 1e6
