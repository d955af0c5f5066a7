"""``python -m trio_sip``: the same as the ``trio-sip`` command."""

from __future__ import annotations

import sys

from trio_sip.cli import main

if __name__ == "__main__":
    sys.exit(main())
