"""A server's other question: what to ask for, where the credentials are missing or wrong?"""

from __future__ import annotations

import functools
from collections.abc import Sequence

from trio_sip._errors import LocalProtocolError

from ._algorithm import AVAILABLE_ALGORITHMS, Algorithm, Qop
from ._challenge import Challenge, DigestChallengeData
from ._nonce import Nonces


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
    offered = _offered(tuple(algorithms))
    challenges: list[Challenge] = []
    for realm in dict.fromkeys([one.realm for one in data]):
        nonce = nonces.issue(realm, source, now)
        for algorithm in offered:
            chosen = _first_able(data, realm, algorithm)
            if chosen is not None:
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


def _first_able(
    data: Sequence[DigestChallengeData], realm: str, algorithm: Algorithm
) -> DigestChallengeData | None:
    for one in data:
        if one.realm == realm and one.auth.can_answer(algorithm):
            return one
    return None
