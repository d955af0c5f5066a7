"""Texts that come to a user agent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

from trio_sip.services import MessageService
from trio_sip.stack import IncomingRequest

if TYPE_CHECKING:
    from ._user_agent import UserAgent

__all__ = ["MessageHandler", "TakesTexts"]

MessageHandler = Callable[[IncomingRequest], Awaitable[None]]


class TakesTexts(MessageService):
    """`MessageService` for the texts to one user."""

    def __init__(
        self, user_agent: UserAgent, handler: MessageHandler, body_types: Iterable[str]
    ) -> None:
        super().__init__(handler, body_types=body_types)
        self._user_agent = user_agent
        self.name: str = f"messages {user_agent.account.name}"

    async def on_request(self, request: IncomingRequest) -> bool:
        """Take what is for this user."""
        if not self._user_agent.is_addressed_by(request.uri):
            return False
        return await super().on_request(request)
