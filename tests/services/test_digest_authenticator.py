"""Digest authentication as a server asks for it, against users and against strangers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
import trio

from trio_sip import LocalProtocolError
from trio_sip.auth import (
    NOBODY,
    Algorithm,
    Challenge,
    HashedSecret,
    PlainSecret,
    compute_ha1,
)
from trio_sip.auth import _algorithm as algorithms
from trio_sip.services import (
    DigestAuthenticator,
    IdentifyAnonymous,
    IdentifyByIp,
    IdentifyByUser,
    MemoryLocation,
    Registrar,
    Secrets,
)
from trio_sip.stack import ANONYMOUS, ARTIFICIAL, Endpoint
from trio_sip.testing import MemoryNetwork

from .conversation import (
    ENDPOINTS,
    REALM,
    SECRETS,
    Recorder,
    authorization,
    credential,
    masked,
    open_client,
    open_guarded_server,
    open_raw_client,
    open_server,
    register,
    register_text,
)

ALICE, BOB = ENDPOINTS["alice"], ENDPOINTS["bob"]


def hashed(user: str, algorithm: Algorithm = Algorithm.MD5) -> HashedSecret:
    ha1 = compute_ha1(user, REALM, f"password of {user}", algorithm)
    return HashedSecret(user, algorithm, ha1)


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


# -- what a challenge is made of


async def test_the_secrets_of_an_endpoint_are_found_by_its_name() -> None:
    authenticator = DigestAuthenticator(REALM, SECRETS)

    (data,) = await authenticator.get_authentication_credentials(ALICE)

    assert (REALM, SECRETS["alice"].username) == (data.realm, data.auth.username)
    assert SECRETS["alice"].ha1(REALM, Algorithm.MD5) == data.auth.ha1(REALM, Algorithm.MD5)
    assert not data.is_md5


@pytest.mark.parametrize("endpoint", [ARTIFICIAL, ANONYMOUS, Endpoint(name="unknown")])
async def test_nobody_s_secret_stands_in_where_there_is_none(endpoint: Endpoint) -> None:
    # A user with the artificial endpoint's name is not the artificial endpoint.
    secrets = {**SECRETS, "artificial": SECRETS["bob"], "anonymous": SECRETS["bob"]}
    authenticator = DigestAuthenticator(REALM, secrets)

    (data,) = await authenticator.get_authentication_credentials(endpoint)

    assert (REALM, "") == (data.realm, data.auth.username)
    assert NOBODY.ha1(REALM, Algorithm.MD5) == data.auth.ha1(REALM, Algorithm.MD5)


async def test_hashes_stand_in_where_most_users_have_hashes() -> None:
    both = (hashed("alice"), hashed("alice", Algorithm.SHA_256))
    secrets: dict[str, Secrets] = {"alice": both, "bob": both, "carol": hashed("carol"), "dave": ()}
    authenticator = DigestAuthenticator(REALM, secrets)

    md5, sha = await authenticator.get_authentication_credentials(ARTIFICIAL)

    assert md5.is_md5
    assert sha.auth.can_answer(Algorithm.SHA_256)
    assert {""} == {md5.auth.username, sha.auth.username}


async def test_without_any_secrets_everybody_is_nobody() -> None:
    authenticator = DigestAuthenticator(REALM, {})

    (data,) = await authenticator.get_authentication_credentials(ALICE)

    assert "" == data.auth.username


async def test_a_new_password_counts_from_the_next_request_on() -> None:
    secrets: dict[str, Secrets] = {"alice": PlainSecret("alice", "old")}
    authenticator = DigestAuthenticator(REALM, secrets)
    (old,) = await authenticator.get_authentication_credentials(ALICE)

    secrets["alice"] = PlainSecret("alice", "new")
    (new,) = await authenticator.get_authentication_credentials(ALICE)

    assert compute_ha1("alice", REALM, "old") == old.auth.ha1(REALM, Algorithm.MD5)
    assert compute_ha1("alice", REALM, "new") == new.auth.ha1(REALM, Algorithm.MD5)


async def test_a_password_is_hashed_once(hashes: Counter[Algorithm]) -> None:
    authenticator = DigestAuthenticator(REALM, SECRETS)

    for _ in range(3):
        (data,) = await authenticator.get_authentication_credentials(ALICE)
        data.auth.ha1(REALM, Algorithm.MD5)
        data.auth.ha1(REALM, Algorithm.SHA_256)

    assert {Algorithm.MD5: 1, Algorithm.SHA_256: 1} == hashes


async def test_the_hashes_that_are_kept_are_bounded() -> None:
    secrets = {f"user{n}": PlainSecret(f"user{n}", "p") for n in range(10_001)}
    authenticator = DigestAuthenticator(REALM, secrets)
    endpoints = [Endpoint(name=name) for name in secrets]
    first = await authenticator.get_authentication_credentials(endpoints[0])
    assert first is await authenticator.get_authentication_credentials(endpoints[0])

    for endpoint in endpoints:
        await authenticator.get_authentication_credentials(endpoint)

    assert first is not await authenticator.get_authentication_credentials(endpoints[0])


async def test_a_store_may_wait_for_its_answer(sip_network: MemoryNetwork) -> None:
    class Slow:
        async def secrets(self, endpoint: Endpoint) -> Secrets | None:
            await trio.sleep(1)
            return [hashed(endpoint.name)] if endpoint is ALICE else None

    authenticator = DigestAuthenticator(REALM, Slow(), stand_in=[hashed("alice")])

    (data,) = await authenticator.get_authentication_credentials(ALICE)
    (stand_in,) = await authenticator.get_authentication_credentials(BOB)
    (password,) = await DigestAuthenticator(REALM, Slow()).get_authentication_credentials(BOB)

    assert hashed("alice") == data.auth
    assert stand_in.is_md5
    assert NOBODY.password == getattr(password.auth, "password", None)


def test_a_realm_cannot_be_empty() -> None:
    with pytest.raises(LocalProtocolError, match="realm"):
        DigestAuthenticator("", SECRETS)


def test_no_secret_shows_in_its_repr() -> None:
    assert f"<DigestAuthenticator of '{REALM}'>" == repr(DigestAuthenticator(REALM, SECRETS))


# -- conversations


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SHA-512-256"])
async def test_a_user_proves_who_it_is(algorithm: str, sip_network: MemoryNetwork) -> None:
    recorder = Recorder()
    async with (
        open_guarded_server(sip_network, recorder, algorithms=(algorithm,)),
        open_client(sip_network) as client,
    ):
        response = await register(client, credentials=credential("alice"))

    assert 200 == response.status
    assert [ALICE] == [request.endpoint for request in recorder.requests]
    assert f"algorithm={algorithm}," in recorder.requests[0].message["Authorization"]


async def test_hashes_of_several_algorithms_are_offered_in_the_order_of_the_settings(
    sip_network: MemoryNetwork,
) -> None:
    secrets = {"alice": (hashed("alice"), hashed("alice", Algorithm.SHA_256))}
    async with (
        open_server(
            sip_network,
            Recorder(),
            identifiers=[IdentifyByUser(ENDPOINTS)],
            authenticator=DigestAuthenticator(REALM, secrets),
            algorithms=("SHA-512-256", "SHA-256", "MD5"),
        ),
        open_client(sip_network) as client,
        open_raw_client(sip_network) as raw,
    ):
        challenge = await raw.ask(register_text())
        response = await register(client, credentials=credential("alice"))

    offered = [Challenge.parse(one) for one in challenge.headers.get_all("WWW-Authenticate")]
    assert ["SHA-256", "MD5"] == [one.algorithm for one in offered]
    assert 200 == response.status


async def test_a_wrong_password_is_challenged_again_without_stale(
    sip_network: MemoryNetwork,
) -> None:
    recorder = Recorder()
    async with open_guarded_server(sip_network, recorder), open_raw_client(sip_network) as raw:
        challenge = await raw.ask(register_text())
        line = authorization(challenge, "alice", "guess")
        response = await raw.ask(register_text("alice", line, number=2))

    assert 401 == response.status
    assert not Challenge.parse(response.headers["WWW-Authenticate"]).stale
    assert [] == recorder.requests


async def test_somebody_else_s_password_is_of_no_use(sip_network: MemoryNetwork) -> None:
    recorder = Recorder()
    async with open_guarded_server(sip_network, recorder), open_raw_client(sip_network) as raw:
        challenge = await raw.ask(register_text())
        line = authorization(challenge, "bob", SECRETS["bob"].password)
        response = await raw.ask(register_text("alice", line, number=2))

    assert 401 == response.status
    assert [] == recorder.requests


async def test_a_replayed_authorization_is_refused_as_stale(sip_network: MemoryNetwork) -> None:
    recorder = Recorder()
    async with open_guarded_server(sip_network, recorder), open_raw_client(sip_network) as raw:
        challenge = await raw.ask(register_text())
        line = authorization(challenge, "alice", SECRETS["alice"].password)
        first = await raw.ask(register_text("alice", line, number=2))
        replayed = await raw.ask(register_text("alice", line, number=3))
        line = authorization(challenge, "alice", SECRETS["alice"].password, count=2)
        counted = await raw.ask(register_text("alice", line, number=4))

    assert [200, 401, 200] == [first.status, replayed.status, counted.status]
    assert Challenge.parse(replayed.headers["WWW-Authenticate"]).stale
    assert 2 == len(recorder.requests)


async def test_an_invented_or_expired_nonce_is_stale_when_the_password_is_right(
    sip_network: MemoryNetwork,
) -> None:
    async with open_guarded_server(sip_network, Recorder()), open_raw_client(sip_network) as raw:
        challenge = await raw.ask(register_text())
        password = SECRETS["alice"].password
        line = authorization(challenge, "alice", password, nonce="invented")
        invented = await raw.ask(register_text("alice", line, number=2))
        await trio.sleep(301)
        line = authorization(challenge, "alice", password)
        expired = await raw.ask(register_text("alice", line, number=3))

    for response in (invented, expired):
        assert 401 == response.status
        assert Challenge.parse(response.headers["WWW-Authenticate"]).stale


@pytest.mark.parametrize(
    ("algorithm", "secrets"),
    [
        ("MD5", SECRETS),
        ("SHA-256", SECRETS),
        ("MD5", {name: hashed(name) for name in SECRETS}),
    ],
    ids=["MD5", "SHA-256", "hashes"],
)
async def test_a_stranger_cannot_be_told_from_a_user_with_a_wrong_password(
    algorithm: str,
    secrets: dict[str, Secrets],
    hashes: Counter[Algorithm],
    sip_network: MemoryNetwork,
) -> None:
    answers: dict[str, list[bytes]] = {}
    costs: dict[str, Counter[Algorithm]] = {}
    async with (
        open_server(
            sip_network,
            Registrar(MemoryLocation()),
            identifiers=[IdentifyByUser(ENDPOINTS)],
            authenticator=DigestAuthenticator(REALM, secrets),
            algorithms=(algorithm,),
        ) as server,
        open_raw_client(sip_network) as raw,
    ):
        for turn in ("first", "second"):
            for user in ("alice", "carol"):
                call_id = f"{turn}-{user}"
                challenge = await raw.ask(register_text(user, call_id=call_id))
                line = authorization(challenge, user, "guess")
                hashes.clear()
                failure = await raw.ask(register_text(user, line, number=2, call_id=call_id))
                # Only the second turn counts: the first one hashes a password for good.
                costs[user] = hashes.copy()
                answers[user] = [masked(challenge, user), masked(failure, user)]
        events = server.statistics().security_events

    assert answers["alice"] == answers["carol"]
    assert costs["alice"] == costs["carol"]
    assert 4 == events["authentication failed"]


async def test_a_stranger_with_the_empty_username_and_password_is_nobody(
    sip_network: MemoryNetwork,
) -> None:
    recorder = Recorder()
    async with open_guarded_server(sip_network, recorder), open_raw_client(sip_network) as raw:
        challenge = await raw.ask(register_text("carol"))
        line = authorization(challenge, "", "")
        response = await raw.ask(register_text("carol", line, number=2))

    assert 401 == response.status
    assert [] == recorder.requests


async def test_open_methods_need_no_proof_from_those_who_are_known(
    sip_network: MemoryNetwork,
) -> None:
    recorder = Recorder()
    authenticator = DigestAuthenticator(REALM, SECRETS, open_methods={"INFO"})
    async with (
        open_server(
            sip_network,
            recorder,
            identifiers=[IdentifyByUser(ENDPOINTS)],
            authenticator=authenticator,
        ),
        open_client(sip_network) as client,
    ):
        statuses = [
            (await client.send_request(method, "sip:server", from_=sender)).status
            for method in ("INFO", "MESSAGE")
            for sender in ("sip:alice@server", "sip:carol@server")
        ]

    assert [200, 401, 401, 401] == statuses


async def test_an_open_identifier_is_proof_enough(sip_network: MemoryNetwork) -> None:
    recorder = Recorder()
    trunk = sip_network.host("trunk").addresses[0]
    authenticator = DigestAuthenticator(REALM, SECRETS, open_identifiers={"ip"})
    async with (
        open_server(
            sip_network,
            recorder,
            identifiers=[
                IdentifyByIp({trunk: Endpoint(name="trunk")}),
                IdentifyByUser(ENDPOINTS),
            ],
            authenticator=authenticator,
        ),
        open_client(sip_network, "trunk") as trunk_client,
        open_client(sip_network) as client,
    ):
        passed = await trunk_client.send_request("INFO", "sip:server")
        challenged = await client.send_request("INFO", "sip:server", from_="sip:alice@server")

    assert [200, 401] == [passed.status, challenged.status]


async def test_whoever_may_come_anonymously_is_not_asked(sip_network: MemoryNetwork) -> None:
    recorder = Recorder()
    async with (
        open_server(
            sip_network,
            recorder,
            identifiers=[IdentifyByUser(ENDPOINTS), IdentifyAnonymous()],
            authenticator=DigestAuthenticator(REALM, SECRETS),
        ),
        open_client(sip_network) as client,
    ):
        stranger = await client.send_request("INFO", "sip:server", from_="sip:carol@server")
        alice = await client.send_request("INFO", "sip:server", from_="sip:alice@server")

    assert [200, 401] == [stranger.status, alice.status]
    assert [ANONYMOUS] == [request.endpoint for request in recorder.requests]


async def test_without_identifiers_everybody_is_asked_and_nobody_passes(
    sip_network: MemoryNetwork,
) -> None:
    recorder = Recorder()
    async with (
        open_server(sip_network, recorder, authenticator=DigestAuthenticator(REALM, SECRETS)),
        open_raw_client(sip_network) as raw,
    ):
        challenge = await raw.ask(register_text())
        line = authorization(challenge, "alice", SECRETS["alice"].password)
        response = await raw.ask(register_text("alice", line, number=2))

    assert [401, 401] == [challenge.status, response.status]
    assert [] == recorder.requests


async def test_challenges_leave_nothing_behind(sip_network: MemoryNetwork) -> None:
    authenticator = DigestAuthenticator(REALM, SECRETS)
    async with (
        open_server(
            sip_network, identifiers=[IdentifyByUser(ENDPOINTS)], authenticator=authenticator
        ) as server,
        open_raw_client(sip_network) as raw,
    ):
        for number in range(300):
            await raw.ask(register_text(f"u{number}", call_id=f"c{number}"))
        await trio.sleep(40)

        assert 300 == server.statistics().security_events["challenge sent"]
        assert 0 == server.statistics().works.open
        assert 0 == len(authenticator._known)
