"""XML as far as scenario files need it: elements with their lines, and nothing that XML can do.

The parser is expat, which reads no other file.  Entities that a file defines are refused, so a
small file cannot become a large one, and size and depth are bounded.
"""

from __future__ import annotations

from typing import NoReturn
from xml.parsers import expat

import attrs

__all__ = ["Element", "ScenarioError", "parse_elements"]

_LARGEST = 1_000_000
_DEEPEST = 16
_MOST = 20_000


class ScenarioError(ValueError):
    """A scenario file that cannot be read; the text says what, and in which line."""


@attrs.define(eq=False)
class Element:
    """One element."""

    tag: str
    attributes: dict[str, str]
    line: int
    text: str = ""
    text_line: int = 0
    """The line in which its first text that is not white space begins."""

    children: list[Element] = attrs.field(factory=list)


def parse_elements(text: str | bytes) -> Element:
    """The root element of a file.

    Raises:
      ScenarioError: it is not XML, or more of it than scenarios have.
    """
    data = text.encode() if isinstance(text, str) else text
    if len(data) > _LARGEST:
        raise ScenarioError("too large for a scenario")
    reader = _Reader()
    try:
        # Text that has been decoded already is UTF-8 here, whatever its declaration says.
        reader.parser(None if isinstance(text, bytes) else "utf-8").Parse(data, True)
    except expat.ExpatError as error:
        raise ScenarioError(f"line {error.lineno}: {expat.ErrorString(error.code)}") from None
    if reader.root is None:
        raise ScenarioError("no element at all")
    return reader.root


class _Reader:
    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []
        self._count = 0

    def parser(self, encoding: str | None) -> expat.XMLParserType:
        parser = self._parser = expat.ParserCreate(encoding)
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.EntityDeclHandler = self._refuse
        return parser

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > _MOST or len(self._open) >= _DEEPEST:
            raise ScenarioError(f"line {self._parser.CurrentLineNumber}: too many elements")
        element = Element(tag, attributes, self._parser.CurrentLineNumber)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def _end(self, tag: str) -> None:
        self._open.pop()

    def _text(self, text: str) -> None:
        element = self._open[-1]
        if not element.text.strip() and text.strip():
            element.text_line = self._parser.CurrentLineNumber
        element.text += text

    def _refuse(self, name: str, *rest: object) -> NoReturn:
        raise ScenarioError(f"line {self._parser.CurrentLineNumber}: entities are refused: {name}")
