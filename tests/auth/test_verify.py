from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from types import FrameType

import attrs
import pytest

from trio_sip._errors import LocalProtocolError
from trio_sip.auth import (
    AVAILABLE_ALGORITHMS,
    NOBODY,
    Algorithm,
    AuthOutcome,
    Challenge,
    Credentials,
    DigestChallengeData,
    HashedSecret,
    Nonces,
    PlainSecret,
    Qop,
    UriCheck,
    compute_ha1,
    compute_response,
    make_challenges,
    verify_credentials,
)
from trio_sip.auth._target import is_same_target

SOURCE = "192.0.2.1"
ALICE = DigestChallengeData(realm="atlanta", auth=PlainSecret("alice", "secret"))
MD5 = (Algorithm.MD5,)
AUTH = (Qop.AUTH,)


def make_nonces() -> Nonces:
    return Nonces(b"0123456789abcdef", lifetime=300.0)


def challenge_for(
    data: DigestChallengeData,
    nonces: Nonces,
    algorithm: Algorithm = Algorithm.MD5,
    qop: Sequence[str] = AUTH,
) -> Challenge:
    return make_challenges(
        [data], algorithms=[algorithm], qop=qop, nonces=nonces, source=SOURCE, now=100.0
    )[0]


def answer(
    challenge: Challenge,
    *,
    username: str = "alice",
    password: str = "secret",
    method: str = "REGISTER",
    uri: str = "sip:atlanta",
    count: int = 1,
    body: bytes = b"",
) -> Credentials:
    algorithm = Algorithm(challenge.algorithm or "MD5")
    qop = challenge.qop[0] if challenge.qop else None
    nc = f"{count:08x}"
    response = compute_response(
        compute_ha1(username, challenge.realm, password, algorithm),
        algorithm,
        method=method,
        uri=uri,
        nonce=challenge.nonce,
        qop=qop,
        nc=nc,
        cnonce="c0ffee",
        body=body,
    )
    return Credentials(
        username=username,
        realm=challenge.realm,
        nonce=challenge.nonce,
        uri=uri,
        response=response,
        algorithm=challenge.algorithm,
        qop=qop,
        nc=nc if qop else None,
        cnonce="c0ffee",
        opaque=challenge.opaque,
    )


def verify(
    *values: Credentials | str,
    nonces: Nonces,
    data: Sequence[DigestChallengeData] = (ALICE,),
    method: str = "REGISTER",
    uri: str = "sip:atlanta",
    body: bytes = b"",
    algorithms: Sequence[str] = MD5,
    qop: Sequence[str] = AUTH,
    source: str = SOURCE,
    uri_check: UriCheck = UriCheck.IGNORE,
    now: float = 101.0,
) -> AuthOutcome:
    return verify_credentials(
        [str(value) for value in values],
        method=method,
        uri=uri,
        body=body,
        data=data,
        algorithms=algorithms,
        qop=qop,
        nonces=nonces,
        source=source,
        uri_check=uri_check,
        now=now,
    )


@pytest.mark.parametrize("algorithm", sorted(AVAILABLE_ALGORITHMS))
@pytest.mark.parametrize("qop", [AUTH, (Qop.AUTH_INT,), ()])
def test_the_right_password_is_ok_with_every_algorithm_and_qop(
    algorithm: Algorithm, qop: Sequence[str]
) -> None:
    nonces = make_nonces()
    credentials = answer(challenge_for(ALICE, nonces, algorithm, qop), body=b"v=0")
    outcome = verify(credentials, nonces=nonces, algorithms=[algorithm], qop=qop, body=b"v=0")

    assert AuthOutcome.OK is outcome


@pytest.mark.parametrize("algorithm", sorted(AVAILABLE_ALGORITHMS))
def test_a_hash_is_as_good_as_the_password(algorithm: Algorithm) -> None:
    nonces = make_nonces()
    ha1 = compute_ha1("alice", "atlanta", "secret", algorithm)
    data = DigestChallengeData(realm="atlanta", auth=HashedSecret("alice", algorithm.base, ha1))
    credentials = answer(challenge_for(data, nonces, algorithm))

    assert AuthOutcome.OK is verify(credentials, nonces=nonces, data=[data], algorithms=[algorithm])


def test_no_credentials_or_those_of_another_scheme_are_none() -> None:
    nonces = make_nonces()

    assert AuthOutcome.NO_CREDENTIALS is verify(nonces=nonces)
    assert AuthOutcome.NO_CREDENTIALS is verify("Bearer abc", "", nonces=nonces)
    assert AuthOutcome.MALFORMED is verify("Bearer abc", "Digest x", nonces=nonces)


def test_a_wrong_password_is_a_bad_response_and_not_stale() -> None:
    nonces = make_nonces()
    outcome = verify(answer(challenge_for(ALICE, nonces), password="guess"), nonces=nonces)

    assert AuthOutcome.BAD_RESPONSE is outcome
    assert not outcome.is_stale


def test_an_invented_nonce_with_the_right_password_is_stale() -> None:
    nonces = make_nonces()
    challenge = attrs.evolve(challenge_for(ALICE, nonces), nonce="invented")
    outcome = verify(answer(challenge), nonces=nonces)

    assert AuthOutcome.BAD_NONCE is outcome
    assert outcome.is_stale
    assert AuthOutcome.BAD_RESPONSE is verify(answer(challenge, password="x"), nonces=nonces)


def test_an_expired_nonce_is_stale_if_the_password_is_right() -> None:
    nonces = make_nonces()
    challenge = challenge_for(ALICE, nonces)
    outcome = verify(answer(challenge), nonces=nonces, now=500.0)

    assert AuthOutcome.STALE is outcome
    assert outcome.is_stale
    assert AuthOutcome.BAD_RESPONSE is verify(
        answer(challenge, password="x"), nonces=nonces, now=500.0
    )


def test_a_nonce_made_for_another_source_is_foreign() -> None:
    nonces = make_nonces()
    credentials = answer(challenge_for(ALICE, nonces))

    assert AuthOutcome.BAD_NONCE is verify(credentials, nonces=nonces, source="192.0.2.9")


def test_a_count_repeated_or_going_down_is_a_replay() -> None:
    nonces = make_nonces()
    challenge = challenge_for(ALICE, nonces)
    outcomes = [verify(answer(challenge, count=count), nonces=nonces) for count in (2, 2, 1, 3)]

    replayed = AuthOutcome.REPLAYED
    assert [AuthOutcome.OK, replayed, replayed, AuthOutcome.OK] == outcomes
    assert replayed.is_stale


def test_a_nonce_without_qop_is_good_for_one_use() -> None:
    nonces = make_nonces()
    credentials = answer(challenge_for(ALICE, nonces, qop=()))

    assert AuthOutcome.OK is verify(credentials, nonces=nonces, qop=())
    assert AuthOutcome.REPLAYED is verify(credentials, nonces=nonces, qop=())


def test_a_wrong_response_uses_up_no_count() -> None:
    nonces = make_nonces()
    challenge = challenge_for(ALICE, nonces)
    verify(answer(challenge, password="guess", count=9), nonces=nonces)

    assert nonces.statistics().tracked == 0
    assert AuthOutcome.OK is verify(answer(challenge), nonces=nonces)


@pytest.mark.parametrize(
    "change",
    [
        {"uri": "sip:elsewhere"},
        {"username": "alicia"},
        {"response": ""},
        {"response": "7587245234b3434cc3412213e5f113a5"},
        {"nc": "00000002"},
        {"cnonce": "other"},
        {"cnonce": "ä"},
        {"nonce": "0" * 52},
    ],
)
def test_nothing_covered_by_the_digest_can_be_changed(change: dict[str, str]) -> None:
    nonces = make_nonces()
    credentials = attrs.evolve(answer(challenge_for(ALICE, nonces)), **change)

    assert verify(credentials, nonces=nonces) in {
        AuthOutcome.BAD_RESPONSE,
        AuthOutcome.UNKNOWN_USER,
    }


def test_a_cut_response_and_a_digest_for_another_method_are_bad() -> None:
    nonces = make_nonces()
    credentials = answer(challenge_for(ALICE, nonces))
    cut = attrs.evolve(credentials, response=credentials.response[:-1])

    assert AuthOutcome.BAD_RESPONSE is verify(cut, nonces=nonces)
    assert AuthOutcome.BAD_RESPONSE is verify(credentials, nonces=nonces, method="INVITE")


def test_auth_int_notices_another_body() -> None:
    nonces = make_nonces()
    qop = (Qop.AUTH_INT,)
    credentials = answer(challenge_for(ALICE, nonces, qop=qop), body=b"hello")

    assert AuthOutcome.BAD_RESPONSE is verify(credentials, nonces=nonces, qop=qop, body=b"hullo")


def test_another_realm_is_passed_over() -> None:
    nonces = make_nonces()
    challenge = attrs.evolve(challenge_for(ALICE, nonces), realm="Atlanta")
    ours = answer(challenge_for(ALICE, nonces))

    assert AuthOutcome.WRONG_REALM is verify(answer(challenge), nonces=nonces)
    assert AuthOutcome.OK is verify(answer(challenge), ours, nonces=nonces)


def test_an_algorithm_or_qop_that_was_not_offered_is_refused() -> None:
    nonces = make_nonces()
    md5 = answer(challenge_for(ALICE, nonces))
    sha = Algorithm.SHA_256
    unknown = attrs.evolve(md5, algorithm="AKAv1-MD5")
    legacy = answer(challenge_for(ALICE, nonces, qop=()))

    assert AuthOutcome.UNSUPPORTED_ALGORITHM is verify(md5, nonces=nonces, algorithms=[sha])
    assert AuthOutcome.UNSUPPORTED_ALGORITHM is verify(unknown, nonces=nonces)
    assert AuthOutcome.BAD_QOP is verify(md5, nonces=nonces, qop=(Qop.AUTH_INT,))
    assert AuthOutcome.BAD_QOP is verify(md5, nonces=nonces, qop=())
    assert AuthOutcome.BAD_QOP is verify(legacy, nonces=nonces, qop=(Qop.AUTH_INT,))


def test_a_telephone_that_passes_over_the_qop_gets_in_once_with_each_nonce() -> None:
    nonces = make_nonces()
    legacy = answer(challenge_for(ALICE, nonces, qop=()))

    assert AuthOutcome.OK is verify(legacy, nonces=nonces)
    assert AuthOutcome.REPLAYED is verify(legacy, nonces=nonces)


def test_a_hash_of_one_algorithm_answers_no_other() -> None:
    nonces = make_nonces()
    sha = compute_ha1("alice", "atlanta", "secret", Algorithm.SHA_256)
    data = DigestChallengeData(realm="atlanta", auth=HashedSecret("alice", Algorithm.SHA_256, sha))
    credentials = answer(challenge_for(ALICE, nonces))

    assert AuthOutcome.UNSUPPORTED_ALGORITHM is verify(credentials, nonces=nonces, data=[data])


def test_the_opaque_must_come_back_exactly() -> None:
    nonces = make_nonces()
    credentials = answer(challenge_for(ALICE, nonces))

    for opaque in (None, "", "other"):
        changed = attrs.evolve(credentials, opaque=opaque)
        assert AuthOutcome.BAD_NONCE is verify(changed, nonces=nonces)
    assert AuthOutcome.OK is verify(credentials, nonces=nonces)


def test_a_nonce_and_opaque_of_the_authenticators_own_are_used() -> None:
    nonces = make_nonces()
    data = attrs.evolve(ALICE, nonce="my own", opaque="mine", domain="sip:atlanta")
    challenge = challenge_for(data, nonces)

    assert (
        challenge.nonce,
        challenge.opaque,
        challenge.domain,
    ) == ("my own", "mine", "sip:atlanta")
    assert AuthOutcome.OK is verify(answer(challenge), nonces=nonces, data=[data])
    assert AuthOutcome.REPLAYED is verify(answer(challenge), nonces=nonces, data=[data])


def test_the_digest_uri_may_differ_unless_it_is_asked_about() -> None:
    nonces = make_nonces()
    challenge = challenge_for(ALICE, nonces)
    credentials = answer(challenge, uri="sip:registrar.atlanta")
    strict = UriCheck.SAME_TARGET

    assert AuthOutcome.BAD_URI is verify(credentials, nonces=nonces, uri_check=strict)
    assert AuthOutcome.OK is verify(credentials, nonces=nonces)
    similar = answer(challenge, uri="SIP:Atlanta:5060;transport=tcp", count=2)
    assert AuthOutcome.OK is verify(similar, nonces=nonces, uri_check=strict)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("sip:a@h", "sip:a@H:5060;lr?x=y", True),
        ("sip:a@h", "sip:A@h", False),
        ("sip:a@h", "sips:a@h", False),
        ("sips:h:5061", "sips:h", True),
        ("sip:[::1]", "sip:[::1]:5060", True),
        ("sip:[::1]", "sip:[::2]", False),
        ("sip:a;b@c@h", "sip:a;b@c@h;d", True),
        ("tel:+1", "tel:+2", False),
        ("", "sip:h", False),
    ],
)
def test_targets_are_the_same_by_scheme_user_host_and_port(
    one: str, other: str, same: bool
) -> None:
    assert same == is_same_target(one, other)


def hashing_of(verification: Callable[[], AuthOutcome]) -> tuple[AuthOutcome, int]:
    """The outcome, and how often a hash was begun: work is counted, not timed."""
    begun = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal begun
        begun += event == "c_call" and getattr(argument, "__name__", "") == "openssl_md5"

    sys.setprofile(count)
    try:
        outcome = verification()
    finally:
        sys.setprofile(None)
    return outcome, begun


def test_an_unknown_user_costs_the_same_hashing_as_a_wrong_password() -> None:
    nonces = make_nonces()
    challenge = challenge_for(ALICE, nonces)
    nobody = DigestChallengeData(realm="atlanta", auth=NOBODY)
    wrong = answer(challenge, password="x")
    mallory = answer(challenge, username="mallory")

    # HA1, HA2 and the response itself.
    unknown = AuthOutcome.UNKNOWN_USER
    assert hashing_of(lambda: verify(wrong, nonces=nonces)) == (AuthOutcome.BAD_RESPONSE, 3)
    assert (unknown, 3) == hashing_of(lambda: verify(mallory, nonces=nonces))
    assert (unknown, 3) == hashing_of(lambda: verify(wrong, nonces=nonces, data=[nobody]))


def test_nobody_can_be_nobody() -> None:
    nonces = make_nonces()
    data = DigestChallengeData(realm="atlanta", auth=NOBODY)
    credentials = answer(challenge_for(data, nonces), username="", password="")

    assert AuthOutcome.UNKNOWN_USER is verify(credentials, nonces=nonces, data=[data])


def test_the_challenge_of_nobody_looks_like_that_of_anybody() -> None:
    nobody = DigestChallengeData(realm="atlanta", auth=NOBODY)
    first = challenge_for(ALICE, make_nonces())
    second = challenge_for(nobody, make_nonces())

    assert str(first) == str(second)


def test_the_value_that_came_closest_is_reported() -> None:
    nonces = make_nonces()
    challenge = challenge_for(ALICE, nonces)
    wrong = answer(challenge, password="x")
    stranger = answer(challenge, username="bob")
    elsewhere = attrs.evolve(wrong, realm="other")

    assert AuthOutcome.BAD_RESPONSE is verify(stranger, wrong, elsewhere, nonces=nonces)
    assert AuthOutcome.UNKNOWN_USER is verify(elsewhere, stranger, "Digest", nonces=nonces)


def test_only_so_many_values_are_worth_a_hash() -> None:
    nonces = make_nonces()
    challenge = challenge_for(ALICE, nonces)
    wrong = [answer(challenge, password="x")] * 8
    others = [attrs.evolve(wrong[0], realm="other")] * 100

    assert AuthOutcome.BAD_RESPONSE is verify(*wrong, answer(challenge), nonces=nonces)
    assert AuthOutcome.OK is verify(*others, *wrong[1:], answer(challenge), nonces=nonces)


def test_text_that_is_no_text_is_a_bad_response() -> None:
    nonces = make_nonces()
    credentials = attrs.evolve(answer(challenge_for(ALICE, nonces)), uri="sip:\ud800")

    assert AuthOutcome.BAD_RESPONSE is verify(credentials, nonces=nonces)


def test_realms_with_quotes_and_usernames_with_an_at_sign_are_not_rewritten() -> None:
    nonces = make_nonces()
    data = DigestChallengeData(
        realm='the "Atlanta" office \\', auth=PlainSecret('al"ice@atlanta', "sécret")
    )
    challenge = Challenge.parse(str(challenge_for(data, nonces)))
    credentials = answer(challenge, username='al"ice@atlanta', password="sécret")

    assert AuthOutcome.OK is verify(credentials, nonces=nonces, data=[data])


def test_challenges_come_in_order_of_preference_and_never_twice() -> None:
    nonces = make_nonces()
    sha = compute_ha1("bob", "biloxi", "x", Algorithm.SHA_256)
    biloxi = DigestChallengeData(realm="biloxi", auth=HashedSecret("bob", Algorithm.SHA_256, sha))
    challenges = make_challenges(
        [ALICE, biloxi, attrs.evolve(ALICE, auth=PlainSecret("bob", "x"))],
        algorithms=["SHA-256", "MD5", "SHA-256"],
        stale=True,
        nonces=nonces,
        source=SOURCE,
        now=1.0,
    )

    assert [(challenge.realm, challenge.algorithm) for challenge in challenges] == [
        ("atlanta", "SHA-256"),
        ("atlanta", "MD5"),
        ("biloxi", "SHA-256"),
    ]
    assert all(challenge.stale for challenge in challenges)
    assert nonces.statistics().tracked == 0


def test_a_challenge_that_nobody_could_answer_is_our_mistake() -> None:
    md5 = HashedSecret("alice", Algorithm.MD5, "0" * 32)
    with pytest.raises(LocalProtocolError):
        challenge_for(DigestChallengeData(realm="r", auth=md5), make_nonces(), Algorithm.SHA_256)
    with pytest.raises(LocalProtocolError, match="SHA-1"):
        make_challenges([ALICE], algorithms=["SHA-1"], nonces=make_nonces(), source=SOURCE, now=1.0)
