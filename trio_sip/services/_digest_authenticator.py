"""The authenticator of most servers: Digest, against secrets that are known by endpoint."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Sequence

from trio_sip.auth import DigestChallengeData, HashedSecret, PlainSecret
from trio_sip.stack import Endpoint, EndpointKind, IncomingRequest

from ._secrets import (
    RememberingSecret,
    SecretMapping,
    SecretStore,
    SecretTable,
    as_secret_store,
    as_secrets,
    stand_in_for,
)

__all__ = ["DigestAuthenticator"]

# Endpoints whose hashes are kept, about a kilobyte each.
_CAPACITY = 10_000

_SecretTuple = tuple[PlainSecret | HashedSecret, ...]

# An enumeration's member costs 150 ns to look up in CPython 3.11, a global 10.
_KNOWN = EndpointKind.KNOWN


class DigestAuthenticator:
    """Demands Digest credentials of every request, in one realm.

    A stranger is challenged like a user and measured against nobody's secret, so that neither
    the answer nor the work behind it tells whether a user exists.  (The first look at a user's
    password costs one hash more, once.)

    Example::

        open_stack(
            "udp://0.0.0.0:5060",
            identifiers=[IdentifyByUser({"alice": Endpoint(name="alice")})],
            authenticator=DigestAuthenticator(
                "example.com", {"alice": PlainSecret("alice", "wonderland")}
            ),
        )

    Args:
      realm: what users see when they are asked for the password, and part of every HA1.
      secrets: by the name of the endpoint, or a store that is asked each time.  The mapping may
        change: the next request is measured against the new secret.  A user may have several
        hashes, one for each algorithm; give all users the same ones, for who has others is
        challenged otherwise than a stranger.
      open_methods: methods that need no proof, not even from strangers who are identified.
      open_identifiers: names of identifiers whose word is proof enough, such as ``"ip"``.
      stand_in: what strangers are measured against, with empty usernames; needed only where a
        store holds hashes instead of passwords.

    Raises:
      LocalProtocolError: the realm is empty or holds control characters.
    """

    def __init__(
        self,
        realm: str,
        secrets: SecretMapping | SecretStore,
        *,
        open_methods: Collection[str] = frozenset(),
        open_identifiers: Collection[str] = frozenset({"anonymous"}),
        stand_in: Sequence[PlainSecret | HashedSecret] | None = None,
    ) -> None:
        self.realm = realm
        self._store = as_secret_store(secrets)
        self._open_methods = frozenset(open_methods)
        self._open_identifiers = frozenset(open_identifiers)
        self._stand_in = self._data_of(as_secrets(stand_in) or stand_in_for(secrets))
        # A plain dict would take long to find its first entry once many have been deleted there.
        self._known: OrderedDict[str, tuple[_SecretTuple, tuple[DigestChallengeData, ...]]]
        self._known = OrderedDict()

    def __repr__(self) -> str:
        return f"<DigestAuthenticator of {self.realm!r}>"

    async def requires_authentication(self, endpoint: Endpoint, request: IncomingRequest) -> bool:
        """Everything does, but the open methods and what came by an open identifier."""
        if request.method in self._open_methods:
            return False
        return request.identified_by not in self._open_identifiers

    async def authenticate_request(self, endpoint: Endpoint, request: IncomingRequest) -> bool:
        """Whether the credentials are those of *endpoint*."""
        return request.verify_digest(await self.get_authentication_credentials(endpoint))

    async def get_authentication_credentials(
        self, endpoint: Endpoint
    ) -> Sequence[DigestChallengeData]:
        """The secrets of *endpoint* in the realm; nobody's for those who have none."""
        if endpoint.kind is not _KNOWN:
            return self._stand_in
        store = self._store
        # Asked once or twice for each request, so nothing is awaited that is there already.
        if isinstance(store, SecretTable):
            secrets = as_secrets(store.mapping.get(endpoint.name))
        else:
            secrets = as_secrets(await store.secrets(endpoint))
        if not secrets:
            return self._stand_in
        known = self._known.get(endpoint.name)
        if known is not None and known[0] == secrets:
            return known[1]
        return self._learn(endpoint.name, secrets)

    def _learn(self, name: str, secrets: _SecretTuple) -> tuple[DigestChallengeData, ...]:
        if len(self._known) >= _CAPACITY:
            self._known.popitem(last=False)
        data = self._data_of(secrets)
        self._known[name] = secrets, data
        return data

    def _data_of(
        self, secrets: Sequence[PlainSecret | HashedSecret]
    ) -> tuple[DigestChallengeData, ...]:
        return tuple(
            DigestChallengeData(
                realm=self.realm,
                auth=RememberingSecret(one.username, one.password, encoding=one.encoding)
                if type(one) is PlainSecret
                else one,
            )
            for one in secrets
        )
