"""The body of a message that is being built, and the parts of one that came."""

from __future__ import annotations

from collections.abc import Iterable

from trio_sip._errors import LocalProtocolError

from ._body import Body, multipart_body, parse_multipart_untrusted, typed_content
from ._grammar import encoded
from ._headers import Headers
from ._media_fields import CONTENT_TYPE, MediaType
from ._names import header_key

__all__ = ["MessageBody"]


class MessageBody:
    """What `Message` knows about bodies: the page's add_body in both forms, and append_body."""

    __slots__ = ("_body", "_start", "headers")

    _body: bytes
    _start: str | None
    """The start-line as it came; ``None`` for a message that is made here."""
    headers: Headers

    @property
    def body(self) -> bytes:
        """The body as bytes; setting it recomputes Content-Length."""
        return self._body

    @body.setter
    def body(self, body: bytes) -> None:
        self._check_open()
        self._body = body
        if self._start is not None or self._length_is_there():
            self.headers.set("Content-Length", len(body))

    @property
    def parts(self) -> tuple[Body, ...]:
        """The parts of a multipart body; none for any other.  Parsed on each access.

        Raises:
          RemoteProtocolError: the body is not the multipart that its Content-Type promises.
        """
        if not self._is_multipart():
            return ()
        return parse_multipart_untrusted(self._body, self.headers[CONTENT_TYPE])

    def add_body(
        self, body: bytes | str | None, content_type: MediaType | str | None = None
    ) -> None:
        """Make *body* the body, instead of any there was, along with its Content-… headers.

        Args:
          body: text is sent as UTF-8; ``None`` leaves the message without a body.
          content_type: needed for bytes; text is ``text/plain`` if nothing is said.

        Raises:
          LocalProtocolError: bytes without a type, a type that is none, or a sealed message.
        """
        self._check_open()
        made = None if body is None else typed_content(body, content_type)
        for name in {name.lower() for name, _ in self.headers}:
            key = header_key(name)
            if key is not None and key.startswith("content-") and key != "content-length":
                self.headers.remove(key)
        if made is None:
            self.body = b""
            return
        self.headers.set("Content-Type", made[1])
        self.body = made[0]

    def add_multipart_body(
        self, parts: Iterable[Body], subtype: str = "mixed", boundary: str | None = None
    ) -> None:
        """Make the parts together the body, instead of any there was.  RFC 5621.

        Args:
          boundary: best left out; one that occurs in no part is found.

        Raises:
          LocalProtocolError: no parts, or a boundary that is malformed or occurs in one.
        """
        content_type, content = multipart_body(tuple(parts), subtype, boundary)
        self.add_body(content, content_type)

    def append_body(self, text: str | bytes, content_type: MediaType | str | None = None) -> None:
        """Append to the body; without a body yet, this is `add_body`.

        Raises:
          TypeError: the body has parts.
        """
        if not self._body and CONTENT_TYPE not in self.headers:
            self.add_body(text, content_type)
            return
        if self._is_multipart():
            raise TypeError("the body is multipart: use append_part")
        self.body = self._body + (encoded(text) if isinstance(text, str) else text)

    def append_part(self, part: Body) -> None:
        """Append a part to a multipart body; without a body yet, make one of that part.

        Raises:
          LocalProtocolError: the body is not multipart.
          RemoteProtocolError: the body came from outside and cannot be taken apart.
        """
        if not self._body and CONTENT_TYPE not in self.headers:
            self.add_multipart_body([part])
            return
        if not self._is_multipart():
            raise LocalProtocolError("the body is not multipart")
        content_type, content = multipart_body(
            (*self.parts, part), self.headers[CONTENT_TYPE].subtype, None
        )
        kept = self.headers[CONTENT_TYPE].params.replace(**content_type.params)
        self.headers.set("Content-Type", content_type.with_params(kept))
        self.body = content

    def _is_multipart(self) -> bool:
        content_type = self.headers.get(CONTENT_TYPE)
        return content_type is not None and content_type.type.lower() == "multipart"

    def _length_is_there(self) -> bool:
        # Headers that add one look whether there is one, which makes their index; those that a
        # response was made with have neither.
        first = self.headers._first
        return first is not None and "content-length" in first

    def _check_open(self) -> None:
        if self.headers.is_sealed:
            raise LocalProtocolError("the message has been sent; change a copy")
