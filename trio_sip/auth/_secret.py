"""What proves who a user is: a password, or a hash of it."""

from __future__ import annotations

import attrs

from trio_sip._errors import LocalProtocolError

from ._algorithm import Algorithm
from ._digest import compute_ha1

_HEX_DIGITS = "0123456789abcdefABCDEF"


@attrs.frozen
class PlainSecret:
    """A username and a password.  It can answer every algorithm."""

    username: str
    """As on the wire, ``alice`` or ``alice@example.com``; an empty one matches nobody."""

    password: str = attrs.field(repr=False)
    """Any text."""

    encoding: str = attrs.field(default="utf-8", kw_only=True)
    """How the text becomes bytes before it is hashed; ``latin-1`` for some old equipment."""

    def can_answer(self, algorithm: Algorithm) -> bool:
        """Always true: a password can be hashed in every way."""
        return True

    def ha1(self, realm: str, algorithm: Algorithm) -> str:
        """The hash of username, realm and password, in hexadecimal digits."""
        return compute_ha1(self.username, realm, self.password, algorithm, self.encoding)


def _to_plain_algorithm(name: str) -> Algorithm:
    algorithm = Algorithm(name)
    if algorithm.is_session:
        # What is stored is the same hash for both, so there is one way to say it.
        raise LocalProtocolError(f"name the hash itself, {algorithm.base}, not {name}")
    return algorithm


def _to_lower(text: str) -> str:
    return text.lower()


@attrs.frozen
class HashedSecret:
    """A username and the hash HA1 of username, realm *and* password.

    The realm is part of the hash, so the hash is of use in that realm only; and a hash of one
    algorithm answers no other (except its own ``-sess``, which starts from the same hash).
    Whoever has the hash can log in with it: store it as carefully as a password.

    Raises:
        LocalProtocolError: unknown algorithm, or a hash of the wrong length or not hexadecimal.
    """

    username: str
    algorithm: Algorithm = attrs.field(converter=_to_plain_algorithm)
    """Which hash it is; its name as text will do: ``"MD5"``."""

    _ha1: str = attrs.field(repr=False, converter=_to_lower)

    def __attrs_post_init__(self) -> None:
        wanted = self.algorithm.hex_digits
        if len(self._ha1) != wanted or self._ha1.strip(_HEX_DIGITS):
            raise LocalProtocolError(f"HA1 of {self.algorithm} is {wanted} hexadecimal digits")

    def can_answer(self, algorithm: Algorithm) -> bool:
        """Whether the hash is of this algorithm, ``-sess`` or not."""
        return algorithm.base is self.algorithm

    def ha1(self, realm: str, algorithm: Algorithm) -> str:
        """The stored hash, which was made for one realm: ``realm`` changes nothing."""
        return self._ha1


Secret = PlainSecret | HashedSecret

NOBODY = PlainSecret(username="", password="")
"""The secret of a user that does not exist: challenged like anybody, true for nobody.

Verification never accepts the empty username, so no guess can hit it, and it does the same
work as for a wrong password, so that a clock does not tell the two apart.  (Where the users have
stored hashes, let a `HashedSecret` with an empty username stand in: there a password would be
one hash more work.)
"""
