"""Which line of somebody's program it was."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import trio

__all__ = ["PACKAGE", "calling_line", "is_of_a_program", "relative_name"]

PACKAGE = Path(__file__).parent.parent
_LIBRARIES = (
    str(Path(trio.__file__).parent) + os.sep,
    str(Path(os.__file__).parent) + os.sep,
    str(PACKAGE) + os.sep,
    "<",
)


def calling_line() -> str:
    """The innermost line outside of this package, trio and the standard library that led here."""
    frame = sys._getframe(1)
    while frame.f_back is not None:
        name = frame.f_code.co_filename
        if is_of_a_program(name):
            return f"{relative_name(name)}:{frame.f_lineno} in {frame.f_code.co_name}"
        frame = frame.f_back
    return "an unknown line"


def is_of_a_program(name: str) -> bool:
    """Whether a file is somebody's program: not this package, trio, or any other library."""
    return not name.startswith(_LIBRARIES) and "site-packages" not in name


def relative_name(name: str) -> str:
    """A file as people call it who stand in the project."""
    try:
        return str(Path(name).relative_to(Path.cwd()))
    except ValueError:
        return name
