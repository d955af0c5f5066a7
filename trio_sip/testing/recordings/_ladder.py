"""Call flows as text: what RFC 3665 draws, drawn from what happened."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping

from trio_sip.transport import Address

from ._picture import Row, arrange
from ._wire import Fate, Wire

__all__ = ["ladder"]

_MARGIN = 10
_WIDTH = 25
# Room for an arrow's head, its tail, and a dash at each side of the text.
_ARROW = 4
_SHOWN_REPETITIONS = 12
_WIDEST = 100
# With less room than that beside an arrow, the rest goes below it.
_NARROWEST = 30


def ladder(
    wires: Iterable[Wire],
    names: Mapping[str | Address, str] | None = None,
    *,
    fold: bool = False,
    notes: Mapping[Wire, str] | None = None,
) -> str:
    """Draw *wires* with a column for each host, in the order of their first appearance.

    Args:
      names: what to call an `Address`, or all ports of a host.  What has no name is shown as
        ``host:port``.
      fold: tell of retransmissions behind the first arrow instead of drawing each.
      notes: what to say about some of the records, whose arrows are marked with ``!``.

    Returns:
      Lines of text: seconds since the first record, and an arrow.  Methods and status codes
      are all that is shown of a message, so no credentials are.  Empty without records.

    Example::

              alice                     bob
       0.000  |---------OPTIONS-------->|  again at 0.500 (lost), 1.500
       1.520  |<-----200 (OPTIONS)------|
    """
    picture = arrange(wires, names, fold=fold, notes=notes)
    columns = picture.columns
    if not columns:
        return ""
    longest = max(len(row.text) for row in picture.rows)
    width = max(_WIDTH, longest + _ARROW, *(len(column) + 1 for column in columns))
    lines = [" " * _MARGIN + "".join(name.ljust(width + 1) for name in columns).rstrip()]
    for row in picture.rows:
        bars = _overlay(len(columns), width, *_draw(row, width))
        mark = "  " if row.note is None else " !"
        line = f"{row.time:8.3f}{mark}{bars}"
        empty = " " * _MARGIN + _overlay(len(columns), width, 0, "")
        lines += _beside(line, _aside(row), empty) if row.again else [line + _aside(row)]
    return "\n".join(lines) + "\n"


def _aside(row: Row) -> str:
    words = []
    if row.again:
        shown = [
            f"{time:.3f}{' (lost)' if fate is Fate.LOST else ''}"
            for time, fate in row.again[:_SHOWN_REPETITIONS]
        ]
        more = len(row.again) - len(shown)
        words.append("again at " + ", ".join(shown) + (f" and {more} times more" if more else ""))
    if row.note:
        words.append(row.note)
    return "  " + "; ".join(words) if words else ""


def _beside(line: str, aside: str, empty: str) -> list[str]:
    """An arrow and what is said about it, which goes on in the next line when there is too much."""
    room = _WIDEST - len(line)
    if len(aside) <= room:
        return [line + aside]
    if room < _NARROWEST:
        return [line, *_wrapped(aside, " " * (_MARGIN + 2), _WIDEST)]
    first, *more = _wrapped(aside, "", room - 2)
    return [f"{line}  {first}", *(f"{empty.ljust(len(line))}  {one}" for one in more)]


def _wrapped(text: str, indent: str, width: int) -> list[str]:
    # What became of a copy stays with its time.
    bound = text.strip().replace(" (", "\0(")
    wrapped = textwrap.wrap(bound, width, initial_indent=indent, subsequent_indent=indent)
    return [one.replace("\0(", " (") for one in wrapped]


def _draw(row: Row, width: int) -> tuple[int, str]:
    """The position of the arrow's left end, and the arrow."""
    if row.source == row.destination:
        return row.source * (width + 1) + 1, f"--{row.text}--."
    left, right = sorted((row.source, row.destination))
    length = (right - left) * (width + 1) - 1
    arrow = row.text.center(length, "-")
    lost = row.fate is Fate.LOST
    if row.destination > row.source:
        arrow = arrow[:-1] + ("x" if lost else ">")
    else:
        arrow = ("x" if lost else "<") + arrow[1:]
    return left * (width + 1) + 1, arrow


def _overlay(columns: int, width: int, position: int, arrow: str) -> str:
    canvas = list((("|" + " " * width) * columns).rstrip())
    canvas += " " * (position + len(arrow) - len(canvas))
    canvas[position : position + len(arrow)] = arrow
    return "".join(canvas)
