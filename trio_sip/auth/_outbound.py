"""A client's side: which challenges to answer, with which secret, and when to stop.

The rules, each against something that has happened to somebody:

* A credential answers its own realm only, and only the next hops it is pinned to.  A peer that
  challenges a BYE with a realm of its choice gets nothing (a leaked digest can be cracked at
  leisure).  A credential for any realm must be pinned.
* A realm that challenges again without ``stale=true`` after an answer has refused the secret.
  With ``stale=true`` it gets three more tries, and a request ten in all.
* An algorithm that is not allowed is not answered, even if it is the only one on offer.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import attrs

from trio_sip._errors import AuthenticationRejected, LocalProtocolError, RemoteProtocolError

from ._algorithm import AVAILABLE_ALGORITHMS, Algorithm, Qop
from ._challenge import Challenge, OtherChallenge, parse_challenge
from ._credentials import Credentials
from ._digest import compute_response
from ._params import parse_digest_untrusted
from ._secret import HashedSecret, PlainSecret

if TYPE_CHECKING:
    from trio_sip.message import Response

_MAX_STALE = 3
_MAX_REJECTIONS = 10  # Asterisk's and pjsip's limit.
_MAX_HOPS = 256
_MAX_SESSIONS = 8  # Realms remembered per next hop.


def _to_hops(hops: Iterable[str]) -> frozenset[str]:
    return frozenset(hop.lower() for hop in hops)


def _to_secrets(
    secrets: PlainSecret | HashedSecret | Iterable[PlainSecret | HashedSecret],
) -> tuple[PlainSecret | HashedSecret, ...]:
    return (secrets,) if isinstance(secrets, PlainSecret | HashedSecret) else tuple(secrets)


@attrs.frozen
class OutboundCredential:
    """A secret, and whom it may be shown to.

    Raises:
        LocalProtocolError: for any realm and any next hop; a hash without its realm; no secret.
    """

    secrets: tuple[PlainSecret | HashedSecret, ...] = attrs.field(converter=_to_secrets)
    """One secret, or one hash for each of several algorithms."""

    realm: str | None = attrs.field(default=None, kw_only=True)
    """The realm it belongs to, in whatever case; None is any realm of the next hops."""

    next_hops: frozenset[str] = attrs.field(default=(), converter=_to_hops, kw_only=True)
    """The hosts that requests with it may be sent to; empty is any host."""

    def __attrs_post_init__(self) -> None:
        if not self.secrets:
            raise LocalProtocolError("a credential needs a secret")
        if self.realm is None and not self.next_hops:
            raise LocalProtocolError("a credential for any realm must name its next hops")
        if self.realm is None and any(isinstance(s, HashedSecret) for s in self.secrets):
            raise LocalProtocolError("a hashed secret belongs to one realm: name it")

    def is_for(self, next_hop: str) -> bool:
        """Whether a request that goes to this host may carry the credential."""
        return not self.next_hops or next_hop.lower() in self.next_hops


class ChallengeSource(enum.Enum):
    """Who challenges: the server at the end of the way, or a proxy on it."""

    SERVER = "Authorization"
    PROXY = "Proxy-Authorization"


@attrs.frozen
class AuthenticationHeader:
    """A header field to put into the request."""

    name: str
    value: str = attrs.field(repr=False)


@attrs.define(eq=False)
class _Session:
    """A nonce in use: the challenge it came with, the secret, and how often it was used."""

    challenge: Challenge
    algorithm: Algorithm
    qop: Qop | None
    secret: PlainSecret | HashedSecret
    nonce: str
    count: int = 0
    cnonce: str | None = None

    def answer(self, method: str, uri: str, body: bytes, cnonce: str) -> str:
        if self.algorithm.is_session and self.cnonce is not None:
            # RFC 7616 section 3.4.2: a session hash is made with the first cnonce.  Keeping it
            # makes us right both for servers that know this and for those that do not.
            cnonce = self.cnonce
        self.cnonce = cnonce
        self.count += 1
        nc = f"{self.count:08x}"
        has_count = self.qop is not None
        challenge = self.challenge
        response = compute_response(
            self.secret.ha1(challenge.realm, self.algorithm),
            self.algorithm,
            method=method,
            uri=uri,
            nonce=self.nonce,
            qop=self.qop,
            nc=nc,
            cnonce=cnonce,
            body=body,
        )
        return str(
            Credentials(
                username=self.secret.username,
                realm=challenge.realm,
                nonce=self.nonce,
                uri=uri,
                response=response,
                algorithm=challenge.algorithm,
                qop=self.qop,
                nc=nc if has_count else None,
                # Without qop a session hash still needs the server to know the cnonce.
                cnonce=cnonce if has_count or self.algorithm.is_session else None,
                opaque=challenge.opaque,
            )
        )


_Key = tuple[ChallengeSource, str]


class OutboundAuthenticator:
    """Answers challenges with the credentials of an account, and remembers the nonces.

    Args:
        credentials: what may be shown to whom.
        algorithms: those that may be answered.  Leaving out MD5 makes us fail rather than be
            talked down to it; the order does not matter, the server's does (RFC 8760
            section 2.4).
    """

    def __init__(
        self,
        credentials: Sequence[OutboundCredential],
        *,
        algorithms: Iterable[str] = AVAILABLE_ALGORITHMS,
    ) -> None:
        self._credentials = tuple(credentials)
        self._algorithms = frozenset(Algorithm(name) for name in algorithms)
        self._sessions: dict[str, dict[_Key, _Session]] = {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} with {len(self._credentials)} credentials>"

    def start_attempt(self, next_hop: str) -> AuthenticationAttempt:
        """For one request, with all its retries.  ``next_hop`` is the host it is sent to."""
        return AuthenticationAttempt(self, next_hop.lower())

    def receive_authentication_info(
        self, value: str, next_hop: str, source: ChallengeSource = ChallengeSource.SERVER
    ) -> None:
        """Take note of the ``nextnonce`` in an Authentication-Info of a 2xx.

        RFC 7616 section 3.5.  The header names no realm, so it is taken at its word only where
        one realm is remembered.  What cannot be read is passed over: the old nonce still works.
        """
        sessions = self._sessions.get(next_hop.lower(), {})
        found = [session for (kind, _), session in sessions.items() if kind is source]
        try:
            nonce = parse_digest_untrusted(f"Digest {value}").get("nextnonce")
        except RemoteProtocolError:
            return
        if nonce and len(found) == 1 and nonce != found[0].nonce:
            found[0].nonce = nonce
            found[0].count = 0
            found[0].cnonce = None

    def _remembered(self, next_hop: str) -> dict[_Key, _Session]:
        return dict(self._sessions.get(next_hop, {}))

    def _remember(self, next_hop: str, key: _Key, session: _Session) -> None:
        if next_hop not in self._sessions and len(self._sessions) >= _MAX_HOPS:
            del self._sessions[next(iter(self._sessions))]
        sessions = self._sessions.setdefault(next_hop, {})
        sessions.pop(key, None)
        if len(sessions) >= _MAX_SESSIONS:
            del sessions[next(iter(sessions))]
        sessions[key] = session

    def _forget(self, next_hop: str, key: _Key, session: _Session | None) -> None:
        # Another request may have opened a newer session in the meantime: leave that alone.
        sessions = self._sessions.get(next_hop, {})
        if session is not None and sessions.get(key) is session:
            del sessions[key]

    def _credentials_for(self, realm: str, next_hop: str) -> list[OutboundCredential]:
        """Those for exactly this realm, then those for any."""
        allowed = [c for c in self._credentials if c.is_for(next_hop)]
        # A server compares realms exactly, a client is forgiving about case: the realm was
        # typed in by somebody who read it somewhere.
        exact = [c for c in allowed if c.realm is not None and c.realm.lower() == realm.lower()]
        return exact + [c for c in allowed if c.realm is None]

    def _open_session(self, challenge: Challenge, next_hop: str) -> _Session | str:
        """A session that answers the challenge, or why there is none."""
        algorithm = challenge.algorithm or Algorithm.MD5
        if not isinstance(algorithm, Algorithm):
            return f"unknown algorithm {algorithm[:40]}"
        if algorithm not in self._algorithms:
            return f"algorithm {algorithm} is not allowed"
        # RFC 3261 section 22.4: "auth" before "auth-int", and neither if none is offered.
        qop = next((option for option in Qop if option in challenge.qop), None)
        if challenge.qop and qop is None:
            return f"unknown qop {','.join(challenge.qop)[:40]}"
        credentials = self._credentials_for(challenge.realm, next_hop)
        if not credentials:
            return f"no credential for realm {challenge.realm!r} at {next_hop}"
        for credential in credentials:
            for secret in credential.secrets:
                if secret.can_answer(algorithm):
                    return _Session(challenge, algorithm, qop, secret, challenge.nonce)
        return f"no secret for {algorithm} in realm {challenge.realm!r}"


class AuthenticationAttempt:
    """The authentication of one request: made for it, given each of its 401s and 407s."""

    def __init__(self, authenticator: OutboundAuthenticator, next_hop: str) -> None:
        self._authenticator = authenticator
        self._next_hop = next_hop
        # What the next request will carry.  At first that is whatever worked the last time.
        self._sessions = authenticator._remembered(next_hop)
        self._sent: set[_Key] = set()
        self._answered: set[_Key] = set()
        self._stale: dict[_Key, int] = {}
        self._rejections = 0

    def headers(
        self, *, method: str, uri: str, body: bytes = b"", cnonce: str
    ) -> list[AuthenticationHeader]:
        """The header fields for the request as it is sent next, the first time included.

        Each call uses up a nonce count, so call it once per transmission that is a new
        transaction, not for retransmissions.  They replace those of the call before.

        Args:
            uri: the Request-URI as it will be written.
            cnonce: a random token, new for each call; it goes out in quotes.
        """
        self._sent.update(self._sessions)
        return [
            AuthenticationHeader(source.value, session.answer(method, uri, body, cnonce))
            for (source, _), session in self._sessions.items()
        ]

    def receive_rejection(
        self,
        status: int,
        *,
        server_challenges: Sequence[str] = (),
        proxy_challenges: Sequence[str] = (),
        response: Response | None = None,
    ) -> None:
        """Take the challenges of a 401 or 407; then send again, with `headers`.

        Both kinds may come in one response, because a proxy that forked puts together what it
        got from all sides (RFC 3261 section 16.7).

        Args:
            server_challenges: the WWW-Authenticate values, in order.
            proxy_challenges: the Proxy-Authenticate values, in order.
            response: for the error.

        Raises:
            AuthenticationRejected: there is nothing new to send; it says why for each realm.
        """
        self._rejections += 1
        if self._rejections > _MAX_REJECTIONS:
            raise AuthenticationRejected(status, "challenged too often", response)
        reasons: list[str] = []
        progress = self._take(ChallengeSource.SERVER, server_challenges, reasons)
        progress |= self._take(ChallengeSource.PROXY, proxy_challenges, reasons)
        if not progress:
            why = "; ".join(dict.fromkeys(reasons)) or "challenged without a challenge"
            raise AuthenticationRejected(status, why, response)

    def _take(self, source: ChallengeSource, values: Sequence[str], reasons: list[str]) -> bool:
        """Open a session for each realm that can be answered; whether there was any."""
        by_realm: dict[str, list[Challenge]] = {}
        for value in values:
            try:
                challenge = parse_challenge(value)
            except RemoteProtocolError as error:
                reasons.append(f"unreadable challenge: {error}")
                continue
            if isinstance(challenge, OtherChallenge):
                reasons.append(f"unknown scheme {challenge.scheme[:40]}")
            else:
                by_realm.setdefault(challenge.realm.lower(), []).append(challenge)
        opened = [
            self._answer_realm((source, realm), challenges, reasons)
            for realm, challenges in by_realm.items()
        ]
        return any(opened)

    def _answer_realm(self, key: _Key, challenges: list[Challenge], reasons: list[str]) -> bool:
        """Answer the first challenge of a realm that we can, if the realm deserves an answer."""
        before = self._sessions.pop(key, None)
        self._authenticator._forget(self._next_hop, key, before)
        for challenge in challenges:
            session = self._authenticator._open_session(challenge, self._next_hop)
            if isinstance(session, str):
                reasons.append(session)
                continue
            if not self._may_answer(key, challenge, before):
                reasons.append(f"realm {challenge.realm!r} does not accept the credential")
                return False
            self._answered.add(key)
            self._sessions[key] = session
            self._authenticator._remember(self._next_hop, key, session)
            return True
        return False

    def _may_answer(self, key: _Key, challenge: Challenge, before: _Session | None) -> bool:
        if challenge.stale:
            self._stale[key] = self._stale.get(key, 0) + 1
            return self._stale[key] <= _MAX_STALE
        if before is not None and before.nonce == challenge.nonce and key in self._sent:
            # The very nonce we have just used, and not a word of it being stale.
            return False
        # A nonce remembered from an earlier request may be refused without "stale": not every
        # server says it.  So what counts is whether this attempt has answered before.
        return key not in self._answered
