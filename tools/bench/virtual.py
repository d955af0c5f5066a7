"""What the pytest plugin costs: unused, and in a test of a thousand calls on virtual time."""

from __future__ import annotations

import re
import resource
import statistics
import subprocess
import sys
from pathlib import Path

from ._figure import Figure, noted, unavailable
from .virtual_calls import CALLS

__all__ = ["measure_virtual"]

_ROOT = Path(__file__).parents[2]
_PLUGIN = "trio_sip.testing._pytest_plugin"
_IMPORTS = 5


def measure_virtual() -> list[Figure]:
    """The import of the plugin, and the calls."""
    return [_import(), _calls()]


def _import() -> Figure:
    """What importing the plugin adds to a run of pytest that does not use it."""
    code = f"import pytest, {_PLUGIN}"
    times = [_import_time(code) for _ in range(_IMPORTS)]
    note = f"with trio_sip itself; median of {_IMPORTS}"
    return noted("virtual", "import of the plugin", statistics.median(times), "ms", note)


def _import_time(code: str) -> float:
    command = [sys.executable, "-X", "importtime", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=_ROOT)
    lines = re.findall(r"\|\s+(\d+) \| +trio_sip(?:\.testing\S*)?$", done.stderr, re.MULTILINE)
    return max(map(int, lines)) / 1000


def _calls() -> Figure:
    """CPU seconds of a whole run of pytest with one test of so many calls."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    file = Path(__file__).with_name("virtual_calls.py")
    # Without what this project's own runs are full of.
    quiet = ("-q", "-p", "no:randomly", "-p", "no:cov", "-p", "no:cacheprovider", "-o", "addopts=")
    command = [sys.executable, "-m", "pytest", *quiet, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=_ROOT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    name = f"{CALLS} calls, 20 % lost"
    if done.returncode:
        return unavailable("virtual", name, done.stdout.strip().rpartition("\n")[2])
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return noted("virtual", name, spent, "s", "CPU, pytest's own start included")
