"""What it costs to verify credentials."""

from __future__ import annotations

from trio_sip.auth import (
    Algorithm,
    AuthOutcome,
    DigestChallengeData,
    Nonces,
    PlainSecret,
    compute_response,
    make_challenges,
    verify_credentials,
)

from ._figure import Figure, timed
from ._timing import time_operation

__all__ = ["measure_digest"]

_CHECKS = 1000
_USER = PlainSecret("alice", "secret")
_URI = "sip:registrar.example.com"
_SOURCE = "192.0.2.1"


class _Registrar:
    """Verifies credentials that it has made itself; every one has a nonce of its own."""

    def __init__(self, algorithm: Algorithm) -> None:
        self._algorithm = algorithm
        self._data = [DigestChallengeData(realm="example.com", auth=_USER)]
        self._nonces = Nonces(b"k" * 32)
        self._now = 0.0

    def create_credentials(self) -> list[str]:
        return [self._create_one() for _ in range(_CHECKS)]

    def _create_one(self) -> str:
        self._now += 0.001
        challenge = make_challenges(
            self._data,
            algorithms=[self._algorithm],
            nonces=self._nonces,
            source=_SOURCE,
            now=self._now,
        )[0]
        response = compute_response(
            _USER.ha1(challenge.realm, self._algorithm),
            self._algorithm,
            method="REGISTER",
            uri=_URI,
            nonce=challenge.nonce,
            qop="auth",
            nc="00000001",
            cnonce="0a4f113b",
            body=b"",
        )
        return (
            f'Digest username="alice", realm="{challenge.realm}", nonce="{challenge.nonce}", '
            f'uri="{_URI}", response="{response}", algorithm={self._algorithm}, '
            f'cnonce="0a4f113b", qop=auth, nc=00000001, opaque="{challenge.opaque}"'
        )

    def verify(self, value: str) -> None:
        outcome = verify_credentials(
            [value],
            method="REGISTER",
            uri=_URI,
            body=b"",
            data=self._data,
            algorithms=[self._algorithm],
            nonces=self._nonces,
            source=_SOURCE,
            now=self._now,
        )
        assert outcome is AuthOutcome.OK, outcome


def measure_digest(seconds: float) -> list[Figure]:
    """One check of credentials, by algorithm, from the header's text to the outcome."""
    figures = []
    for algorithm in (Algorithm.MD5, Algorithm.SHA_256):
        registrar = _Registrar(algorithm)
        timing = time_operation(registrar.verify, registrar.create_credentials, seconds / 4)
        note = f"{1e6 / timing.microseconds:,.0f} checks/s"
        figures.append(timed("digest", f"{algorithm}: check", timing, note))
    return figures
