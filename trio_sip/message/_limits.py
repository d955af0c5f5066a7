"""How much a stranger may make us keep."""

from __future__ import annotations

import attrs

__all__ = ["DEFAULT_LIMITS", "Limits"]


@attrs.frozen(kw_only=True)
class Limits:
    """Upper bounds for one message.  What exceeds them is refused, not truncated."""

    message_bytes: int = 1 << 20
    """Head and body together; a larger Content-Length on a stream is refused before reading."""

    head_bytes: int = 1 << 16
    """Start-line and header fields.  64 KiB leaves room for WebRTC and STIR, and for a datagram."""

    header_count: int = 1000
    """Header lines.  513 (Message Too Large) beyond it.  Also the values of one list."""

    uri_bytes: int = 8192
    """The Request-URI.  414 (Request-URI Too Long) beyond it."""

    param_count: int = 200
    """Parameters of one value: a Via, a name-addr, a URI."""

    part_count: int = 100
    """Parts of one multipart body."""

    part_depth: int = 8
    """Multiparts within multiparts."""


DEFAULT_LIMITS = Limits()
