"""Programs of others: found, run to their end within a time, and ended."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.cli.program import Outcome, Serving

PATIENCE = 30.0
"""Seconds for one program; none needs more than three on an idle machine."""

BOTH = ("--listen", "udp://127.0.0.1:0", "--listen", "tcp://127.0.0.1:0")
"""For a server, how to listen."""

IN_ORDER = Outcome(0, "", "")
"""How a server is expected to end."""

_PACKAGES = {"sipp": "sip-tester", "sipsak": "sipsak", "baresip": "baresip-core"}

SANE = {**os.environ, "LC_ALL": "C"}
"""An environment in which programs say what they say to everybody."""


def find_peer(name: str) -> str:
    """The path of a program; without it the test is skipped, in continuous integration failed."""
    path = shutil.which(name)
    if path is None:
        reason = f"{name} is not installed (Debian: apt-get install {_PACKAGES[name]})"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return path


def address_of(serving: Serving, transport: str) -> str:
    """``host:port`` of a server's socket."""
    scheme = f"{transport}://"
    return next(one for one in serving.listening if one.startswith(scheme)).removeprefix(scheme)


def run_peer(arguments: Sequence[str], folder: Path) -> Outcome:
    """Run a program in a folder of its own; it has no input, and not for ever."""
    done = subprocess.run(
        arguments,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=PATIENCE,
        check=False,
        env=SANE,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)
