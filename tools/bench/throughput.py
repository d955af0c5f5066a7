"""What a request costs the server: in general, with many users, and after a while."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ._figure import Figure, Floor, measured, noted, unavailable
from ._process import Server, ServerFailed, open_server, python
from .serve import Run, load, open_serve

__all__ = [
    "measure_flat",
    "measure_loader",
    "measure_options",
    "measure_pause",
    "measure_register",
]

_USERS = 1000
_KEPT = 500_000
_KEPT_FOR = 32.0


def _loaded(part: str, name: str, floor: Floor, run: Callable[[], Run]) -> list[Figure]:
    try:
        done = run()
    except ServerFailed as error:
        return [unavailable(part, name, str(error))]
    return [measured(part, name, done.whole.microseconds, floor, done.describe())]


def measure_options(floor: Floor, seconds: float) -> list[Figure]:
    """OPTIONS answered by the server itself, each a transaction of its own."""

    def run() -> Run:
        with open_serve(1) as server:
            return load(server, "options", seconds=seconds, warm=2)

    return _loaded("options", "OPTIONS", floor, run)


def measure_register(floor: Floor, seconds: float) -> list[Figure]:
    """REGISTER, 401, REGISTER with credentials, 200: by where the bindings are kept."""

    def run(database: bool) -> Run:
        with open_serve(_USERS, database=database) as server:
            return _load_register(server, _USERS, seconds)

    return [
        *_loaded("register", "REGISTER cycle, memory", floor, partial(run, database=False)),
        *_loaded("register", "REGISTER cycle, SQLite", floor, partial(run, database=True)),
    ]


def _load_register(server: Server, users: int, seconds: float) -> Run:
    # Every user is registered once before anything is counted.
    return load(server, "register", users=users, warm=2, warm_total=users, seconds=seconds)


def measure_flat(floor: Floor, seconds: float, long: float = 48.0) -> list[Figure]:
    """Whether a cycle costs the same with more users, and after longer than anything is kept."""
    figures: list[Figure] = []
    for users in (100, 10_000, 100_000):

        def run(users: int = users) -> Run:
            with open_serve(users) as server:
                return _load_register(server, users, seconds)

        figures += _loaded("flat", f"REGISTER cycle, {users:,} users", floor, run)
    return figures + _measure_long(floor, long)


def _measure_long(floor: Floor, seconds: float) -> list[Figure]:
    name = f"REGISTER cycle, {seconds:.0f} s"
    try:
        with open_serve(_USERS) as server:
            run = _load_register(server, _USERS, seconds)
    except ServerFailed as error:
        return [unavailable("flat", name, str(error))]
    tenth = max(len(run.slices) // 10, 1)
    first, last = Run(run.slices[:tenth], run.report), Run(run.slices[-tenth:], run.report)
    return [
        measured("flat", f"{name}: at the start", first.whole.microseconds, floor),
        measured("flat", f"{name}: at the end", last.whole.microseconds, floor, run.describe()),
    ]


def measure_pause(kept: int = _KEPT) -> list[Figure]:
    """The longest time that the server is silent while it keeps many transactions.

    A transaction over UDP is kept for 32 s, so how many there are at once depends on the rate.
    Half as many again as *kept* are made, so that the first are forgotten under load, too.
    """
    try:
        with open_serve(1) as server:
            before = server.resident()
            run = load(server, "options", seconds=600, total=kept * 3 // 2, warm=0.5)
            grown = server.resident() - before
    except ServerFailed as error:
        return [unavailable("pause", "longest gap in service", str(error))]
    there = run.most_within(_KEPT_FOR)
    note = f"{there:,} transactions kept; {run.describe()}"
    report = run.report
    return [
        noted("pause", "longest gap in service", report["longest_gap"] * 1e3, "ms", note),
        noted("pause", "longest time to an answer", report["longest"] * 1e3, "ms"),
        noted("pause", "memory a kept transaction", grown / max(there, 1) / 1e3, "kB"),
    ]


def measure_loader(floor: Floor, seconds: float) -> list[Figure]:
    """What the loader itself costs, against a responder that does next to nothing."""
    figures = []
    for mode in ("options", "register", "calls"):
        with open_server(python("tools.bench.canned")) as server:
            run = load(server, mode, seconds=seconds)
        cost = run.report["loader_cpu"] / max(run.report["done"], 1) * 1e6
        figures.append(measured("loader", f"the loader itself: {mode}", cost, floor))
        note = run.describe()
        name = f"canned responder: {mode}"
        figures.append(measured("loader", name, run.whole.microseconds, floor, note))
    return figures
