"""A request of ours within a session, from the wish to its answer."""

from __future__ import annotations

import enum
from collections.abc import Iterable

import attrs

from trio_sip.dialog import Dialog
from trio_sip.message import Message, Request, Response

__all__ = ["Exchange", "ExchangeState", "Purpose"]


class ExchangeState(enum.Enum):
    """How far it has come."""

    DELAYED = "delayed"
    """It cannot go now, and will as soon as it can."""
    SENT = "sent"
    PROCEEDING = "proceeding"
    """A provisional response came."""
    CANCELLING = "cancelling"
    """Nobody wants it any more, but only a provisional response allows the CANCEL."""
    CANCELLED = "cancelled"
    """The CANCEL was sent; it is still to be answered."""
    WAITING = "waiting"
    """It met one of theirs (491), or came too early (500), and goes again by itself."""
    DONE = "done"
    WITHDRAWN = "withdrawn"
    """It was never sent, and will not be."""


class Purpose(enum.Enum):
    """Who wants to know what becomes of it."""

    USER = "user"
    REFRESH = "refresh"
    """The session timer's."""
    PRACK = "PRACK"
    GOODBYE = "goodbye"
    """The BYE of the session."""
    NOBODY = "nobody"
    """The BYE of a dialog that nobody wants, or what the user no longer waits for."""


@attrs.define(eq=False, kw_only=True)
class Exchange:
    """One request within a session, with what became of it."""

    method: str
    dialog: Dialog = attrs.field(repr=False)
    state: ExchangeState = ExchangeState.DELAYED
    request: Request | None = attrs.field(default=None, repr=False)
    """As it was sent last; ``None`` until it is."""

    number: int = attrs.field(default=0, repr=False)
    """Its CSeq number as the session knows it."""

    purpose: Purpose = attrs.field(default=Purpose.USER, repr=False)
    attempts: int = attrs.field(default=0, repr=False)
    """How often it was refused because it met one of theirs."""

    headers: tuple[tuple[str, object], ...] = attrs.field(default=(), repr=False)
    body: bytes = attrs.field(default=b"", repr=False)
    content_type: str | None = attrs.field(default=None, repr=False)

    def create_request(
        self, contact: str | None, extra: Iterable[tuple[str, object]] = ()
    ) -> Request:
        """The request, with the next number of the dialog."""
        headers = list(self.headers)
        named = {name.lower() for name, _ in headers}
        headers += [(name, value) for name, value in extra if name.lower() not in named]
        if self.body and self.content_type is not None and "content-type" not in named:
            headers.append(("Content-Type", self.content_type))
        self.request = self.dialog.create_request(
            self.method, contact=contact, headers=headers, body=self.body
        )
        self.number = self.request.cseq.number
        self.state = ExchangeState.SENT
        return self.request

    def is_answered_by(self, response: Response, request: Request | None) -> bool:
        """Whether *response* is to it: its transaction says so, by *request*, or else its form."""
        return self.matches(response) if request is None else self.request is request

    def matches(self, message: Message) -> bool:
        """Whether *message* is its request as it was sent last, or a response to that.

        The tag is needed as well: each early dialog of a fork numbers its requests by itself.
        """
        request, cseq = self.request, message.cseq
        return (
            request is not None
            and self.method == cseq.method
            and request.cseq.number == cseq.number
            and self.dialog.id.remote_tag == (message.to.tag or "")
        )
