"""Runners: the trio tasks that run the tasks of works, used again and again.

A work owns a runner, with its queue, only while it has something to do.  Then the runner is parked
and given to the next work that needs one, because starting a trio task and ending it costs more
than most SIP tasks do.  Only a bounded number is parked; the others end.

A parked runner sleeps in `trio.lowlevel.wait_task_rescheduled`, and the queue beside it is a plain
`deque`, although the obvious tool is a memory channel for each.  Measured for bursts of 64, waking
a receiver that waits on a memory channel costs 4.5-5.1 µs and rescheduling a sleeper 2.5-3.6, where
starting a trio task costs 5.4; and this happens once for every OPTIONS.  Nor can a task be
withdrawn from the middle of a memory channel, which a cancelled `Work.run` needs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import TYPE_CHECKING

import trio

from ._task import Task, current_task

if TYPE_CHECKING:  # A work owns a runner and a runner serves a work.
    from ._work import Work

__all__ = ["Runner", "Runners"]

_TASKS_PER_TURN = 8
"""After so many tasks that never waited, a runner lets the rest of the program run."""

_PARKED_NAME = "work: parked runner"


class Runner:
    """One queue and one trio task: what a work owns while it has something to do."""

    # A plain class with slots: its loop is the hot path of every request.
    __slots__ = ("_pool", "_scope", "queue", "trio_task", "work")

    def __init__(self, pool: Runners, work: Work) -> None:
        self.queue: deque[Task] = deque()
        self._pool = pool
        self.work: Work | None = work
        """None while it is parked; it ends if it is woken so."""

        self.trio_task: trio.lowlevel.Task
        self._scope: trio.CancelScope | None = None

    def cancel_running(self) -> None:
        """Cancel the task that runs now.  Called only while there is one."""
        # The loops see that the scope is no longer theirs, even if the task ends of itself before
        # the cancellation reaches it, so the next task never gets it.
        scope, self._scope = self._scope, None
        if scope is not None:
            scope.cancel()

    async def live(self) -> None:
        """Serve one work after another until there are enough parked runners."""
        self.trio_task = trio.lowlevel.current_task()
        try:
            while self.work is not None:
                # One scope for many tasks; a new one only after a cancellation.
                with trio.CancelScope() as scope:
                    self._scope = scope
                    await self._serve(scope)
        except BaseException:
            self._pool.break_down(self)
            raise

    async def _serve(self, scope: trio.CancelScope) -> None:
        queue, pool, trio_task = self.queue, self._pool, self.trio_task
        task: Task | None = None
        while self._scope is scope and (work := self.work) is not None:
            trio_task.name = work.name
            task = None
            left = _TASKS_PER_TURN
            while queue and left and self._scope is scope:
                task = queue.popleft()
                work._begin(task, len(queue))
                current_task.set(task)
                try:
                    await task.perform()
                finally:
                    work._end()
                left -= 1
            if self._scope is scope and queue:
                await trio.lowlevel.checkpoint()
            elif not queue:
                self.work = None
                if pool.release(self, work):
                    trio_task.name = _PARKED_NAME
                    current_task.set(None)
                    del work
                    task = None
                    await trio.lowlevel.wait_task_rescheduled(self._abort)

    def _abort(self, _raise_cancel: Callable[[], object]) -> trio.lowlevel.Abort:
        # Out of the list at once: nobody may wake a runner that is on its way out.
        self._pool.unpark(self)
        return trio.lowlevel.Abort.SUCCEEDED


class Runners:
    """The runners of one nursery: those at work, and a bounded number of parked ones."""

    __slots__ = ("_context", "_limit", "_nursery", "_on_break_down", "_parked", "_quiet", "busy")

    def __init__(
        self, nursery: trio.Nursery, limit: int, on_break_down: Callable[[], object]
    ) -> None:
        self.busy = 0
        self._nursery = nursery
        self._limit = limit
        self._on_break_down = on_break_down
        self._parked: list[Runner] = []
        self._quiet: trio.Event | None = None
        # Every activation starts with the context of the beginning: what one call's handler put
        # into a context variable must not show up in the next call's.
        self._context = copy_context()

    @property
    def parked(self) -> int:
        """How many runners wait to be used."""
        return len(self._parked)

    @property
    def context(self) -> Context:
        """The context that trio tasks on behalf of works are started in."""
        return self._context

    def assign(self, work: Work) -> Runner:
        """A runner for *work*, which begins to serve it in the scheduler's next round."""
        if self._parked:
            # The one parked last: it is the likeliest to be in the processor's cache.
            runner = self._parked.pop()
            runner.work = work
            runner.trio_task.context = self._context.copy()
            trio.lowlevel.reschedule(runner.trio_task)
        else:
            runner = Runner(self, work)
            self._context.run(self._nursery.start_soon, runner.live)
        self.busy += 1
        return runner

    def release(self, runner: Runner, work: Work) -> bool:
        """Take the runner back from an idle work: True if it is to park, False if it may end."""
        work._idle()
        self.busy -= 1
        if not self.busy and self._quiet is not None:
            self._quiet.set()
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
            trio.lowlevel.reschedule(self._parked.pop().trio_task)

    def break_down(self, runner: Runner) -> None:
        """A runner ends by an error or by a cancellation of the whole nursery."""
        self._limit = 0
        if runner.work is not None:
            work = runner.work
            work.cancel()
            self.release(runner, work)
        self._on_break_down()

    async def wait_quiet(self) -> None:
        """Wait until no work has anything to do."""
        await trio.lowlevel.checkpoint()
        while self.busy:
            if self._quiet is None or self._quiet.is_set():
                self._quiet = trio.Event()
            await self._quiet.wait()
