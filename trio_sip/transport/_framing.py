"""Where messages begin and end in what a connection brings, and how they are put into it."""

from __future__ import annotations

from typing import Protocol

from trio_sip.message import MessageStream, Request, Response, StreamEvent

__all__ = ["Framing", "StreamFraming"]


class Framing(Protocol):
    """Messages out of octets and back.  It neither waits nor sends."""

    @property
    def ended(self) -> bool:
        """Nothing more will come, though the connection may not be closed yet."""

    @property
    def partial(self) -> bool:
        """Whether a message has begun and is not complete."""

    @property
    def buffered(self) -> int:
        """Octets that wait for the rest of theirs."""

    @property
    def refused(self) -> bytes:
        """The head of a message that could be read and not followed."""

    def receive_data(self, data: bytes) -> None:
        """Take what has come."""

    def next_event(self) -> Request | Response | StreamEvent:
        """The next message or ping; ``NEED_DATA`` when there is none.

        Raises:
          RemoteProtocolError: what came cannot be followed.
        """

    def take_replies(self) -> bytes:
        """Octets to send back without asking anybody: a WebSocket's pong, or its goodbye."""

    def frame(self, data: bytes) -> bytes:
        """What to send for *data*, a whole message."""

    def ping(self) -> bytes:
        """What to send to be answered with a ``PONG``."""

    def goodbye(self) -> bytes:
        """The last octets before the end."""


class StreamFraming(MessageStream):
    """RFC 3261 section 18.3: messages one after the other, as long as their Content-Length says."""

    @property
    def ended(self) -> bool:
        """The connection's own end is the only one."""
        return False

    def take_replies(self) -> bytes:
        """There are none."""
        return b""

    def frame(self, data: bytes) -> bytes:
        """Itself."""
        return data

    def goodbye(self) -> bytes:
        """TCP says it."""
        return b""
