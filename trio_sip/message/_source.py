"""The top Via of a request: where it says it came from, where it came from, where answers go.

RFC 3261 sections 18.2.1 and 18.2.2, and RFC 3581.  This runs once for every request, so it works
on the raw text: splitting and joining what is there keeps the sender's spelling and costs a
microsecond, building a `Via` and printing it costs ten.
"""

from __future__ import annotations

import functools

from trio_sip._errors import RemoteProtocolError

__all__ = ["fill_via", "sent_by"]

_DEFAULT_PORT = 5060
_DEFAULT_TLS_PORT = 5061
_MAX_PORT = 65535
_LONG = 100


def fill_via(raw: str, host: str, port: int, *, force_rport: bool = False) -> tuple[str, int]:
    """Complete the topmost Via of a request that came from *host* and *port*.

    Args:
      raw: the value of the first Via header field; more values may follow after a comma.
      host: the source address, IPv6 without brackets.
      force_rport: proceed as if the sender had asked for ``rport``.  Many clients behind a NAT
        need it and forget to ask.

    Returns:
      The value as responses must repeat it, and the port that they go to on *host*.

    Raises:
      RemoteProtocolError: this is no Via.
    """
    usual = _fill_usual(raw, host, port)
    if usual is not None:
        return usual
    rest = ""
    if '"' in raw or "," in raw:
        pieces, rest = _split_quoted(raw)
    else:
        # The usual case: no quoted strings, so a semicolon is a semicolon.
        pieces = raw.split(";")
    head = pieces[0]
    sent_host, sent_port = _known_sent_by(head) if len(head) < _LONG else _sent_by(head)
    asked = force_rport
    kept = head
    for piece in pieces[1:]:
        # Nearly every parameter is a branch or a bare rport; the general question is slower.
        if piece == "rport":
            asked = True
        elif piece.startswith("branch="):
            kept = f"{kept};{piece}"
        else:
            name = piece.partition("=")[0].strip().lower()
            if name == "rport":
                asked = True
            elif name != "received":
                # What the sender claims about its own source is dropped: an answer sent there
                # would be an attack on somebody else.
                kept = f"{kept};{piece}"
    if asked:
        # RFC 3581 section 4: received is added with rport, even if it says nothing new.
        return f"{kept};received={host};rport={port}{rest}", port
    if sent_host != host:
        # RFC 3261 section 18.2.1
        return f"{kept};received={host}{rest}", sent_port
    return kept + rest, sent_port


def sent_by(raw: str) -> tuple[str, int]:
    """The host and port in the topmost Via, whatever its parameters say.

    Where answers go over a new connection, when the one that the request came by is gone
    (RFC 3261 section 18.2.2).

    Args:
      raw: the value of the first Via header field.

    Raises:
      RemoteProtocolError: this is no Via.
    """
    head = raw.partition(";")[0].partition(",")[0]
    return _known_sent_by(head) if len(head) < _LONG else _sent_by(head)


def _fill_usual(raw: str, host: str, port: int) -> tuple[str, int] | None:
    """The answer for one value without quotes that has a bare ``rport`` and no ``received``."""
    lowered = raw.lower()
    place = lowered.find(";rport")
    end = place + 6
    if (
        place < 0
        # A letter such as U+0130 is two in lower case, so places in the two texts would differ.
        or not raw.isascii()
        or raw[end : end + 1] not in (";", "")
        or lowered.count("rport") > 1
        or "received" in lowered
        or "," in raw
        or '"' in raw
    ):
        return None
    head = raw[: raw.find(";")]
    if len(head) >= _LONG:
        return None
    _known_sent_by(head)
    return f"{raw[:place]}{raw[end:]};received={host};rport={port}", port


def _sent_by(head: str) -> tuple[str, int]:
    """Take ``SIP / 2.0 / UDP  host : port`` apart."""
    protocol = head.split("/", 2)
    words = protocol[-1].split(None, 1)
    if len(protocol) != 3 or len(words) != 2:
        raise RemoteProtocolError(f"bad Via: {head[:80]!r}")
    transport, sent_by = words
    if sent_by[0] == "[":
        host, bracket, tail = sent_by[1:].partition("]")
        separator, port = tail.strip()[:1], tail.strip()[1:]
        if not bracket or separator not in {"", ":"}:
            raise RemoteProtocolError(f"bad Via: {head[:80]!r}")
        host = host.lower()
    else:
        host, separator, port = sent_by.partition(":")
        host = host.rstrip()
    if not separator:
        secure = transport.upper() in {"TLS", "WSS"}
        return host, _DEFAULT_TLS_PORT if secure else _DEFAULT_PORT
    try:
        number = int(port)
    except ValueError:
        number = 0
    if not (0 < number <= _MAX_PORT and port.isascii()):
        raise RemoteProtocolError(f"bad port in Via: {head[:80]!r}")
    return host, number


# All requests of a peer begin their Via alike.  Only short ones are kept, so that strangers
# cannot make us keep much.
_known_sent_by = functools.lru_cache(maxsize=4096)(_sent_by)


def _split_quoted(raw: str) -> tuple[list[str], str]:
    """Split at semicolons outside of quoted strings, up to the first such comma.

    Returns the pieces and the rest, which begins with the comma.
    """
    pieces: list[str] = []
    start = 0
    quoted = escaped = False
    for index, character in enumerate(raw):
        if escaped:
            escaped = False
        elif quoted:
            escaped = character == "\\"
            quoted = character != '"'
        elif character == '"':
            quoted = True
        elif character == ";":
            pieces.append(raw[start:index])
            start = index + 1
        elif character == ",":
            return [*pieces, raw[start:index]], raw[index:]
    return [*pieces, raw[start:]], ""
