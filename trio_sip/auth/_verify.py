"""A server's two questions: are these credentials right, and what to ask for if not?"""

from __future__ import annotations

import enum
import functools
from collections.abc import Sequence

import attrs

from trio_sip._errors import LocalProtocolError, RemoteProtocolError

from ._algorithm import AVAILABLE_ALGORITHMS, Algorithm, Qop, find_algorithm
from ._challenge import Challenge, DigestChallengeData
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


# Not frozen: one is made for each request that carries credentials.
@attrs.define(eq=False)
class _Asked:
    """The request, and what it is measured against."""

    method: str
    uri: str
    body: bytes
    data: Sequence[DigestChallengeData]
    algorithms: Sequence[str]
    qop: Sequence[str]
    nonces: Nonces
    source: str
    uri_check: UriCheck
    now: float


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
    uri_check: UriCheck = UriCheck.IGNORE,
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
    asked = _Asked(method, uri, body, data, algorithms, qop, nonces, source, uri_check, now)
    closest = AuthOutcome.NO_CREDENTIALS
    costly = 0
    for value in values:
        outcome = _verify_one(value, asked)
        if outcome is AuthOutcome.OK:
            return outcome
        closest = min(closest, outcome, key=_CLOSEST.index)
        costly += outcome in _COSTLY
        if costly == _MAX_COSTLY:
            break
    return closest


def _verify_one(value: str, asked: _Asked) -> AuthOutcome:
    try:
        given = Credentials.parse(value)
    except RemoteProtocolError:
        return AuthOutcome.MALFORMED if is_digest(value) else AuthOutcome.NO_CREDENTIALS
    algorithm = find_algorithm(given.algorithm)
    known, chosen, in_realm = False, None, False
    for one in asked.data:
        if one.realm != given.realm:
            continue
        in_realm = True
        if algorithm is None or not one.auth.can_answer(algorithm):
            continue
        if one.auth.username == given.username != "":
            known, chosen = True, one
            break
        # An unknown user is measured against somebody else's secret, and refused afterwards.
        chosen = chosen or one
    if not in_realm:
        return AuthOutcome.WRONG_REALM
    if algorithm is None or chosen is None or algorithm not in asked.algorithms:
        return AuthOutcome.UNSUPPORTED_ALGORITHM
    if given.qop not in asked.qop and (given.qop is not None or asked.qop):
        return AuthOutcome.BAD_QOP
    right = _is_right(given, algorithm, chosen, asked)
    if not known:
        return AuthOutcome.UNKNOWN_USER
    return _check_use(given, chosen, asked) if right else AuthOutcome.BAD_RESPONSE


def _is_right(
    given: Credentials, algorithm: Algorithm, data: DigestChallengeData, asked: _Asked
) -> bool:
    try:
        expected = compute_response(
            data.auth.ha1(data.realm, algorithm),
            algorithm,
            method=asked.method,
            uri=given.uri,
            nonce=given.nonce,
            qop=given.qop,
            nc=given.nc or "",
            cnonce=given.cnonce or "",
            body=asked.body,
        )
    except UnicodeEncodeError:
        # Half of a surrogate pair: no bytes from the network decode to it.
        return False
    return is_same_response(given.response, expected)


def _check_use(given: Credentials, data: DigestChallengeData, asked: _Asked) -> AuthOutcome:
    """What is left to find out once the digest is right: target, opaque, nonce and count."""
    if asked.uri_check is UriCheck.SAME_TARGET and not is_same_target(given.uri, asked.uri):
        return AuthOutcome.BAD_URI
    nonces, source, now = asked.nonces, asked.source, asked.now
    if given.opaque != (nonces.opaque(data.realm) if data.opaque is None else data.opaque):
        return AuthOutcome.BAD_NONCE
    # Without qop there is no count, so the nonce is good for one use.
    count = given.count if given.qop is not None else 1
    # The nonce is no secret to one who has just hashed it, so plain comparison will do.
    if data.nonce is not None and given.nonce == data.nonce:
        state = nonces.use_provided(given.nonce, count, now)
    else:
        state = nonces.check(given.nonce, data.realm, source, now)
        if state is NonceState.GOOD:
            state = nonces.use(given.nonce, count, data.realm, source, now)
    return _BY_STATE[state]


_BY_STATE = {
    NonceState.GOOD: AuthOutcome.OK,
    NonceState.STALE: AuthOutcome.STALE,
    NonceState.FOREIGN: AuthOutcome.BAD_NONCE,
    NonceState.REPLAYED: AuthOutcome.REPLAYED,
}


@functools.lru_cache(maxsize=64)
def _offered(names: tuple[str, ...]) -> tuple[Algorithm, ...]:
    """Each algorithm once, in order, as far as this Python can compute it."""
    wanted = dict.fromkeys(Algorithm(name) for name in names)
    return tuple(algorithm for algorithm in wanted if algorithm in AVAILABLE_ALGORITHMS)


def make_challenges(
    data: Sequence[DigestChallengeData],
    *,
    algorithms: Sequence[str],
    qop: Sequence[str] = (Qop.AUTH,),
    stale: bool = False,
    nonces: Nonces,
    source: str,
    now: float,
) -> list[Challenge]:
    """The challenges for a 401 or 407: one header field each, in this order.

    Per realm one for each algorithm that a secret can answer, the most preferred first
    (RFC 8760 section 2.4), never the same realm and algorithm twice.

    Args:
        algorithms: in order of preference.  Not every telephone bears more than one: old ones
            fail at any challenge list that does not begin with MD5, or is longer than that.
        stale: see `AuthOutcome.is_stale`.

    Raises:
        LocalProtocolError: none of the secrets can answer any of the algorithms.
    """
    by_realm: dict[str, list[DigestChallengeData]] = {}
    for one in data:
        by_realm.setdefault(one.realm, []).append(one)
    challenges: list[Challenge] = []
    for realm, candidates in by_realm.items():
        nonce = nonces.issue(realm, source, now)
        for algorithm in _offered(tuple(algorithms)):
            able = [one for one in candidates if one.auth.can_answer(algorithm)]
            if able:
                chosen = able[0]
                challenges.append(
                    Challenge(
                        realm=realm,
                        nonce=nonce if chosen.nonce is None else chosen.nonce,
                        algorithm=algorithm,
                        qop=tuple(qop),
                        opaque=nonces.opaque(realm) if chosen.opaque is None else chosen.opaque,
                        stale=stale,
                        domain=chosen.domain,
                    )
                )
    if not challenges:
        raise LocalProtocolError("no secret can answer any of the algorithms to be offered")
    return challenges
