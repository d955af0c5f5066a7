"""OPTIONS to a user agent: whether somebody is there, and what is understood."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_sip.message import Uri
from trio_sip.services import UserOptionsService
from trio_sip.stack import IncomingRequest

if TYPE_CHECKING:
    from ._user_agent import UserAgent

__all__ = ["AnswersOptions"]


class AnswersOptions(UserOptionsService):
    """Answers an OPTIONS to one user with 200, and leaves those to others to others.

    RFC 3261 section 11.2
    """

    def __init__(self, user_agent: UserAgent) -> None:
        super().__init__(_OneUser(user_agent))
        self._user_agent = user_agent
        self.name: str = f"options {user_agent.account.name}"

    async def on_request(self, request: IncomingRequest) -> bool:
        """Answer what is for this user."""
        if request.method != "OPTIONS" or not self._user_agent.is_addressed_by(request.uri):
            return False
        return await super().on_request(request)


class _OneUser:
    """The directory of one."""

    def __init__(self, user_agent: UserAgent) -> None:
        self._user_agent = user_agent

    async def has_user(self, uri: Uri) -> bool:
        return self._user_agent.is_addressed_by(uri)
