"""Which line of somebody's program it was."""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["calling_line", "relative_name"]

_PACKAGE = os.sep + "trio_sip" + os.sep


def calling_line() -> str:
    """The innermost line outside of this package, trio and the standard library that led here."""
    frame = sys._getframe(1)
    while frame.f_back is not None:
        name = frame.f_code.co_filename
        foreign = "site-packages" in name or name.startswith(("<", os.path.dirname(os.__file__)))
        if _PACKAGE not in name and not foreign:
            return f"{relative_name(name)}:{frame.f_lineno} in {frame.f_code.co_name}"
        frame = frame.f_back
    return "an unknown line"


def relative_name(name: str) -> str:
    """A file as people call it who stand in the project."""
    try:
        return str(Path(name).relative_to(Path.cwd()))
    except ValueError:
        return name
