"""The few productions of RFC 3261 section 25.1 that everything else is made of.

Every pattern here is linear: alternatives exclude each other by their first character, and
repetitions that could give characters back are possessive.  A value of 64 kB of any
character at all must cost microseconds, not seconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from trio_sip._errors import LocalProtocolError, RemoteProtocolError

__all__ = [
    "TOKEN",
    "checked_text",
    "checked_token",
    "decode_escapes",
    "encoded",
    "is_token",
    "quote",
    "split_list",
    "split_params",
    "unquote",
]

# token = 1*(alphanum / "-" / "." / "!" / "%" / "*" / "_" / "+" / "`" / "'" / "~" )
TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")

# quoted-string = SWS DQUOTE *(qdtext / quoted-pair ) DQUOTE
# An unterminated one is taken to the end, so that no later quote starts another long search.
_QUOTED_OR_REST = r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)'
_LIST_STOPS = re.compile(_QUOTED_OR_REST + r"|<[^>]*+(?:>|\Z)|,", re.DOTALL)
_PARAM_STOPS = re.compile(_QUOTED_OR_REST + r"|;", re.DOTALL)
_QUOTED = re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)*+)"', re.DOTALL)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_LINE_BREAKERS = re.compile(r"[\r\n\0]")
_ESCAPED = re.compile(r"(?:%[0-9A-Fa-f]{2})+")


def is_token(text: str) -> bool:
    """Whether *text* is one ``token``."""
    return TOKEN.fullmatch(text) is not None


def checked_token(text: str, what: str) -> str:
    """*text*, if it is a token; *what* names it in the error."""
    if TOKEN.fullmatch(text) is None:
        raise LocalProtocolError(f"{what} is not a token: {text!r}")
    return text


def checked_text(text: str, what: str) -> str:
    """*text*, if it cannot break out of its line: no CR, no LF, no NUL."""
    if not isinstance(text, str):
        raise LocalProtocolError(f"{what} is not text: {text!r}")
    if _LINE_BREAKERS.search(text) is not None:
        raise LocalProtocolError(f"{what} contains CR, LF or NUL: {text!r}")
    if not text.isascii():
        encoded(text)
    return text


def encoded(text: str) -> bytes:
    """*text* as it goes on the wire: UTF-8, and octets that came in as something else unchanged.

    A lone surrogate that stands for no octet is refused here, not when the message is sent.
    """
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise LocalProtocolError(f"text that UTF-8 cannot write: {error}") from None


def quote(text: str) -> str:
    """*text* as a quoted-string."""
    if '"' in text or "\\" in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def unquote(text: str) -> str:
    """What a quoted-string stands for; anything else is returned as it is."""
    if text[:1] != '"':
        return text
    match = _QUOTED.fullmatch(text)
    if match is None:
        raise RemoteProtocolError(f"unbalanced quotes: {text[:40]!r}")
    inside = match[1]
    return _QUOTED_PAIR.sub(r"\1", inside) if "\\" in inside else inside


def decode_escapes(text: str) -> str:
    """Undo ``%hh`` once, never twice.  RFC 3261 section 19.1.2."""
    if "%" not in text:
        return text
    return _ESCAPED.sub(
        lambda match: bytes.fromhex(match[0].replace("%", "")).decode("utf-8", "surrogateescape"),
        text,
    )


def split_list(text: str) -> list[str]:
    """Split at the commas that are neither in quotes nor in angle brackets."""
    if "," not in text:
        return [text]
    if '"' not in text and "<" not in text:
        return [item.strip(" \t") for item in text.split(",")]
    return list(_split_at(_LIST_STOPS, ",", text))


def split_params(text: str) -> list[str]:
    """Split ``a;b=c;d="x;y"`` at its semicolons; the pieces are stripped."""
    if '"' not in text:
        return [piece.strip(" \t") for piece in text.split(";")]
    return list(_split_at(_PARAM_STOPS, ";", text))


def _split_at(stops: re.Pattern[str], separator: str, text: str) -> Iterator[str]:
    start = 0
    for stop in stops.finditer(text):
        if stop[0] == separator:
            yield text[start : stop.start()].strip(" \t")
            start = stop.end()
    yield text[start:].strip(" \t")
