"""Other Python stacks over the same messages, side by side with ours in the same run.

They are installed on request only, into an environment in the cache directory of the user.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

from trio_sip.message import parse_message_untrusted

from ._figure import Figure, timed, unavailable
from ._peer import PEERS, measure_stack
from ._timing import Timing
from .parse import read_six_fields

__all__ = ["measure_peers"]

_LONGEST_INSTALL = 300.0


def _environment() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = cache / "trio-sip-bench" / f"peers-{version}"
    if not (folder / "bin" / "python").exists():
        venv.create(folder, with_pip=True)
    return folder / "bin" / "python"


def _failure(command: list[str]) -> str:
    """Why a command failed, in its own last words; empty when it did not."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_LONGEST_INSTALL, check=False
        )
    except subprocess.TimeoutExpired:
        return f"took longer than {_LONGEST_INSTALL:.0f} s"
    if done.returncode == 0:
        return ""
    return done.stderr.strip().rpartition("\n")[2] or f"exit status {done.returncode}"


# Any: the child's JSON.
def _measure_peer(python: Path, name: str, seconds: float) -> dict[str, Any]:
    error = _failure([str(python), "-m", "pip", "install", "--quiet", name])
    if error:
        return {"error": f"not installed: {error}"}
    child = subprocess.run(
        [str(python), "-m", "tools.bench._peer", name, str(seconds)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    lines = child.stdout.strip().splitlines()
    if child.returncode or not lines:
        return {"error": child.stderr.strip().rpartition("\n")[2]}
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def measure_peers(seconds: float) -> list[Figure]:
    """Parsing and the six fields, ours first.  A peer that fails is reported."""
    share = seconds / 10
    own = measure_stack(parse_message_untrusted, read_six_fields, share)
    figures = _figures("trio-sip", own, own)
    try:
        python = _environment()
    except (OSError, subprocess.CalledProcessError) as error:
        return [*figures, unavailable("peers", "environment", str(error))]
    for name in PEERS:
        figures += _figures(name, _measure_peer(python, name, share), own)
    return figures


def _figures(name: str, found: dict[str, Any], own: dict[str, Any]) -> list[Figure]:
    if "error" in found:
        return [unavailable("peers", name, found["error"])]
    figures = []
    for kind, costs in found.items():
        same = costs["fields"] == list(own[kind]["fields"])
        note = "" if same else f"reads other values: {costs['fields']}"
        parse, six = Timing(*costs["parse"]), Timing(*costs["six"])
        figures.append(timed("peers", f"{name} {kind}: parse", parse))
        figures.append(timed("peers", f"{name} {kind}: parse + 6 fields", six, note))
    return figures
