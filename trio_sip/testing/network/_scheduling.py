"""Making trio run its tasks in the same order every time.

trio shuffles runnable tasks on purpose, so that no program comes to rely on an order.  For a
simulation that is one source of dice too many: the same seed would give another trace.  trio has
a switch for this, which it throws itself when Hypothesis is loaded, but it is private.  All
knowledge of it is in this module, and a test fails when it stops working.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import trio._core._run as trio_run

__all__ = ["deterministic_scheduling"]


@contextmanager
def deterministic_scheduling(seed: int) -> Iterator[None]:
    """Derive the order of tasks from *seed* inside the block; as it was afterwards."""
    before = trio_run._ALLOW_DETERMINISTIC_SCHEDULING
    dice = trio_run._r
    trio_run._ALLOW_DETERMINISTIC_SCHEDULING = True  # type: ignore[misc]
    trio_run._r = random.Random(seed)  # noqa: S311
    try:
        yield
    finally:
        trio_run._ALLOW_DETERMINISTIC_SCHEDULING = before  # type: ignore[misc]
        trio_run._r = dice
