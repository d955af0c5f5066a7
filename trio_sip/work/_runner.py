"""Runners: the trio tasks that run the tasks of works, used again and again.

Works that have something to do stand in one queue, the ready ones, and a runner that is awake takes
one after another from it and runs its next task.  The rule that keeps works from holding each other
up: as long as a work is ready, a runner is awake or has been called.  So before a runner begins a
task while others are ready, it calls a backup, unless one has been called already.  If the task
waits for something, the backup goes on with the rest; if it does not, the runner does so itself,
and the backup finds nothing and is parked again.  Backups that find something call twice as many as
the one before did, so that a burst of tasks that all wait gets going in a few rounds of the
scheduler.  A burst of tasks that never wait costs two wake-ups, not one each.

Before, each work had a runner of its own for as long as it had something to do.  Measured on
CPython 3.11 for bursts of 64 works with one task each, push and run together: tasks that never wait
cost 9.1 µs each then and 4.1 now, tasks that wait once 12.0 then and 10.4 now.  What is dearer is a
small burst of tasks that all wait, because of the rounds: 20.9 then and 22.3 now for bursts of 8.

A runner with nothing to do is parked and called again later, because starting a trio task and
ending it costs more than most SIP tasks do.  Only a bounded number is parked; the others end.  A
parked runner sleeps in `trio.lowlevel.wait_task_rescheduled`, because waking the receiver of a
memory channel costs twice as much, and because a task cannot be withdrawn from the middle of a
memory channel, which a cancelled `Work.run` needs.

Every task begins with the context variables of the beginning: what one call's handler put into one
must not show up in the next call's.  Instead of copying a context for each, the runner looks
whether a task has left its context as it was, and ends its turn with a fresh one if not.  (A value
replaced by an equal one passes for unchanged.)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from types import CoroutineType
from typing import TYPE_CHECKING

import trio

from ._statistics import Load
from ._task import Task, current_task

if TYPE_CHECKING:  # A work knows the runner that serves it, and a runner serves works.
    from ._work import Work

__all__ = ["Runner", "Runners"]

_TASKS_PER_TURN = 64
"""After so many tasks that never waited, a runner lets the rest of the program run."""

_PARKED_NAME = "work: parked runner"

# Looking a member up in its enum costs three times as much as a global name.
_OVERLOADED = Load.OVERLOADED


class Runner:
    """One trio task, which runs the tasks of whichever works are ready."""

    # A plain class with slots: its loop is the hot path of every request.
    __slots__ = ("_pool", "_scope", "backups", "since", "task", "trio_task")

    def __init__(self, pool: Runners, backups: int) -> None:
        self._pool = pool
        self._scope: trio.CancelScope | None = None
        self.trio_task: trio.lowlevel.Task
        self.backups = backups
        """How many it calls at a time."""

        self.task: Task | None = None
        """The task that runs now, or that ran last."""

        self.since = 0.0
        """When that began, on trio's clock."""

    def cancel_running(self) -> None:
        """Cancel the task that runs now.  Called only while there is one."""
        # The loops see that the scope is no longer theirs, even if the task ends of itself before
        # the cancellation reaches it, so the next task never gets it.
        scope, self._scope = self._scope, None
        if scope is not None:
            scope.cancel()

    async def live(self) -> None:
        """Serve the works that are ready, again and again until there are enough parked runners."""
        self.trio_task = trio.lowlevel.current_task()
        self._pool.called -= 1
        try:
            while True:
                # One scope for many tasks; a new one only after a cancellation.
                with trio.CancelScope() as scope:
                    self._scope = scope
                    while self._scope is scope:
                        await self._take_turn(scope)
                        if self._scope is scope and not await self._rest():
                            return
                # The cancelled task had no chance to be looked at.
                self.trio_task.context = self._pool.context.copy()
                if not await self._rest():
                    return
        except BaseException:
            self._pool.break_down()
            raise

    async def _take_turn(self, scope: trio.CancelScope) -> None:
        """Run tasks until none is ready, or for long enough.

        Between two tasks nothing else runs, unless the first one waited for something.
        """
        pool, trio_task = self._pool, self.trio_task
        ready, clock, is_pristine = pool.ready, pool.clock, pool.is_pristine
        left = _TASKS_PER_TURN
        while ready and left and self._scope is scope:
            work = ready.popleft()
            queue = work._queue
            if not queue:  # What it had to do has been withdrawn.
                pool.release(work)
                continue
            if ready and not pool.called:
                pool.call(min(self.backups, len(ready)), 2 * self.backups)
            left -= 1
            self.task = task = queue.popleft()
            _, fn, args, pushed_at, _ = task
            self.since = now = clock()
            if now - pushed_at > work._longest_wait:
                work._longest_wait = now - pushed_at
            if work._load is _OVERLOADED:
                work._ease(len(queue))
            work._runner = self
            current_task.set(task)
            try:
                trio_task.name = work._name or work.name
                result = fn(*args)
                if result is not None and isinstance(result, (CoroutineType, Awaitable)):
                    await result
            except Exception as error:
                work._works._task_failed(work, error)
            except BaseExceptionGroup as group:
                work._works._group_failed(work, group)
            finally:
                work._runner = None
                work._done += 1
                pool.done += 1
                if queue:
                    ready.append(work)
                else:
                    pool.release(work)
            if not is_pristine():
                trio_task.context = pool.context.copy()
                return

    async def _rest(self) -> bool:
        """End the turn and sleep until the next one: False if it is to end instead."""
        pool = self._pool
        if pool.ready and not pool.called:
            pool.call(1, 1)
        if not pool.park(self):
            return False
        self.task = None
        self.trio_task.name = _PARKED_NAME
        await trio.lowlevel.wait_task_rescheduled(self._abort)
        pool.called -= 1
        return True

    def _abort(self, _raise_cancel: Callable[[], object]) -> trio.lowlevel.Abort:
        # Out of the list at once: nobody may wake a runner that is on its way out.
        self._pool.unpark(self)
        return trio.lowlevel.Abort.SUCCEEDED


class Runners:
    """The runners of one nursery, those awake and a bounded number of parked ones."""

    __slots__ = (
        "_limit",
        "_nursery",
        "_on_break_down",
        "_parked",
        "_quiet",
        "busy",
        "called",
        "clock",
        "context",
        "done",
        "ready",
    )

    def __init__(
        self, nursery: trio.Nursery, limit: int, on_break_down: Callable[[], object]
    ) -> None:
        self._nursery = nursery
        self._limit = limit
        self._on_break_down = on_break_down
        self._parked: list[Runner] = []
        self._quiet: trio.Event | None = None
        self.ready: deque[Work] = deque()
        """Works with tasks none of which runs now."""

        self.called = 0
        """Runners that have been told to run and have not begun yet."""

        self.busy = 0
        """Works that are ready or have a task that runs."""

        self.done = 0
        """Tasks that have ended."""

        # The clock itself: trio.current_time() looks it up anew, and costs twice as much.
        self.clock = trio.lowlevel.current_clock().current_time
        self.context = copy_context()
        """The context that tasks begin with, and trio tasks on behalf of works are started in."""

        self.context.run(current_task.set, None)

    @property
    def parked(self) -> int:
        """How many runners wait to be used."""
        return len(self._parked)

    def call(self, count: int, backups: int) -> None:
        """Have so many runners take a turn, each of which is to call so many *backups*."""
        for _ in range(count):
            if self._parked:
                # The one parked last: it is the likeliest to be in the processor's cache.
                runner = self._parked.pop()
                runner.backups = backups
                trio.lowlevel.reschedule(runner.trio_task)
            else:
                self.context.run(self._nursery.start_soon, Runner(self, backups).live)
            self.called += 1

    def is_pristine(self) -> bool:
        """Whether the last task has left all context variables as it found them."""
        current_task.set(None)
        try:
            return copy_context() == self.context
        except Exception:
            return False  # Some value cannot be compared with the one in its place.

    def release(self, work: Work) -> None:
        """A work has nothing left to do."""
        work._idle()
        self.busy -= 1
        if self._quiet is not None and not self.busy:
            self._quiet.set()

    def park(self, runner: Runner) -> bool:
        """Keep a runner to be called again: False if there are enough of them."""
        if len(self._parked) >= self._limit:
            return False
        self._parked.append(runner)
        return True

    def unpark(self, runner: Runner) -> None:
        """Forget a parked runner, which has been cancelled from outside."""
        self._parked.remove(runner)

    def retire(self) -> None:
        """End all parked runners, and let those at work end when they are done."""
        self._limit = 0
        while self._parked:
            self.call(1, 1)

    def break_down(self) -> None:
        """A runner ends by an error or by a cancellation of the whole nursery."""
        self._limit = 0
        self._on_break_down()
        # All works are cancelled now.  Nobody may be left to find out that they have ended.
        while self.ready:
            self.release(self.ready.popleft())

    async def wait_quiet(self) -> None:
        """Wait until no work has anything to do."""
        await trio.lowlevel.checkpoint()
        while self.busy:
            if self._quiet is None or self._quiet.is_set():
                self._quiet = trio.Event()
            await self._quiet.wait()
