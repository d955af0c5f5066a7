"""XML as far as scenario files need it: elements with their lines, and nothing that XML can do.

What is not well-formed is read once more as SIPp reads it.

The parser is expat, which reads no other file.  Entities that a file defines are refused, so a
small file cannot become a large one, and size and depth are bounded.  What only is said to be in
another file may be said, but not used.
"""

from __future__ import annotations

from typing import NoReturn
from xml.parsers import expat

import attrs

from ._laxity import as_xml, without_escapes

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
    try:
        # Text that has been decoded already is UTF-8 here, whatever its declaration says.
        return _read(data, None if isinstance(text, bytes) else "utf-8")
    except expat.ExpatError as error:
        try:
            return _read(as_xml(_decoded(data)).encode(), "utf-8")
        except expat.ExpatError:
            what = f"line {error.lineno}: {expat.ErrorString(error.code)}"
            raise ScenarioError(what) from None


def _read(data: bytes, encoding: str | None) -> Element:
    reader = _Reader()
    reader.parser(encoding).Parse(data, True)
    if reader.root is None:
        raise ScenarioError("no element at all")
    return reader.root


def _decoded(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


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
        parser.EntityDeclHandler = self._declare
        parser.ExternalEntityRefHandler = self._refer
        return parser

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > _MOST or len(self._open) >= _DEEPEST:
            raise ScenarioError(f"line {self._parser.CurrentLineNumber}: too many elements")
        given = {name: without_escapes(value) for name, value in attributes.items()}
        element = Element(tag, given, self._parser.CurrentLineNumber)
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

    def _declare(self, name: str, is_parameter: bool, value: str | None, *where: object) -> None:
        if value is not None:
            self._refuse(name)

    def _refer(self, context: str | None, *where: object) -> NoReturn:
        self._refuse(context or "another file")

    def _refuse(self, name: str) -> NoReturn:
        raise ScenarioError(f"line {self._parser.CurrentLineNumber}: entities are refused: {name}")
