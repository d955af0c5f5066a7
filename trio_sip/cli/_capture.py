"""A capture file as the commands about conversations want it."""

from __future__ import annotations

import sys
from pathlib import Path

from trio_sip.testing import Capture, read_capture

from ._errors import CommandFailed, UsageError
from ._text import one_line

__all__ = ["read"]


def read(file: Path) -> Capture:
    """Read *file*, and say on standard error what of it was left out."""
    try:
        capture = read_capture(file)
    except ValueError as error:
        raise UsageError(f"{file}: {error}") from None
    if capture.skipped:
        left_out = ", ".join(f"{count} {what}" for what, count in capture.skipped.items())
        print(f"trio-sip: left out: {one_line(left_out)}", file=sys.stderr)
    if not capture.wires:
        raise CommandFailed(f"{file}: no SIP over UDP or TCP in it")
    return capture
