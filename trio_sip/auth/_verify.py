"""A server's question: are these credentials right?"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import TYPE_CHECKING

from trio_sip._errors import RemoteProtocolError

from ._algorithm import Algorithm, Qop, find_algorithm
from ._challenge import DigestChallengeData
from ._credentials import Credentials
from ._digest import compute_response, is_same_response
from ._nonce import Nonces, NonceState
from ._params import is_digest
from ._target import is_same_target

# A request may have credentials for many proxies, but each that claims one of our realms costs
# hashing (with auth-int: of the whole body).  Nobody honest sends more than one or two of them.
_MAX_COSTLY = 8


class AuthOutcome(enum.Enum):
    """What verification found.  For logs and security events: never tell it to the sender."""

    # CPython 3.11 hashes members in Python, by name; they are singletons.
    if not TYPE_CHECKING:
        __hash__ = object.__hash__

    OK = "ok"
    NO_CREDENTIALS = "no credentials"
    STALE = "stale nonce"
    BAD_NONCE = "foreign nonce"
    UNKNOWN_USER = "unknown user"
    BAD_RESPONSE = "wrong response"
    WRONG_REALM = "wrong realm"
    UNSUPPORTED_ALGORITHM = "algorithm not offered"
    BAD_QOP = "quality of protection not offered"
    REPLAYED = "replayed nonce count"
    BAD_URI = "digest uri of another target"
    MALFORMED = "malformed"

    @property
    def is_stale(self) -> bool:
        """Whether the next challenge says ``stale=true``.

        Then the secret was right and only the nonce was not: RFC 7616 section 3.3.
        """
        return self in _SECRET_WAS_RIGHT


# An enumeration's member costs 150 ns to look up in CPython 3.11, a global 10.
_OK, _NO_CREDENTIALS, _MALFORMED = (
    AuthOutcome.OK,
    AuthOutcome.NO_CREDENTIALS,
    AuthOutcome.MALFORMED,
)
_GOOD = NonceState.GOOD

_SECRET_WAS_RIGHT = frozenset({AuthOutcome.STALE, AuthOutcome.BAD_NONCE, AuthOutcome.REPLAYED})

# With several values, the one that came closest is reported: first is closest.
_CLOSEST = (
    AuthOutcome.REPLAYED,
    AuthOutcome.STALE,
    AuthOutcome.BAD_NONCE,
    AuthOutcome.BAD_URI,
    AuthOutcome.BAD_RESPONSE,
    AuthOutcome.UNKNOWN_USER,
    AuthOutcome.BAD_QOP,
    AuthOutcome.UNSUPPORTED_ALGORITHM,
    AuthOutcome.MALFORMED,
    AuthOutcome.WRONG_REALM,
    AuthOutcome.NO_CREDENTIALS,
)


# Those for which a digest had to be computed.
_COSTLY = frozenset(_CLOSEST[:6])


class UriCheck(enum.Enum):
    """What to make of a digest whose ``uri`` is not the Request-URI.

    RFC 3261 section 22.4 does not let a difference alone be a failure, for proxies rewrite the
    Request-URI.  The digest is always computed over the ``uri`` that was given.
    """

    IGNORE = "ignore"
    SAME_TARGET = "same target"
    """Scheme, user, host and port must be the same; parameters may differ."""


_IGNORE = UriCheck.IGNORE


def verify_credentials(
    values: Sequence[str],
    *,
    method: str,
    uri: str,
    body: bytes,
    data: Sequence[DigestChallengeData],
    algorithms: Sequence[str],
    qop: Sequence[str] = (Qop.AUTH,),
    nonces: Nonces,
    source: str,
    uri_check: UriCheck = _IGNORE,
    now: float,
) -> AuthOutcome:
    """Whether one of the Authorization (or Proxy-Authorization) values proves one of the secrets.

    The work done does not depend on whether the user exists: a digest is computed in any case.

    Args:
        values: the header values as received; those for other realms are passed over.
        method: of the request.  An ACK is never challenged (RFC 3261 section 22.1).
        uri: the Request-URI as text; see ``uri_check``.
        data: the secrets that would do, for the realms we speak for.
        algorithms: those offered by `make_challenges`; any other is refused.
        qop: those offered.  Empty means the form of RFC 2069, and no other.
        source: the IP address of the sender.
        now: seconds, from the clock that `make_challenges` was used with.

    Returns:
        OK, or what went wrong with the value that came closest.  Only OK uses up a nonce count.
    """
    closest = _NO_CREDENTIALS
    costly = 0
    for value in values:
        try:
            given = Credentials.parse(value)
        except RemoteProtocolError:
            outcome = _MALFORMED if is_digest(value) else _NO_CREDENTIALS
        else:
            chosen = _choose(given, data, algorithms, qop)
            if isinstance(chosen, AuthOutcome):
                outcome = chosen
            else:
                secret, algorithm = chosen
                outcome = _prove(given, secret, algorithm, method, body)
                if outcome is _OK and uri_check is not _IGNORE:
                    outcome = _OK if is_same_target(given.uri, uri) else AuthOutcome.BAD_URI
                if outcome is _OK:
                    outcome = _check_use(given, secret, nonces, source, now)
                if outcome is _OK:
                    return outcome
        closest = min(closest, outcome, key=_CLOSEST.index)
        costly += outcome in _COSTLY
        if costly == _MAX_COSTLY:
            break
    return closest


def _choose(
    given: Credentials,
    data: Sequence[DigestChallengeData],
    algorithms: Sequence[str],
    qop: Sequence[str],
) -> tuple[DigestChallengeData, Algorithm] | AuthOutcome:
    """The secret and the algorithm to measure the credentials with, or why there are none."""
    algorithm = find_algorithm(given.algorithm)
    realm = given.realm
    chosen, in_realm = None, False
    for one in data:
        if one.realm != realm:
            continue
        in_realm = True
        if algorithm is None or not one.auth.can_answer(algorithm):
            continue
        if one.auth.username == given.username != "":
            chosen = one
            break
        # An unknown user is measured against somebody else's secret, and refused afterwards.
        chosen = chosen or one
    if not in_realm:
        return AuthOutcome.WRONG_REALM
    if algorithm is None or chosen is None or algorithm not in algorithms:
        return AuthOutcome.UNSUPPORTED_ALGORITHM
    if given.qop is None:
        # Telephones of RFC 2069 pass over the qop they are offered.  Their nonces are good for one
        # use, so nothing of theirs can be replayed; but "auth-int" is not to be talked away.
        if qop and Qop.AUTH not in qop:
            return AuthOutcome.BAD_QOP
    elif given.qop not in qop:
        return AuthOutcome.BAD_QOP
    return chosen, algorithm


def _prove(
    given: Credentials,
    data: DigestChallengeData,
    algorithm: Algorithm,
    method: str,
    body: bytes,
) -> AuthOutcome:
    """Whether the digest is right, and the user the one whose secret it was measured against."""
    secret = data.auth
    try:
        expected = compute_response(
            secret.ha1(data.realm, algorithm),
            algorithm,
            method=method,
            uri=given.uri,
            nonce=given.nonce,
            qop=given.qop,
            nc=given.nc or "",
            cnonce=given.cnonce or "",
            body=body,
        )
        right = is_same_response(given.response, expected)
    except UnicodeEncodeError:
        # Half of a surrogate pair: no bytes from the network decode to it.
        right = False
    if not (secret.username == given.username != ""):
        return AuthOutcome.UNKNOWN_USER
    return _OK if right else AuthOutcome.BAD_RESPONSE


def _check_use(
    given: Credentials, data: DigestChallengeData, nonces: Nonces, source: str, now: float
) -> AuthOutcome:
    """What is left to find out once the digest is right: opaque, nonce and count."""
    nonce = given.nonce
    if given.opaque != (nonces.opaque(data.realm) if data.opaque is None else data.opaque):
        return AuthOutcome.BAD_NONCE
    # Without qop there is no count, so the nonce is good for one use.
    count = given.count if given.qop is not None else 1
    # The nonce is no secret to one who has just hashed it, so plain comparison will do.
    if data.nonce is not None and nonce == data.nonce:
        state = nonces.use_provided(nonce, count, now)
    else:
        state = nonces.check(nonce, data.realm, source, now)
        if state is _GOOD:
            state = nonces.use(nonce, count, now)
    return _OK if state is _GOOD else _BY_STATE[state]


_BY_STATE = {
    NonceState.STALE: AuthOutcome.STALE,
    NonceState.FOREIGN: AuthOutcome.BAD_NONCE,
    NonceState.REPLAYED: AuthOutcome.REPLAYED,
}
