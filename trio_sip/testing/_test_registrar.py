"""A registrar for tests of telephones."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

import trio

from trio_sip.auth import PlainSecret
from trio_sip.message import Uri
from trio_sip.registration import Binding
from trio_sip.services import DigestAuthenticator, IdentifyByUser, MemoryLocation, Registrar
from trio_sip.stack import Endpoint, IncomingRequest, Service, ServicePriority, Stack

from ._scene import Scene
from ._test_stack import open_test_stack

__all__ = ["TestRegistrar", "open_test_registrar"]

_REALM = "example.com"


class Refusals(Service):
    """Stands before everything else, and answers what it was told to."""

    name = "refusals"
    priority: int = ServicePriority.IDENTIFY - 1
    methods: frozenset[str] = frozenset({"REGISTER"})

    def __init__(self) -> None:
        self.coming: list[tuple[int, tuple[tuple[str, str], ...]]] = []
        self.seen: list[IncomingRequest] = []

    async def on_request(self, request: IncomingRequest) -> bool:
        """Refuse it, if it is to be refused."""
        if request.method == "REGISTER":
            self.seen.append(request)
        if not self.coming:
            return False
        status, headers = self.coming.pop(0)
        response = request.create_response(status)
        for name, value in headers:
            response.add_header(name, value)
        request.send_response(response)
        return True


class TestRegistrar:
    """What ``sip_registrar`` gives: a stack with a `trio_sip.services.Registrar`."""

    __test__ = False
    """pytest is not to take it for a test."""

    def __init__(
        self, stack: Stack, registrar: Registrar, location: MemoryLocation, refusals: Refusals
    ) -> None:
        self.stack = stack
        self.registrar = registrar
        self.location = location
        self._refusals = refusals
        self._endpoints: dict[str, Endpoint] = {}
        self._secrets: dict[str, PlainSecret] = {}

    @property
    def uri(self) -> Uri:
        """Where it is."""
        one = self.stack.listening[0]
        return Uri.parse(f"sip:{one.host}:{one.port}")

    @property
    def requests(self) -> Sequence[IncomingRequest]:
        """The REGISTERs that came, refused ones too, without copies."""
        return tuple(self._refusals.seen)

    def add_user(self, name: str, password: str) -> None:
        """Let a user register, and from the first one on nobody else, nor without the password.

        The realm is ``example.com``.
        """
        if not self._endpoints:
            self.stack.register_endpoint_identifier(IdentifyByUser(self._endpoints))
            self.stack.register_authenticator(DigestAuthenticator(_REALM, self._secrets))
        self._endpoints[name] = Endpoint(name=name)
        self._secrets[name] = PlainSecret(name, password)

    async def bindings(self, aor: Uri | str) -> tuple[Binding, ...]:
        """Where a user can be reached now."""
        return await self.registrar.bindings(aor)

    def refuse(
        self, status: int, *, count: int = 1, headers: Iterable[tuple[str, str]] = ()
    ) -> None:
        """Answer the next *count* REGISTERs with *status*, whoever sends them.

        ``refuse(423, headers=[("Min-Expires", "300")])``, or 503, or 500 for a bad day.
        """
        self._refusals.coming += [(status, tuple(headers))] * count

    async def forget(self) -> None:
        """Remove all bindings, as a server does that has lost its memory."""
        now = trio.current_time()
        for aor in list(self.location):
            old = await self.location.bindings(aor, now)
            await self.location.replace(aor, old, (), now)


@asynccontextmanager
async def open_test_registrar(scene: Scene) -> AsyncIterator[TestRegistrar]:
    """Run one at the place ``registrar``; bindings that are left at its end are a leak."""
    location = MemoryLocation()
    registrar = Registrar(location)
    refusals = Refusals()
    async with open_test_stack(scene, "registrar", [refusals, registrar]) as stack:
        made = TestRegistrar(stack, registrar, location, refusals)
        yield made
        for aor in location:
            bindings = await location.bindings(aor, trio.current_time())
            scene.problems += [
                f"registrar: {aor} is still registered at {one.contact}" for one in bindings
            ]
