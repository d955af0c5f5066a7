"""CPU time of one operation, over things that all differ.

Nothing but the standard library is imported here: other stacks are measured with it in
environments of their own.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

__all__ = ["cpu_microseconds", "the_same"]

T = TypeVar("T")

# Long enough for the clock, short enough that some are not disturbed.
_BATCH = 250


def the_same(items: Sequence[T]) -> Callable[[], Sequence[T]]:
    """Prepares each round with the same items, for operations that leave them as they are."""
    return lambda: items


def cpu_microseconds(
    # Any: what an operation gives back is thrown away.
    operation: Callable[[T], Any],
    prepare: Callable[[], Sequence[T]],
    seconds: float,
) -> float:
    """The cheapest batch: batches differ only by what else the machine had to do meanwhile.

    Args:
      operation: what is measured, called with one item.
      prepare: gives the items of a round, all different.  It is not measured.
      seconds: CPU time to spend on rounds, at least; three rounds are made in any case.
    """
    best = spent = 0.0
    rounds = 0
    while spent < seconds or rounds < 3:
        items = prepare()
        rounds += 1
        gc.collect()
        for first in range(0, len(items), _BATCH):
            batch = items[first : first + _BATCH]
            begin = time.process_time()
            for item in batch:
                operation(item)
            used = time.process_time() - begin
            spent += used
            cost = used / len(batch) * 1e6
            best = min(best, cost) if best else cost
    return best
