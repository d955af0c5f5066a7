"""Registrars of our own on a network in memory, and one that follows a script."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

import trio

from trio_sip.auth import PlainSecret
from trio_sip.registration import Binding, RegistrarPolicy
from trio_sip.services import DigestAuthenticator, IdentifyByUser, MemoryLocation, Registrar
from trio_sip.stack import (
    Endpoint,
    IncomingRequest,
    Service,
    Tokens,
    open_stack,
)
from trio_sip.testing import MemoryNetwork, TestRegistrar
from trio_sip.ua import UserAgent, open_user_agent

ALICE = "sip:alice@example.com"
PASSWORD = "wonderland"


@asynccontextmanager
async def open_registrar(
    network: MemoryNetwork,
    *,
    services: Iterable[Service] = (),
    location: MemoryLocation | None = None,
    policy: RegistrarPolicy | None = None,
    guarded: bool = False,
    domains: Iterable[str] = ("example.com",),
) -> AsyncIterator[MemoryLocation]:
    """A registrar for example.com on UDP and TCP."""
    network.alias("example.com", "registrar")
    location = MemoryLocation() if location is None else location
    async with open_stack(
        "udp://0.0.0.0:5060",
        "tcp://0.0.0.0:5060",
        services=[*services, Registrar(location, domains=domains, policy=policy)],
        identifiers=[IdentifyByUser({"alice": Endpoint(name="alice")})] if guarded else [],
        authenticator=DigestAuthenticator("example.com", {"alice": PlainSecret("alice", PASSWORD)})
        if guarded
        else None,
        network=network.host("registrar"),
        strict=True,
    ):
        yield location


@asynccontextmanager
async def open_alice(
    network: MemoryNetwork, *, password: str | None = PASSWORD, **more: object
) -> AsyncIterator[UserAgent]:
    """Alice, on her own host, with her password."""
    async with open_user_agent(
        ALICE,
        password=password,
        network=network.host("alice"),
        strict=True,
        tokens=Tokens.sequential("alice"),
        **more,  # type: ignore[arg-type]  # handed on
    ) as alice:
        yield alice


async def bound(registrar: TestRegistrar | MemoryLocation, user: str = ALICE) -> list[Binding]:
    """What it has at this moment."""
    if isinstance(registrar, TestRegistrar):
        return list(await registrar.bindings(user))
    return list(await registrar.bindings(user, trio.current_time()))


Answer = Callable[[IncomingRequest], None]


def refuse(status: int, *headers: tuple[str, object]) -> Answer:
    """An answer for a script."""

    def answer(request: IncomingRequest) -> None:
        request.respond(status, headers=headers)

    return answer


def ignore(request: IncomingRequest) -> None:
    """Never answer: it is as good as lost."""
    request.defer()


class Script(Service):
    """Answers the REGISTERs whose number it has something for; the registrar gets the others."""

    name = "script"
    methods = frozenset({"REGISTER"})

    def __init__(self, answers: dict[int, Answer]) -> None:
        self.answers = answers
        self.requests: list[IncomingRequest] = []
        self.times: list[float] = []

    async def on_request(self, request: IncomingRequest) -> bool:
        if request.method != "REGISTER":
            return False
        number = len(self.requests)
        self.requests.append(request)
        self.times.append(trio.current_time())
        answer = self.answers.get(number)
        if answer is None:
            return False
        answer(request)
        return True

    def of(self, header: str) -> list[str | None]:
        return [request.message.headers.get(header) for request in self.requests]
