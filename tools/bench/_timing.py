"""CPU time of one operation, over things that all differ.

Nothing but the standard library is imported here: other stacks are measured with it in
environments of their own.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

__all__ = ["cpu_microseconds"]

T = TypeVar("T")


def cpu_microseconds(
    # Any: what an operation gives back is thrown away.
    operation: Callable[[T], Any],
    prepare: Callable[[], Sequence[T]],
    seconds: float,
) -> float:
    """The median over rounds; each round takes every item once.

    Args:
      operation: what is measured, called with one item.
      prepare: gives the items of a round, all different.  It is not measured.
      seconds: CPU time to spend on rounds, at least; three rounds are made in any case.
    """
    rounds: list[float] = []
    spent = 0.0
    while spent < seconds or len(rounds) < 3:
        items = prepare()
        gc.collect()
        begin = time.process_time()
        for item in items:
            operation(item)
        used = time.process_time() - begin
        spent += used
        rounds.append(used / len(items) * 1e6)
    return statistics.median(rounds)
