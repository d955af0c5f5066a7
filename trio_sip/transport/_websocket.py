"""SIP over WebSockets: RFC 7118.  The frames are wsproto's (the extra ``ws``), as pure as this.

One WebSocket message is one SIP message, so no Content-Length is needed to find its end.
"""

from __future__ import annotations

import importlib.util
from collections import deque
from typing import TYPE_CHECKING

from trio_sip._errors import LocalProtocolError, RemoteProtocolError
from trio_sip.message import Limits, Request, Response, StreamEvent, parse_message_untrusted

if TYPE_CHECKING:
    import wsproto

__all__ = ["WebSocketFraming", "check_wsproto"]

_PING, _PONG = b"\r\n\r\n", b"\r\n"
# RFC 6455 section 7.4.1
_GOING_AWAY, _UNACCEPTABLE, _TOO_BIG = 1001, 1003, 1009


def check_wsproto() -> None:
    """Raise LocalProtocolError where wsproto is missing."""
    if importlib.util.find_spec("wsproto") is None:
        raise LocalProtocolError(
            "WebSockets need wsproto, which is not installed: pip install 'trio-sip[ws]'"
        )


class WebSocketFraming:
    """See `Framing`.

    Args:
      connection: whose handshake is over.
      pending: octets that came right behind the handshake.
    """

    def __init__(
        self, connection: wsproto.WSConnection, limits: Limits, pending: bytes = b""
    ) -> None:
        import wsproto.connection  # noqa: PLC0415
        import wsproto.events  # noqa: PLC0415

        self._events = wsproto.events
        self._states = wsproto.connection.ConnectionState
        self._connection = connection
        self._limits = limits
        self._arrived: deque[Request | Response | StreamEvent | RemoteProtocolError] = deque()
        self._begun: bytearray | None = None
        """What has come of a message that is not complete; ``None`` between messages."""

        self._replies = bytearray()
        self._code = _GOING_AWAY
        self._refused = b""
        self.ended = False
        self._take()
        self.receive_data(pending)

    @property
    def partial(self) -> bool:
        """Whether a message has begun and is not complete."""
        return self._begun is not None

    @property
    def buffered(self) -> int:
        """Octets of a message that is not complete."""
        return 0 if self._begun is None else len(self._begun)

    @property
    def refused(self) -> bytes:
        """A WebSocket message that was no SIP message."""
        return self._refused

    # -- what comes

    def receive_data(self, data: bytes) -> None:
        """Take what has come."""
        if data and not self.ended:
            self._connection.receive_data(data)
            self._take()

    def _take(self) -> None:
        events = self._events
        for event in self._connection.events():
            if isinstance(event, events.Ping):
                self._replies += self._connection.send(event.response())
            elif isinstance(event, events.Pong):
                self._arrived.append(StreamEvent.PONG)
            elif isinstance(event, events.CloseConnection):
                self._hear_goodbye(event)
            elif isinstance(event, events.TextMessage):
                self._take_part(event.data.encode(), event.message_finished)
            elif isinstance(event, events.BytesMessage):
                self._take_part(bytes(event.data), event.message_finished)
            if self.ended:
                return

    def _hear_goodbye(self, event: wsproto.events.CloseConnection) -> None:
        if self._connection.state is self._states.OPEN:
            # No goodbye: wsproto's word for frames that cannot be followed.
            self._give_up(int(event.code), f"WebSocket: {event.reason or 'bad frame'}")
            return
        self.ended = True
        if self._connection.state is self._states.REMOTE_CLOSING:
            self._replies += self._connection.send(event.response())

    def _take_part(self, data: bytes, finished: bool) -> None:
        # Not a list of the parts: they may be empty, and as many as somebody likes.
        begun = bytearray() if self._begun is None else self._begun
        begun += data
        if len(begun) > self._limits.message_bytes:
            self._give_up(_TOO_BIG, "WebSocket message too large")
            return
        self._begun = None if finished else begun
        if finished:
            self._take_message(bytes(begun))

    def _take_message(self, data: bytes) -> None:
        if not data.strip(_PONG):
            # RFC 7118 has WebSocket's own pings for that; clients send RFC 5626's all the same.
            if data.startswith(_PING):
                self._arrived.append(StreamEvent.PING)
            elif data == _PONG:
                self._arrived.append(StreamEvent.PONG)
            return
        try:
            self._arrived.append(parse_message_untrusted(data, self._limits))
        except RemoteProtocolError as error:
            self._refused = data
            self._give_up(_UNACCEPTABLE, str(error), error.status_hint)

    def _give_up(self, code: int, why: str, status: int = 400) -> None:
        self._code = code
        self._begun = None
        self.ended = True
        self._arrived.append(RemoteProtocolError(why, status))

    def next_event(self) -> Request | Response | StreamEvent:
        """The next message or ping; raises RemoteProtocolError as `Framing` says."""
        if not self._arrived:
            return StreamEvent.NEED_DATA
        event = self._arrived.popleft()
        if isinstance(event, RemoteProtocolError):
            raise event
        return event

    # -- what goes

    def take_replies(self) -> bytes:
        """Pongs, and the answer to a goodbye."""
        replies = bytes(self._replies)
        self._replies.clear()
        return replies

    def frame(self, data: bytes) -> bytes:
        """A text message, or a binary one if that is no UTF-8 (RFC 7118 section 4.2)."""
        if self._connection.state is not self._states.OPEN:
            return b""
        try:
            text = data.decode()
        except UnicodeDecodeError:
            return self._connection.send(self._events.BytesMessage(data=data))
        return self._connection.send(self._events.TextMessage(data=text))

    def ping(self) -> bytes:
        """A Ping frame (RFC 7118 section 6)."""
        if self._connection.state is not self._states.OPEN:
            return b""
        return self._connection.send(self._events.Ping())

    def goodbye(self) -> bytes:
        """A Close frame, once."""
        if self._connection.state is not self._states.OPEN:
            return b""
        return self._connection.send(self._events.CloseConnection(code=self._code))
