"""The peer as the one who asks for passwords."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import trio

from trio_sip.auth import (
    AVAILABLE_ALGORITHMS,
    AuthOutcome,
    DigestChallengeData,
    Nonces,
    Qop,
    make_challenges,
    verify_credentials,
)

if TYPE_CHECKING:
    from ._peer_messages import PeerRequest

__all__ = ["PeerDigest"]

# Nobody attacks a peer, and a test's transcript shall be the same each time.
_KEY = b"the peer of a test: no secret"
_LIFETIME = 3600.0


class PeerDigest:
    """Challenges, and what comes back."""

    def __init__(self) -> None:
        self._nonces = Nonces(_KEY, lifetime=_LIFETIME, bind_to_source=False)
        self._qop: tuple[Qop, ...] = (Qop.AUTH,)

    def challenges(
        self,
        request: PeerRequest,
        data: DigestChallengeData,
        algorithms: Sequence[str],
        qop: Sequence[str],
        stale: bool,
    ) -> list[str]:
        """The values of WWW-Authenticate."""
        self._qop = tuple(Qop(one) for one in qop)
        made = make_challenges(
            [data],
            algorithms=algorithms,
            qop=self._qop,
            stale=stale,
            nonces=self._nonces,
            source=request.path.remote.host,
            now=trio.current_time(),
        )
        return [str(one) for one in made]

    def verify(self, request: PeerRequest, data: DigestChallengeData) -> AuthOutcome:
        """Whether the credentials of either kind are right."""
        message = request.message
        values = [
            *message.headers.get_all("Authorization"),
            *message.headers.get_all("Proxy-Authorization"),
        ]
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
