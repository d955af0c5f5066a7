"""Bodies: one piece of content, or several in a multipart.  RFC 5621 and RFC 2046."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence

import attrs

from trio_sip._errors import LocalProtocolError, RemoteProtocolError

from ._grammar import encoded
from ._headers import Headers, joined_folds, unfolded
from ._limits import DEFAULT_LIMITS, Limits
from ._media_fields import CONTENT_DISPOSITION, CONTENT_ID, CONTENT_TYPE, Disposition, MediaType
from ._names import header_key

__all__ = ["Body", "multipart_body", "parse_multipart_untrusted", "typed_content"]

# boundary = 0*69<bchars> bcharsnospace     (RFC 2046 section 5.1.1)
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")
_PLAIN_TEXT = MediaType("text", "plain")


@attrs.frozen(init=False)
class Body:
    """Content and what is said about it: the body of a message, or one part of it.

    Args:
      content: bytes, or text (which is sent as UTF-8).
      content_type: needed for bytes; text is ``text/plain`` if nothing is said.
      headers: others of the part: Content-ID, Content-Disposition, …

    Raises:
      LocalProtocolError: bytes without a type, or a header that is not allowed.
    """

    content: bytes = attrs.field(repr=lambda content: f"<{len(content)} bytes>")
    headers: Headers
    parts: tuple[Body, ...] = ()
    """The parts, if the content is multipart."""

    def __init__(
        self,
        content: bytes | str,
        content_type: MediaType | str | None = None,
        headers: Iterable[tuple[str, object]] = (),
    ) -> None:
        octets, media_type = typed_content(content, content_type)
        lines = Headers([("Content-Type", str(media_type))])
        for name, value in headers:
            lines.add(name, value)
        self.__attrs_init__(octets, lines)

    @classmethod
    def multipart(
        cls,
        parts: Iterable[Body],
        subtype: str = "mixed",
        boundary: str | None = None,
        headers: Iterable[tuple[str, object]] = (),
    ) -> Body:
        """Several bodies as one, to stand within another multipart.

        Raises:
          LocalProtocolError: no parts, or a boundary that is malformed or occurs in one.
        """
        held = tuple(parts)
        media_type, content = multipart_body(held, subtype, boundary)
        made = cls(content, media_type, headers)
        made.__attrs_init__(content, made.headers, held)
        return made

    @classmethod
    def _received(cls, content: bytes, headers: Headers, parts: tuple[Body, ...]) -> Body:
        made = cls.__new__(cls)
        made.__attrs_init__(content, headers, parts)
        return made

    @property
    def content_type(self) -> MediaType:
        """RFC 2046 section 5.1: a part that does not say is ``text/plain``."""
        return self.headers.get(CONTENT_TYPE, _PLAIN_TEXT)

    @property
    def content_id(self) -> str | None:
        """What ``cid:`` URIs refer to, without brackets."""
        return self.headers.get(CONTENT_ID)

    @property
    def disposition(self) -> Disposition | None:
        return self.headers.get(CONTENT_DISPOSITION)

    @property
    def text(self) -> str:
        """The content as UTF-8 text; what is no UTF-8 shows as replacement characters."""
        return self.content.decode("utf-8", "replace")

    def __bytes__(self) -> bytes:
        """The wire form of a part: its headers, an empty line, the content."""
        head = "".join(f"{name}: {value}\r\n" for name, value in self.headers)
        return encoded(head) + b"\r\n" + self.content


def typed_content(
    content: bytes | str, content_type: MediaType | str | None
) -> tuple[bytes, MediaType]:
    """Content as bytes, and its type; only text may leave its type unsaid."""
    if isinstance(content, str):
        content, content_type = encoded(content), content_type or _PLAIN_TEXT
    if content_type is None:
        raise LocalProtocolError("bytes need a content type")
    try:
        return bytes(content), MediaType.parse(content_type)
    except RemoteProtocolError as error:
        raise LocalProtocolError(str(error)) from None


def multipart_body(
    parts: Sequence[Body], subtype: str, boundary: str | None
) -> tuple[MediaType, bytes]:
    """The type and the bytes of a multipart body."""
    if not parts:
        raise LocalProtocolError("a multipart body needs a part")
    pieces = [bytes(part) for part in parts]
    if boundary is None:
        boundary = next(name for name in _boundaries(pieces) if not _occurs(name, pieces))
    elif _BOUNDARY.fullmatch(boundary) is None:
        raise LocalProtocolError(f"bad boundary: {boundary!r}")
    elif _occurs(boundary, pieces):
        raise LocalProtocolError(f"the boundary occurs in a part: {boundary!r}")
    delimiter = b"--" + boundary.encode("ascii")
    content = b"".join(delimiter + b"\r\n" + piece + b"\r\n" for piece in pieces)
    return MediaType("multipart", subtype, {"boundary": boundary}), content + delimiter + b"--\r\n"


def _boundaries(pieces: Sequence[bytes]) -> Iterator[str]:
    # No dice here: the same parts always get the same boundary, and a part that contains it
    # would have to contain its own hash.
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(len(piece).to_bytes(8, "big") + piece)
    for attempt in itertools.count():
        digest.update(attempt.to_bytes(8, "big"))
        yield digest.hexdigest()[:32]


def _occurs(boundary: str, pieces: Sequence[bytes]) -> bool:
    mark = b"--" + boundary.encode("ascii")
    return any(mark in piece for piece in pieces)


@attrs.define(eq=False)
class _Allowance:
    """How many parts may still come, over all levels."""

    parts: int
    limits: Limits


def parse_multipart_untrusted(
    content: bytes, content_type: MediaType, limits: Limits = DEFAULT_LIMITS
) -> tuple[Body, ...]:
    """The parts of a multipart body, and the parts of those.

    What stands before the first boundary and after the last is ignored, and a last boundary
    that is missing is forgiven; the rest then belongs to the last part.

    Raises:
      RemoteProtocolError: no usable boundary, no part at all, a part whose head cannot be
        read, or more parts or levels than *limits* allow.
    """
    return _parts(content, content_type, _Allowance(limits.part_count, limits), 1)


def _parts(
    content: bytes, content_type: MediaType, allowance: _Allowance, depth: int
) -> tuple[Body, ...]:
    if depth > allowance.limits.part_depth:
        raise RemoteProtocolError("multiparts nested too deep")
    boundary = content_type.params.get("boundary") or ""
    if _BOUNDARY.fullmatch(boundary) is None:
        raise RemoteProtocolError(f"bad multipart boundary: {boundary[:80]!r}")
    found = []
    for piece in _pieces(content, boundary):
        allowance.parts -= 1
        if allowance.parts < 0:
            raise RemoteProtocolError("too many body parts")
        found.append(_part(piece, allowance, depth))
    if not found:
        raise RemoteProtocolError("multipart body without parts")
    return tuple(found)


def _pieces(content: bytes, boundary: str) -> Iterator[bytes]:
    """What stands between the delimiter lines."""
    delimiter = re.compile(
        rb"(?:\A|\r?\n)--" + re.escape(boundary.encode("ascii")) + rb"(--)?[ \t]*+(?=\r?\n|\Z)"
    )
    start = None
    for match in delimiter.finditer(content):
        if start is not None:
            yield content[start : match.start()].removeprefix(b"\r").removeprefix(b"\n")
        start = match.end()
        if match[1] is not None:
            return
    if start is not None:
        yield content[start:].removeprefix(b"\r").removeprefix(b"\n")


def _part(piece: bytes, allowance: _Allowance, depth: int) -> Body:
    head, content = _split_part(piece)
    headers = _part_headers(head, allowance.limits)
    content_type = headers.get(CONTENT_TYPE, _PLAIN_TEXT)
    nested: tuple[Body, ...] = ()
    if content_type.type.lower() == "multipart":
        nested = _parts(content, content_type, allowance, depth + 1)
    return Body._received(content, headers, nested)


def _split_part(piece: bytes) -> tuple[bytes, bytes]:
    if piece.startswith(b"\r\n"):
        return b"", piece[2:]
    head, _, content = piece.partition(b"\r\n\r\n")
    return head, content


def _part_headers(head: bytes, limits: Limits) -> Headers:
    if len(head) > limits.head_bytes:
        raise RemoteProtocolError("head of a body part too large")
    text = head.decode("utf-8", "surrogateescape").removesuffix("\r\n")
    lines = [unfolded(line) for line in joined_folds(text.split("\r\n"))] if text else []
    if len(lines) > limits.header_count:
        raise RemoteProtocolError("too many headers in a body part")
    for line in lines:
        name, colon, _ = line.partition(":")
        if not colon or header_key(name) is None or not {"\r", "\n", "\0"}.isdisjoint(line):
            raise RemoteProtocolError(f"bad header in a body part: {line[:60]!r}")
    return Headers._of(lines)
