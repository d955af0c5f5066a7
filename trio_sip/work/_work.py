"""A work: tasks that run one after another, in the order in which they were pushed."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple, overload

import trio

from trio_sip._errors import Overloaded

from ._schedule import Schedule, ScheduleMode, pick_interval
from ._statistics import Load, WorkState, WorkStatistics, name_of
from ._task import Task, WaitedTask, current_task
from ._waiting import run_and_wait, suspend, wait_for_end

if TYPE_CHECKING:  # Works make works, and runners run them.
    from ._runner import Runner
    from ._works import Works

__all__ = ["Work"]

PosArgsT = TypeVarTuple("PosArgsT")
ResultT = TypeVar("ResultT")

# Looking a member up in its enum costs three times as much as a global name.
_OPEN, _NORMAL, _OVERLOADED = WorkState.OPEN, Load.NORMAL, Load.OVERLOADED


class Work:
    """Tasks that belong together, for example everything that happens to one dialog.

    Made by `Works.create` or `Works.grouped`.  They run in the order pushed and never two at a
    time, each as part of a trio task that carries the work's name; tasks of different works
    interleave.  An exception of a task goes to the error rule of the stack and the work goes on;
    `trio.Cancelled` and `KeyboardInterrupt` always pass.

    ``async with works.create("x") as work:`` drains and ends it, as `aclose` does.
    """

    # A plain class with slots: one is made for every request outside of dialogs.
    __slots__ = (
        "_done",
        "_ended",
        "_key",
        "_load",
        "_longest_queue",
        "_longest_wait",
        "_name",
        "_queue",
        "_runner",
        "_schedules",
        "_state",
        "_works",
    )

    def __init__(self, works: Works, key: Hashable | None, name: str | None) -> None:
        self._works = works
        self._key = key
        self._name = name  # None: it follows from the key, and is made when first asked for.
        self._state = _OPEN
        self._load = _NORMAL
        self._queue: deque[Task] | None = None  # Only while it has something to do.
        self._runner: Runner | None = None  # Only while a task of it runs.
        self._done = 0
        self._longest_queue = 0
        self._longest_wait = 0.0
        self._schedules: tuple[Schedule, ...] = ()
        self._ended: trio.Event | None = None

    def __repr__(self) -> str:
        """Show the name and how it stands."""
        return f"<Work {self.name!r} {self._state.value}, {self.waiting} waiting>"

    @property
    def name(self) -> str:
        """What logs, statistics and trio's own task dumps show."""
        if self._name is None:
            self._name = name_of(self._key)
        return self._name

    @property
    def state(self) -> WorkState:
        """Open, closing or closed."""
        return self._state

    @property
    def waiting(self) -> int:
        """Tasks pushed and not yet begun."""
        return 0 if self._queue is None else len(self._queue)

    @property
    def is_idle(self) -> bool:
        """Whether nothing of it runs or waits."""
        return self._living()._queue is None

    @property
    def overloaded(self) -> bool:
        """Whether the high-water mark was reached and the low-water mark has not been since."""
        return self._load is Load.OVERLOADED

    # -- Pushing --

    def push(self, fn: Callable[[*PosArgsT], Any], *args: *PosArgsT) -> None:
        """Run ``fn(*args)`` after everything pushed before.  Never blocks.

        *fn* is a plain or an async function.

        Errors: `Overloaded` when the queue is at the high-water mark, `trio.ClosedResourceError`
        when the work takes no new tasks.
        """
        queue = self._queue
        if queue is not None and len(queue) >= self._works.high_water:
            self._works._refused += 1
            raise Overloaded(f"work {self.name!r} has {len(queue)} tasks waiting")
        self._enqueue(fn, args)

    def push_unbounded(self, fn: Callable[[*PosArgsT], Any], *args: *PosArgsT) -> None:
        """`push` even when the queue is full: for an ACK or a response, which ease the load.

        Only for what something else bounds, such as the number of transactions.
        """
        self._enqueue(fn, args)

    def run_or_push(self, fn: Callable[[*PosArgsT], None], *args: *PosArgsT) -> None:
        """Run the plain function ``fn(*args)`` in its turn: here and now, if nothing runs or waits.

        For what takes no time, so that handing it to a runner would cost more than doing it.  It
        is never refused for want of room.  Its exception goes to the error rule in either case.
        """
        work = self._living()
        if work._queue is not None:
            work._enqueue(fn, args)
            return
        try:
            fn(*args)
        except Exception as error:
            work._works._task_failed(work, error)

    def push_from_thread(self, fn: Callable[[*PosArgsT], Any], *args: *PosArgsT) -> None:
        """`push` from a thread that is not trio's.  What is then refused is dropped and counted.

        Errors: `trio.RunFinishedError` when trio has ended.
        """
        self._works._from_thread(self.push, fn, *args)

    @overload
    async def run(
        self, fn: Callable[[*PosArgsT], Awaitable[ResultT]], *args: *PosArgsT
    ) -> ResultT: ...
    @overload
    async def run(self, fn: Callable[[*PosArgsT], ResultT], *args: *PosArgsT) -> ResultT: ...
    async def run(self, fn: Callable[[*PosArgsT], Any], *args: *PosArgsT) -> Any:
        """Push ``fn(*args)``, wait until it has run, and return or raise what it did.

        From inside a task of this same work it runs at once, inline.

        Cancellation: a task that still waits is taken out of the queue; one that runs is
        cancelled, and its end awaited.  If it returns a result nevertheless, that is returned.

        Errors: as `push`; `WorkDeadlock` if this work waits, perhaps through others, for the one
        that the caller belongs to; `trio.ClosedResourceError` if the work is cancelled meanwhile.
        """
        return await run_and_wait(self._living(), fn, args)

    def suspended(self) -> AbstractAsyncContextManager[None]:
        """Inside the block nothing runs in this work; what is pushed meanwhile waits.

        Waits first for all that was pushed before.  From inside a task of this same work it waits
        for nothing, because nothing else can run then anyway.

        Errors: `WorkDeadlock` as `run`; `trio.ClosedResourceError` if the work is closed.
        """
        return suspend(self._living())

    def schedule(
        self,
        fn: Callable[[*PosArgsT], Any],
        *args: *PosArgsT,
        every: float | None = None,
        after: float | None = None,
        mode: ScheduleMode = ScheduleMode.PERIODIC,
    ) -> Schedule:
        """Run ``fn(*args)`` in this work once *after* so many seconds, or *every* so many.

        The clock is trio's.  The schedule ends when it is cancelled, or with the work.

        Errors: `LocalProtocolError` unless exactly one of the two is given, and *every* is more
        than 0; `trio.ClosedResourceError` when the work takes no new tasks.
        """
        interval = pick_interval(every, after)
        work = self._living()
        work._check_open()
        schedule = Schedule(work, fn, args, interval, mode if every is not None else None)
        work._schedules += (schedule,)
        self._works._start_schedule(work, schedule)
        return schedule

    # -- Ending --

    async def aclose(self) -> None:
        """Take no new tasks, run those that wait, and end.  Closing twice is closing once.

        From inside a task of this same work it does not wait: the work ends after that task and
        those behind it.

        Cancellation: the work is cancelled too, so that it is closed in any case.

        Errors: `WorkDeadlock` if one of its tasks waits for the caller's work; it closes still.
        """
        work = self._living()
        if work._state is WorkState.OPEN:
            work._stop_schedules()
            work._state = WorkState.CLOSING
            if work._queue is None:
                work._end_life()
        if work._is_current():
            await trio.lowlevel.checkpoint()
            return
        try:
            await work.join()
        except trio.Cancelled:
            work.cancel()
            raise

    async def join(self) -> None:
        """Wait until the work has been closed, by whomever, and its last task has ended.

        Errors: `WorkDeadlock` as `run`.
        """
        await wait_for_end(self._living())

    def cancel(self) -> None:
        """Drop the tasks that wait, cancel the one that runs, and take no new ones."""
        work = self._living()
        if work._state is WorkState.CLOSED:
            return
        work._stop_schedules()
        work._state = WorkState.CLOSING
        if work._queue is None:
            work._end_life()
            return
        dropped = list(work._queue)
        # A runner finds the queue empty when the work's turn comes, and lets it end.
        work._queue.clear()
        self._works._dropped += len(dropped)
        for _, _, _, _, waited in dropped:
            if waited is not None:
                waited.drop()
        if work._runner is not None:
            work._runner.cancel_running()

    async def __aenter__(self) -> Work:
        """Nothing to open; `aclose` at the end of the block."""
        await trio.lowlevel.checkpoint()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Drain and end it."""
        await self.aclose()

    def cancel_running(self) -> None:
        """Cancel the task that runs now, if one does; those that wait go on after it."""
        runner = self._living()._runner
        if runner is not None and runner.task is not None:
            runner.cancel_running()

    def statistics(self) -> WorkStatistics:
        """How it stands now."""
        return WorkStatistics(
            name=self.name,
            state=self._state,
            load=self._load,
            waiting=self.waiting,
            done=self._done,
            longest_queue=self._longest_queue,
            longest_wait=self._longest_wait,
            running_since=None if self._runner is None else self._runner.since,
            waits_for=tuple(target.name for target in self._works._waits.targets(self)),
        )

    # -- For the other modules of this package --

    def _living(self) -> Work:
        """The work that tasks of this group go to: another one, if this handle is a stale one."""
        if self._key is None or self._queue is not None:
            return self
        return self._works._grouped.get(self._key, self)

    def _is_current(self) -> bool:
        """Whether the running code is part of the task that runs in this work now."""
        runner = self._runner
        return runner is not None and current_task.get() is runner.task

    def _check_open(self) -> None:
        if self._state is not _OPEN:
            raise trio.ClosedResourceError(f"work {self.name!r} is {self._state.value}")

    def _enqueue(
        self, fn: Callable[..., Any], args: tuple[Any, ...], waited: WaitedTask | None = None
    ) -> None:
        """Put a task at the end of the queue, and the work among the ready ones if it was idle."""
        works = self._works
        queue = self._queue
        if queue is None:
            key = self._key
            if key is not None and (work := works._grouped.get(key, self)) is not self:
                if waited is not None:
                    waited.work = work
                work._enqueue(fn, args, waited)
                return
            if self._state is not _OPEN:
                self._check_open()
            works._activate(self)
            self._queue = deque(((self, fn, args, works._runners.clock(), waited),))
            waiting = 1
        else:
            self._check_open()
            queue.append((self, fn, args, works._runners.clock(), waited))
            waiting = len(queue)
        if waiting > self._longest_queue:
            self._longest_queue = waiting
        if waiting >= works.high_water and self._load is _NORMAL:
            self._load = _OVERLOADED
            works._overloaded += 1

    def _withdraw(self, waited: WaitedTask) -> bool:
        """Take its task out of the queue: False if it is no longer there."""
        queue = self._queue
        if queue is not None:
            for place, task in enumerate(queue):
                if task[4] is waited:
                    del queue[place]
                    self._ease(len(queue))
                    return True
        return False

    def _ease(self, waiting: int) -> None:
        """The queue has become shorter."""
        if self._load is _OVERLOADED and waiting <= self._works.low_water:
            self._load = _NORMAL
            self._works._overloaded -= 1

    def _cancel_running(self, waited: WaitedTask) -> None:
        runner = self._runner
        if runner is not None and runner.task is not None and runner.task[4] is waited:
            runner.cancel_running()

    def _idle(self) -> None:
        """There is nothing left to do."""
        self._queue = None
        if self._load is _OVERLOADED:
            self._ease(0)
        if self._state is WorkState.CLOSING:
            self._end_life()
        if self._key is not None and not self._schedules:
            self._works._grouped.pop(self._key, None)

    def _stop_schedules(self) -> None:
        for schedule in self._schedules:
            schedule.cancel()

    def _unschedule(self, schedule: Schedule) -> None:
        self._schedules = tuple(other for other in self._schedules if other is not schedule)
        if self._queue is None and self._key is not None:
            self._works._forget_if_idle(self)

    def _end_life(self) -> None:
        self._state = WorkState.CLOSED
        if self._ended is not None:
            self._ended.set()
        self._works._forget_closed(self)
