"""The core of a call: what it is, who waits for it, its tasks, its end.

A call is a scope: its block, or its handler, lives until somebody hangs up.  It is told what
happens by its `Leg`, in between two checkpoints of whatever task runs, and wakes or cancels those
who wait.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypeVar, TypeVarTuple

import trio

from trio_sip._errors import CallEnded, LocalProtocolError
from trio_sip.dialog import Dialog
from trio_sip.message import Reason
from trio_sip.session import (
    Ended,
    Forget,
    How,
    InviteSession,
    SessionInterval,
    SessionSettings,
    SessionState,
    Side,
    Terminated,
)
from trio_sip.stack import Stack

from ._call_leg import Leg
from ._call_tasks import CallTasks

if TYPE_CHECKING:
    from ._call_service import Calls

__all__ = ["CallCore", "Headers", "raise_bare", "says_only_that_it_is_over", "wait_for_any"]

_BY_US = frozenset({How.BYE, How.CANCEL, How.REJECTED})
"""How a call ends when we end it: whoever did so knows, and need not be interrupted."""

_TALKING = frozenset({SessionState.ANSWERED, SessionState.CONFIRMED})

ArgsT = TypeVarTuple("ArgsT")
ItemT = TypeVar("ItemT")

Headers = Iterable[tuple[str, object]]


class CallCore:
    """What is left of a call when nobody says anything in it."""

    __slots__ = (
        "_calls",
        "_changed",
        "_failure",
        "_kept_open",
        "_leg",
        "_scope",
        "_storage",
        "_tasks",
        "ended",
        "grace",
        "stack",
    )

    ended: Ended | None
    """How it ended; ``None`` as long as it has not."""

    grace: float
    """Seconds in which the goodbye may be answered when the block is left."""

    stack: Stack

    _leg: Leg

    def __init__(self, calls: Calls, grace: float) -> None:
        self._calls = calls
        self.stack = calls.stack
        self.grace = grace
        self.ended = None
        self._changed: trio.Event | None = None
        self._failure: BaseException | None = None
        self._kept_open = 0
        self._scope = trio.CancelScope()
        # What most calls never need is made when it is needed.
        self._tasks: CallTasks | None = None
        self._storage: dict[object, Any] | None = None

    # -- what it is

    @property
    def session(self) -> InviteSession:
        """The session under it, to look at.

        Raises:
          LocalProtocolError: the call has not begun.
        """
        self._check_begun()
        return self._leg.session

    @property
    def state(self) -> SessionState:
        """How far it has come."""
        return self.session.state

    @property
    def dialog(self) -> Dialog | None:
        """Its dialog; ``None`` for a call of ours that has not been answered."""
        return self.session.dialog

    @property
    def ended_by(self) -> Side | None:
        """Who ended it; ``None`` as long as it has not ended."""
        return None if self.ended is None else self.ended.by

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """What the other side gave as the reason for its end (RFC 3326)."""
        return () if self.ended is None else self.ended.reasons

    @property
    def reason(self) -> Reason | None:
        """The first of these reasons."""
        reasons = self.reasons
        return reasons[0] if reasons else None

    @property
    def interval(self) -> SessionInterval | None:
        """The session timer, if the two sides have agreed on one (RFC 4028)."""
        return self.session.refresh

    @property
    def allow(self) -> tuple[str, ...]:
        """The methods that may come within it."""
        return self.session_settings.allow

    @property
    def session_settings(self) -> SessionSettings:
        """What its session asks for and puts up with: that of its user agent."""
        return self._calls.settings

    @property
    def host(self) -> str:
        """The address of ours that the other side reaches: for session descriptions."""
        raise NotImplementedError

    def belongs_to(self, calls: Calls) -> bool:
        """Whether it is one of the calls of that user agent."""
        return self._calls is calls

    @property
    def storage(self) -> dict[object, Any]:
        """A place for what supplements and handlers want to remember, by a key of their own."""
        # Any: what is in there is nobody's business but theirs.
        if self._storage is None:
            self._storage = {}
        return self._storage

    # -- tasks of its own

    def start_soon(
        self,
        fn: Callable[[*ArgsT], Awaitable[object]],
        *args: *ArgsT,
        name: str | None = None,
    ) -> None:
        """Run ``fn(*args)`` for as long as the call lives.

        When the call ends it is cancelled, and its block waits for it.  Its error ends the call
        and leaves the block, bare.

        Raises:
          CallEnded: the call is over.
        """
        self._check_alive("start_soon")
        if self._tasks is None:
            self._tasks = CallTasks(self.stack, self._task_failed)
        self._tasks.start(fn, args, "task of a call" if name is None else name)

    def _task_failed(self, error: BaseException) -> None:
        if self._failure is None:
            self._failure = error
        else:
            self._failure = BaseExceptionGroup("tasks of a call", [self._failure, error])
        self._scope.cancel()

    # -- waiting

    def _notify(self) -> None:
        changed, self._changed = self._changed, None
        if changed is not None:
            changed.set()

    async def _change(self) -> None:
        """Wait until something has happened to the call."""
        if self._changed is None:
            self._changed = trio.Event()
        await self._changed.wait()

    def _read(self, inbox: deque[ItemT]) -> AsyncIterator[ItemT]:
        return _Reader(self, inbox)

    # -- typed states

    @property
    def has_begun(self) -> bool:
        """Whether there is a session: there is none before the block of a call is entered."""
        return hasattr(self, "_leg")

    def _check_begun(self) -> None:
        if not self.has_begun:
            raise LocalProtocolError("the call has not begun: it does when its block is entered")

    def _check_alive(self, what: str) -> None:
        self._check_begun()
        if self.ended is not None:
            raise CallEnded(f"{what}: the call is over, ended by the {self.ended.by.value} side")

    def _check_talking(self, what: str) -> None:
        self._check_alive(what)
        state = self.state
        if state not in _TALKING:
            raise LocalProtocolError(
                f"{what} needs a call that has been answered; this one is {state.name.lower()}"
            )

    # -- told by the leg

    def receive_event(self, leg: Leg, event: Any) -> None:  # Any: see `LegUser`.
        """The leg's: something happened."""
        if type(event) is Forget:
            self._calls.forget(leg)
        elif leg is self._leg and (tell := self._tells.get(type(event))) is not None:
            tell(self, event)

    def _session_ended(self, event: Ended) -> None:
        self.ended = event
        if self._tasks is not None:
            self._tasks.cancel()
        self._notify()

    def _interrupt(self) -> None:
        """Interrupt the block or handler of a call that has ended, unless we did that ourselves."""
        ended = self.ended
        if ended is None or self._kept_open:
            return
        if ended.by is Side.REMOTE or ended.how not in _BY_US:
            self._scope.cancel()

    @contextmanager
    def _keeping_open(self) -> Iterator[None]:
        """Let no end of the call interrupt what its user waits for, until that is there."""
        self._kept_open += 1
        try:
            yield
        finally:
            self._kept_open -= 1
            self._interrupt()

    def _session_terminated(self, event: Terminated) -> None:
        self._notify()

    _tells: ClassVar[dict[type[object], Callable[[Any, Any], None]]] = {
        Ended: _session_ended,
        Terminated: _session_terminated,
    }

    # -- leaving

    def hang_up(self, *, reason: Reason | str | None = None, headers: Headers = ()) -> None:
        """End it, in whatever state it is, and its block or handler with it.

        It returns at once; a call that is over is left alone.

        Args:
          reason: the Reason header: ``'SIP;cause=200;text="Call completed elsewhere"'``.
        """
        self._end(480, reason, headers)
        self._scope.cancel()

    def _end(self, status: int, reason: Reason | str | None = None, headers: Headers = ()) -> None:
        if reason is not None:
            headers = [*headers, ("Reason", reason)]
        self.session.hang_up(self.stack.now(), status=status, headers=headers)
        self._leg.perform()

    async def _say_goodbye(self, status: int) -> None:
        """End the call and wait, for a while, until everybody knows."""
        if self.ended is None:
            self._end(status)
        tasks, self._tasks = self._tasks, None
        if tasks is not None:
            await tasks.stop()
        if not self._leg.terminated:
            with trio.move_on_after(self.grace, shield=True):
                await self.wait_until_over()

    async def wait_until_over(self) -> None:
        """Wait until it has ended, and everybody knows: the last goodbye is answered."""
        while not self._leg.terminated:
            await self._change()


class _Reader(AsyncIterator[ItemT]):
    """What comes into an inbox of a call, until the call ends; nothing has to be closed."""

    __slots__ = ("_call", "_inbox")

    def __init__(self, call: CallCore, inbox: deque[ItemT]) -> None:
        self._call = call
        self._inbox = inbox

    async def __anext__(self) -> ItemT:
        await trio.lowlevel.checkpoint_if_cancelled()
        while not self._inbox:
            if self._call.ended is not None:
                raise StopAsyncIteration
            await self._call._change()
        return self._inbox.popleft()


async def wait_for_any(calls: Iterable[CallCore]) -> None:
    """Wait until something has happened to one of *calls*."""
    changed = trio.Event()
    for call in calls:
        # Who waits for one of them alone is woken by it, and looks again.
        call._notify()
        call._changed = changed
    await changed.wait()


def says_only_that_it_is_over(error: BaseException) -> bool:
    """Whether *error* is a `CallEnded`, or a group of nothing else."""
    if isinstance(error, BaseExceptionGroup):
        return error.split(CallEnded)[1] is None
    return isinstance(error, CallEnded)


def raise_bare(error: BaseException) -> NoReturn:
    """Raise *error* as it is: not as something that happened while something else was handled."""
    try:
        raise error
    finally:
        error.__context__ = None
