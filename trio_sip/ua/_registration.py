"""A registration that is kept for as long as a block runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

from trio_sip._errors import LocalProtocolError
from trio_sip.message import NameAddr, Params, Uri
from trio_sip.registration import (
    Contact,
    RegistrationClient,
    RegistrationPace,
    RegistrationSettings,
    RegistrationState,
)
from trio_sip.stack import unwrapping_single_errors

from ._bindings import registrar_uri
from ._registration_driver import RegistrationDriver, RegistrationRequest

if TYPE_CHECKING:
    from ._user_agent import UserAgent

__all__ = ["Registration", "open_registration"]

_MOST_REG_IDS = 2**31


class Registration:
    """How a registration stands: what ``async with user_agent.register() as registration`` gives.

    It says that it is registered only as long as the registrar has said so and the time that was
    granted has not run out.
    """

    def __init__(self, client: RegistrationClient, driver: RegistrationDriver) -> None:
        self._client = client
        self._driver = driver

    @property
    def state(self) -> RegistrationState:
        """The state in full; mostly `is_registered` is all that is wanted."""
        return self._client.state

    @property
    def is_registered(self) -> bool:
        """Whether we can be reached, as far as can be known."""
        return self._client.is_registered(trio.current_time())

    @property
    def expires_at(self) -> float:
        """When the binding that we have ends, on trio's clock.  A refresh moves it."""
        return self._client.expires_at

    @property
    def retry_at(self) -> float:
        """When the next try is made after a failure, on trio's clock; `math.inf` if none is."""
        return self._client.retry_at

    @property
    def failure(self) -> Exception | None:
        """What went wrong with the last REGISTER; ``None`` if nothing did."""
        return self._client.failure

    @property
    def contact(self) -> NameAddr | None:
        """Where we said that we can be reached."""
        return self._driver.contact

    @property
    def bindings(self) -> tuple[Contact, ...]:
        """Everybody who is registered under the address, as the last 200 listed them."""
        return self._client.grant.bindings

    @property
    def service_route(self) -> tuple[NameAddr, ...]:
        """The way that the registrar wants our requests to take (RFC 3608)."""
        return self._client.grant.service_route

    @property
    def path(self) -> tuple[NameAddr, ...]:
        """The way that requests to us take (RFC 3327)."""
        return self._client.grant.path

    @property
    def associated_uris(self) -> tuple[NameAddr, ...]:
        """Other addresses of ours that the registrar knows (RFC 7315 section 4.1)."""
        return self._client.grant.associated_uris

    def refresh(self) -> None:
        """Send a REGISTER now, instead of when it is due.

        Raises:
          LocalProtocolError: the block has been left.
        """
        self._client.send_register(trio.current_time())
        self._driver.wake()

    def states(self) -> AsyncIterator[RegistrationState]:
        """The state, and then each one that follows, until the registration is over.

        Who is slow is told the latest and misses those before it.  Whoever has seen enough may
        leave: there is nothing to close.
        """
        return _States(self, self._driver)

    async def wait_registered(self) -> None:
        """Wait until we are registered again; return at once if we are.

        Raises:
          trio.ClosedResourceError: the registration is over.
        """
        while not self.is_registered:
            if self.state is RegistrationState.TERMINATED:
                raise trio.ClosedResourceError("the registration is over")
            await self._driver.changed.wait()
        await trio.lowlevel.checkpoint()

    def __repr__(self) -> str:
        return f"<Registration {self._driver.name} {self.state.value}>"


class _States(AsyncIterator[RegistrationState]):
    """What `Registration.states` gives: no generator, which would want to be closed."""

    __slots__ = ("_driver", "_registration", "_seen")

    def __init__(self, registration: Registration, driver: RegistrationDriver) -> None:
        self._registration = registration
        self._driver = driver
        self._seen: RegistrationState | None = None

    async def __anext__(self) -> RegistrationState:
        await trio.lowlevel.checkpoint_if_cancelled()
        while self._registration.state is self._seen:
            if self._seen is RegistrationState.TERMINATED:
                raise StopAsyncIteration
            await self._driver.changed.wait()
        self._seen = self._registration.state
        return self._seen


@asynccontextmanager
async def open_registration(
    user_agent: UserAgent,
    expires: int,
    *,
    registrar: Uri | str | None,
    instance: str | None,
    reg_id: int | None,
    keep_alive: float | None,
    q: float | None,
    contacts: Iterable[NameAddr | str],
    headers: Iterable[tuple[str, object]],
    settings: RegistrationSettings | None,
    pace: RegistrationPace | None,
    grace: float,
) -> AsyncIterator[Registration]:
    """Register, keep it, remove it."""
    if keep_alive is not None and keep_alive <= 0:
        raise LocalProtocolError(f"keep_alive: want seconds, not {keep_alive}")
    client = RegistrationClient(
        expires,
        tokens=user_agent.stack.tokens,
        dice=user_agent.stack.tokens.roll,
        settings=settings,
    )
    request = RegistrationRequest(
        registrar=registrar_uri(user_agent, registrar),
        params=_contact_params(instance, reg_id, q),
        contacts=tuple(contacts),
        headers=tuple(headers),
        keep_alive=keep_alive,
    )
    driver = RegistrationDriver(user_agent, client, request, pace)
    # Who is cancelled already sends nothing.
    await trio.lowlevel.checkpoint_if_cancelled()
    with unwrapping_single_errors(), user_agent.stack.registered(driver):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(driver.keep, name=driver.name)
            try:
                await driver.opened.wait()
                yield Registration(client, driver)
            finally:
                with trio.move_on_after(grace, shield=True):
                    await driver.leave()
                driver.end()


def _contact_params(instance: str | None, reg_id: int | None, q: float | None) -> Params:
    params: dict[str, str | None] = {}
    if reg_id is not None:
        if instance is None or not 0 < reg_id < _MOST_REG_IDS:
            raise LocalProtocolError("reg_id: want a number above 0, and an instance with it")
        params["reg-id"] = str(reg_id)
    if instance is not None:
        # RFC 5626 section 4.1
        params["+sip.instance"] = f"<{instance}>"
    if q is not None:
        params["q"] = f"{q:.3f}".rstrip("0").rstrip(".")
    return Params(params)
