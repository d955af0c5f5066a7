"""Real servers under real load: ``trio-sip serve`` in one process, the loader in another."""

from __future__ import annotations

import contextlib
import itertools
import json
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

from ._credentials import password_of
from ._figure import Floor
from ._process import Server, ServerFailed, loader_core, open_server, python
from .echo import ECHO_ON_THE_SCALE

__all__ = ["Run", "Slice", "echo_floor", "load", "open_serve"]


@attrs.frozen
class Slice:
    """What happened between two marks of the loader."""

    seconds: float
    done: int
    cpu: float
    """CPU seconds of the server."""

    @property
    def microseconds(self) -> float:
        """The server's CPU time an exchange; infinite when nothing was done."""
        return self.cpu / self.done * 1e6 if self.done else float("inf")


@attrs.frozen
class Run:
    """A load that was put on a server, and what the server used for it."""

    slices: list[Slice]
    # Any: it is the loader's LoadReport as JSON.
    report: dict[str, Any]

    @property
    def whole(self) -> Slice:
        """All slices together."""
        parts = self.slices
        return Slice(
            sum(part.seconds for part in parts),
            sum(part.done for part in parts),
            sum(part.cpu for part in parts),
        )

    def most_within(self, seconds: float) -> int:
        """The most exchanges that were done within so many seconds."""
        most = begin = done = 0
        passed = 0.0
        for part in self.slices:
            done, passed = done + part.done, passed + part.seconds
            while passed > seconds and begin < len(self.slices):
                done, passed = done - self.slices[begin].done, passed - self.slices[begin].seconds
                begin += 1
            most = max(most, done)
        return most

    def describe(self) -> str:
        """Rate, latency and everything that went wrong, on one line."""
        report, whole = self.report, self.whole
        rate = whole.done / whole.seconds if whole.seconds else 0.0
        text = f"{rate:,.0f}/s"
        if report["p50"]:
            text += f", p50 {report['p50'] * 1e3:.1f} p99 {report['p99'] * 1e3:.1f} ms"
        for name in ("retransmissions", "failures", "unexpected"):
            text += f", {report[name]} {name}" if report[name] else ""
        text += "".join(f", {count} × {what}" for what, count in report["refusals"].items())
        own = report["loader_cpu"] / max(report["done"], 1) * 1e6
        return f"{text}; loader {own:.1f} µs"


def load(server: Server, mode: str, **options: object) -> Run:
    """Run the loader until its plan is fulfilled; *options* are those of its command line.

    Raises:
      ServerFailed: the loader gave up, because the server died or said nothing.
    """
    command = python("tools.bench.load", mode, server.address, "--core", str(loader_core()))
    for name, value in options.items():
        command += ["--" + name.replace("_", "-"), str(value)]
    marks: list[tuple[float, int, float]] = []
    report = None
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as loader:
        assert loader.stdout is not None
        for line in loader.stdout:
            if line.startswith("mark "):
                _, seconds, done = line.split()
                marks.append((float(seconds), int(done), server.cpu_seconds()))
            else:
                report = json.loads(line)
    if report is None:
        raise ServerFailed(f"the loader ended with {loader.returncode}")
    slices = [
        Slice(late[0] - early[0], late[1] - early[1], late[2] - early[2])
        for early, late in itertools.pairwise(marks)
    ]
    return Run(slices, report)


def echo_floor(seconds: float) -> tuple[Floor, Run]:
    """What a drained echo costs here and now, under the same loader."""
    with open_server(python("tools.bench.echo")) as server:
        run = load(server, "echo", seconds=seconds)
    usual = statistics.median(part.microseconds for part in run.slices)
    return Floor(usual, ECHO_ON_THE_SCALE), run


@contextlib.contextmanager
def open_serve(users: int, *, database: bool = False) -> Iterator[Server]:
    """``trio-sip serve`` with so many users, its bindings in memory or in a database file."""
    with tempfile.TemporaryDirectory(prefix="trio-sip-bench-") as folder:
        config = Path(folder, "config.toml")
        names = (f"user{number:06d}" for number in range(users))
        lines = [f'{name} = "{password_of(name)}"' for name in names]
        config.write_text("\n".join(["[users]", *lines, ""]))
        command = python("trio_sip", "serve", "--listen", "udp://127.0.0.1:0")
        command += ["--config", str(config)]
        if database:
            command += ["--database", str(Path(folder, "bindings.sqlite"))]
        with open_server(command) as server:
            yield server
