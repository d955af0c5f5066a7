"""Which line of somebody's program it was."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import trio

__all__ = ["PACKAGE", "calling_line", "is_of_a_program", "relative_name", "waiting_line"]

PACKAGE = Path(__file__).parent.parent
_LIBRARIES = (
    str(Path(trio.__file__).parent) + os.sep,
    str(Path(os.__file__).parent) + os.sep,
    str(PACKAGE) + os.sep,
    "<",
)
# What trio calls its loop; beyond it are no lines of the program.
_LOOP = "unrolled_run"


def calling_line() -> str:
    """The innermost line outside of this package, trio and the standard library that led here.

    A task that is all of this package, as ``nursery.start_soon(peer.answer)``, was led by another
    one: then it is the line at which that one is.
    """
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_name != _LOOP:
        name = frame.f_code.co_filename
        if is_of_a_program(name):
            return f"{relative_name(name)}:{frame.f_lineno} in {frame.f_code.co_name}"
        frame = frame.f_back
    return _line_of_an_ancestor() or "an unknown line"


def _line_of_an_ancestor() -> str | None:
    if not trio.lowlevel.in_trio_task():
        return None
    nursery = trio.lowlevel.current_task().parent_nursery
    while nursery is not None:
        line = waiting_line(nursery.parent_task)
        if line is not None:
            return line
        nursery = nursery.parent_task.parent_nursery
    return None


def waiting_line(task: trio.lowlevel.Task) -> str | None:
    """The innermost line of somebody's program at which a task waits."""
    line = None
    for frame, number in task.iter_await_frames():
        name = frame.f_code.co_filename
        if is_of_a_program(name):
            line = f"{relative_name(name)}:{number} in {frame.f_code.co_name}"
    return line


def is_of_a_program(name: str) -> bool:
    """Whether a file is somebody's program: not this package, trio, or any other library."""
    return not name.startswith(_LIBRARIES) and "site-packages" not in name


def relative_name(name: str) -> str:
    """A file as people call it who stand in the project."""
    try:
        return str(Path(name).relative_to(Path.cwd()))
    except ValueError:
        return name
