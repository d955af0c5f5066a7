"""A ladder that grows: each arrow is drawn as soon as it is on the wire."""

from __future__ import annotations

import re
from typing import Protocol

import attrs
import trio

from trio_sip.testing import Wire, ladder
from trio_sip.transport import Address

__all__ = ["LadderRows", "Rows", "style_of"]

_REMEMBERED = 64
"""Conversations whose beginning is known."""

_CALL_ID = re.compile(rb"^(?:Call-ID|i)[ \t]*:[ \t]*(\S+)", re.IGNORECASE | re.MULTILINE)


def style_of(wire: Wire) -> str:
    """The colour of an arrow."""
    status = wire.label.status
    if status is None:
        return "cyan"
    return "green" if 200 <= status < 300 else "yellow"


class Rows(Protocol):
    """Where a ladder is drawn."""

    def head_nowait(self, line: str) -> None:
        """The names of the columns that the next rows have."""

    def row_nowait(self, line: str, style: str) -> None:
        """One arrow."""


@attrs.define(eq=False)
class LadderRows:
    """A recorder of network traffic that draws it at once, and keeps none of it.

    There is a column for us and one for them.  When the next arrow belongs to somebody else, or to
    another conversation, a new head is drawn.
    """

    _rows: Rows
    _we_are_left: bool

    last_received: Wire | None = None

    _began: dict[bytes, float] = attrs.field(init=False, factory=dict)
    _head: tuple[bytes, Address, Address, str] | None = attrs.field(init=False, default=None)

    def sent(self, local: Address, remote: Address, transport: str, data: bytes) -> None:
        """Draw what left."""
        self._draw(_wire(local, remote, transport, data), local, remote)

    def received(self, local: Address, remote: Address, transport: str, data: bytes) -> None:
        """Draw what came."""
        wire = self.last_received = _wire(remote, local, transport, data)
        self._draw(wire, local, remote)

    def _draw(self, wire: Wire, local: Address, remote: Address) -> None:
        found = _CALL_ID.search(wire.data.partition(b"\r\n\r\n")[0])
        conversation = found[1] if found else b""
        began = self._began.setdefault(conversation, wire.time)
        if len(self._began) > _REMEMBERED:
            del self._began[next(iter(self._began))]
        scheme = wire.transport.lower()
        names: dict[str | Address, str] = {local: str(local), remote: f"{scheme}://{remote}"}
        # The first of the two says which column is on the left, and what the time is counted from.
        ends = (local, remote) if self._we_are_left else (remote, local)
        beginning = attrs.evolve(wire, time=began, source=ends[0], destination=ends[1])
        head, _, row = ladder([beginning, wire], names).splitlines()
        columns = (conversation, local, remote, wire.transport)
        if columns != self._head:
            self._head = columns
            self._rows.head_nowait(head)
        self._rows.row_nowait(row, style_of(wire))


def _wire(source: Address, destination: Address, transport: str, data: bytes) -> Wire:
    return Wire(
        time=trio.current_time(),
        source=source,
        destination=destination,
        transport=transport,
        data=data,
    )
