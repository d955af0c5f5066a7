"""One alarm for everything above the transactions that wants to be woken at some time.

A session knows when it wants to be told the time; thousands of them share one heap and one task.
Setting a `Reminder` later, or taking it back, leaves its place in the heap alone: it is looked at
when that comes up.  What was taken back is swept out when it makes up half of the heap, because
a call's timer may lie half an hour ahead and the call may last two seconds.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable

import trio

__all__ = ["Reminder", "Reminders"]

_SWEEP_ABOVE = 256

_Place = tuple[float, int, "Reminder"]


class Reminder:
    """Somebody's next deadline, made by `Stack.create_reminder`."""

    __slots__ = ("_place", "_reminders", "due", "tell")

    def __init__(self, reminders: Reminders, tell: Callable[[], object]) -> None:
        self._reminders = reminders
        self._place: _Place | None = None
        self.due: float = math.inf
        """When it wants to be told, in trio's time; `math.inf` for never.  Read only."""

        self.tell: Callable[[], object] = tell

    def set(self, due: float) -> None:
        """Be told at *due*, and not at any time set before; `math.inf` takes it back."""
        if due == self.due:
            return
        self._reminders._set(self, due)

    def forget(self) -> None:
        """Never be told again, and let go at once of what it was made for.

        Its place in the heap may stay for a quarter of an hour, and would keep a whole call.
        """
        self.set(math.inf)
        self.tell = _nothing


def _nothing() -> None: ...


class Reminders:
    """All reminders of a stack, and the task that tells."""

    def __init__(self, call: Callable[[Callable[[], object]], object]) -> None:
        self._call = call
        self._heap: list[_Place] = []
        self._sequence = itertools.count()
        self._idle = 0
        self._alarm = trio.CancelScope()
        self._armed = math.inf

    def __len__(self) -> int:
        """How many are set."""
        return len(self._heap) - self._idle

    def create(self, tell: Callable[[], object]) -> Reminder:
        """A reminder that is not set yet; *tell* must not wait."""
        return Reminder(self, tell)

    def _set(self, reminder: Reminder, due: float) -> None:
        place = reminder._place
        if place is not None:
            self._idle += (due == math.inf) - (reminder.due == math.inf)
        reminder.due = due
        if due == math.inf:
            if self._idle > _SWEEP_ABOVE and self._idle * 2 > len(self._heap):
                self._sweep()
        elif place is None or due < place[0]:
            if place is not None:
                # It is no longer the reminder's own, and passed over when it comes up.
                self._idle += 1
            self._put(reminder, due)
            if due < self._armed:
                self._armed = self._alarm.deadline = due

    def _put(self, reminder: Reminder, due: float) -> None:
        place = reminder._place = (due, next(self._sequence), reminder)
        heapq.heappush(self._heap, place)

    def _sweep(self) -> None:
        kept: list[_Place] = []
        for place in self._heap:
            reminder = place[2]
            if place is not reminder._place:
                continue
            if reminder.due < math.inf:
                kept.append(place)
            else:
                reminder._place = None
        heapq.heapify(kept)
        self._heap = kept
        self._idle = 0

    def tell_due(self, now: float) -> None:
        """Tell those that are due."""
        while self._heap and self._heap[0][0] <= now:
            place = heapq.heappop(self._heap)
            reminder = place[2]
            if place is not reminder._place:
                self._idle -= 1
                continue
            reminder._place = None
            due = reminder.due
            if due == math.inf:
                self._idle -= 1
            elif due > now:
                self._put(reminder, due)
            else:
                reminder.due = math.inf
                self._call(reminder.tell)

    async def run(self) -> None:
        """Tell, for as long as the stack lives."""
        while True:
            first = self._heap[0][0] if self._heap else math.inf
            with trio.CancelScope(deadline=first) as self._alarm:
                self._armed = first
                await trio.sleep_forever()
            self._armed = math.inf
            self.tell_due(trio.current_time())
            await trio.lowlevel.checkpoint()
