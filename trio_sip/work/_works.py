"""All works of one stack: made here, counted here, ended here."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Hashable, Iterable
from functools import partial
from typing import Any, Protocol, TypeVarTuple

import trio

from trio_sip._errors import LocalProtocolError, Overloaded

from ._runner import Runners
from ._schedule import Schedule
from ._statistics import WorksStatistics, WorkState, WorkStatistics
from ._task import current_task
from ._waits import Waiter, WaitGraph
from ._work import Work

__all__ = ["TaskErrors", "Works", "current_work"]

PosArgsT = TypeVarTuple("PosArgsT")

# Looking a member up in its enum costs three times as much as a global name.
_OPEN, _CLOSED = WorkState.OPEN, WorkState.CLOSED


class TaskErrors(Protocol):
    """The error rule: what becomes of an exception that nobody was waiting for."""

    def task_failed(self, work: Work | None, error: Exception) -> None:
        """Note it; or raise it, which ends the nursery.  *work* is None for an un-grouped task."""


def current_work() -> Work | None:
    """The work that the running code belongs to, None outside of works.

    A trio task started by a task of a work belongs to it for as long as that task runs.
    """
    task = current_task.get()
    if task is None:
        return None
    work = task[0]
    return work if work._is_current() and not isinstance(work._key, _Ungrouped) else None


class _Ungrouped:
    """The key of a work of one task only, which nobody can name."""

    __slots__ = ()


class Works:
    """Makes works, and runs their tasks in *nursery*.

    Args:
        nursery: where runners live.  It must outlast all use of the works.
        errors: the error rule.
        high_water: so many waiting tasks make a work overloaded, and `Work.push` refuse more.
        low_water: so few make it normal again; nine tenths of *high_water* if None.
        parked: at most so many idle runners are kept to be used again.
    """

    def __init__(
        self,
        nursery: trio.Nursery,
        errors: TaskErrors,
        *,
        high_water: int = 500,
        low_water: int | None = None,
        parked: int = 64,
    ) -> None:
        self.high_water = high_water
        self.low_water: int = high_water * 9 // 10 if low_water is None else low_water
        if not 0 <= self.low_water < self.high_water:
            raise LocalProtocolError(
                f"water marks {self.low_water} and {self.high_water}: the low one must be lower"
            )
        self._nursery = nursery
        self._errors = errors
        self._runners = Runners(nursery, parked, self._break_down)
        self._named: dict[str, Work] = {}
        self._grouped: dict[Hashable, Work] = {}
        self._waits = WaitGraph()
        self._sequence = itertools.count(1)
        self._token = trio.lowlevel.current_trio_token()
        self._state = WorkState.OPEN
        self._overloaded = 0
        self._failed = 0
        self._refused = 0
        self._dropped = 0

    # -- Making works --

    def create(self, name: str | None = None) -> Work:
        """A work of its own, which its maker closes.  Without a name it is ``work-<number>``.

        Errors: `LocalProtocolError` when an open work has that name, `trio.ClosedResourceError`
        after closing began.
        """
        self._check_open()
        if name is None:
            name = next(
                free for number in self._sequence if (free := f"work-{number}") not in self._named
            )
        elif name in self._named:
            raise LocalProtocolError(f"there is a work named {name!r} already")
        work = self._named[name] = Work(self, None, name)
        return work

    def grouped(self, key: Hashable, name: str | None = None) -> Work:
        """The work of all tasks with this *key*, for example a Call-ID and a tag.

        It is entered here by its first task and forgotten when it has nothing left to do, so there
        is nothing to close, and an idle one costs nothing.  A handle kept beyond that stays good:
        what is pushed to it joins whichever work has the key then.  Without a *name* it is called
        after the key.

        Errors: `trio.ClosedResourceError` after closing began, unless the work is at work now.
        """
        work = self._grouped.get(key)
        if work is not None:
            return work
        if self._state is not _OPEN:
            self._check_open()
        return Work(self, key, name)

    def push(self, fn: Callable[[*PosArgsT], Any], *args: *PosArgsT) -> None:
        """Run ``fn(*args)`` at once, side by side with everything else; no order is promised.

        Errors: `trio.ClosedResourceError` after closing began.
        """
        self.grouped(_Ungrouped(), getattr(fn, "__qualname__", "un-grouped")).push(fn, *args)

    def push_from_thread(self, fn: Callable[[*PosArgsT], Any], *args: *PosArgsT) -> None:
        """`push` from a thread that is not trio's.  If it comes too late it is counted as dropped.

        Errors: `trio.RunFinishedError` when trio has ended.
        """
        self._from_thread(self.push, fn, *args)

    # -- Looking at works --

    @property
    def overloaded(self) -> bool:
        """Whether any work is: it reached the high-water mark, and not the low one since."""
        return self._overloaded > 0

    def snapshot(self) -> list[WorkStatistics]:
        """Every work that exists now, one by one."""
        return [work.statistics() for work in self._all()]

    def statistics(self) -> WorksStatistics:
        """All of them together."""
        works = self._all()
        return WorksStatistics(
            open=len(works),
            busy=self._runners.busy,
            parked=self._runners.parked,
            overloaded=self._overloaded,
            waiting=sum(work.waiting for work in works),
            done=self._runners.done,
            failed=self._failed,
            refused=self._refused,
            dropped=self._dropped,
        )

    # -- Ending works --

    async def join(self, works: Iterable[Work]) -> None:
        """Wait until all these works have been closed and have ended.

        Cancellation: nothing happens to the works.  How many are still alive then can be told from
        their `Work.state`.
        """
        await trio.lowlevel.checkpoint()
        for work in works:
            await work.join()

    async def drain(self) -> None:
        """Make no new works, wait until those there are have nothing to do, and end them all.

        Their tasks may still push to works that exist, because saying goodbye takes several steps.
        Schedules end at once.  A work from `create` that nobody closed is reported with a
        `ResourceWarning`.

        Cancellation: nothing is lost.  Call `cancel` then: it ends what is left.

        Errors: `LocalProtocolError` from inside a work, which would wait for itself.
        """
        if current_task.get() is not None and isinstance(self._waiter(), Work):
            raise LocalProtocolError("drain() from inside a work would wait for itself")
        if self._state is WorkState.OPEN:
            self._state = WorkState.CLOSING
        for work in self._all():
            work._stop_schedules()
        await self._runners.wait_quiet()
        self.cancel()

    def cancel(self) -> None:
        """End all works at once: drop what waits, cancel what runs, make no new ones."""
        forgotten = [work.name for work in self._named.values() if work.state is WorkState.OPEN]
        self._break_down()
        for name in forgotten:
            warnings.warn(f"work {name!r} was never closed", ResourceWarning, stacklevel=2)

    # -- For the other modules of this package --

    def _all(self) -> list[Work]:
        return [*self._named.values(), *self._grouped.values()]

    def _check_open(self) -> None:
        if self._state is not WorkState.OPEN:
            raise trio.ClosedResourceError("the stack makes no new works: it is closing")

    def _activate(self, work: Work) -> None:
        if self._state is _CLOSED:
            raise trio.ClosedResourceError("the stack's works have ended")
        if work._key is not None:
            self._grouped[work._key] = work
        runners = self._runners
        if not runners.called:
            runners.call(1, 1)
        runners.ready.append(work)
        runners.busy += 1

    def _start_schedule(self, work: Work, schedule: Schedule) -> None:
        if work._key is not None:
            self._grouped[work._key] = work
        name = f"schedule of {work.name}"
        self._runners.context.run(partial(self._nursery.start_soon, schedule._live, name=name))

    def _waiter(self) -> Waiter:
        """Who waits, if the running code does: its work, or else its trio task."""
        task = current_task.get()
        if task is not None and task[0]._is_current():
            return task[0]
        return trio.lowlevel.current_task()

    def _task_failed(self, work: Work, error: Exception) -> None:
        self._failed += 1
        self._errors.task_failed(None if isinstance(work._key, _Ungrouped) else work, error)

    def _group_failed(self, work: Work, group: BaseExceptionGroup[BaseException]) -> None:
        # A nursery of the task's was cancelled, and something else went wrong in it too.
        failures, rest = group.split(Exception)
        if failures is not None:
            self._task_failed(work, failures)
        if rest is not None:
            raise rest from None

    def _forget_if_idle(self, work: Work) -> None:
        if not work._schedules and self._grouped.get(work._key) is work:
            del self._grouped[work._key]

    def _forget_closed(self, work: Work) -> None:
        if work._key is not None:
            self._forget_if_idle(work)
        elif self._named.get(work.name) is work:
            del self._named[work.name]

    def _from_thread(
        self, push: Callable[..., None], fn: Callable[..., Any], *args: object
    ) -> None:
        self._token.run_sync_soon(self._push_or_count, push, fn, args)

    def _push_or_count(
        self, push: Callable[..., None], fn: Callable[..., Any], args: tuple[object, ...]
    ) -> None:
        # An exception here would not reach the thread: it would end trio.
        try:
            push(fn, *args)
        except (Overloaded, trio.ClosedResourceError):
            self._dropped += 1

    def _break_down(self) -> None:
        """End everything.  A runner calls it too, when the nursery is cancelled or crashes."""
        if self._state is WorkState.CLOSED:
            return
        self._state = WorkState.CLOSED
        for work in self._all():
            work.cancel()
        self._runners.retire()
