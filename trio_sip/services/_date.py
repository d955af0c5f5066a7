"""The Date of an answer, written once a second."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from trio_sip.message import Date

__all__ = ["DateText"]


class DateText:
    """The text of the current time, for Date headers.  Calling it is cheap."""

    def __init__(self, wall_clock: Callable[[], float]) -> None:
        self._wall_clock = wall_clock
        self._second = -1
        self._text = ""

    def __call__(self) -> str:
        second = int(self._wall_clock())
        if second != self._second:
            self._second = second
            self._text = str(Date(datetime.fromtimestamp(second, UTC)))
        return self._text
