"""What a call looks like while it goes on: a live ladder on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

import trio
from rich.console import Console
from rich.live import Live
from rich.padding import Padding
from rich.text import Text

from ._rows import Rows
from ._text import printable

__all__ = ["Lines", "PrintedLines", "Show", "open_show"]

_MARGIN = 10
"""As wide as the times of a ladder."""


class Lines(Protocol):
    """Where plain lines go."""

    def print_nowait(self, line: str) -> None:
        """Have *line* written some time soon."""


class PrintedLines:
    """Lines for standard output, at once."""

    def print_nowait(self, line: str) -> None:
        print(line, flush=True)


class Show(Rows, Protocol):
    """Shows how calls go."""

    def say_nowait(self, line: str) -> None:
        """Something has happened."""

    def spell_out_nowait(self, line: str) -> None:
        """Something has happened that a ladder shows by itself."""

    def state_nowait(self, text: str, since: float | None = None, hint: str = "") -> None:
        """How things stand from now on; since when, and what may be done about it."""


class PlainShow:
    """What has happened, a line each.  The ladder would only be in the way of a program."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def say_nowait(self, line: str) -> None:
        self._lines.print_nowait(printable(line))

    spell_out_nowait = say_nowait

    def state_nowait(self, text: str, since: float | None = None, hint: str = "") -> None: ...
    def head_nowait(self, line: str) -> None: ...
    def row_nowait(self, line: str, style: str) -> None: ...


class QuietShow(PlainShow):
    """Nothing: for who wants JSON."""

    def say_nowait(self, line: str) -> None: ...

    spell_out_nowait = say_nowait


class LiveShow:
    """A ladder that grows, with what has happened between its arrows; below it, how things stand."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._state = ""
        self._since: float | None = None
        self._hint = ""
        self._margin = 0

    def head_nowait(self, line: str) -> None:
        self._print(Text(""))
        self._print(Text(line, "bold"))
        self._margin = _MARGIN

    def row_nowait(self, line: str, style: str) -> None:
        self._print(Text(line, style))

    def say_nowait(self, line: str) -> None:
        # Text, not markup: a "[" in it is a "[".
        self._live.console.print(Padding(Text(printable(line)), (0, 0, 0, self._margin)))

    def spell_out_nowait(self, line: str) -> None: ...

    def state_nowait(self, text: str, since: float | None = None, hint: str = "") -> None:
        self._state, self._since, self._hint = text, since, hint
        self.refresh()

    def refresh(self) -> None:
        """Show how things stand, with the time that has gone until now."""
        text = printable(self._state)
        if self._since is not None:
            seconds = int(trio.current_time() - self._since)
            text += f" for {seconds // 60}:{seconds % 60:02}"
        if self._hint:
            text += f"; {self._hint}"
        line = Text(" " * self._margin + text, "dim", no_wrap=True, overflow="ellipsis")
        self._live.update(line if text else Text(), refresh=True)

    def _print(self, text: Text) -> None:
        # An arrow in two pieces is none.
        self._live.console.print(text, no_wrap=True, overflow="ignore", crop=False)


@asynccontextmanager
async def open_show(lines: Lines, *, quiet: bool = False) -> AsyncIterator[Show]:
    """Whatever suits standard output, for as long as the block runs.

    Args:
      lines: where plain lines go.
      quiet: show nothing.
    """
    console = Console(highlight=False)
    if quiet:
        yield QuietShow(lines)
    elif not console.is_terminal or console.is_dumb_terminal:
        yield PlainShow(lines)
    else:
        # Nothing is drawn behind our back: Rich's own thread stays at home.
        with Live(console=console, auto_refresh=False, transient=True) as live:
            show = LiveShow(live)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_tick, show)
                yield show
                nursery.cancel_scope.cancel()


async def _tick(show: LiveShow) -> None:
    while True:
        await trio.sleep(1)
        show.refresh()
