"""Call flows as text: what RFC 3665 draws, drawn from what happened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from trio_sip.transport import Address

from ._wire import Fate, Wire

__all__ = ["ladder"]

_MARGIN = 10
_WIDTH = 25
# Room for an arrow's head, its tail, and a dash at each side of the text.
_ARROW = 4


def ladder(wires: Iterable[Wire], names: Mapping[str | Address, str] | None = None) -> str:
    """Draw *wires* with a column for each host, in the order of their first appearance.

    Args:
      names: what to call an `Address`, or all ports of a host.  What has no name is shown as
        ``host:port``.

    Returns:
      Lines of text: seconds since the first record, and an arrow.  Methods and status codes
      are all that is shown of a message, so no credentials are.  Empty without records.

    Example::

              alice                     bob
       0.000  |---------OPTIONS-------->|
       0.020  |<-----200 (OPTIONS)------|
    """
    records = list(wires)
    if not records:
        return ""
    names = names or {}
    columns: list[str] = []
    rows: list[tuple[float, str, str, str, Fate]] = []
    for wire in records:
        source, destination = (_name(end, names) for end in (wire.source, wire.destination))
        columns += [name for name in dict.fromkeys((source, destination)) if name not in columns]
        rows.append((wire.time, source, destination, _text(wire), wire.fate))
    width = max(_WIDTH, *(len(row[3]) + _ARROW for row in rows), *(len(c) + 1 for c in columns))
    lines = [" " * _MARGIN + "".join(name.ljust(width + 1) for name in columns).rstrip()]
    start = rows[0][0]
    for time, source, destination, text, fate in rows:
        picture = _draw(columns.index(source), columns.index(destination), text, fate, width)
        bars = _overlay(len(columns), width, *picture)
        lines.append(f"{time - start:8.3f}  {bars}")
    return "\n".join(lines) + "\n"


def _name(end: Address, names: Mapping[str | Address, str]) -> str:
    return names.get(end) or names.get(end.host) or str(end)


def _text(wire: Wire) -> str:
    if wire.fate is Fate.LOST:
        return f"{wire.label.text} (lost)"
    if wire.fate is Fate.DUPLICATED:
        return f"{wire.label.text} (twice)"
    return wire.label.text


def _draw(source: int, destination: int, text: str, fate: Fate, width: int) -> tuple[int, str]:
    """The arrow, and the position of its left end."""
    if source == destination:
        return source * (width + 1) + 1, f"--{text}--."
    left, right = sorted((source, destination))
    length = (right - left) * (width + 1) - 1
    arrow = text.center(length, "-")
    lost = fate is Fate.LOST
    if destination > source:
        arrow = arrow[:-1] + ("x" if lost else ">")
    else:
        arrow = ("x" if lost else "<") + arrow[1:]
    return left * (width + 1) + 1, arrow


def _overlay(columns: int, width: int, position: int, arrow: str) -> str:
    canvas = list((("|" + " " * width) * columns).rstrip())
    canvas += " " * (position + len(arrow) - len(canvas))
    canvas[position : position + len(arrow)] = arrow
    return "".join(canvas)
