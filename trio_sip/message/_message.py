"""Requests and responses."""

from __future__ import annotations

import re
from typing import ClassVar, TypeVar, overload

import attrs

from trio_sip._errors import LocalProtocolError

from ._core_fields import CALL_ID, CONTACT, CSEQ, FROM, MAX_FORWARDS, TO, TOP_CONTACT, TOP_VIA, VIA
from ._field import Field, ListField
from ._grammar import checked_text, checked_token
from ._headers import Headers
from ._message_body import MessageBody
from ._name_addr import NameAddr
from ._status import reason_phrase
from ._uri import Uri
from ._via import CSeq, Via

__all__ = ["Fault", "Message", "Request", "Response"]

T = TypeVar("T")

_WHITE_SPACE = re.compile(r"[\s\x00-\x20\x7f]")


@attrs.frozen
class Fault:
    """What is wrong with a message, and the answer it is owed."""

    status: int
    """The status code of that answer: 400, 414, 416, 505, …"""

    reason: str
    """Its reason phrase; it names the header at fault."""


class Message(MessageBody):
    """What requests and responses share: headers, a body, and typed access to both.

    ``message["Subject"]`` is the text of a header, ``message[CSEQ]`` its typed value, and the
    headers that every message has are attributes.  A message that was parsed and not touched
    serialises to the bytes it came from.
    """

    # Plain slots: two are made for every transaction.
    __slots__ = ("fault",)

    fault: Fault | None
    """Found while parsing: the message can be answered, but not believed."""

    def _start_line(self) -> str:
        raise NotImplementedError

    # -- headers

    @overload
    def __getitem__(self, name: str) -> str: ...
    @overload
    def __getitem__(self, name: Field[T]) -> T: ...
    @overload
    def __getitem__(self, name: ListField[T]) -> list[T]: ...
    def __getitem__(self, name: str | Field[T] | ListField[T]) -> str | T | list[T]:
        return self.headers[name]

    def __contains__(self, name: object) -> bool:
        return name in self.headers

    def add_header(self, name: str, value: object) -> None:
        """Append a header to a message that is being built.

        Raises:
          LocalProtocolError: CR, LF or NUL in name or value, a name that is no token, or a
            second value of a header that may stand only once.
        """
        if name.lower() in ("content-length", "l"):
            raise LocalProtocolError("Content-Length follows from the body")
        self.headers.add(name, value)

    def seal(self) -> None:
        """Refuse every change from now on with `LocalProtocolError`: it has been sent."""
        self.headers.seal()

    @property
    def mandatory(self) -> tuple[Via, NameAddr, NameAddr, str, CSeq]:
        """Top Via, From, To, Call-ID and CSeq at once: what every message is matched by.

        Raises:
          KeyError, RemoteProtocolError: one of them is not there, or wrong.
        """
        typed = self.headers._typed
        try:
            return typed["via top"], typed["from"], typed["to"], typed["call-id"], typed["cseq"]
        except KeyError:
            return self.via, self.from_, self.to, self.call_id, self.cseq

    # The next five are read a dozen times for each request.  They ask the kept values themselves,
    # because a call in between would cost as much as the look-up.

    @property
    def via(self) -> Via:
        """The topmost Via: where the message came from, or where the response goes."""
        headers = self.headers
        value: Via = headers._typed.get("via top") or headers._read(TOP_VIA)
        return value

    @property
    def via_text(self) -> str | None:
        """The first Via line as it stands, for who answers by it; ``None`` if there is none."""
        headers = self.headers
        return (headers._first or headers._indexed()).get("via")

    @property
    def vias(self) -> list[Via]:
        return self.headers[VIA]

    @property
    def from_(self) -> NameAddr:
        headers = self.headers
        value: NameAddr = headers._typed.get("from") or headers._read(FROM)
        return value

    @property
    def to(self) -> NameAddr:
        headers = self.headers
        value: NameAddr = headers._typed.get("to") or headers._read(TO)
        return value

    @property
    def call_id(self) -> str:
        headers = self.headers
        value: str = headers._typed.get("call-id") or headers._read(CALL_ID)
        return value

    @property
    def cseq(self) -> CSeq:
        headers = self.headers
        value: CSeq = headers._typed.get("cseq") or headers._read(CSEQ)
        return value

    @property
    def contacts(self) -> list[NameAddr | str]:
        """The Contact values; ``"*"`` stands for itself."""
        return self.headers[CONTACT]

    @property
    def contact(self) -> NameAddr | None:
        """The first Contact that is an address, or ``None``."""
        headers = self.headers
        if "contact" not in (headers._first or headers._indexed()):
            return None
        first: NameAddr | str = headers._typed.get("contact top") or headers._read(TOP_CONTACT)
        if isinstance(first, NameAddr):
            return first
        return next((item for item in self.contacts if isinstance(item, NameAddr)), None)

    @property
    def max_forwards(self) -> int | None:
        """Hops left; ``None`` when the header is missing, as from RFC 2543 clients."""
        return self.headers.get(MAX_FORWARDS)

    # -- wire form

    def rough_size(self) -> int:
        """How many bytes it takes, without making them: exact for ASCII, but for a few."""
        lines = self.headers._lines
        return sum(map(len, lines)) + 2 * len(lines) + len(self._body) + len(self._start_line())

    def __bytes__(self) -> bytes:
        """The wire form."""
        lines = self.headers._lines
        if self._start is not None:
            text = "\r\n".join((self._start, *lines, "", ""))
        else:
            # RFC 3261 section 18.3 wants Content-Length on streams, and it never hurts.
            length = f"Content-Length: {len(self._body)}"
            if self._length_is_there():
                text = "\r\n".join((self._start_line(), *lines, "", ""))
            else:
                text = "\r\n".join((self._start_line(), *lines, length, "", ""))
        head = text.encode("utf-8", "surrogateescape")
        return head + self._body if self._body else head

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Message):
            return NotImplemented
        return (
            self._start_line() == other._start_line()
            and self.headers == other.headers
            and self.body == other.body
        )

    __hash__: ClassVar[None] = None  # type: ignore[assignment]  # messages change

    def _summary(self, what: str) -> str:
        cseq = self.headers.get("CSeq", "?").partition(" ")[0]
        return f"<{type(self).__name__} {what} CSeq {cseq} Call-ID {self.headers.get('Call-ID')}>"


class Request(Message):
    """A request: a method, the URI it is for, headers and a body."""

    __slots__ = ("_method", "_target", "_uri", "received_port", "received_via")

    received_via: str | None
    """The topmost Via as responses must echo it, with ``received`` and ``rport`` filled in.

    RFC 3261 section 18.2.1 and RFC 3581 section 4.  The transport layer sets it.
    """

    received_port: int | None
    """The source port of the packet it came in, which need not be where answers go (UDP)."""

    def __init__(
        self, method: str, target: Uri | str, headers: Headers | None = None, body: bytes = b""
    ) -> None:
        self._method = checked_token(method, "a method")
        self._target = _checked_target(target)
        self._uri = target if isinstance(target, Uri) else None
        self.headers: Headers = Headers() if headers is None else headers
        self._body = body
        self._start = None
        self.fault: Fault | None = None
        self.received_via = None
        self.received_port = None

    @classmethod
    def from_wire(cls, data: bytes, *, source: tuple[str, int], transport: str = "UDP") -> Request:
        """A request as if *data* had come from *source*: for tests and for replays.

        Its Via is filled in as the transports do it, so that `create_response` makes the answer
        that the sender would get.

        Args:
          source: a numeric address without brackets, and a port.
          transport: what it came by; ``UDP``, ``TCP``, ….

        Raises:
          RemoteProtocolError: this is not SIP, or has no usable Via.
          LocalProtocolError: this is a response.
        """
        from ._wire import request_from_wire  # noqa: PLC0415  (the parser needs this class)

        return request_from_wire(data, source, transport)

    @property
    def method(self) -> str:
        """Case-sensitive; any token is a legal method."""
        return self._method

    @property
    def target(self) -> str:
        """The Request-URI as text."""
        return self._target

    @target.setter
    def target(self, target: Uri | str) -> None:
        self._check_open()
        self._target = _checked_target(target)
        self._uri = target if isinstance(target, Uri) else None
        if self._start is not None:
            # It stays a message that was parsed: its own Content-Length, in whatever spelling,
            # is the one that is sent.
            self._start = f"{self._method} {self._target} SIP/2.0"

    @property
    def uri(self) -> Uri:
        """The Request-URI, parsed on first access.

        Raises:
          RemoteProtocolError: it is not a URI.
        """
        uri = self._uri
        if uri is None:
            uri = self._uri = Uri.parse(self._target)
        return uri

    def _start_line(self) -> str:
        return self._start or f"{self._method} {self._target} SIP/2.0"

    def __repr__(self) -> str:
        return self._summary(f"{self._method} {self._target}")


def _checked_target(target: Uri | str) -> str:
    text = checked_text(str(target), "a Request-URI")
    if not text or _WHITE_SPACE.search(text) is not None:
        raise LocalProtocolError(f"bad Request-URI: {text!r}")
    return text


class Response(Message):
    """A response: a status code, its reason phrase, headers and a body."""

    __slots__ = ("_reason", "_status")

    def __init__(
        self,
        status: int,
        reason: str | None = None,
        headers: Headers | None = None,
        body: bytes = b"",
    ) -> None:
        if not 100 <= status <= 699:
            raise LocalProtocolError(f"no such status code: {status}")
        self._status = status
        self._reason = (
            reason_phrase(status) if reason is None else checked_text(reason, "a reason phrase")
        )
        self.headers: Headers = Headers() if headers is None else headers
        self._body = body
        self._start = None
        self.fault: Fault | None = None

    @property
    def status(self) -> int:
        return self._status

    @property
    def reason(self) -> str:
        """The reason phrase: for people, never for programs."""
        return self._reason

    @property
    def is_provisional(self) -> bool:
        return self._status < 200

    @property
    def is_success(self) -> bool:
        return 200 <= self._status < 300

    def _start_line(self) -> str:
        return self._start or f"SIP/2.0 {self._status} {self._reason}"

    def __repr__(self) -> str:
        return self._summary(f"{self._status} {self._reason}")
