"""The tasks that wait in a work's queue: what to call, and who wants to know how it ended."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from types import CoroutineType
from typing import TYPE_CHECKING, Any, TypeAlias

import trio

if TYPE_CHECKING:  # A work holds tasks and a task names its work.
    from ._work import Work

__all__ = [
    "AwaitedTask",
    "Ending",
    "HoldTask",
    "ScheduledTask",
    "Task",
    "WaitedTask",
    "call",
    "current_task",
]

Task: TypeAlias = tuple["Work", Callable[..., Any], tuple[Any, ...], float, "WaitedTask | None"]
"""What waits in a queue: its work, what to call and with what, when it was pushed, and who waits.

Nobody waits for one from `Work.push`: its exception goes to the error rule.  A plain tuple, because
one is made for each task pushed, and costs a fifth of what an object with slots does.
"""

current_task: ContextVar[Task | None] = ContextVar("trio_sip_current_task", default=None)
"""The task that the running code belongs to.  It counts only while its work says it is running:
a trio task started by it inherits the variable, and may live longer."""


async def call(fn: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """Call a plain or an async function; what it returns or raises is its caller's business."""
    # Any: the function is the user's, and so is what it returns.
    result = fn(*args)
    if result is not None and isinstance(result, (CoroutineType, Awaitable)):
        return await result
    return result


class Ending(enum.Enum):
    """How a task that somebody waits for has ended."""

    PENDING = "pending"
    ENDED = "ended"
    DROPPED = "dropped"
    CANCELLED = "cancelled"


class WaitedTask:
    """A task with a trio task that sleeps until it has ended."""

    __slots__ = ("_sleeper", "args", "ending", "error", "fn", "result", "work")

    def __init__(self, work: Work, fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.work = work
        self.fn = fn
        self.args = args
        self.ending = Ending.PENDING
        self.error: Exception | None = None
        self.result: Any = None
        self._sleeper: trio.lowlevel.Task | None = None

    async def perform(self) -> None:
        """Run it, and tell the sleeper.  An `Exception` that comes out is for the error rule."""
        try:
            await call(self.fn, self.args)
        finally:
            self.wake(Ending.ENDED)

    async def wait(self) -> None:
        """Sleep until the end.  Called once, with no checkpoint between the push and this."""
        self._sleeper = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(self._abort)
        if self.ending is not Ending.ENDED:
            raise trio.ClosedResourceError(f"work {self.work.name!r} was cancelled")

    def wake(self, ending: Ending) -> None:
        """Let the sleeper go on; the first ending counts."""
        if self._sleeper is not None:
            self.ending = ending
            trio.lowlevel.reschedule(self._sleeper)
            self._sleeper = None

    def drop(self) -> None:
        """It will never run."""
        self.wake(Ending.DROPPED)

    def _abort(self, _raise_cancel: Callable[[], Any]) -> trio.lowlevel.Abort:
        self.work._withdraw(self)
        self._sleeper = None
        return trio.lowlevel.Abort.SUCCEEDED


class AwaitedTask(WaitedTask):
    """The task of `Work.run`: its result and its exception belong to the caller."""

    __slots__ = ("_raise_cancel",)

    def __init__(self, work: Work, fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
        super().__init__(work, fn, args)
        self._raise_cancel: Callable[[], Any] | None = None

    async def perform(self) -> None:
        ending = Ending.ENDED
        try:
            self.result = await call(self.fn, self.args)
        except Exception as error:
            self.error = error
        except BaseExceptionGroup as group:
            # What went wrong is the caller's to know, the cancellation is the runner's.
            self.error, rest = group.split(Exception)
            ending = Ending.ENDED if self.error is not None else Ending.CANCELLED
            if rest is not None:
                raise rest from None
        except BaseException:
            ending = Ending.CANCELLED
            raise
        finally:
            self.wake(ending)

    async def outcome(self) -> Any:
        """What the task returned, or what it raised.

        A caller who was cancelled sees the cancellation only if that is what ended the task; a
        result that came all the same is not thrown away.
        """
        try:
            await self.wait()
        except trio.ClosedResourceError:
            if self.ending is Ending.CANCELLED and self._raise_cancel is not None:
                self._raise_cancel()
            raise
        if self.error is not None:
            # The error's traceback leads to this frame: keeping it would make a cycle.
            error, self.error = self.error, None
            try:
                raise error
            finally:
                del error
        return self.result

    def _abort(self, raise_cancel: Callable[[], Any]) -> trio.lowlevel.Abort:
        if self.work._withdraw(self):
            self._sleeper = None
            return trio.lowlevel.Abort.SUCCEEDED
        # It runs: it is cancelled, and the caller stays until it has really ended.
        self._raise_cancel = raise_cancel
        self.work._cancel_running(self)
        return trio.lowlevel.Abort.FAILED


class ScheduledTask(WaitedTask):
    """One turn of a schedule: waited for, but its exception goes to the error rule."""

    __slots__ = ()


class HoldTask(WaitedTask):
    """It keeps the work busy, so that nothing else runs in it, until it is released."""

    __slots__ = ("_released",)

    def __init__(self, work: Work) -> None:
        super().__init__(work, call, ())
        self._released = trio.Event()

    async def perform(self) -> None:
        self.wake(Ending.ENDED)
        await self._released.wait()

    def release(self) -> None:
        """End the hold, or let it pass when its turn comes."""
        self._released.set()
