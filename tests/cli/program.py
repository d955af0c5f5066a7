"""The real program in a process of its own."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import NamedTuple

import attrs

COMMAND = (sys.executable, "-m", "trio_sip")
_PATIENCE = 20.0


class Outcome(NamedTuple):
    """How a process ended."""

    status: int
    output: str
    errors: str


def run_program(*arguments: str) -> Outcome:
    """Run ``trio-sip`` to its end."""
    done = subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=_PATIENCE, check=False
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


@attrs.define(eq=False)
class Serving:
    """A ``trio-sip serve``, or ``answer``, that has said ``ready``."""

    process: subprocess.Popen[str]
    lines: queue.Queue[str]
    listening: list[str]
    """As it said: ``udp://127.0.0.1:40000``."""

    @property
    def address(self) -> str:
        """``host:port`` of the first UDP socket."""
        return next(one for one in self.listening if one.startswith("udp://"))[6:]

    def next_line(self) -> str:
        """The next line of its output."""
        return self.lines.get(timeout=_PATIENCE)

    def end(self, number: signal.Signals = signal.SIGTERM) -> Outcome:
        """Send a signal and wait for its end."""
        self.process.send_signal(number)
        status = self.process.wait(_PATIENCE)
        assert self.process.stderr is not None
        rest = []
        while (line := self.lines.get(timeout=_PATIENCE)) != "":
            rest.append(line)
        return Outcome(status, "\n".join(rest), self.process.stderr.read())


def open_serve(*arguments: str) -> contextlib.AbstractContextManager[Serving]:
    """``trio-sip serve`` with these arguments, until the block ends."""
    return open_program("serve", *arguments)


@contextlib.contextmanager
def open_program(*arguments: str) -> Iterator[Serving]:
    """A command that says where it listens and then ``ready``, until the block ends."""
    with subprocess.Popen(
        [*COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    ) as process:
        lines: queue.Queue[str] = queue.Queue()
        reader = threading.Thread(target=_read, args=(process, lines))
        reader.start()
        try:
            serving = Serving(process, lines, [])
            while (line := serving.next_line()) != "ready":
                what, _, where = line.partition(" on ")
                if what == "listening":
                    serving.listening.append(where)
            yield serving
        finally:
            process.kill()
            process.wait()
            reader.join()


def _read(process: subprocess.Popen[str], lines: queue.Queue[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line.rstrip("\n"))
    lines.put("")
