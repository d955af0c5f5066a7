"""Where an authenticator finds secrets, and what it makes of them."""

from __future__ import annotations

import collections
from collections.abc import Mapping, Sequence
from typing import Protocol

import attrs

from trio_sip.auth import NOBODY, Algorithm, HashedSecret, PlainSecret
from trio_sip.stack import Endpoint

__all__ = [
    "RememberingSecret",
    "SecretMapping",
    "SecretStore",
    "SecretTable",
    "Secrets",
    "as_secret_store",
    "as_secrets",
    "stand_in_for",
]

Secrets = PlainSecret | HashedSecret | Sequence[PlainSecret | HashedSecret]
"""One secret of a user, or several: a hash for each of several algorithms."""

SecretMapping = Mapping[str, Secrets]


# Made here once: "|" makes a new object each time.
_ONE_SECRET = (PlainSecret, HashedSecret)


class SecretStore(Protocol):
    """The secrets of endpoints, wherever they are kept."""

    async def secrets(self, endpoint: Endpoint) -> Secrets | None:
        """The secrets of *endpoint*; ``None``, or an empty sequence, if it has none.

        An exception is neither: the request is answered 500.
        """


class SecretTable:
    """A store for secrets that are in memory.  Its mapping need not be waited for."""

    def __init__(self, mapping: SecretMapping) -> None:
        self.mapping = mapping

    async def secrets(self, endpoint: Endpoint) -> Secrets | None:
        """See `SecretStore.secrets`."""
        return self.mapping.get(endpoint.name)


def as_secret_store(secrets: SecretMapping | SecretStore) -> SecretStore:
    """Whatever was given, as a store.  A mapping is not copied: passwords may change."""
    return SecretTable(secrets) if isinstance(secrets, Mapping) else secrets


def as_secrets(found: Secrets | None) -> tuple[PlainSecret | HashedSecret, ...]:
    """Whatever a store gave, as a tuple."""
    if isinstance(found, _ONE_SECRET):
        return (found,)
    return () if found is None else tuple(found)


def stand_in_for(secrets: SecretMapping | SecretStore) -> tuple[PlainSecret | HashedSecret, ...]:
    """What strangers are measured against: nobody's, and of the kind that most users have.

    Challenges are made from it, and must look like those to the users.
    """
    if not isinstance(secrets, Mapping):
        return (NOBODY,)
    kinds = collections.Counter(
        tuple(one.algorithm if isinstance(one, HashedSecret) else None for one in as_secrets(found))
        for found in secrets.values()
    )
    del kinds[()]
    if not kinds:
        return (NOBODY,)
    (kind, _), *_ = kinds.most_common(1)
    return tuple(NOBODY if one is None else _hash_of_nobody(one) for one in kind)


def _hash_of_nobody(algorithm: Algorithm) -> HashedSecret:
    return HashedSecret("", algorithm, "0" * algorithm.hex_digits)


@attrs.frozen
class RememberingSecret(PlainSecret):
    """A password that is hashed once for each algorithm, not once for each request.

    For one realm only: whoever makes it asks for no other.
    """

    _hashes: dict[Algorithm, str] = attrs.field(
        factory=dict, repr=False, eq=False, init=False, kw_only=True
    )

    def ha1(self, realm: str, algorithm: Algorithm) -> str:
        """The hash, computed when it is first asked for."""
        found = self._hashes.get(algorithm)
        if found is None:
            found = self._hashes[algorithm] = PlainSecret.ha1(self, realm, algorithm)
        return found
