r"""What SIPp takes for XML and XML does not, written as XML.

Many scenarios that people have were only ever read by SIPp, whose reader looks for ``name="value"``
and little else.  In them a value holds ``<``, ``&`` or ``\"``, attributes stand side by side without
a space or have a stray colon behind them, comments have dashes in them, and the last line is
missing.  Lines keep their numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["as_xml", "without_escapes"]

_PIECE = re.compile(
    r"<!--(?P<comment>.*?)-->"
    r"|<!\[CDATA\[.*?\]\]>"
    r"|<[?!][^>]*>"
    r"|</\s*(?P<closed>[\w:.-]+)\s*>"
    r"|<(?P<opened>[\w:.-]+)(?P<rest>(?:\"(?:\\.|[^\"\\])*\"|'[^']*'|[^\"'<>])*+)>"
    r"|[^<]+|<",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(
    r"(?P<name>[A-Za-z_][\w:.-]*)\s*=\s*(?:\"(?P<value>(?:\\.|[^\"\\])*)\"|'(?P<single>[^']*)')",
    re.DOTALL,
)
_STRAY_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d+|#x[0-9A-Fa-f]+);)")
_ESCAPE = re.compile(r'\\([\\"ntr])')
_ESCAPED = {"\\": "\\", '"': '"', "n": "\n", "t": "\t", "r": "\r"}


def without_escapes(value: str) -> str:
    r"""The value of an attribute as SIPp reads it: ``\\``, ``\"``, ``\n``, ``\t`` and ``\r``."""
    if "\\" not in value:
        return value
    return _ESCAPE.sub(lambda found: _ESCAPED[found[1]], value)


def as_xml(text: str) -> str:
    """A scenario that only SIPp could read, for readers of XML."""
    return "".join(_pieces(text))


def _pieces(text: str) -> Iterator[str]:
    opened: list[str] = []
    for found in _PIECE.finditer(text):
        if (comment := found["comment"]) is not None:
            yield "<!--" + "\n" * comment.count("\n") + "-->"
        elif (name := found["opened"]) is not None:
            rest = found["rest"]
            closes = rest.rstrip().endswith("/")
            if not closes:
                opened.append(name)
            yield f"<{name}{''.join(_attributes(rest))}{'/' if closes else ''}>"
        else:
            if found["closed"] is not None and opened[-1:] == [found["closed"]]:
                opened.pop()
            yield "&lt;" if found[0] == "<" else found[0]
    yield from (f"</{name}>" for name in reversed(opened))


def _attributes(rest: str) -> Iterator[str]:
    seen: set[str] = set()
    lines = 0
    for found in _ATTRIBUTE.finditer(rest):
        between = rest[: found.start()].count("\n") - lines
        lines += between + found[0].count("\n")
        value = found["value"] if found["single"] is None else found["single"]
        # Of two with the same name, SIPp sees the first.
        if found["name"] in seen:
            yield "\n" * (between + found[0].count("\n"))
            continue
        seen.add(found["name"])
        yield "\n" * between + f' {found["name"]}="{_escaped(value)}"'
    yield "\n" * (rest.count("\n") - lines)


def _escaped(value: str) -> str:
    value = _STRAY_AMPERSAND.sub("&amp;", value)
    return value.replace("<", "&lt;").replace('"', "&quot;")
