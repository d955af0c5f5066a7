"""Tasks that a work runs later, or again and again."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import trio

from trio_sip._errors import LocalProtocolError

from ._task import ScheduledTask

if TYPE_CHECKING:  # A work keeps its schedules and a schedule pushes to its work.
    from ._work import Work

__all__ = ["Schedule", "ScheduleMode", "pick_interval"]


class ScheduleMode(enum.Enum):
    """Where the interval of a repeated task is counted from."""

    PERIODIC = "periodic"
    """From the schedule's beginning: at its multiples.  Those missed while the task ran or waited
    for its turn are skipped."""

    DELAY = "delay"
    """From the end of the task's last run."""


def pick_interval(every: float | None, after: float | None) -> float:
    """The one of the two that is given, or `LocalProtocolError`."""
    if (every is None) == (after is None):
        raise LocalProtocolError("schedule() takes either every= or after=")
    interval = every if every is not None else after
    if interval is None or interval < 0 or interval == every == 0:
        raise LocalProtocolError(f"no interval: {interval!r}")
    return interval


class Schedule:
    """A task that is due later.  Made by `Work.schedule`.

    A task of a schedule never overlaps itself: the next turn is not pushed before the last one has
    ended.  Its exceptions go to the error rule, and do not end the schedule.
    """

    __slots__ = ("_args", "_fn", "_interval", "_mode", "_scope", "_work")

    def __init__(
        self,
        work: Work,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        interval: float,
        mode: ScheduleMode | None,
    ) -> None:
        self._work = work
        self._fn = fn
        self._args = args
        self._interval = interval
        self._mode = mode  # None: once.
        self._scope = trio.CancelScope()

    def cancel(self) -> None:
        """No more turns.  One that waits in the queue is taken out, one that runs may finish."""
        self._scope.cancel()
        self._work._unschedule(self)

    async def _live(self) -> None:
        with self._scope:
            try:
                await self._keep()
            except trio.ClosedResourceError:
                pass  # The work was cancelled, and its schedules with it.
            finally:
                self._work._unschedule(self)

    async def _keep(self) -> None:
        due: float | None = trio.current_time() + self._interval
        while due is not None:
            await trio.sleep_until(due)
            task = ScheduledTask(self._work, self._fn, self._args)
            self._work._enqueue(task.perform, (), task)
            await task.wait()
            due = self._next_due(due, trio.current_time())

    def _next_due(self, due: float, now: float) -> float | None:
        match self._mode:
            case ScheduleMode.PERIODIC:
                return due + self._interval * (math.floor((now - due) / self._interval) + 1)
            case ScheduleMode.DELAY:
                return now + self._interval
            case None:
                return None
