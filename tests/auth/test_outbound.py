from __future__ import annotations

import pytest

from trio_sip._errors import AuthenticationRejected, LocalProtocolError
from trio_sip.auth import (
    Algorithm,
    AuthenticationAttempt,
    AuthOutcome,
    Challenge,
    ChallengeSource,
    Credentials,
    DigestChallengeData,
    HashedSecret,
    Nonces,
    OutboundAuthenticator,
    OutboundCredential,
    PlainSecret,
    Qop,
    compute_ha1,
    make_challenges,
    verify_credentials,
)
from trio_sip.message import Response

ALICE = PlainSecret("alice", "secret")


def authenticator(*credentials: OutboundCredential) -> OutboundAuthenticator:
    return OutboundAuthenticator(credentials or [OutboundCredential(ALICE, realm="atlanta")])


def challenge(
    realm: str = "atlanta",
    nonce: str = "n1",
    *,
    algorithm: str | None = "MD5",
    qop: tuple[str, ...] = ("auth",),
    stale: bool = False,
) -> str:
    return str(Challenge(realm=realm, nonce=nonce, algorithm=algorithm, qop=qop, stale=stale))


def send(
    attempt: AuthenticationAttempt, method: str = "INVITE", cnonce: str = "c"
) -> list[tuple[str, Credentials]]:
    headers = attempt.headers(method=method, uri="sip:bob@biloxi", body=b"", cnonce=cnonce)
    return [(header.name, Credentials.parse(header.value)) for header in headers]


def test_the_first_request_carries_nothing() -> None:
    assert send(authenticator().start_attempt("proxy")) == []


def test_a_challenge_is_answered_so_that_our_own_server_is_content() -> None:
    nonces = Nonces(b"0123456789abcdef")
    data = [DigestChallengeData(realm="atlanta", auth=ALICE)]
    for algorithm in (Algorithm.MD5, Algorithm.SHA_256_SESS):
        for qop in [("auth",), ("auth-int",), ()]:
            challenges = make_challenges(
                data, algorithms=[algorithm], qop=qop, nonces=nonces, source="s", now=1.0
            )
            attempt = authenticator().start_attempt("proxy")
            attempt.receive_rejection(401, server_challenges=[str(challenges[0])])
            header = attempt.headers(method="MESSAGE", uri="sip:x", body=b"hi", cnonce="c")[0]
            outcome = verify_credentials(
                [header.value],
                method="MESSAGE",
                uri="sip:x",
                body=b"hi",
                data=data,
                algorithms=[algorithm],
                qop=qop,
                nonces=nonces,
                source="s",
                now=2.0,
            )

            assert header.name == "Authorization"
            assert AuthOutcome.OK is outcome


def test_401_and_407_of_several_realms_are_answered_together() -> None:
    outbound = authenticator(
        OutboundCredential(ALICE, realm="atlanta"),
        OutboundCredential(PlainSecret("al", "x"), realm="biloxi"),
    )
    attempt = outbound.start_attempt("proxy")
    attempt.receive_rejection(
        407,
        server_challenges=[challenge("biloxi")],
        proxy_challenges=[challenge("atlanta"), challenge("chicago")],
    )

    assert [(name, credentials.username) for name, credentials in send(attempt)] == [
        ("Authorization", "al"),
        ("Proxy-Authorization", "alice"),
    ]


def test_a_proxy_and_then_the_server_are_answered_and_both_are_kept() -> None:
    attempt = authenticator(OutboundCredential(ALICE, next_hops=["proxy"])).start_attempt("proxy")
    attempt.receive_rejection(407, proxy_challenges=[challenge("p")])
    send(attempt)
    attempt.receive_rejection(401, server_challenges=[challenge("s")])

    assert [
        (name, credentials.realm, credentials.count) for name, credentials in send(attempt)
    ] == [("Proxy-Authorization", "p", 2), ("Authorization", "s", 1)]


@pytest.mark.parametrize(
    ("offered", "expected"),
    [
        (["SHA-256", "MD5"], "SHA-256"),
        (["MD5", "SHA-256"], "MD5"),
        (["AKAv1-MD5", "MD5"], "MD5"),
        ([None], None),
    ],
)
def test_the_servers_first_choice_that_we_can_do_is_answered(
    offered: list[str | None], expected: str | None
) -> None:
    attempt = authenticator().start_attempt("proxy")
    attempt.receive_rejection(
        401, server_challenges=["Bearer x", *(challenge(algorithm=name) for name in offered)]
    )

    assert [expected] == [credentials.algorithm for _, credentials in send(attempt)]


def test_a_hashed_secret_answers_with_its_own_algorithm_only() -> None:
    sha = Algorithm.SHA_256
    hashed = HashedSecret("alice", sha, compute_ha1("alice", "atlanta", "secret", sha))
    attempt = authenticator(OutboundCredential(hashed, realm="atlanta")).start_attempt("proxy")
    offered = [challenge(algorithm="MD5"), challenge(algorithm="SHA-256")]
    attempt.receive_rejection(401, server_challenges=offered)

    assert [sha] == [credentials.algorithm for _, credentials in send(attempt)]
    with pytest.raises(AuthenticationRejected, match="no secret for MD5"):
        authenticator(OutboundCredential(hashed, realm="atlanta")).start_attempt(
            "proxy"
        ).receive_rejection(401, server_challenges=offered[:1])


def test_auth_is_chosen_before_auth_int_and_none_means_rfc2069() -> None:
    for qop, expected in [
        (("auth-int", "auth"), Qop.AUTH),
        (("auth-int", "x"), Qop.AUTH_INT),
        ((), None),
    ]:
        attempt = authenticator().start_attempt("proxy")
        attempt.receive_rejection(401, server_challenges=[challenge(qop=qop)])
        [(_, credentials)] = send(attempt)

        assert expected == credentials.qop
        assert (credentials.nc is None) == (expected is None)


def test_the_exact_realm_goes_before_any_realm() -> None:
    outbound = authenticator(
        OutboundCredential(PlainSecret("any", "x"), next_hops=["Proxy"]),
        OutboundCredential(ALICE, realm="ATLANTA"),
    )
    attempt = outbound.start_attempt("PROXY")
    attempt.receive_rejection(401, server_challenges=[challenge("atlanta"), challenge("elsewhere")])

    assert [credentials.username for _, credentials in send(attempt)] == ["alice", "any"]


def test_nothing_is_shown_to_a_foreign_realm_or_next_hop() -> None:
    pinned = OutboundCredential(ALICE, realm="atlanta", next_hops=["proxy.atlanta"])
    for next_hop, realm in [("evil.example", "atlanta"), ("proxy.atlanta", "evil")]:
        attempt = authenticator(pinned).start_attempt(next_hop)
        with pytest.raises(AuthenticationRejected, match="no credential for realm") as caught:
            attempt.receive_rejection(401, server_challenges=[challenge(realm)])

        assert caught.value.status == 401
        assert send(attempt, "BYE") == []


def test_a_credential_for_anybody_anywhere_cannot_be_made() -> None:
    hashed = HashedSecret("alice", Algorithm.MD5, "0" * 32)
    with pytest.raises(LocalProtocolError, match="next hops"):
        OutboundCredential(ALICE)
    with pytest.raises(LocalProtocolError, match="one realm"):
        OutboundCredential(hashed, next_hops=["proxy"])
    with pytest.raises(LocalProtocolError, match="needs a secret"):
        OutboundCredential([], realm="r")


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("Bearer scope=x", "unknown scheme Bearer"),
        (challenge(algorithm="AKAv1-MD5"), "unknown algorithm AKAv1-MD5"),
        (challenge(qop=("auth-conf",)), "unknown qop auth-conf"),
        ("Digest rubbish", "unreadable challenge"),
    ],
)
def test_what_cannot_be_answered_is_named(value: str, named: str) -> None:
    response = Response(401)
    with pytest.raises(AuthenticationRejected, match=named) as caught:
        authenticator().start_attempt("proxy").receive_rejection(
            407, proxy_challenges=[value], response=response
        )

    assert caught.value.status == 407
    assert response is caught.value.response


def test_a_challenge_without_a_challenge_ends_the_attempt() -> None:
    with pytest.raises(AuthenticationRejected, match="without a challenge"):
        authenticator().start_attempt("proxy").receive_rejection(401)


def test_a_downgrade_to_an_algorithm_not_allowed_is_refused() -> None:
    outbound = OutboundAuthenticator(
        [OutboundCredential(ALICE, realm="atlanta")], algorithms=["SHA-256"]
    )
    with pytest.raises(AuthenticationRejected, match="MD5 is not allowed"):
        outbound.start_attempt("proxy").receive_rejection(401, server_challenges=[challenge()])


@pytest.mark.parametrize("nonce", ["n1", "n2"])
def test_a_second_challenge_that_is_not_stale_means_a_wrong_password(nonce: str) -> None:
    attempt = authenticator().start_attempt("proxy")
    attempt.receive_rejection(401, server_challenges=[challenge()])
    send(attempt)

    with pytest.raises(AuthenticationRejected, match="does not accept"):
        attempt.receive_rejection(401, server_challenges=[challenge(nonce=nonce)])
    assert send(attempt) == []


def test_a_stale_nonce_is_replaced_three_times_at_most() -> None:
    attempt = authenticator().start_attempt("proxy")
    attempt.receive_rejection(401, server_challenges=[challenge()])
    for number in range(3):
        send(attempt)
        attempt.receive_rejection(
            401, server_challenges=[challenge(nonce=f"s{number}", stale=True)]
        )

    assert [(credentials.nonce, credentials.count) for _, credentials in send(attempt)] == [
        ("s2", 1)
    ]
    with pytest.raises(AuthenticationRejected):
        attempt.receive_rejection(401, server_challenges=[challenge(nonce="s9", stale=True)])


def test_ten_rejections_are_the_end_even_with_a_new_realm_each() -> None:
    attempt = authenticator(OutboundCredential(ALICE, next_hops=["proxy"])).start_attempt("proxy")
    for number in range(10):
        attempt.receive_rejection(401, server_challenges=[challenge(f"r{number}")])

    with pytest.raises(AuthenticationRejected, match="too often"):
        attempt.receive_rejection(401, server_challenges=[challenge("r10")])


def test_the_next_request_carries_the_nonce_with_a_higher_count() -> None:
    outbound = authenticator()
    attempt = outbound.start_attempt("proxy")
    attempt.receive_rejection(401, server_challenges=[challenge()])
    send(attempt)
    [(_, second)] = send(outbound.start_attempt("proxy"))
    [(_, third)] = send(outbound.start_attempt("PROXY"), cnonce="d")

    assert [
        (credentials.nonce, credentials.count, credentials.cnonce)
        for credentials in (second, third)
    ] == [("n1", 2, "c"), ("n1", 3, "d")]
    assert send(outbound.start_attempt("other")) == []


def test_a_remembered_nonce_may_be_refused_once_even_if_nobody_says_stale() -> None:
    outbound = authenticator()
    attempt = outbound.start_attempt("proxy")
    attempt.receive_rejection(401, server_challenges=[challenge()])
    attempt = outbound.start_attempt("proxy")
    send(attempt)
    attempt.receive_rejection(401, server_challenges=[challenge(nonce="n2")])

    assert [credentials.nonce for _, credentials in send(attempt)] == ["n2"]
    assert [c.nonce for _, c in send(outbound.start_attempt("proxy"))] == ["n2"]

    refused = outbound.start_attempt("proxy")
    send(refused)
    with pytest.raises(AuthenticationRejected):
        refused.receive_rejection(401, server_challenges=[challenge(nonce="n2")])
    assert send(outbound.start_attempt("proxy")) == []


def test_a_refusal_does_not_forget_what_another_request_has_learnt_since() -> None:
    outbound = authenticator()
    first, second = outbound.start_attempt("proxy"), outbound.start_attempt("proxy")
    for attempt, nonce in ((first, "n1"), (second, "n2")):
        attempt.receive_rejection(401, server_challenges=[challenge(nonce=nonce)])
        send(attempt)
    with pytest.raises(AuthenticationRejected):
        first.receive_rejection(401, server_challenges=[challenge(nonce="n3")])

    assert [c.nonce for _, c in send(outbound.start_attempt("proxy"))] == ["n2"]


def test_a_session_algorithm_keeps_its_first_cnonce() -> None:
    outbound = authenticator()
    attempt = outbound.start_attempt("proxy")
    attempt.receive_rejection(401, server_challenges=[challenge(algorithm="MD5-sess")])
    send(attempt, cnonce="first")
    [(_, again)] = send(outbound.start_attempt("proxy"), cnonce="second")

    assert (again.cnonce, again.count) == ("first", 2)


def test_nextnonce_replaces_the_nonce_of_its_side_and_starts_counting_anew() -> None:
    outbound = authenticator()
    attempt = outbound.start_attempt("proxy")
    attempt.receive_rejection(401, server_challenges=[challenge()])
    send(attempt)
    outbound.receive_authentication_info('nextnonce="p"', "proxy", ChallengeSource.PROXY)
    outbound.receive_authentication_info('nextnonce="x"', "other")
    outbound.receive_authentication_info('"rubbish', "proxy")
    outbound.receive_authentication_info('qop=auth, rspauth="00"', "proxy")
    assert [(c.nonce, c.count) for _, c in send(attempt)] == [("n1", 2)]

    outbound.receive_authentication_info('qop=auth, nextnonce="n9"', "Proxy")
    assert [(c.nonce, c.count) for _, c in send(outbound.start_attempt("proxy"))] == [("n9", 1)]


def test_what_is_remembered_is_bounded() -> None:
    outbound = authenticator(OutboundCredential(ALICE, realm="atlanta", next_hops=()))
    for number in range(300):
        attempt = outbound.start_attempt(f"host{number}")
        attempt.receive_rejection(401, server_challenges=[challenge()])
    assert send(outbound.start_attempt("host0")) == []
    assert len(send(outbound.start_attempt("host299"))) == 1

    greedy = authenticator(OutboundCredential(ALICE, next_hops=["proxy"]))
    greedy.start_attempt("proxy").receive_rejection(
        401, server_challenges=[challenge(f"r{number}") for number in range(50)]
    )
    assert len(send(greedy.start_attempt("proxy"))) == 8
