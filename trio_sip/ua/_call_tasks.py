"""Tasks that live as long as a call.

A nursery for each call would cost more than the call, and few calls have tasks.  So they run in
the stack's nursery, each in a scope of its own; what a nursery promises is kept by hand: the
block of the call is not left before they have ended, and their errors leave by it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVarTuple

import trio

from trio_sip.stack import Stack, single_error

__all__ = ["CallTasks"]

ArgsT = TypeVarTuple("ArgsT")


class CallTasks:
    """The tasks of one call; made when it gets its first one."""

    __slots__ = ("_failed", "_idle", "_over", "_running", "_scopes", "_stack")

    def __init__(self, stack: Stack, failed: Callable[[BaseException], None]) -> None:
        self._stack = stack
        self._failed = failed
        self._running = 0
        self._over = False
        self._idle: trio.Event | None = None
        self._scopes: set[trio.CancelScope] = set()

    def start(
        self,
        fn: Callable[[*ArgsT], Awaitable[object]],
        args: tuple[*ArgsT],
        name: str,
    ) -> None:
        """Run ``fn(*args)`` until it ends, or the call does."""
        self._running += 1
        try:
            self._stack.start_soon(self._run, fn, args, name=name)
        except BaseException:
            self._running -= 1
            raise

    # Any: the arguments were checked against the function by `start`.
    async def _run(self, fn: Callable[..., Awaitable[object]], args: tuple[Any, ...]) -> None:
        try:
            with trio.CancelScope() as scope:
                self._scopes.add(scope)
                if self._over:
                    scope.cancel()
                try:
                    await fn(*args)
                except trio.Cancelled:
                    raise
                except BaseExceptionGroup as group:
                    self._take_group(group)
                except BaseException as error:
                    self._failed(error)
                finally:
                    self._scopes.discard(scope)
        finally:
            self._running -= 1
            if self._idle is not None and not self._running:
                self._idle.set()

    def _take_group(self, group: BaseExceptionGroup[BaseException]) -> None:
        cancelled, failures = group.split(trio.Cancelled)
        if failures is not None:
            self._failed(single_error(failures) or failures)
        if cancelled is not None:
            raise cancelled

    def cancel(self) -> None:
        """Cancel them, and those that have not begun yet."""
        self._over = True
        for scope in self._scopes:
            scope.cancel()

    async def stop(self) -> None:
        """Cancel them and wait until they have ended, however long that takes."""
        self.cancel()
        if self._running:
            self._idle = trio.Event()
            with trio.CancelScope(shield=True):
                await self._idle.wait()
