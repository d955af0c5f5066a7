"""The keywords in the messages of SIPp scenarios: ``[call_id]``, ``[last_Via:]``, ``[len]``, …"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Protocol

import attrs

__all__ = ["Keyword", "MessageFields", "Template", "read_template", "render"]

# A parameter may be a keyword itself: ``[field1 line="[$line]"]``.
_KEYWORD = re.compile(r"\[([$A-Za-z](?:=\"?\[[^\[\]\r\n]*\]|[^\[\]\r\n])*)\]")
_OFFSET = re.compile(r"([a-z_]+?)\s*([+-]\d{1,6})?")
_PARAM = re.compile(r'(\w+)=("[^"]*"|\[[^\]]*\]|\S+)')
_PLAIN = {
    "auto_media_port", "branch", "call_id", "call_number", "clock_tick", "cseq", "len",
    "local_ip", "local_ip_type", "local_port", "media_ip", "media_ip_type", "media_port",
    "msg_index", "next_url", "peer_tag_param", "pid", "remote_host", "remote_ip", "remote_port",
    "routes", "server_ip", "service", "sipp_version", "timestamp", "transport", "userid", "users",
}  # fmt: skip
_WITH_PARAMS = {"authentication", "fill"}
_NO_KEYS: Collection[str] = ()
_LENGTH = "\0len\0"
_GONE = "\0gone\0"


@attrs.frozen
class Keyword:
    """One keyword, taken apart."""

    name: str
    """``last``, ``field``, ``variable``, ``key`` or a name of SIPp's own."""

    argument: str = ""
    """Of ``last_``: the header; of a field: its number; of a variable or key: its name."""

    offset: int = 0
    params: Mapping[str, str] = attrs.field(factory=dict, repr=False)


@attrs.frozen
class Template:
    """The text of a message: pieces of text and keywords in turn."""

    pieces: tuple[str | Keyword, ...]

    @property
    def method(self) -> str | None:
        """Of a request; ``None`` for a response, or if a keyword stands there."""
        first = self.pieces[0] if self.pieces else ""
        word = first.split(" ")[0] if isinstance(first, str) else ""
        return word if word and word != "SIP/2.0" else None


class MessageFields(Protocol):
    """Who knows what stands for a keyword in a call."""

    def value(self, keyword: Keyword) -> str | None:
        """The text; ``None`` leaves the line out, as for a header that the last message lacks."""


def read_template(
    text: str, line: int, keys: Collection[str] = _NO_KEYS
) -> tuple[Template, list[tuple[int, str]]]:
    """Take a message apart; also the keywords that are not known, with their lines.

    *keys* are keywords that whoever runs the scenario gives a meaning.  White space at the beginning of lines is layout, and so are empty lines before the first.
    """
    refused: list[tuple[int, str]] = []
    lines = [one.strip(" \t\r") for one in text.split("\n")]
    while lines and not lines[0]:
        lines.pop(0)
    pieces: list[str | Keyword] = []
    for number, one in enumerate(lines):
        for piece in _pieces(one, keys):
            if isinstance(piece, Keyword) and piece.name == "?":
                refused.append((line + number, f"[{piece.argument}]"))
                pieces.append(f"[{piece.argument}]")
            else:
                pieces.append(piece)
        pieces.append("\r\n")
    return Template(tuple(_joined(pieces))), refused


def _pieces(line: str, keys: Collection[str]) -> Iterator[str | Keyword]:
    place = 0
    for match in _KEYWORD.finditer(line):
        yield line[place : match.start()]
        yield _keyword(match[1], keys)
        place = match.end()
    yield line[place:]


def _joined(pieces: list[str | Keyword]) -> Iterator[str | Keyword]:
    text = ""
    for piece in pieces:
        if isinstance(piece, str):
            text += piece
            continue
        if text:
            yield text
            text = ""
        yield piece
    if text:
        yield text


def _keyword(text: str, keys: Collection[str]) -> Keyword:
    if text in keys:
        return Keyword("key", text)
    word, _, rest = text.strip().partition(" ")
    params = {name: value.strip('"') for name, value in _PARAM.findall(rest)}
    if word.startswith("$"):
        return Keyword("variable", word[1:])
    if word.lower().startswith("last_"):
        number = re.fullmatch(r"cseq_number([+-]\d{1,6})", word[5:])
        if number is not None:
            return Keyword("last", "cseq_number", offset=int(number[1]))
        return Keyword("last", word[5:].rstrip(":"))
    if re.fullmatch(r"field\d{1,4}", word):
        return Keyword("field", word[5:], params=params)
    if word in _WITH_PARAMS:
        return Keyword(word, params=params)
    match = _OFFSET.fullmatch(text.strip())
    if match is not None and match[1] in _PLAIN:
        return Keyword(match[1], offset=int(match[2] or 0))
    return Keyword("?", text)


def render(template: Template, fields: MessageFields) -> str:
    """The message, with its length where it says ``[len]``."""
    parts: list[str] = []
    length_offset = 0
    for piece in template.pieces:
        if isinstance(piece, str):
            parts.append(piece)
        elif piece.name == "len":
            length_offset = piece.offset
            parts.append(_LENGTH)
        else:
            value = fields.value(piece)
            parts.append(_GONE if value is None else value)
    lines = "".join(parts).split("\r\n")
    text = "\r\n".join(line.replace(_GONE, "") for line in lines if not _is_gone(line))
    head, gap, body = text.partition("\r\n\r\n")
    body = body.rstrip("\r\n")
    body += "\r\n" if body else ""
    if not gap:
        head = head.rstrip("\r\n")
    length = str(len(body.encode()) + length_offset)
    return (head + "\r\n\r\n" + body).replace(_LENGTH, length)


def _is_gone(line: str) -> bool:
    return _GONE in line and not line.replace(_GONE, "").strip()
