"""Who guesses names learns nothing: the same bytes, by the same way, for the same work."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import attrs
import pytest
import trio

import trio_sip.auth._algorithm as algorithms
from tests.services.conversation import REALM, authorization
from tests.stack.scene import StreamPeer, request
from trio_sip.auth import Algorithm, PlainSecret
from trio_sip.message import Response
from trio_sip.services import DigestAuthenticator, IdentifyByUser
from trio_sip.stack import AccessList, Endpoint, StackSettings
from trio_sip.testing import MemoryNetwork

from .house import House, open_house

ELSEWHERE = AccessList(["198.51.100.0/24"])
ENDPOINTS = {
    "alice": Endpoint(name="alice"),
    "david": Endpoint(name="david", acl=ELSEWHERE),
    "erika": Endpoint(name="erika", contact_acl=ELSEWHERE),
}
SECRETS = {name: PlainSecret(name, f"password of {name}") for name in ENDPOINTS}
KNOWN, UNKNOWN, BANNED, CONFINED = "alice", "carol", "david", "erika"
METHODS = {
    "REGISTER": "sip:192.0.2.2",
    "OPTIONS": "sip:alice@192.0.2.2",
    "MESSAGE": "sip:alice@192.0.2.2",
}


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> Counter[Algorithm]:
    """How often each hash function was called."""
    counts: Counter[Algorithm] = Counter()

    def counting(algorithm: Algorithm, function: Callable[[bytes], str]) -> Callable[[bytes], str]:
        def hash_it(data: bytes) -> str:
            counts[algorithm] += 1
            return function(data)

        return hash_it

    for algorithm, function in list(algorithms._FUNCTIONS.items()):
        monkeypatch.setitem(algorithms._FUNCTIONS, algorithm, counting(algorithm, function))
    return counts


@attrs.define(eq=False)
class Guesser:
    """Tries names and passwords, over UDP or TCP, and notes what there is to see."""

    house: House
    method: str
    stream: StreamPeer | None
    hashes: Counter[Algorithm]
    cost: Counter[Algorithm] = attrs.field(factory=Counter)
    asked: int = 0

    async def ask(self, user: str, *headers: str) -> Response:
        self.asked += 1
        data = request(
            self.method,
            uri=METHODS[self.method],
            from_=f"sip:{user}@192.0.2.2",
            branch=f"g{self.asked:06}",
            call_id=f"g{self.asked:06}",
            headers=["Contact: <sip:someone@192.0.2.1>", *headers],
        ).replace(b"To: <sip:bob@", f"To: <sip:{user}@".encode())
        self.hashes.clear()
        if self.stream is not None:
            answer = await self.stream.ask(data)
        else:
            (answer,) = await self.house.exchange(data)
        self.cost = self.hashes.copy()
        return answer

    async def guess(self, user: str, password: str, nonce: str | None = None) -> list[object]:
        """All that can be seen of two tries, without what differs from one to the next."""
        challenge = await self.ask(user)
        line = authorization(
            challenge, user, password, nonce=nonce, method=self.method, uri=METHODS[self.method]
        )
        costs = self.cost
        failure = await self.ask(user, line)
        return [masked(challenge, user), masked(failure, user), costs, self.cost]


def masked(response: Response, user: str) -> bytes:
    text = bytes(response).decode().replace(user, "USER")
    return re.sub(r'nonce="[^"]*"|tag=\w+|g\d{6}', "…", text).encode()


@asynccontextmanager
async def guesser(
    network: MemoryNetwork,
    method: str,
    algorithm: str,
    transport: str,
    hashes: Counter[Algorithm],
) -> AsyncIterator[Guesser]:
    settings = StackSettings(digest_algorithms=(algorithm,))
    async with open_house(network, settings=settings) as house:
        house.stack.register_endpoint_identifier(IdentifyByUser(ENDPOINTS))
        house.stack.register_authenticator(DigestAuthenticator(REALM, SECRETS))
        stream = await house.connect() if transport == "TCP" else None
        one = Guesser(house, method, stream, hashes)
        # Whatever is hashed once and kept is hashed now.
        for user in (KNOWN, UNKNOWN, BANNED, CONFINED):
            await one.guess(user, "first")
        yield one


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
@pytest.mark.parametrize("transport", ["UDP", "TCP"])
async def test_nobody_can_tell_a_stranger_from_a_user_by_a_wrong_password(
    method: str,
    algorithm: str,
    transport: str,
    hashes: Counter[Algorithm],
    sip_network: MemoryNetwork,
) -> None:
    async with guesser(sip_network, method, algorithm, transport, hashes) as one:
        known = await one.guess(KNOWN, "guess")
        assert b" 401 " in known[0]  # type: ignore[operator]  # it is bytes
        assert b" 401 " in known[1]  # type: ignore[operator]
        assert known == await one.guess(UNKNOWN, "guess")
        assert known == await one.guess(BANNED, "guess")
        assert known == await one.guess(BANNED, "password of david"), "though it is the right one"
        assert known == await one.guess(CONFINED, "password of erika")


@pytest.mark.parametrize("method", METHODS)
async def test_neither_does_an_invented_nonce_tell(
    method: str, hashes: Counter[Algorithm], sip_network: MemoryNetwork
) -> None:
    async with guesser(sip_network, method, "MD5", "UDP", hashes) as one:
        known = await one.guess(KNOWN, "guess", nonce="0" * 40)
        assert known == await one.guess(UNKNOWN, "guess", nonce="0" * 40)
        assert known == await one.guess(BANNED, "password of david", nonce="0" * 40)


BROKEN = (
    "Contact: <sip:", "Contact: *", 'Contact: "', "Expires: x", "Path: <", "Require: warp",
    "Authorization: Digest", "Authorization: Basic x", "Content-Type: /", "Route: <",
)  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
async def test_neither_does_anything_that_is_broken_tell(
    method: str, hashes: Counter[Algorithm], sip_network: MemoryNetwork
) -> None:
    async with guesser(sip_network, method, "MD5", "UDP", hashes) as one:
        for header in BROKEN:
            known = masked(await one.ask(KNOWN, header), KNOWN)
            for user in (UNKNOWN, BANNED, CONFINED):
                assert known == masked(await one.ask(user, header), user), (header, user)


@pytest.mark.parametrize("method", METHODS)
async def test_nobody_waits_longer_for_a_name_than_for_another(
    method: str, hashes: Counter[Algorithm], sip_network: MemoryNetwork
) -> None:
    async with guesser(sip_network, method, "MD5", "TCP", hashes) as one:
        delays = []
        for user in (KNOWN, UNKNOWN, BANNED):
            begun = trio.current_time()
            await one.guess(user, "guess")
            delays.append(trio.current_time() - begun)
        assert pytest.approx([delays[0]] * 3) == delays
