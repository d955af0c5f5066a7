"""A program of somebody else that runs until we end it, and what it says meanwhile."""

from __future__ import annotations

import contextlib
import queue
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

from .peers import PATIENCE, SANE

# Colours, and what moves a cursor about.
_ORNAMENT = re.compile(r"\x1b(\[[0-9;]*[A-Za-z]|.)|[\x00-\x08\x0b-\x1f]")


@attrs.define(eq=False)
class Running:
    """A program with whatever it has said so far."""

    process: subprocess.Popen[str]
    said: list[str] = attrs.field(factory=list, init=False)
    """All lines that were waited for and passed over; the rest is still in the queue."""

    _lines: queue.Queue[str] = attrs.field(factory=queue.Queue, init=False)

    def wait_for(self, *texts: str) -> str:
        """The next line of its output in which there is one of these."""
        until = time.monotonic() + PATIENCE
        with contextlib.suppress(queue.Empty):
            while True:
                line = self._lines.get(timeout=max(0.0, until - time.monotonic()))
                assert line, "it has ended"
                self.said.append(line)
                if any(text in line for text in texts):
                    return line
        raise AssertionError(f"it never said any of {texts}")

    def type(self, line: str) -> None:
        """Type a line, as somebody in front of it would."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def end(self) -> int:
        """Ask it to end in its own way; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def read(self) -> None:
        """Read until there is no more; for a thread."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if bare := _ORNAMENT.sub("", line).strip():
                self._lines.put(bare)
        self._lines.put("")

    def all_said(self) -> str:
        """Everything, also what nobody has waited for."""
        with contextlib.suppress(queue.Empty):
            while True:
                self.said.append(self._lines.get_nowait())
        return "\n".join(self.said)


@contextlib.contextmanager
def open_program(
    arguments: Sequence[str | Path], home: Path, **environment: str
) -> Iterator[Running]:
    """A program whose home is this folder; killed at the end, and quoted if that is a failure."""
    with subprocess.Popen(
        arguments,
        cwd=home,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**SANE, "HOME": str(home), "XDG_RUNTIME_DIR": str(home), **environment},
    ) as process:
        running = Running(process)
        reader = threading.Thread(target=running.read)
        reader.start()
        try:
            yield running
        except Exception as error:
            error.add_note(f"{arguments[0]} said:\n{running.all_said()}")
            raise
        finally:
            process.kill()
            process.wait()
            reader.join()
            # Not left to Popen: what is in the buffer cannot be written any more.
            with contextlib.suppress(BrokenPipeError):
                process.communicate()
