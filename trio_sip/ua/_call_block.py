"""The block of a call that we make: how it is entered, and what leaves it."""

from __future__ import annotations

from abc import abstractmethod
from types import TracebackType
from typing import TYPE_CHECKING, Self

import trio

from trio_sip._errors import CallEnded, CallRejected, NoRoute, RequestTimedOut, TransportFailed

from ._call import Call
from ._call_core import raise_bare, says_only_that_it_is_over

if TYPE_CHECKING:
    from ._call_service import Calls

__all__ = ["CallBlock"]


class CallBlock(Call):
    """A call whose block is somebody's ``async with``."""

    __slots__ = ("_told", "rejection")

    rejection: Exception | None
    """Why there will be no answer: what `OutgoingCall.answered` raises."""

    def __init__(self, calls: Calls, grace: float) -> None:
        super().__init__(calls, grace)
        self.rejection = None
        self._told = False

    @abstractmethod
    async def start(self) -> None:
        """Send the INVITE."""

    async def __aenter__(self) -> Self:
        """Send the INVITE.  Raises as `start`."""
        await self.start()
        return self.enter()

    def enter(self) -> Self:
        """Make what follows the block of a call that has been started."""
        self._scope.__enter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        """Hang up, wait for a while until everybody knows, and let errors out as they are."""
        try:
            await self._say_goodbye(480)
        except BaseException as impatience:
            # Ctrl-C.  The block is left all the same.
            self._scope.__exit__(type(impatience), impatience, impatience.__traceback__)
            raise
        remaining = error
        try:
            if self._scope.__exit__(kind, error, trace):
                remaining = None
        except BaseException as rest:  # it is raised below
            # What a group is without our own cancellation.
            remaining = rest
        if remaining is not None and self._is_echo(remaining):
            remaining = None
        failures = [
            one
            for one in (self._failure, None if self._told else self.rejection)
            if one is not None and one is not remaining
        ]
        if remaining is None:
            if not failures:
                return True
            if len(failures) == 1:
                raise_bare(failures[0])
        elif not failures or (self._failure is None and isinstance(remaining, trio.Cancelled)):
            if remaining is error:
                return False
            raise_bare(remaining)
        else:
            failures.insert(0, remaining)
        raise BaseExceptionGroup("a call and its tasks", failures)

    def _is_echo(self, error: BaseException) -> bool:
        """Whether *error* only says that the call is over, which is why its block is left."""
        left = self._scope.cancel_called or self.replaced_by is not None
        return left and self.rejection is None and says_only_that_it_is_over(error)

    async def _live(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """The task of a call without a block: see `UserAgent.start_call`."""
        try:
            async with self:
                task_status.started()
                await trio.sleep_forever()
        except (CallRejected, CallEnded, RequestTimedOut, TransportFailed, NoRoute) as error:
            if error is not self.rejection:
                raise

    async def aclose(self) -> None:
        """End a call from `UserAgent.start_call`, as leaving its block would."""
        self.hang_up()
        await self._say_goodbye(480)
