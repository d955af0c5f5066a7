"""Digest authentication, both sides, without any I/O: RFC 3261 section 22, RFC 7616, RFC 8760.

A server calls `make_challenges` for its 401 and `verify_credentials` for what comes back.  A
client hands challenges to an `OutboundAuthenticator`.  Everything works on the text of header
values; time and random tokens are arguments.
"""

from __future__ import annotations

from ._algorithm import AVAILABLE_ALGORITHMS, Algorithm, Qop, find_algorithm
from ._challenge import Challenge, DigestChallengeData, OtherChallenge, parse_challenge
from ._credentials import Credentials
from ._digest import compute_ha1, compute_response
from ._nonce import Nonces, NonceState, NonceStatistics
from ._offer import make_challenges
from ._outbound import (
    AuthenticationAttempt,
    AuthenticationHeader,
    ChallengeSource,
    OutboundAuthenticator,
    OutboundCredential,
)
from ._secret import NOBODY, HashedSecret, PlainSecret
from ._verify import AuthOutcome, UriCheck, verify_credentials

__all__ = [
    "AVAILABLE_ALGORITHMS",
    "NOBODY",
    "Algorithm",
    "AuthOutcome",
    "AuthenticationAttempt",
    "AuthenticationHeader",
    "Challenge",
    "ChallengeSource",
    "Credentials",
    "DigestChallengeData",
    "HashedSecret",
    "NonceState",
    "NonceStatistics",
    "Nonces",
    "OtherChallenge",
    "OutboundAuthenticator",
    "OutboundCredential",
    "PlainSecret",
    "Qop",
    "UriCheck",
    "compute_ha1",
    "compute_response",
    "find_algorithm",
    "make_challenges",
    "parse_challenge",
    "verify_credentials",
]
