"""Other Python stacks over the same messages, side by side with ours in the same run.

They are installed on request only.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from trio_sip.message import parse_message_untrusted

from ._figure import Figure, timed, unavailable
from ._install import PeerMissing, install_peer
from ._peer import PEERS, measure_stack
from ._timing import Timing
from .parse import read_six_fields

__all__ = ["measure_peers"]


# Any: the child's JSON.
def _measure_peer(name: str, seconds: float) -> dict[str, Any]:
    try:
        python = install_peer(name)
    except PeerMissing as error:
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
    for name in PEERS:
        figures += _figures(name, _measure_peer(name, share), own)
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
