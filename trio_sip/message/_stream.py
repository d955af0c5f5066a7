"""Messages out of a byte stream.  RFC 3261 section 18.3.

Wherever the stream is cut, the same messages come out.  Framing rests on Content-Length alone;
when it cannot be trusted there is no way to find the next message, so the stream is given up:
looking for one inside a body is how messages are smuggled.
"""

from __future__ import annotations

import enum
import re

from trio_sip._errors import RemoteProtocolError

from ._core_fields import content_length
from ._limits import DEFAULT_LIMITS, Limits
from ._message import Request, Response
from ._parser import parse_head

__all__ = ["MessageStream", "StreamEvent"]

_CONTROL = re.compile(rb"[\x00-\x08]")


class StreamEvent(enum.Enum):
    """What `MessageStream.next_event` may return beside messages."""

    NEED_DATA = "need data"
    """Nothing is complete: feed more bytes."""

    PING = "ping"
    """CRLF CRLF between messages: answer CRLF (RFC 5626 section 3.5.1)."""

    PONG = "pong"
    """CRLF between messages, after a `MessageStream.ping`: the other side is alive."""


class MessageStream:
    """Feed it bytes as they arrive; take messages out until it wants more.

    Example::

        stream.receive_data(chunk)
        while (event := stream.next_event()) is not StreamEvent.NEED_DATA:
            ...

    Any piece of work is done once: the search for the end of a head goes on where it stopped,
    and a head is parsed a single time, however slowly its body comes.
    """

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._buffer = bytearray()
        self._searched = 0
        self._head: Request | Response | None = None
        self._body_length = 0
        self._refused = b""
        self._pings = 0

    def ping(self) -> bytes:
        """What to send as a ping.  The CRLF that comes next answers it, and is no half of a ping.

        One that is not answered takes the next one's answer: only two wait at the most.
        """
        self._pings = min(self._pings + 1, 2)
        return b"\r\n\r\n"

    def receive_data(self, data: bytes) -> None:
        """Append what arrived."""
        self._buffer += data

    @property
    def partial(self) -> bool:
        """Whether a message has begun and is not complete, once `next_event` wants more."""
        # What is left then may begin with three bytes of a ping, no more.
        return self._head is not None or bool(self._buffer[:4].strip(b"\r\n"))

    @property
    def buffered(self) -> int:
        """Bytes waiting."""
        return len(self._buffer)

    @property
    def refused(self) -> bytes:
        """The head that could be read and, for its length, not be followed: worth an answer.

        Empty if there is none.  It does not depend on where the stream was cut.
        """
        return self._refused

    def next_event(self) -> Request | Response | StreamEvent:
        """The next message or ping, or that more bytes are needed.

        Raises:
          RemoteProtocolError: the stream cannot be followed any further and must be closed.
            ``status_hint`` is what a last answer would say.
        """
        if self._head is None:
            event = self._read_head()
            if event is not None:
                return event
        if len(self._buffer) < self._body_length or self._head is None:
            return StreamEvent.NEED_DATA
        message, self._head = self._head, None
        message._body = bytes(self._buffer[: self._body_length])
        del self._buffer[: self._body_length]
        return message

    def _read_head(self) -> StreamEvent | None:
        buffer = self._buffer
        while buffer.startswith((b"\r", b"\n")):
            if self._pings and buffer.startswith(b"\r\n"):
                self._pings -= 1
                del buffer[:2]
                return StreamEvent.PONG
            if buffer.startswith(b"\r\n\r\n"):
                del buffer[:4]
                return StreamEvent.PING
            if buffer.startswith(b"\r\n") and len(buffer) > 2 and buffer[2:3] != b"\r":
                # One CRLF before a message, or after the body of a sender that cannot count.
                del buffer[:2]
            elif len(buffer) > 3 or bytes(buffer) not in (b"\r", b"\r\n", b"\r\n\r"):
                raise RemoteProtocolError("lone CR or LF between messages")
            else:
                return StreamEvent.NEED_DATA
        # Checked whether the end is here or not, so that the verdict does not depend on cuts.
        self._refuse_what_is_no_start()
        end = buffer.find(b"\r\n\r\n", self._searched)
        if end < 0:
            # The three bytes at the end may be the beginning of the empty line.
            self._searched = max(0, len(buffer) - 3)
            if len(buffer) > self._limits.head_bytes + 3:
                raise RemoteProtocolError("head too large", 513)
            return StreamEvent.NEED_DATA
        self._searched = 0
        head = bytes(buffer[:end])
        message = parse_head(head, self._limits)
        try:
            self._body_length = self._length(message)
        except RemoteProtocolError:
            self._refused = head
            raise
        self._head = message
        del buffer[: end + 4]
        return None

    def _refuse_what_is_no_start(self) -> None:
        # A TLS hello, an HTTP or SSH client: no need to wait for an empty line that never comes.
        buffer = self._buffer
        if _CONTROL.search(buffer, 0, 16) is not None:
            raise RemoteProtocolError("not SIP")
        line_end = buffer.find(b"\n", 0, 1024)
        if line_end > 0 and (
            buffer[line_end - 1] != 13 or b"SIP/" not in buffer[:line_end].upper()
        ):
            raise RemoteProtocolError("not a SIP start-line")

    def _length(self, message: Request | Response) -> int:
        lengths = message.headers.get_all("Content-Length")
        if not lengths:
            # RFC 3261 section 18.3: on a stream it is mandatory.
            raise RemoteProtocolError("no Content-Length")
        if len(lengths) > 1 or "," in lengths[0]:
            # Also if they agree: whoever stands between us may have taken another one.
            raise RemoteProtocolError("more than one Content-Length")
        length = content_length(lengths[0])
        if length > self._limits.message_bytes:
            raise RemoteProtocolError("body too large", 413)
        return length
