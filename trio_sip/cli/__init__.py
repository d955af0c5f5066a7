"""The command line, ``trio-sip`` or ``python -m trio_sip``.  It needs the extra ``cli``.

Exit status: 0 it went well, 1 SIP said no (or nothing), 2 what was asked for makes no sense or
cannot be had here, 130 Ctrl-C.  An error is one line on standard error.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]

_INTERRUPTED = 130


def main(tokens: Sequence[str] | None = None) -> int:
    """Run the command that *tokens* name, those of the command line if left out.

    Returns:
      The exit status.
    """
    try:
        # It takes a quarter of a second, in which somebody may have thought better of it.
        from ._main import main as run  # noqa: PLC0415
    except KeyboardInterrupt:
        return _INTERRUPTED
    return run(tokens)
