"""Which timers are due: one queue for each length of time.

Timers of the same length run out in the order in which they were started, so a plain queue
keeps them sorted.  There are few lengths (about fifteen with the default settings), and starting
a timer is an append, where a heap of the half million transactions that a busy server keeps for
Timer J would take a dozen comparisons in Python.

Stopping a timer cuts it from its transaction and leaves it in its queue, an empty shell of some
hundred bytes, until it reaches the front.
"""

from __future__ import annotations

import math
import operator
from collections import deque
from typing import Generic, TypeVar

from ._machine import On

__all__ = ["MOST_AT_ONCE", "Deadlines", "Timer"]

Owner = TypeVar("Owner")

MOST_AT_ONCE = 1000
"""How many timers one look takes out, so that a burst of them delays no packet by more than a
few milliseconds.  What is left is due already, so the next look comes at once."""

_due = operator.attrgetter("due")


class Timer(Generic[Owner]):
    """A running timer of a transaction; a stopped one belongs to nobody."""

    # Plain slots: one or two are made for every transaction.
    __slots__ = ("due", "interval", "on", "owner")

    def __init__(self, on: On, interval: float, owner: Owner) -> None:
        self.on = on
        self.interval = interval
        self.due = 0.0
        self.owner: Owner | None = owner


class Deadlines(Generic[Owner]):
    """The running timers of all transactions.

    Time must not run backwards between calls.
    """

    __slots__ = ("_queues", "earliest")

    def __init__(self) -> None:
        self._queues: dict[float, deque[Timer[Owner]]] = {}
        self.earliest = math.inf
        """When to look next.  A stopped timer may make it too early, nothing makes it too late."""

    def __len__(self) -> int:
        """Entries in all queues, stopped ones included."""
        return sum(map(len, self._queues.values()))

    def start(self, timer: Timer[Owner], now: float) -> None:
        """Let *timer* run out after its interval."""
        due = timer.due = now + timer.interval
        queue = self._queues.get(timer.interval)
        if queue is None:
            queue = self._queues[timer.interval] = deque()
        queue.append(timer)
        if due < self.earliest:
            self.earliest = due

    def pop_due(self, now: float) -> list[Timer[Owner]]:
        """Take out the timers that have run out by *now*, the earliest first, a bounded number."""
        if now < self.earliest:
            return []
        due: list[Timer[Owner]] = []
        budget = MOST_AT_ONCE
        for interval, queue in sorted(self._queues.items(), key=_front):
            while queue and budget:
                timer = queue[0]
                if timer.owner is not None:
                    if timer.due > now:
                        break
                    due.append(timer)
                queue.popleft()
                budget -= 1
            if not queue:
                del self._queues[interval]
        self.earliest = min((queue[0].due for queue in self._queues.values()), default=math.inf)
        due.sort(key=_due)
        return due


def _front(item: tuple[float, deque[Timer[Owner]]]) -> float:
    return item[1][0].due
