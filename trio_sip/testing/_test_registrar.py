"""A registrar for tests of telephones."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from trio_sip.auth import PlainSecret
from trio_sip.message import Uri
from trio_sip.registration import Binding
from trio_sip.services import DigestAuthenticator, IdentifyByUser, MemoryLocation, Registrar
from trio_sip.stack import Endpoint, Stack

from ._scene import Scene
from ._test_stack import open_test_stack

__all__ = ["TestRegistrar", "open_test_registrar"]

_REALM = "example.com"


class TestRegistrar:
    """What ``sip_registrar`` gives: a stack with a `trio_sip.services.Registrar`."""

    __test__ = False
    """pytest is not to take it for a test."""

    def __init__(self, stack: Stack, registrar: Registrar, location: MemoryLocation) -> None:
        self.stack = stack
        self.registrar = registrar
        self.location = location
        self._endpoints: dict[str, Endpoint] = {}
        self._secrets: dict[str, PlainSecret] = {}

    @property
    def uri(self) -> Uri:
        """Where it is."""
        one = self.stack.listening[0]
        return Uri.parse(f"sip:{one.host}:{one.port}")

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
    async with open_test_stack(scene, "registrar", [registrar]) as stack:
        made = TestRegistrar(stack, registrar, location)
        yield made
        for aor in location:
            bindings = await location.bindings(aor, trio.current_time())
            scene.problems += [
                f"registrar: {aor} is still registered at {one.contact}" for one in bindings
            ]
