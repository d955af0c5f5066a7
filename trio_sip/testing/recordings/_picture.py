"""What every drawing of a conversation starts from: columns, and rows between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import attrs

from trio_sip.transport import Address

from ._wire import Cause, Fate, Wire

__all__ = ["Picture", "Row", "arrange", "fate_text", "name_of"]


@attrs.define(eq=False, kw_only=True)
class Row:
    """One arrow."""

    time: float
    """Seconds since the first record."""

    source: int
    destination: int
    text: str
    fate: Fate
    note: str | None
    again: list[tuple[float, Fate]] = attrs.field(factory=list)
    """When the same was sent again, and what became of that."""


@attrs.frozen
class Picture:
    """A conversation, ready to be drawn."""

    columns: Sequence[str]
    rows: Sequence[Row]


def arrange(
    wires: Iterable[Wire],
    names: Mapping[str | Address, str] | None = None,
    *,
    fold: bool = False,
    notes: Mapping[Wire, str] | None = None,
) -> Picture:
    """Find the columns, in the order of first appearance, and the rows.

    With *fold*, what repeats an earlier row to the octet is told in that row.
    """
    names, notes = names or {}, notes or {}
    columns: dict[str, int] = {}
    rows: list[Row] = []
    originals: dict[tuple[Address, Address, str, bytes], Row] = {}
    start: float | None = None
    for wire in wires:
        start = wire.time if start is None else start
        source, destination = (
            columns.setdefault(name_of(end, names), len(columns))
            for end in (wire.source, wire.destination)
        )
        key = (wire.source, wire.destination, wire.transport, wire.data)
        note = notes.get(wire)
        if fold and note is None and wire.transport == "UDP" and key in originals:
            originals[key].again.append((wire.time - start, wire.fate))
            continue
        row = Row(
            time=wire.time - start,
            source=source,
            destination=destination,
            text=wire.label.text + fate_text(wire),
            fate=wire.fate,
            note=note,
        )
        originals.setdefault(key, row)
        rows.append(row)
    return Picture(list(columns), rows)


def name_of(end: Address, names: Mapping[str | Address, str]) -> str:
    """What to call an address."""
    return names.get(end) or names.get(end.host) or str(end)


def fate_text(wire: Wire) -> str:
    """What became of it, if it did not simply arrive."""
    if wire.fate is Fate.DUPLICATED:
        return " (twice)"
    if wire.fate is Fate.LOST:
        return {Cause.MTU: " (too big)", Cause.NAT: " (blocked)"}.get(
            wire.cause or Cause.CHANCE, " (lost)"
        )
    return ""
