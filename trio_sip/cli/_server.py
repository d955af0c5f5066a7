"""The server behind ``serve`` and ``demo``: a registrar whose users have passwords."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from trio_sip.auth import PlainSecret
from trio_sip.services import (
    DigestAuthenticator,
    HttpService,
    IdentifyByUser,
    LocationStore,
    MemoryLocation,
    MessageService,
    OptionsService,
    Registrar,
    UserOptionsService,
    open_sqlite_location,
)
from trio_sip.stack import Endpoint, IncomingRequest, Stack, StackSettings, open_stack

from ._config import Secret, ServeConfig
from ._printer import Printer
from ._text import printable

__all__ = ["open_server"]


@asynccontextmanager
async def open_server(config: ServeConfig, printer: Printer) -> AsyncIterator[Stack]:
    """The server that *config* describes, as long as the block runs.

    Everything that can fail on the way does so before a socket is open, but for the sockets.

    Raises:
      TransportFailed: an address that cannot be listened on.
      LocalProtocolError: a certificate that cannot be used.
      OSError: a database that cannot be used.
    """
    endpoints = {name: Endpoint(name=name) for name in config.users}
    secrets = {name: _secrets(name, secret) for name, secret in config.users.items()}
    authenticator = DigestAuthenticator(config.effective_realm, secrets)
    identifier = IdentifyByUser(endpoints, domains=config.domains)
    tls = None if config.tls is None else config.tls.settings()
    async with _open_location(config) as location:
        watched = () if config.http is None else (HttpService(*config.http),)
        services = (
            *watched,
            OptionsService(),
            Registrar(location, domains=config.domains),
            UserOptionsService(endpoints),
            MessageService(_Inbox(printer).receive),
        )
        settings = StackSettings(digest_algorithms=tuple(config.digest))
        async with open_stack(
            *config.effective_listen,
            services=services,
            identifiers=[identifier],
            authenticator=authenticator,
            settings=settings,
            tls=tls,
        ) as stack:
            yield stack


def _secrets(name: str, secret: Secret) -> tuple[Secret, ...]:
    """What a user may prove: telephones of ``alice@example.com`` call themselves ``alice``, too."""
    user, at, _ = name.rpartition("@")
    if not (at and isinstance(secret, PlainSecret)):
        # The hash of one name is of no use for another.
        return (secret,)
    return (secret, PlainSecret(user, secret.password))


@asynccontextmanager
async def _open_location(config: ServeConfig) -> AsyncIterator[LocationStore]:
    if config.database is None:
        yield MemoryLocation()
    else:
        async with open_sqlite_location(config.database) as location:
            yield location


class _Inbox:
    """Texts to the server itself, shown where it was started."""

    def __init__(self, printer: Printer) -> None:
        self._printer = printer

    async def receive(self, request: IncomingRequest) -> None:
        """Show a text; users are not reached through this server, so theirs are refused."""
        if request.uri.user is not None:
            request.respond(404)
            return
        text = request.message.body.decode("utf-8", "backslashreplace")
        self._printer.print_nowait(f"message from {request.endpoint.name}: {printable(text)}")
