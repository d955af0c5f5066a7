"""Who is waiting for what: the answer to a test that would hang."""

from __future__ import annotations

import os
from collections.abc import Iterator

import trio

from ._calling_line import PACKAGE, is_of_a_program, relative_name

__all__ = ["HangsForever", "waiting_services", "waiting_tasks"]

_STACK = tuple(str(PACKAGE / one) + os.sep for one in ("stack", "work"))


class HangsForever(AssertionError):
    """Nothing is going to happen any more, and the test still waits."""

    __module__ = "trio_sip.testing"


def waiting_tasks() -> list[str]:
    """For each task of a program's own, the line that it waits at."""
    root = trio.lowlevel.current_root_task()
    return [] if root is None else sorted(set(_lines(root)))


def waiting_services() -> list[str]:
    """For each piece of a program's own that a stack has called, the line that it waits at."""
    root = trio.lowlevel.current_root_task()
    return [] if root is None else sorted(set(_lines(root, called_by=_STACK)))


def _lines(task: trio.lowlevel.Task, *, called_by: tuple[str, ...] = ()) -> Iterator[str]:
    line = None
    is_called = not called_by
    for frame, number in task.iter_await_frames():
        name = frame.f_code.co_filename
        is_called = is_called or name.startswith(called_by)
        if is_called and is_of_a_program(name):
            line = f"{relative_name(name)}:{number} in {frame.f_code.co_name}"
    if line is not None:
        yield line
    for nursery in task.child_nurseries:
        for child in nursery.child_tasks:
            yield from _lines(child, called_by=called_by)
