"""The hash functions of Digest: RFC 7616 and, for SIP, RFC 8760."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Callable
from typing import NoReturn

from trio_sip._errors import LocalProtocolError


class Algorithm(enum.StrEnum):
    """A Digest algorithm, spelled as it is on the wire.

    A ``-sess`` algorithm mixes the nonces into the hash of the password once more; the secret
    behind it is that of the plain one, see `base`.
    """

    # CPython 3.11 would hash members in Python, by name; these are equal to their texts.
    __hash__ = str.__hash__

    MD5 = "MD5"
    MD5_SESS = "MD5-sess"
    SHA_256 = "SHA-256"
    SHA_256_SESS = "SHA-256-sess"
    SHA_512_256 = "SHA-512-256"
    SHA_512_256_SESS = "SHA-512-256-sess"

    @classmethod
    def _missing_(cls, value: object) -> NoReturn:
        raise LocalProtocolError(f"no such digest algorithm: {value!r}")

    @property
    def is_session(self) -> bool:
        """Whether this is one of the ``-sess`` algorithms."""
        return self in _SESSIONS

    @property
    def base(self) -> Algorithm:
        """The algorithm without ``-sess``: the hash function itself."""
        return _BASES[self]

    @property
    def hex_digits(self) -> int:
        """How many hexadecimal digits a hash of this algorithm has."""
        return 32 if self.base is Algorithm.MD5 else 64


_BASES = {a: Algorithm(a.value.removesuffix("-sess")) for a in Algorithm}
_SESSIONS = frozenset(a for a in Algorithm if _BASES[a] is not a)


class Qop(enum.StrEnum):
    """The quality of protection: what a digest covers besides method and URI."""

    __hash__ = str.__hash__

    AUTH = "auth"
    AUTH_INT = "auth-int"
    """The body too."""


HashFunction = Callable[[bytes], str]


def _sha512_256() -> HashFunction | None:
    # It is a hash of its own (other starting values), not a shortened SHA-512, and the
    # standard library has it from OpenSSL only.  An OpenSSL cut down to the approved minimum
    # may lack it; then the algorithm is neither offered nor answered.
    try:
        empty = hashlib.new("sha512_256")
    except ValueError:  # pragma: no cover (depends on how OpenSSL was built)
        return None

    def sha512_256(data: bytes) -> str:
        # Copying an empty hash is half the price of looking it up by name.
        state = empty.copy()
        state.update(data)
        return state.hexdigest()

    return sha512_256


# A system in FIPS mode lets MD5 through only for those who say that it is no security.
def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data, usedforsecurity=False).hexdigest()


def _functions() -> dict[Algorithm, HashFunction]:
    known: dict[Algorithm, HashFunction | None] = {
        Algorithm.MD5: _md5,
        Algorithm.SHA_256: _sha256,
        Algorithm.SHA_512_256: _sha512_256(),
    }
    return {a: f for a in Algorithm if (f := known[a.base]) is not None}


_FUNCTIONS = _functions()
_MD5 = Algorithm.MD5
_BY_NAME = {a.value: a for a in Algorithm} | {a.value.lower(): a for a in Algorithm}

AVAILABLE_ALGORITHMS = frozenset(_FUNCTIONS)
"""What can be computed here: all of `Algorithm`, except where OpenSSL has no SHA-512/256."""


def hash_function(algorithm: Algorithm) -> HashFunction:
    """The function from bytes to lower-case hexadecimal digits."""
    function = _FUNCTIONS.get(algorithm)
    if function is None:
        raise LocalProtocolError(f"the OpenSSL of this Python cannot compute {algorithm}")
    return function


def find_algorithm(name: str | None) -> Algorithm | None:
    """The algorithm a peer named, in whatever case; None if we cannot compute it.

    A peer that names none means MD5: RFC 7616 section 3.3.
    """
    if name is None:
        return _MD5
    algorithm = _BY_NAME.get(name) or _BY_NAME.get(name.lower())
    return algorithm if algorithm in _FUNCTIONS else None
