"""A coverage-guided harness for the message parser: ``python -m tools.fuzz.atheris_message``.

atheris is not among the development dependencies; install it where you want to fuzz.  Arguments
are libFuzzer's: a folder with the corpus, ``-max_total_time=600`` and so on.
"""

from __future__ import annotations

import importlib
import sys

from tools.fuzz.invariant import read_everything


def main() -> None:
    try:
        atheris = importlib.import_module("atheris")
    except ImportError:
        sys.exit("atheris is not installed: pip install atheris")
    atheris.instrument_all()
    atheris.Setup(sys.argv, lambda data: read_everything(bytes(data)))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
