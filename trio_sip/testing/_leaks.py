"""What a test has left open, and the line that opened it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import trio

from trio_sip.stack import DialogEntry, Stack
from trio_sip.work import Work, WorkState

from ._calling_line import calling_line
from ._waiting import waiting_services

__all__ = ["Leak", "StackWatch"]

_SETTLED = 64 * 0.5 + 5.5
"""64*T1 for the last transaction, and Timer I for its ACK: then everything is over."""


class Leak(AssertionError):
    """Something was opened and not closed."""

    __module__ = "trio_sip.testing"


class StackWatch:
    """Remembers who opened what in a stack, and says what is still open."""

    _OPENERS = ("create_work", "add_dialog", "open_request")

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._opened: list[tuple[str, object, str]] = []
        for name in self._OPENERS:
            # The instance's own attribute: the class stays as it is for everybody else.
            setattr(stack, name, self._noting(name, getattr(stack, name)))

    # Any: the function's own types.
    def _noting(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def noted(*args: Any, **kwargs: Any) -> Any:
            result = function(*args, **kwargs)
            self._opened.append((name, result, calling_line()))
            return result

        return noted

    async def close(self) -> None:
        """Let the stack be as it was, and close what has been reported."""
        for name in self._OPENERS:
            delattr(self._stack, name)
        for _, thing, _ in self._opened:
            if isinstance(thing, Work):
                await thing.aclose()

    async def settle(self, *, virtual: bool) -> None:
        """Let time pass until what has ended is gone, where time costs nothing."""
        if virtual:
            await trio.sleep(_SETTLED)
        else:
            await trio.lowlevel.checkpoint()

    def leaks(self, *, virtual: bool) -> list[str]:
        """A line for everything that is open."""
        statistics = self._stack.statistics()
        counts = {
            "work": statistics.works.open,
            "dialog": statistics.dialogs,
            "request without an answer": statistics.unanswered,
        }
        if virtual:
            # On a real clock they may live for half a minute more, and rightly so.
            counts["client transaction"] = statistics.transactions.clients
            counts["server transaction"] = statistics.transactions.servers
        openers = {
            "work": "create_work",
            "dialog": "add_dialog",
            "client transaction": "open_request",
        }
        found = []
        for kind, count in counts.items():
            if count:
                lines = self._lines(openers.get(kind, ""))
                where = f", opened at {'; '.join(lines[-count:])}" if lines else ""
                if kind == "request without an answer" and (waiting := waiting_services()):
                    where = f", whose service waits at {'; '.join(waiting)}"
                found.append(f"{count} {kind}{'s' if count > 1 else ''}{where}")
        return found

    def _lines(self, opener: str) -> list[str]:
        dialogs = set(self._stack.snapshot().dialogs)
        return [
            line
            for name, thing, line in self._opened
            if name == opener and not _is_over(thing, dialogs)
        ]


def _is_over(thing: object, dialogs: set[str]) -> bool:
    if isinstance(thing, Work):
        return thing.state is WorkState.CLOSED
    return isinstance(thing, DialogEntry) and thing.dialog.id.call_id not in dialogs
