"""``python -m tools.bench [PART …]``."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path

import attrs

from . import calls, digest, memory, parse, peer_load, peers, serve, throughput, virtual
from ._figure import Figure, Floor, of_floor
from ._table import print_figures

# In the order in which they are measured; those that take minutes are last.
_QUICK = ("parse", "digest", "loader", "options", "register", "virtual", "peerload")
_LONG = ("flat", "pause", "memory", "calls", "newcall", "held")
_OTHERS = ("peers", "callpeers")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.bench", description=__doc__)
    parser.add_argument(
        "parts",
        nargs="*",
        metavar="PART",
        help="what to measure: X",
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="for each figure, about")
    parser.add_argument("--long", type=float, default=48.0, help="seconds of the long runs")
    parser.add_argument("--kept", type=int, default=500_000, help="transactions of pause")
    parser.add_argument("--settle", type=float, default=40.0, help="seconds memory and held wait")
    parser.add_argument("--peers", action="store_true", help="install and measure other stacks")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    return parser


def _plan(
    arguments: argparse.Namespace, figures: list[Figure]
) -> dict[str, Callable[[], list[Figure]]]:
    """What to call for each part.

    The echo is measured anew just before each part that is compared with it, and goes into
    *figures*: a machine may be faster at one time than at another.
    """
    seconds: float = arguments.seconds

    def echo() -> Floor:
        floor, run = serve.echo_floor(seconds)
        figures.append(of_floor("UDP echo", floor, run.describe()))
        return floor

    return {
        "parse": lambda: parse.measure_parse(seconds),
        "digest": lambda: digest.measure_digest(seconds),
        "loader": lambda: throughput.measure_loader(echo(), seconds),
        "options": lambda: throughput.measure_options(echo(), seconds),
        "register": lambda: throughput.measure_register(echo(), seconds),
        "virtual": virtual.measure_virtual,
        "peerload": peer_load.measure_peer_load,
        "flat": lambda: throughput.measure_flat(echo(), seconds, arguments.long),
        "pause": lambda: throughput.measure_pause(arguments.kept),
        "memory": lambda: memory.measure_memory(arguments.settle),
        "calls": lambda: calls.measure_calls(echo(), seconds, arguments.long),
        "newcall": lambda: calls.measure_new_calls(echo(), seconds),
        "held": lambda: calls.measure_held(arguments.settle),
        "peers": lambda: peers.measure_peers(seconds),
        "callpeers": lambda: calls.measure_call_peers(echo(), seconds),
    }


def _machine() -> dict[str, object]:
    return {
        "python": sys.version,
        "implementation": platform.python_implementation(),
        "machine": platform.platform(),
        "cores": len(os.sched_getaffinity(0)),
        "busy": os.getloadavg(),
    }


def main() -> None:
    """Measure, print, and write the JSON."""
    parser = _parser()
    arguments = parser.parse_args()
    figures: list[Figure] = []
    plan = _plan(arguments, figures)
    if unknown := sorted(set(arguments.parts) - set(plan)):
        parser.error(f"no such part: {', '.join(unknown)}")
    parts = arguments.parts or [part for part in plan if part not in _OTHERS]
    if arguments.peers:
        parts += [part for part in _OTHERS if part not in parts]
    for part in parts:
        print(f"measuring {part} …", file=sys.stderr, flush=True)
        # Not +=, which would look at the list before the floor is in it.
        figures.extend(plan[part]())
    print_figures(figures)
    if arguments.json is not None:
        content = {"machine": _machine(), "figures": [attrs.asdict(one) for one in figures]}
        arguments.json.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
