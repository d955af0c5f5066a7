"""What is held in memory for each registration, and for each work that has nothing to do."""

from __future__ import annotations

import subprocess
import time

from ._figure import Figure, noted, unavailable
from ._process import ServerFailed, python
from .serve import load, open_serve

__all__ = ["measure_memory"]

_REGISTRATIONS = 10_000
_WORKS = 1000


def measure_memory(settle: float = 40.0) -> list[Figure]:
    """Resident memory, from outside.

    *settle* is how many seconds to wait until no transaction is kept any more: 32 s over UDP.
    """
    return [*_measure_registrations(settle), _measure_works()]


def _measure_registrations(settle: float) -> list[Figure]:
    """First as many cycles for a few users as later for many.

    So the memory that transactions have had, and that the interpreter keeps for the next ones,
    is there both times, and the difference is what the bindings need.
    """
    plan = {"warm": 0, "seconds": 600, "total": _REGISTRATIONS}
    try:
        with open_serve(_REGISTRATIONS) as server:
            fresh = server.resident()
            load(server, "register", users=100, **plan)
            busy = server.resident()
            time.sleep(settle)
            before = server.resident()
            load(server, "register", users=_REGISTRATIONS, **plan)
            time.sleep(settle)
            after = server.resident()
    except ServerFailed as error:
        return [unavailable("memory", "registrations", str(error))]
    transactions = 2 * _REGISTRATIONS
    return [
        noted("memory", "server after its start", fresh / 1e6, "MB"),
        noted("memory", "a kept transaction", (busy - fresh) / transactions / 1e3, "kB"),
        noted("memory", f"{_REGISTRATIONS:,} registrations", (after - before) / 1e6, "MB"),
    ]


def _measure_works() -> Figure:
    name = f"{_WORKS:,} idle works"
    child = subprocess.run(
        python("tools.bench.works", str(_WORKS)), capture_output=True, text=True, check=False
    )
    if child.returncode:
        return unavailable("memory", name, child.stderr.strip().rpartition("\n")[2])
    return noted("memory", name, int(child.stdout) / 1e6, "MB")
