"""A server in a process of its own: started, pinned to a core, and watched from outside."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

__all__ = ["Server", "ServerFailed", "loader_core", "open_server", "python"]

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class ServerFailed(Exception):
    """The server did not start, or did not live long enough."""


def python(module: str, *arguments: str) -> list[str]:
    """The command line that runs a module in this interpreter."""
    return [sys.executable, "-m", module, *arguments]


def _cores() -> list[int]:
    return sorted(os.sched_getaffinity(0))


def loader_core() -> int:
    """The core that the loader has, for itself where the machine has more than one."""
    return _cores()[-1]


@attrs.define(eq=False)
class Server:
    """A server that runs, and has said where it listens."""

    process: subprocess.Popen[str]
    address: str
    """``host:port``."""

    def cpu_seconds(self) -> float:
        """CPU time so far, all threads, user and system; a clock tick is 10 ms."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICK

    def resident(self) -> int:
        """Bytes of memory that are resident now."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * _PAGE


@contextlib.contextmanager
def open_server(command: Sequence[str]) -> Iterator[Server]:
    """Run *command* on the first core until the block ends.

    Raises:
      ServerFailed: it ended, or said something unexpected, before it said ``ready``.
    """
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        try:
            os.sched_setaffinity(process.pid, {_cores()[0]})
            address = _wait_until_ready(process)
            if address is None:
                process.wait(10)
                errors.seek(0)
                last = errors.read().strip().rpartition("\n")[2]
                raise ServerFailed(f"did not start: {last or process.returncode}")
            yield Server(process, address)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()


def _wait_until_ready(process: subprocess.Popen[str]) -> str | None:
    """Where it listens; None when it ended first."""
    assert process.stdout is not None
    address = None
    for line in process.stdout:
        words = line.split()
        if words == ["ready"]:
            return address
        if words[:2] == ["listening", "on"] and words[-1].startswith("udp://"):
            address = words[-1].removeprefix("udp://")
    return None
