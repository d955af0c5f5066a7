"""What a call costs whoever answers it: CPU time, memory while it is held, and among many others.

A call is INVITE, 180, 200, ACK, BYE and 200, without a pause, each with a task of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import attrs

from ._figure import Figure, Floor, measured, noted, unavailable
from ._install import PeerMissing, install_peer
from ._process import Server, ServerFailed, open_server, python
from .serve import Run, load

__all__ = ["measure_call_peers", "measure_calls", "measure_held", "measure_new_calls"]

_HELD = (1_000, 10_000)
_AMONG = (100, 1_000, 10_000)


@attrs.frozen(kw_only=True)
class _Callee:
    """Somebody who answers calls, and what it can bear."""

    name: str
    requirement: str
    window: int = 64
    note: str = ""


_PEERS = (
    _Callee(name="aiosipua", requirement="aiosipua==0.7.1", note="no transactions, no task"),
    # Its wheel has room for 32 calls, and an ended one leaves its place a little later.
    _Callee(
        name="pjsua2",
        requirement="pjsua2-python==2.15.1.post1",
        window=4,
        note="in C; media without sockets",
    ),
)


def _answering(*options: str) -> list[str]:
    return python("tools.bench.answer", *options)


def measure_calls(floor: Floor, seconds: float, long: float = 48.0) -> list[Figure]:
    """Calls as fast as they are answered, briefly and for longer than anything is kept."""

    def run(*options: str) -> Run:
        with open_server(_answering(*options)) as server:
            return load(server, "calls", seconds=seconds, warm=2)

    negotiated = partial(run, "--negotiate")
    return [
        *_loaded("calls", "call", floor, run),
        *_loaded("calls", "call, its answer made from the offer", floor, negotiated),
        *_measure_long(floor, long),
    ]


def _loaded(
    part: str, name: str, floor: Floor, run: Callable[[], Run], note: str = ""
) -> list[Figure]:
    try:
        done = run()
    except ServerFailed as error:
        return [unavailable(part, name, str(error))]
    if not done.whole.done:
        return [unavailable(part, name, f"no call was answered: {done.describe()}")]
    text = f"{done.describe()}; {note}" if note else done.describe()
    return [measured(part, name, done.whole.microseconds, floor, text)]


def _measure_long(floor: Floor, seconds: float) -> list[Figure]:
    name = f"call, {seconds:.0f} s"
    try:
        with open_server(_answering()) as server:
            run = load(server, "calls", seconds=seconds, warm=0)
    except ServerFailed as error:
        return [unavailable("calls", name, str(error))]
    tenth = max(len(run.slices) // 10, 1)
    first, last = Run(run.slices[:tenth], run.report), Run(run.slices[-tenth:], run.report)
    gap = run.report["longest_gap"] * 1e3
    return [
        measured("calls", f"{name}: at the start", first.whole.microseconds, floor),
        measured("calls", f"{name}: at the end", last.whole.microseconds, floor, run.describe()),
        noted("calls", f"{name}: longest gap in service", gap, "ms"),
    ]


def measure_held(settle: float = 40.0) -> list[Figure]:
    """Resident memory for each call that is held, handler task included.

    As many calls are made and ended before: the memory that transactions have had, and that the
    interpreter keeps for the next ones, is there both times.  *settle* is how many seconds to
    wait until no transaction is kept any more: 32 s over UDP.
    """
    figures = []
    for count in _HELD:
        name = f"{count:,} calls held: each"
        plan = {"warm": 0, "seconds": 600, "total": count}
        try:
            with open_server(_answering()) as server:
                fresh = server.resident()
                load(server, "calls", **plan)
                time.sleep(settle)
                before = server.resident()
                load(server, "held", **plan)
                while_kept = server.resident()
                time.sleep(settle)
                after = server.resident()
        except ServerFailed as error:
            figures.append(unavailable("held", name, str(error)))
            continue
        note = (
            f"{(while_kept - before) / count / 1024:.1f} KiB while its transaction is kept; "
            f"server after its start {fresh / 2**20:.1f} MiB"
        )
        figures.append(noted("held", name, (after - before) / count / 1024, "KiB", note))
    return figures


def measure_new_calls(floor: Floor, seconds: float) -> list[Figure]:
    """What a new call costs among many that are held: it should be the same."""
    figures: list[Figure] = []
    for count in _AMONG:

        def run(count: int = count) -> Run:
            with open_server(_answering()) as server:
                _hold(server, count)
                return load(server, "calls", seconds=seconds, warm=2)

        figures += _loaded("newcall", f"call, {count:,} others held", floor, run)
    return figures


def _hold(server: Server, count: int) -> None:
    """Make so many calls that nobody ends.

    Raises:
      ServerFailed: they were not all answered.
    """
    # The window's worth that is on its way when the last one is done is answered, too.
    report = load(server, "held", warm=0, seconds=600, total=count).report
    if report["failures"]:
        raise ServerFailed(f"{report['failures']} of {count} calls were refused")


def measure_call_peers(floor: Floor, seconds: float) -> list[Figure]:
    """Others under the same load.  One that fails is reported."""
    figures: list[Figure] = []
    for peer in _PEERS:
        try:
            interpreter = install_peer(peer.requirement)
        except PeerMissing as error:
            figures.append(unavailable("callpeers", peer.name, f"not installed: {error}"))
            continue
        command = [str(interpreter), "-m", "tools.bench._callee", peer.name]

        def run(peer: _Callee = peer, command: list[str] = command) -> Run:
            with open_server(command) as server:
                return load(server, "calls", seconds=seconds, warm=2, window=peer.window)

        figures += _loaded("callpeers", f"{peer.name}: call", floor, run, peer.note)
    return figures
