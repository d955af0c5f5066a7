"""What was seen on the wire: one record for each datagram or piece of a stream."""

from __future__ import annotations

import enum
from typing import NamedTuple

import attrs

from trio_sip.transport import Address

__all__ = ["Cause", "Fate", "Label", "Wire"]

_LONGEST_METHOD = 20


class Fate(enum.Enum):
    """What the network did with it."""

    DELIVERED = "delivered"
    LOST = "lost"
    DUPLICATED = "duplicated"
    """It arrived twice."""


class Cause(enum.Enum):
    """Why the network lost it; the values are words for people."""

    CHANCE = "by chance"
    RULE = "because the test said so"
    PARTITION = "in a partition"
    NOWHERE = "because nobody has that address"
    MTU = "because it was larger than the MTU and its fragments were dropped"
    NAT = "by a NAT box that has no mapping for it"


@attrs.frozen(kw_only=True)
class Wire:
    """One thing that was sent."""

    time: float
    """When it was sent, in seconds of whatever clock."""

    source: Address
    destination: Address
    transport: str
    """``UDP``, ``TCP``, ``TLS``, ``WS`` or ``WSS``."""

    data: bytes = attrs.field(repr=False)
    """May hold credentials, so it is never shown."""

    fate: Fate = Fate.DELIVERED
    cause: Cause | None = None
    """Of a loss, where it is known."""

    @property
    def label(self) -> Label:
        """What the data is, in a word."""
        return Label.of(self.data)


class Label(NamedTuple):
    """As much of a message as a drawing has room for.  Nothing in it is secret."""

    method: str
    """Of the request, or of the CSeq of a response; empty when it is no message."""

    status: int | None
    """``None`` for a request."""

    text: str
    """``INVITE``, ``200 (INVITE)``, ``CRLF`` or ``12 bytes``."""

    @classmethod
    def of(cls, data: bytes) -> Label:
        """Describe *data*, whatever it is."""
        if not data.strip(b"\r\n"):
            return cls("", None, "CRLF" if data else "empty")
        line, _, rest = data.lstrip(b"\r\n").partition(b"\r\n")
        words = line.split(b" ", 2)
        if len(words) == 3 and words[0] == b"SIP/2.0" and words[1].isdigit():
            method = _printable(_cseq_method(rest))
            status = int(words[1][:3])
            return cls(method, status, f"{status} ({method})")
        if len(words) == 3 and words[2] == b"SIP/2.0":
            method = _printable(words[0])
            return cls(method, None, method)
        return cls("", None, f"{len(data)} bytes")


def _cseq_method(rest: bytes) -> bytes:
    head = rest.partition(b"\r\n\r\n")[0]
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"cseq":
            return value.split()[-1] if value.split() else b""
    return b""


def _printable(method: bytes) -> str:
    # A stranger's method must not be able to draw on somebody's terminal.
    text = method[:_LONGEST_METHOD].decode("ascii", "replace")
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in text) or "?"
