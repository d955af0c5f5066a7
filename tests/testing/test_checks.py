"""The checks for plug-ins: ours pass them, and broken ones do not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from trio_sip.auth import PlainSecret
from trio_sip.message import Request, create_request
from trio_sip.registration import Binding
from trio_sip.services import (
    DigestAuthenticator,
    IdentifyByIp,
    IdentifyByUser,
    LocationStore,
    MemoryLocation,
    open_sqlite_location,
)
from trio_sip.stack import Endpoint, EndpointIdentifier, IncomingRequest
from trio_sip.testing import (
    MemoryHost,
    MemoryNetwork,
    check_authenticator,
    check_identifier,
    check_location_store,
    check_network,
)
from trio_sip.testing.network._host import MemoryDatagramSocket
from trio_sip.transport import Address, SocketNetwork

# -- location stores


@asynccontextmanager
async def opened(store: LocationStore) -> AsyncIterator[LocationStore]:
    yield store


async def test_the_stores_of_ours_keep_their_promises(tmp_path: Path) -> None:
    await check_location_store(opened(MemoryLocation()))
    await check_location_store(open_sqlite_location(tmp_path / "location.db"))


class Careless(MemoryLocation):
    async def replace(
        self, aor: str, expected: tuple[Binding, ...], new: tuple[Binding, ...], now: float
    ) -> bool:
        return await super().replace(aor, await self.bindings(aor, now), new, now)


class Sticky(MemoryLocation):
    async def remove_flow(self, flow: Hashable, now: float) -> int:
        return 0


@pytest.mark.parametrize(
    ("store", "promise"),
    [(Careless(), "who expects something else is refused"), (Sticky(), "goes with its flow")],
)
async def test_a_store_that_breaks_a_promise_is_found_out(
    store: LocationStore, promise: str
) -> None:
    with pytest.raises(AssertionError, match=promise):
        await check_location_store(opened(store))


# -- networks


async def test_the_real_network_keeps_its_promises() -> None:
    await check_network(SocketNetwork())


async def test_the_simulated_network_keeps_its_promises(sip_network: MemoryNetwork) -> None:
    host = sip_network.host("alice")
    await check_network(host, "192.0.2.1")
    await check_network(host)


class Cutting(MemoryHost):
    """It cuts datagrams off at 1,000 octets."""

    def bind_datagrams(self, local: Address) -> MemoryDatagramSocket:
        made = super().bind_datagrams(local)
        send = made.send_nowait
        made.send_nowait = lambda data, *path: send(data[:1000], *path)  # type: ignore[method-assign]  # broken on purpose
        return made


async def test_a_network_that_breaks_a_promise_is_found_out(sip_network: MemoryNetwork) -> None:
    with pytest.raises(AssertionError, match="a datagram and its path"):
        await check_network(Cutting(sip_network, "cutting", ("127.0.0.1",)))


# -- identifiers


def message(from_: str) -> Request:
    target = "sip:192.0.2.254"
    return create_request("MESSAGE", target, from_=from_, to=target, call_id=from_, cseq=1)


ALICE = {"alice": message("<sip:alice@example.com>;tag=1")}
MALLORY = [message("<sip:mallory@example.com>;tag=1")]


async def test_the_identifiers_of_ours_keep_their_promises(sip_network: MemoryNetwork) -> None:
    endpoint = Endpoint(name="alice")
    await check_identifier(IdentifyByUser({"alice": endpoint}), known=ALICE, strangers=MALLORY)
    await check_identifier(
        IdentifyByIp({"192.0.2.0/28": endpoint}), known={"alice": MALLORY[0]}, host="192.0.2.7"
    )


class Guesses:
    """It takes everybody for Alice."""

    async def identify_endpoint(self, request: IncomingRequest) -> Endpoint | None:
        return Endpoint(name="alice")


class Stumbles:
    """It believes that every From has a user."""

    async def identify_endpoint(self, request: IncomingRequest) -> Endpoint | None:
        user = request.message.from_.uri.user
        assert user is not None
        return Endpoint(name=user) if user == "alice" else None


@pytest.mark.parametrize(
    ("identifier", "promise"),
    [(Guesses(), "a stranger was taken for alice"), (Stumbles(), "it failed for From: <sip:ex")],
)
async def test_an_identifier_that_breaks_a_promise_is_found_out(
    identifier: EndpointIdentifier, promise: str, sip_network: MemoryNetwork
) -> None:
    with pytest.raises(AssertionError, match=promise):
        await check_identifier(identifier, known=ALICE, strangers=MALLORY)


# -- authenticators

SECRET = PlainSecret("alice", "wonderland")


async def test_the_authenticator_of_ours_keeps_its_promises(sip_network: MemoryNetwork) -> None:
    await check_authenticator(
        DigestAuthenticator("example.com", {"alice": SECRET}),
        name="alice",
        secret=SECRET,
        realm="example.com",
    )


class Tells(DigestAuthenticator):
    """It gives strangers another realm."""

    async def get_authentication_credentials(self, endpoint: Endpoint) -> object:  # type: ignore[override]  # broken on purpose
        if endpoint.name == "alice":
            return await super().get_authentication_credentials(endpoint)
        other = DigestAuthenticator("strangers.example", {})
        return await other.get_authentication_credentials(endpoint)


class Trusts(DigestAuthenticator):
    """It believes everybody who has any credentials."""

    async def authenticate_request(self, endpoint: Endpoint, request: IncomingRequest) -> bool:
        await trio.lowlevel.checkpoint()
        return "Authorization" in request.message


@pytest.mark.parametrize(
    ("kind", "promise"),
    [(Tells, "an unknown user can be told"), (Trusts, "a wrong password is challenged")],
)
async def test_an_authenticator_that_breaks_a_promise_is_found_out(
    kind: type[DigestAuthenticator], promise: str, sip_network: MemoryNetwork
) -> None:
    with pytest.raises(AssertionError, match=promise):
        await check_authenticator(
            kind("example.com", {"alice": SECRET}),
            name="alice",
            secret=SECRET,
            realm="example.com",
        )
