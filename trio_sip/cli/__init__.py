"""The command line, ``trio-sip`` or ``python -m trio_sip``.  It needs the extra ``cli``.

Exit status: 0 it went well, 1 SIP said no (or nothing), 2 what was asked for makes no sense or
cannot be had here, 130 Ctrl-C.  An error is one line on standard error.
"""

from __future__ import annotations

from ._main import main

__all__ = ["main"]
