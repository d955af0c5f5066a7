"""NOTIFYs that nobody has subscribed to: a mailbox that fills, a phone that is to restart."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from trio_sip._errors import LocalProtocolError
from trio_sip.message import EVENT
from trio_sip.stack import AnswerState, IncomingRequest, Service

if TYPE_CHECKING:
    from ._user_agent import UserAgent

__all__ = ["NotificationHandler", "TakesNotifications"]

NotificationHandler = Callable[[IncomingRequest], Awaitable[None]]
"""What hears of an event without having subscribed to it."""


class TakesNotifications(Service):
    """Answers the NOTIFYs to one user that belong to no subscription of his.

    RFC 6665 section 4.1.3 has them answered 481; some phones and switches have never asked, so
    whoever wants to hear of an event says so.
    """

    methods: frozenset[str] = frozenset({"NOTIFY"})

    def __init__(self, user_agent: UserAgent) -> None:
        self._user_agent = user_agent
        self.name: str = f"notifications {user_agent.account.name}"
        self._handlers: dict[str, NotificationHandler] = {}

    async def on_request(self, request: IncomingRequest) -> bool:
        """Take what is for this user."""
        if request.method != "NOTIFY" or not self._user_agent.is_addressed_by(request.uri):
            return False
        event = request.message.headers.get(EVENT)
        handler = None if event is None else self._handlers.get(event.package)
        if handler is None:
            request.respond(481, "Subscription Does Not Exist")
            return True
        await handler(request)
        if request.state is AnswerState.UNANSWERED:
            request.respond(200)
        return True

    @contextmanager
    def serving(self, event: str, handler: NotificationHandler) -> Iterator[None]:
        """Give those of *event* to *handler*, as long as the block runs."""
        if event in self._handlers:
            raise LocalProtocolError(f"notifications of {event} are being served already")
        self._handlers[event] = handler
        try:
            yield
        finally:
            del self._handlers[event]
