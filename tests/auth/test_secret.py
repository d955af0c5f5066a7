from __future__ import annotations

import pytest

from trio_sip._errors import LocalProtocolError
from trio_sip.auth import (
    Algorithm,
    Challenge,
    Credentials,
    DigestChallengeData,
    HashedSecret,
    Nonces,
    OutboundAuthenticator,
    OutboundCredential,
    PlainSecret,
    compute_ha1,
)

HA1 = "939e7578ed9e3c518a452acee763bce9"


@pytest.mark.parametrize("ha1", ["", HA1[:-1], HA1 + "0", "x" * 32, "+" + HA1[1:]])
def test_a_hash_of_the_wrong_length_or_not_hexadecimal_is_refused(ha1: str) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        HashedSecret("alice", Algorithm.MD5, ha1)

    assert HA1[1:] not in str(caught.value)


def test_a_hash_belongs_to_one_hash_function() -> None:
    secret = HashedSecret("alice", Algorithm.MD5, HA1.upper())

    assert secret.can_answer(Algorithm.MD5)
    assert secret.can_answer(Algorithm.MD5_SESS)
    assert not secret.can_answer(Algorithm.SHA_256)
    assert secret.ha1("whatever", Algorithm.MD5) == HA1
    with pytest.raises(LocalProtocolError, match="64"):
        HashedSecret("alice", Algorithm.SHA_256, HA1)
    with pytest.raises(LocalProtocolError, match="name the hash itself"):
        HashedSecret("alice", Algorithm.MD5_SESS, HA1)


def test_is_md5_is_true_for_an_md5_hash_only() -> None:
    sha = compute_ha1("alice", "r", "secret", Algorithm.SHA_256)

    assert DigestChallengeData(realm="r", auth=HashedSecret("alice", Algorithm("MD5"), HA1)).is_md5
    assert not DigestChallengeData(realm="r", auth=PlainSecret("alice", "x")).is_md5
    assert not DigestChallengeData(
        realm="r", auth=HashedSecret("alice", Algorithm.SHA_256, sha)
    ).is_md5


@pytest.mark.parametrize("realm", ["", "a\r\nb", "a\0b", "\x7f"])
def test_a_realm_is_not_empty_and_has_no_control_characters(realm: str) -> None:
    with pytest.raises(LocalProtocolError):
        DigestChallengeData(realm=realm, auth=PlainSecret("alice", "secret"))


def test_no_repr_shows_a_secret() -> None:
    plain = PlainSecret("alice", "correct horse")
    hashed = HashedSecret("alice", Algorithm.MD5, HA1)
    authenticator = OutboundAuthenticator([OutboundCredential(plain, realm="r")])
    attempt = authenticator.start_attempt("proxy")
    attempt.receive_rejection(
        401, server_challenges=[str(Challenge(realm="r", nonce="n", qop=("auth",)))]
    )
    headers = attempt.headers(method="BYE", uri="sip:x", cnonce="c")
    credentials = Credentials.parse(headers[0].value)
    shown = repr(
        [
            plain,
            hashed,
            DigestChallengeData(realm="r", auth=plain),
            DigestChallengeData(realm="r", auth=hashed),
            OutboundCredential([hashed], realm="r"),
            authenticator,
            attempt,
            headers,
            credentials,
            Nonces(b"correct horse 123"),
        ]
    )

    assert "alice" in shown
    assert "correct horse" not in shown
    assert HA1 not in shown
    assert credentials.response not in shown
