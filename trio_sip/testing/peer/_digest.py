"""The peer as the one who asks for passwords."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import trio

from trio_sip._errors import RemoteProtocolError
from trio_sip.auth import (
    AVAILABLE_ALGORITHMS,
    Algorithm,
    AuthOutcome,
    Challenge,
    Credentials,
    DigestChallengeData,
    HashedSecret,
    Nonces,
    PlainSecret,
    Qop,
    make_challenges,
    verify_credentials,
)

from ._aka import AKA, AkaSecret, asked, resynchronised

if TYPE_CHECKING:
    from ._messages import PeerRequest

__all__ = ["PeerDigest"]

# Nobody attacks a peer, and a test's transcript shall be the same each time.
_KEY = b"the peer of a test: no secret"
_LIFETIME = 3600.0
_AUTS = re.compile(r'[,\s]auts="?([A-Za-z0-9+/=]+)"?')


class PeerDigest:
    """Challenges, and what comes back."""

    def __init__(self) -> None:
        self._nonces = Nonces(_KEY, lifetime=_LIFETIME, bind_to_source=False)
        self._qop: tuple[Qop, ...] = (Qop.AUTH,)
        # What answers each nonce of AKA, and where each subscriber's numbers are.
        self._passwords: dict[str, str] = {}
        self._numbers: dict[AkaSecret, int] = {}

    def challenges(
        self,
        request: PeerRequest,
        realm: str,
        secret: PlainSecret | HashedSecret | AkaSecret,
        algorithms: Sequence[str],
        qop: Sequence[str],
        stale: bool,
    ) -> list[str]:
        """The values of WWW-Authenticate."""
        self._qop = tuple(Qop(one) for one in qop)
        if isinstance(secret, AkaSecret):
            return [self._asks_the_card(request, realm, secret, stale)]
        made = make_challenges(
            [DigestChallengeData(realm=realm, auth=secret)],
            algorithms=algorithms,
            qop=self._qop,
            stale=stale,
            nonces=self._nonces,
            source=request.path.remote.host,
            now=trio.current_time(),
        )
        return [str(one) for one in made]

    def _asks_the_card(
        self, request: PeerRequest, realm: str, secret: AkaSecret, stale: bool
    ) -> str:
        number = self._numbers.get(secret, secret.sqn) + 1
        rand = hashlib.sha256(request.peer.token().encode()).digest()[:16]
        nonce, password = asked(secret, number, rand)
        self._numbers[secret] = number
        self._passwords[nonce] = password
        made = Challenge(realm=realm, nonce=nonce, algorithm=AKA, qop=self._qop, stale=stale)
        return str(made)

    def verify(
        self, request: PeerRequest, realm: str, secret: PlainSecret | HashedSecret | AkaSecret
    ) -> AuthOutcome:
        """Whether the credentials of either kind are right."""
        message = request.message
        values = [
            *message.headers.get_all("Authorization"),
            *message.headers.get_all("Proxy-Authorization"),
        ]
        if isinstance(secret, AkaSecret):
            return self._check_the_card(request, realm, secret, values)
        return self._verified(request, values, DigestChallengeData(realm=realm, auth=secret))

    def _check_the_card(
        self, request: PeerRequest, realm: str, secret: AkaSecret, values: Sequence[str]
    ) -> AuthOutcome:
        closest = AuthOutcome.NO_CREDENTIALS
        for value in values:
            try:
                given = Credentials.parse(value)
            except RemoteProtocolError:
                continue
            if given.algorithm != AKA:
                closest = AuthOutcome.UNSUPPORTED_ALGORITHM
                continue
            password = self._passwords.get(given.nonce)
            if password is None:
                closest = AuthOutcome.BAD_NONCE
                continue
            auts = _AUTS.search(value)
            plain = PlainSecret(secret.username, password if auts is None else "")
            # RFC 3310 section 3.4: it is Digest with MD5, RES being the password.
            given.algorithm = Algorithm.MD5
            data = DigestChallengeData(
                realm=realm, auth=plain, nonce=given.nonce, opaque=given.opaque or ""
            )
            if given.opaque is None:
                given.opaque = ""
            outcome = self._verified(request, [str(given)], data)
            if outcome is AuthOutcome.OK and auts is not None:
                outcome = self._synchronise(secret, given.nonce, auts[1])
            return outcome
        return closest

    def _synchronise(self, secret: AkaSecret, nonce: str, auts: str) -> AuthOutcome:
        number = resynchronised(secret, nonce, auts)
        if number is None:
            return AuthOutcome.BAD_RESPONSE
        self._numbers[secret] = number
        return AuthOutcome.STALE

    def _verified(
        self, request: PeerRequest, values: Sequence[str], data: DigestChallengeData
    ) -> AuthOutcome:
        message = request.message
        return verify_credentials(
            values,
            method=message.method,
            uri=message.target,
            body=message.body,
            data=[data],
            algorithms=tuple(AVAILABLE_ALGORITHMS),
            qop=self._qop,
            nonces=self._nonces,
            source=request.path.remote.host,
            now=trio.current_time(),
        )
