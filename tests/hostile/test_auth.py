"""A: who has not proved who they are."""

from __future__ import annotations

import gc
import logging
import re

import pytest
import trio

from tests.services.conversation import REALM, authorization
from tests.stack.scene import Peer, request
from trio_sip._errors import AuthenticationRejected
from trio_sip.auth import Challenge, OutboundAuthenticator, OutboundCredential, PlainSecret
from trio_sip.message import Request, Response, create_response
from trio_sip.stack import StackSettings
from trio_sip.testing import MemoryNetwork
from trio_sip.transport import Address

from .house import House, open_house, register

PASSWORD = "password of alice"
URI = "sip:192.0.2.2"


async def ask(house: House, *headers: str, cseq: int = 1, user: str = "alice") -> Response:
    """The answer to a REGISTER."""
    (answer,) = await house.exchange(register(*headers, cseq=cseq, user=user))
    return answer


def proof(
    challenge: Response, password: str = PASSWORD, user: str = "alice", count: int = 1
) -> str:
    return authorization(challenge, user, password, uri=URI, count=count)


def is_stale(answer: Response) -> bool:
    assert 401 == answer.status
    return Challenge.parse(answer["WWW-Authenticate"]).stale


async def test_a02_a_wrong_password_is_challenged_again_and_not_stale(
    sip_network: MemoryNetwork,
) -> None:
    async with open_house(sip_network, guarded=True) as house:
        challenge = await ask(house)
        answer = await ask(house, proof(challenge, "guess"), cseq=2)
        assert not is_stale(answer)
        assert 200 == (await ask(house, proof(answer), cseq=3)).status


async def test_a04_a05_an_invented_or_old_nonce_is_stale_when_the_password_is_right(
    sip_network: MemoryNetwork,
) -> None:
    async with open_house(sip_network, guarded=True) as house:
        challenge = await ask(house)
        invented = authorization(challenge, "alice", PASSWORD, uri=URI, nonce="0" * 48)
        assert is_stale(await ask(house, invented, cseq=2))
        wrong = authorization(challenge, "alice", "guess", uri=URI, nonce="0" * 48)
        assert not is_stale(await ask(house, wrong, cseq=3))
        await trio.sleep(301)
        answer = await ask(house, proof(challenge), cseq=4)
        assert is_stale(answer)
        assert 200 == (await ask(house, proof(answer), cseq=5)).status


async def test_a06_a_count_that_does_not_rise_is_refused(sip_network: MemoryNetwork) -> None:
    async with open_house(sip_network, guarded=True) as house:
        challenge = await ask(house)
        counts = [5, 5, 4, 1, 6]
        statuses = [
            (await ask(house, proof(challenge, count=count), cseq=number)).status
            for number, count in enumerate(counts, 2)
        ]
        assert [200, 401, 401, 401, 200] == statuses


@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        (r'uri="[^"]*"', 'uri="sip:elsewhere"'),
        (r'realm="[^"]*"', 'realm="elsewhere"'),
        (r'username="[^"]*"', 'username="bob"'),
        (r'username="[^"]*"', 'username="ALICE"'),
        (r'username="[^"]*"', 'username=""'),
        (r'response="[^"]{31}', 'response="'),
        (r'response="[^"]*"', 'response=""'),
        (r'response="[^"]*"', 'x=""'),
        (r'nonce="[^"]*"', 'nonce=""'),
        ("qop=auth", "qop=auth-int"),
        (", qop=auth", ""),
        (r'cnonce="[^"]*"', 'cnonce="other"'),
        ("nc=0", "nc=1"),
        ("algorithm=MD5", "algorithm=SHA-256"),
        ("algorithm=MD5", "algorithm=MD5-sess"),
        ("algorithm=MD5", "algorithm=NONE"),
        (r'opaque="[^"]*"', 'opaque="x"'),
        ("Digest", "Bearer"),
    ],
)
async def test_a07_a10_nothing_of_the_credentials_can_be_changed(
    pattern: str, replacement: str, sip_network: MemoryNetwork
) -> None:
    async with open_house(sip_network, guarded=True) as house:
        challenge = await ask(house)
        changed, count = re.subn(pattern, replacement, proof(challenge), count=1)
        assert 1 == count
        assert (await ask(house, changed, cseq=2)).status in {400, 401}
        assert 0 == house.location.statistics().bindings


async def test_a07_credentials_of_another_method_are_of_no_use(sip_network: MemoryNetwork) -> None:
    async with open_house(sip_network, guarded=True) as house:
        challenge = await ask(house)
        other = authorization(challenge, "alice", PASSWORD, uri=URI, method="INVITE")
        assert 401 == (await ask(house, other, cseq=2)).status


async def test_a08_with_her_own_password_nobody_registers_somebody_else(
    sip_network: MemoryNetwork,
) -> None:
    async with open_house(sip_network, guarded=True) as house:
        challenge = await ask(house)
        data = register(proof(challenge), "Contact: <sip:a@b>", to="<sip:bob@192.0.2.2>", cseq=2)
        assert 403 == await house.status(data)
        data = register(proof(challenge), "Contact: <sip:a@b>", user="bob", cseq=3)
        assert 401 == await house.status(data)
        assert 0 == house.location.statistics().bindings


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SHA-512-256", "MD5-sess", "SHA-256-sess"])
async def test_a09_every_algorithm_is_accepted_where_it_is_offered(
    algorithm: str, sip_network: MemoryNetwork
) -> None:
    settings = StackSettings(digest_algorithms=(algorithm,))
    async with open_house(sip_network, guarded=True, settings=settings) as house:
        house.network.host("phone", "192.0.2.5")
        challenge = await ask(house)
        assert algorithm == Challenge.parse(challenge["WWW-Authenticate"]).algorithm
        attempt = OutboundAuthenticator(
            [OutboundCredential(PlainSecret("alice", PASSWORD), realm=REALM)]
        ).start_attempt("anywhere")
        attempt.receive_rejection(
            401,
            server_challenges=challenge.headers.get_all("WWW-Authenticate"),
            proxy_challenges=[],
        )
        (header,) = attempt.headers(method="REGISTER", uri=URI, cnonce="0a4f113b")
        assert 200 == (await ask(house, f"{header.name}: {header.value}", cseq=2)).status


async def test_a11_three_thousand_challenges_leave_nothing_behind(
    sip_network: MemoryNetwork,
) -> None:
    async with open_house(sip_network, guarded=True) as house:
        kept = []
        for turn in range(3):
            for number in range(1000):
                house.alice.send(register(call_id=f"flood{turn}x{number}"))
            assert {401} == set(await house.alice.statuses(40))
            house.network.wires.clear()
            house.alice.raw.clear()
            gc.collect()
            kept.append(len(gc.get_objects()))
        assert 3000 == house.stack.statistics().security_events["challenge sent"]
        assert kept[2] - kept[1] < 100


class Challenger:
    """A server by hand that challenges for ever."""

    def __init__(self, house: House, challenge: str) -> None:
        host = house.network.host("challenger", "192.0.2.80")
        local = Address("192.0.2.80", 5060)
        self.peer = Peer(host, local, Address("192.0.2.2", 5060))
        self.challenge = challenge
        self.requests: list[Request] = []

    async def run(self) -> None:
        while True:
            message = await self.peer.request()
            self.requests.append(message)
            answer = create_response(message, 401, to_tag="t")
            number = len(self.requests)
            answer.headers.add("WWW-Authenticate", self.challenge.format(nonce=number))
            self.peer.send(bytes(answer))


async def rejected(house: House, challenge: str) -> tuple[AuthenticationRejected, list[Request]]:
    """How a request of ours to such a server fails, and what was sent to it."""
    challenger = Challenger(house, challenge)
    credentials = OutboundCredential(PlainSecret("alice", PASSWORD), realm=REALM)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(challenger.run)
        with pytest.raises(AuthenticationRejected) as caught:
            await house.stack.send_request("OPTIONS", "sip:192.0.2.80", credentials=credentials)
        nursery.cancel_scope.cancel()
    challenger.peer.close()
    return caught.value, challenger.requests


@pytest.mark.parametrize(("stale", "tries"), [("", 2), (", stale=true", 4)])
async def test_a12_endless_challenges_come_to_an_end(
    stale: str, tries: int, sip_network: MemoryNetwork
) -> None:
    async with open_house(sip_network) as house:
        _, requests = await rejected(house, f'Digest realm="{REALM}", nonce="{{nonce}}"{stale}')
        assert len(requests) <= tries


async def test_a13_a_foreign_realm_gets_no_credentials(sip_network: MemoryNetwork) -> None:
    async with open_house(sip_network) as house:
        _, requests = await rejected(house, 'Digest realm="elsewhere", nonce="{nonce}"')
        assert ["Authorization" in one.headers for one in requests] == [False]


@pytest.mark.parametrize(
    ("challenge", "named"),
    [
        ("Bearer authz_server=x", "Bearer"),
        (f'Digest realm="{REALM}", nonce="{{nonce}}", algorithm=ROT-13', "ROT-13"),
    ],
)
async def test_a14_what_cannot_be_answered_is_named(
    challenge: str, named: str, sip_network: MemoryNetwork
) -> None:
    async with open_house(sip_network) as house:
        error, requests = await rejected(house, challenge)
        assert 1 == len(requests)
        assert named in str(error)


async def test_a15_no_secret_is_ever_logged_or_shown(
    caplog: pytest.LogCaptureFixture, sip_network: MemoryNetwork
) -> None:
    caplog.set_level(logging.DEBUG)
    shown: list[str] = []
    async with open_house(sip_network, guarded=True) as house:
        challenge = await ask(house)
        line = proof(challenge)
        for header in (proof(challenge, "a guess"), line, line + "x"):
            answer = await ask(house, header, cseq=len(shown) + 2)
            shown.append(repr(answer))
        data = register(line, cseq=9)
        shown += [repr(one) for one in (house.stack.snapshot(), house.network.wires[:3])]
        await house.exchange(data.replace(b"CSeq: 9", b"CSeq: x"))
        digest = re.search(r'response="(\w+)"', line)
        assert digest is not None
    seen = caplog.text + "".join(shown)
    assert "authentication failed" in caplog.text
    for secret in (PASSWORD, "a guess", digest[1]):
        assert secret not in seen


async def test_an_open_options_needs_no_credentials_and_tells_no_names(
    sip_network: MemoryNetwork,
) -> None:
    async with open_house(sip_network, guarded=True) as house:
        (answer,) = await house.exchange(request(uri=URI, from_="sip:monitor@nowhere"))
        assert 200 == answer.status
        assert b"alice@192" not in bytes(answer)
