"""Lines of a description as text: what may stand in one, and how they are told apart.

RFC 8866 section 5: a line is ``<type>=<value>``, and its type is one character.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence

from trio_sip._errors import LocalProtocolError, RemoteProtocolError

__all__ = [
    "attribute_value",
    "attribute_values",
    "checked_attribute",
    "checked_line",
    "checked_token",
    "decoded",
    "first_value",
    "in_order",
    "shared",
    "split_lines",
    "whole_number",
]

# RFC 8866 section 9: the order within a section.  Unknown types go where attributes go.
_ORDER = "voiuepcbtrzk"


def decoded(data: bytes | str) -> str:
    """The text of what came; octets that are no UTF-8 survive the way back.

    Raises:
      RemoteProtocolError: a lone surrogate that stands for no octet.
    """
    if isinstance(data, str):
        if data.isascii():
            return data
        try:
            data = data.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            raise RemoteProtocolError("a description that UTF-8 cannot write") from None
    return data.decode("utf-8", "surrogateescape")


def split_lines(text: str) -> list[str]:
    """The lines that say something, without their ends: CRLF, or LF alone.

    Raises:
      RemoteProtocolError: a NUL, or a CR within a line.
    """
    if "\0" in text:
        raise RemoteProtocolError("NUL in a description")
    lines = text.split("\r\n")
    # RFC 8866 section 5: "parsers SHOULD be tolerant and also accept records terminated with a
    # single newline character".
    if not text.count("\n") == text.count("\r") == len(lines) - 1:
        lines = [line.removesuffix("\r") for line in text.split("\n")]
        if any("\r" in line for line in lines):
            raise RemoteProtocolError("CR within a line of a description")
    return [line for line in lines if line and not line.isspace()]


# Most lines are those of every other call.  Keeping one copy of them saves a held call half of
# what its descriptions need; `sys.intern` would do it, but keeps them for ever in Python 3.12.
_shared = functools.lru_cache(maxsize=1024)(str)
_SHARED_LENGTH = 60


def shared(lines: Iterable[str]) -> list[str]:
    """The same lines, each of them the one copy that there is of it, if it is usual."""
    return [_shared(line) if len(line) < _SHARED_LENGTH else line for line in lines]


def checked_line(line: str) -> str:
    """*line*, if it is one: no CR, no LF, no NUL, and nothing UTF-8 cannot write."""
    if line[1:2] != "=" or line.isspace():
        raise LocalProtocolError(f"no line of a description: {line[:12]!r}")
    if "\r" in line or "\n" in line or "\0" in line:
        # Not the whole line: it may hold a key.
        raise LocalProtocolError(f"CR, LF or NUL in a line of a description: {line[:12]!r}")
    try:
        return decoded(line)
    except RemoteProtocolError as error:
        raise LocalProtocolError(str(error)) from None


def checked_attribute(attribute: str) -> str:
    """The ``a=`` line for ``name`` or ``name:value``."""
    if not attribute or attribute[0] in ": ":
        raise LocalProtocolError(f"no attribute: {attribute[:12]!r}")
    return checked_line(f"a={attribute}")


def checked_token(text: str, what: str) -> str:
    """*text*, if it can be a field of a line: not empty, and no blank in it."""
    if [text] != text.split() or "\0" in text:
        raise LocalProtocolError(f"{what} cannot be {text!r}")
    return text


def whole_number(text: str, digits: int = 10) -> int | None:
    """The number that *text* writes in ASCII digits, and ``None`` if it does not."""
    if 0 < len(text) <= digits and text.isascii() and text.isdigit():
        return int(text)
    return None


def first_value(lines: Iterable[str], kind: str) -> str | None:
    """What follows the equals sign in the first line of that type."""
    start = f"{kind}="
    return next((line[2:] for line in lines if line.startswith(start)), None)


def attribute_value(lines: Iterable[str], name: str) -> str | None:
    """The value of the first attribute *name*: ``""`` if it has none, ``None`` without it."""
    return next(_values(lines, f"a={name}"), None)


def attribute_values(lines: Iterable[str], name: str) -> list[str]:
    """The values of all attributes *name*, in order."""
    return list(_values(lines, f"a={name}"))


def _values(lines: Iterable[str], start: str) -> Iterator[str]:
    size = len(start)
    for line in lines:
        if line.startswith(start) and line[size : size + 1] in ("", ":", " ", "\t"):
            yield line[size + 1 :].strip(" \t")


def in_order(lines: Sequence[str], line: str) -> tuple[str, ...]:
    """*lines* with *line* where RFC 8866 section 9 wants one of its type, behind its equals."""
    rank = _rank(line)
    place = next((at for at, other in enumerate(lines) if _rank(other) > rank), len(lines))
    return (*lines[:place], line, *lines[place:])


def _rank(line: str) -> int:
    place = _ORDER.find(line[0])
    return len(_ORDER) if place < 0 else place
