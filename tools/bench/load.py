"""The loader as a process of its own: ``python -m tools.bench.load options 127.0.0.1:5060``.

It says on standard output how far it is, ``mark SECONDS DONE``, so that whoever started it can
read the server's CPU time at the same moments; the last line is the report as JSON.
"""

from __future__ import annotations

import argparse
import gc
import json
import os

import attrs

from ._calls import Calls
from ._loader import Loader, open_socket
from ._plan import LoadReport, Plan
from ._scenarios import Options, Register, Scenario
from .echo import load_echo

__all__ = ["main"]


def _say_mark(seconds: float, done: int) -> None:
    print(f"mark {seconds:.6f} {done}", flush=True)


def _run(arguments: argparse.Namespace, plan: Plan) -> LoadReport:
    host, _, port = arguments.server.rpartition(":")
    remote = (host, int(port))
    with open_socket(remote) as sock:
        if arguments.mode == "echo":
            return load_echo(sock, plan, _say_mark)
        scenario: Scenario
        if arguments.mode == "options":
            scenario = Options(sock.getsockname(), remote)
        elif arguments.mode in ("calls", "held"):
            keep = arguments.mode == "held"
            scenario = Calls(sock.getsockname(), remote, keep=keep)
        else:
            scenario = Register(sock.getsockname(), remote, arguments.users)
        return Loader(sock, scenario, plan, _say_mark).run()


def main() -> None:
    """Run as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench.load", description=__doc__)
    parser.add_argument("mode", choices=["echo", "options", "register", "calls", "held"])
    parser.add_argument("server", metavar="HOST:PORT")
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--core", type=int, help="run on this core only")
    for field in attrs.fields(Plan):
        name = "--" + field.name.replace("_", "-")
        parser.add_argument(name, type=type(field.default), default=field.default)
    arguments = parser.parse_args()
    if arguments.core is not None:
        os.sched_setaffinity(0, {arguments.core})
    plan = Plan(**{field.name: getattr(arguments, field.name) for field in attrs.fields(Plan)})
    # Nothing here makes cycles, and a collection would be taken for a pause of the server's.
    gc.disable()
    print(json.dumps(attrs.asdict(_run(arguments, plan))), flush=True)


if __name__ == "__main__":
    main()
