"""From an exception to one line on standard error and an exit status."""

from __future__ import annotations

import enum
from collections.abc import Iterator

import trio

from trio_sip._errors import LocalProtocolError, SipError

from ._text import one_line, without_password

__all__ = ["CommandFailed", "ExitStatus", "UsageError", "describe", "leaf_of"]


class ExitStatus(enum.IntEnum):
    """What the process says to its parent."""

    OK = 0
    FAILED = 1
    """SIP said no, or nothing at all."""

    USAGE = 2
    """What was asked for makes no sense, or cannot be had here."""

    INTERRUPTED = 130
    """Ctrl-C: 128 and the number of the signal, as shells have it."""


class UsageError(Exception):
    """What was asked for makes no sense; the text says what and where."""


class CommandFailed(Exception):
    """It made sense and did not work; the text says what and why."""


def describe(error: BaseException) -> tuple[ExitStatus, str] | None:
    """Status and line for what a user or a peer did; ``None`` for a bug of ours."""
    match error:
        case KeyboardInterrupt():
            return ExitStatus.INTERRUPTED, ""
        case UsageError() | LocalProtocolError():
            return ExitStatus.USAGE, _line(error)
        case CommandFailed() | SipError():
            return ExitStatus.FAILED, _line(error)
        case trio.TooSlowError():
            return ExitStatus.FAILED, "took too long"
        case OSError(filename=str() as name, strerror=str() as reason):
            return ExitStatus.USAGE, one_line(f"{name}: {reason}")
        case OSError():
            return ExitStatus.USAGE, _line(error)
    return None


def _line(error: BaseException) -> str:
    return one_line(without_password(str(error))) or type(error).__name__


def leaf_of(error: BaseException) -> BaseException:
    """What to tell of a group of exceptions: Ctrl-C before all, then what we cannot explain.

    Nurseries nest, and so do their groups; `trio.Cancelled` is only the echo of another error.
    """
    leaves = [one for one in _leaves(error) if not isinstance(one, trio.Cancelled)]
    for leaf in leaves:
        if isinstance(leaf, KeyboardInterrupt):
            return leaf
    for leaf in leaves:
        if describe(leaf) is None:
            return leaf
    return leaves[0] if leaves else error


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _leaves(one)
    else:
        yield error
