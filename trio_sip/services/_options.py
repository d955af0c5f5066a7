"""OPTIONS: what a monitor or a telephone asks to see whether somebody is there."""

from __future__ import annotations

from collections.abc import Container
from typing import Protocol

from trio_sip.message import Uri
from trio_sip.stack import IncomingRequest, Service, ServicePriority

from ._capabilities import Capabilities

__all__ = ["OptionsService", "UserDirectory", "UserOptionsService"]


class OptionsService(Service):
    """Answers an OPTIONS to the server itself, whose Request-URI names no user, with 200.

    It comes before authentication, because keep-alives and monitors have no credentials; what
    it tells is what every refusal tells, too.  Allow, Accept and Supported are made from the
    services that are registered (their ``methods``, ``body_types`` and ``extensions``).

    RFC 3261 section 11.2
    """

    name = "options"
    priority: int = ServicePriority.AUTHENTICATE - 1
    methods: frozenset[str] = frozenset({"OPTIONS"})

    def __init__(self) -> None:
        self._capabilities = Capabilities()

    async def on_request(self, request: IncomingRequest) -> bool:
        """Answer at once, or leave it to those behind."""
        if request.method != "OPTIONS" or request.uri.user:
            return False
        request.respond(200, headers=self._capabilities.headers(request.stack))
        return True


class UserDirectory(Protocol):
    """Knows which users there are."""

    async def has_user(self, uri: Uri) -> bool:
        """Whether *uri*, without regard to its parameters, is somebody's address."""


class _Names:
    def __init__(self, names: Container[str]) -> None:
        self._names = names

    async def has_user(self, uri: Uri) -> bool:
        return f"{uri.user}@{uri.host.lower()}" in self._names or uri.user in self._names


class UserOptionsService(Service):
    """Answers an OPTIONS to a user, once it has been authenticated: 200, or 404 for nobody.

    Args:
      users: who exists: anything that names can be looked up in (the endpoints that
        `IdentifyByUser` has, for example), ``user@domain`` first, or a `UserDirectory`, such as
        a `Registrar`, for which those exist who are registered.
    """

    name = "user options"
    methods: frozenset[str] = frozenset({"OPTIONS"})

    def __init__(self, users: Container[str] | UserDirectory) -> None:
        self._users: UserDirectory = _Names(users) if isinstance(users, Container) else users
        self._capabilities = Capabilities()

    async def on_request(self, request: IncomingRequest) -> bool:
        """Look the user up."""
        if request.method != "OPTIONS" or not request.uri.user:
            return False
        if request.uri.is_sip and await self._users.has_user(request.uri):
            request.respond(200, headers=self._capabilities.headers(request.stack))
        else:
            request.respond(404)
        return True
