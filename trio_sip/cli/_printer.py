"""Lines for standard output that never hold up a server."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

__all__ = ["Printer", "open_printer"]

_BACKLOG = 1000
_GOODBYE = 1.0
"""Seconds for what is still to be written at the end."""


class Printer:
    """Writes lines in the background; if nobody reads them, drops them and says how many.

    A plain `print` to a pipe whose reader has stopped waits, and with it the whole program: every
    registration would hang on a terminal that somebody has scrolled back.
    """

    def __init__(self, lines: trio.MemorySendChannel[str]) -> None:
        self._lines = lines
        self.lost = 0

    def print_nowait(self, line: str) -> None:
        """Have *line* written some time soon."""
        try:
            self._lines.send_nowait(line)
        except trio.WouldBlock:
            self.lost += 1


@asynccontextmanager
async def open_printer(descriptor: int) -> AsyncIterator[Printer]:
    """A `Printer` to a file descriptor, for as long as the block runs and a moment longer."""
    send, receive = trio.open_memory_channel[str](_BACKLOG)
    printer = Printer(send)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_write_lines, printer, receive, descriptor, name="printer")
        try:
            yield printer
        finally:
            send.close()
            nursery.cancel_scope.deadline = trio.current_time() + _GOODBYE


async def _write_lines(
    printer: Printer, lines: trio.MemoryReceiveChannel[str], descriptor: int
) -> None:
    async for line in lines:
        lost, printer.lost = printer.lost, 0
        text = f"{lost} lines were lost\n{line}\n" if lost else f"{line}\n"
        data = text.encode("utf-8", "backslashreplace")
        await trio.to_thread.run_sync(_write, descriptor, data, abandon_on_cancel=True)


def _write(descriptor: int, data: bytes) -> None:
    # Not through sys.stdout: its lock, held by an abandoned thread, would stop the interpreter
    # from ending.  A reader that has gone away is no reason for a server to stop.
    with contextlib.suppress(OSError):
        while data:
            data = data[os.write(descriptor, data) :]
