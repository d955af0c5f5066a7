"""Authentication: the authenticator's three questions, and the stage that asks them."""

from __future__ import annotations

import enum
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from trio_sip._errors import LocalProtocolError
from trio_sip.auth import (
    AuthOutcome,
    DigestChallengeData,
    Nonces,
    make_challenges,
    verify_credentials,
)

from ._endpoint import Endpoint, EndpointKind
from ._identify import Identification
from ._incoming import AnswerState, IncomingRequest
from ._security import SecurityEvent, SecurityEventKind, SecurityEvents
from ._service import Service, ServicePriority

__all__ = ["Authentication", "Authenticator", "CheckAuthResult"]

_logger = logging.getLogger("trio_sip.stack")

# An enumeration's member costs 150 ns to look up in CPython 3.11, a global 10.
_KNOWN, _ARTIFICIAL = EndpointKind.KNOWN, EndpointKind.ARTIFICIAL

# RFC 3261 section 22.1: an ACK and a CANCEL cannot be sent again with credentials.
_NEVER_CHALLENGED = frozenset({"ACK", "CANCEL"})


class CheckAuthResult(enum.Enum):
    """What `Stack.check_authentication` found."""

    CHALLENGE_SENT = "challenge sent"
    """No credentials, or the right ones with an old nonce: a 401 asks for them."""

    SUCCESS = "success"
    FAILED = "failed"
    """Credentials were there, and wrong.  A 401 was sent, too, or a 403 if none could be."""

    NOT_REQUIRED = "not required"


_SUCCESS, _NOT_REQUIRED = CheckAuthResult.SUCCESS, CheckAuthResult.NOT_REQUIRED
_AUTHENTICATED = SecurityEventKind.AUTHENTICATED
_CHALLENGE_SENT = SecurityEventKind.CHALLENGE_SENT
_NO_CREDENTIALS = AuthOutcome.NO_CREDENTIALS


class Authenticator(Protocol):
    """Decides who has to prove what, and knows the secrets.

    The hooks are async, so that looking something up holds up only the conversation it is for.
    They are also called with the artificial endpoint: answer as for a known one, with the same
    realm and any secret.  The stack never lets it pass.
    """

    async def requires_authentication(self, endpoint: Endpoint, request: IncomingRequest) -> bool:
        """Whether *request* must prove that it comes from *endpoint*.  Not asked about ACKs."""

    async def authenticate_request(self, endpoint: Endpoint, request: IncomingRequest) -> bool:
        """Whether it does; see `IncomingRequest.verify_digest`."""

    async def get_authentication_credentials(
        self, endpoint: Endpoint
    ) -> DigestChallengeData | Sequence[DigestChallengeData]:
        """What a challenge to *endpoint* is made of."""


class Authentication(Service):
    """The stage behind which every request has proved what it had to prove."""

    name = "authenticate"
    priority: int = ServicePriority.AUTHENTICATE

    def __init__(
        self,
        identification: Identification,
        events: SecurityEvents,
        now: Callable[[], float],
        *,
        algorithms: Sequence[str],
        nonce_lifetime: float,
        secret: bytes,
    ) -> None:
        self._identification = identification
        self._events = events
        self._now = now
        self._algorithms = tuple(algorithms)
        self._nonces = Nonces(secret, lifetime=nonce_lifetime)
        self._warned = False
        self.authenticator: Authenticator | None = None

    def install(self, authenticator: Authenticator) -> Callable[[], None]:
        """Ask *authenticator* from now on; the result puts back whom it has replaced."""
        replaced, self.authenticator = self.authenticator, authenticator

        def put_back() -> None:
            if self.authenticator is authenticator:
                self.authenticator = replaced

        return put_back

    # -- the page's functions

    async def requires_authentication(self, endpoint: Endpoint, request: IncomingRequest) -> bool:
        """Ask the authenticator; without one nothing is required, which is said once."""
        return await self._requires(self.authenticator, endpoint, request)

    async def authenticate(self, endpoint: Endpoint, request: IncomingRequest) -> bool:
        """Ask the authenticator; without one everybody is whom they say, but the unknown."""
        if self.authenticator is None:
            return endpoint.kind is not _ARTIFICIAL
        return await _proves(self.authenticator, endpoint, request)

    async def credentials(self, endpoint: Endpoint) -> Sequence[DigestChallengeData]:
        """Ask the authenticator."""
        if self.authenticator is None:
            raise LocalProtocolError("no authenticator is registered")
        return _several(await self.authenticator.get_authentication_credentials(endpoint))

    async def check(self, endpoint: Endpoint, request: IncomingRequest) -> CheckAuthResult:
        """All three steps; every request that does not pass is answered."""
        # The same authenticator for all of them: one that is unregistered while it waits for its
        # database must not turn "has to prove it" into "nobody asked".
        authenticator = self.authenticator
        required = await self._requires(authenticator, endpoint, request)
        if authenticator is None or not required:
            if endpoint.kind is _ARTIFICIAL and authenticator is None:
                _turn_away(request, 403)
                self._tell(SecurityEventKind.AUTHENTICATION_FAILED, endpoint, request)
                return CheckAuthResult.FAILED
            return _NOT_REQUIRED
        if await _proves(authenticator, endpoint, request):
            if self._events.wanted(_AUTHENTICATED):
                self._tell(_AUTHENTICATED, endpoint, request)
            return _SUCCESS
        outcome = request.auth_outcome or _guess(request)
        data = await authenticator.get_authentication_credentials(endpoint)
        self.challenge(request, data, stale=outcome.is_stale)
        if outcome is _NO_CREDENTIALS or outcome.is_stale:
            if self._events.wanted(_CHALLENGE_SENT):
                self._tell(_CHALLENGE_SENT, endpoint, request, outcome)
            return CheckAuthResult.CHALLENGE_SENT
        self._tell(SecurityEventKind.AUTHENTICATION_FAILED, endpoint, request, outcome)
        return CheckAuthResult.FAILED

    async def _requires(
        self, authenticator: Authenticator | None, endpoint: Endpoint, request: IncomingRequest
    ) -> bool:
        if request.method in _NEVER_CHALLENGED:
            return False
        if authenticator is None:
            if endpoint.kind is _KNOWN and not self._warned:
                self._warned = True
                _logger.warning("no authenticator: requests of known endpoints pass unproved")
            return False
        # The unknown are asked about, too, so that the answer takes as long as for the known;
        # but whatever it is, they never pass.
        required = await authenticator.requires_authentication(endpoint, request)
        return required or endpoint.kind is _ARTIFICIAL

    def challenge(
        self,
        request: IncomingRequest,
        data: DigestChallengeData | Sequence[DigestChallengeData],
        *,
        status: int = 401,
        stale: bool = False,
    ) -> None:
        """Answer with a challenge made of *data*: 401, or 407 as a proxy does."""
        if request.method in _NEVER_CHALLENGED:
            raise LocalProtocolError(f"{request.method} cannot be challenged")
        if status not in (401, 407):
            raise LocalProtocolError(f"a challenge is a 401 or a 407, not a {status}")
        header = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
        challenges = make_challenges(
            _several(data),
            nonces=self._nonces,
            source=request.source.host,
            algorithms=self._algorithms,
            stale=stale,
            now=self._now(),
        )
        _turn_away(request, status, [(header, one) for one in challenges])

    def verify(
        self,
        request: IncomingRequest,
        data: DigestChallengeData | Sequence[DigestChallengeData],
    ) -> bool:
        """Whether the request's Authorization proves one of the secrets."""
        message = request.message
        request.auth_outcome = outcome = verify_credentials(
            message.headers.get_all("Authorization"),
            method=message.method,
            uri=message.target,
            body=message.body,
            data=_several(data),
            algorithms=self._algorithms,
            nonces=self._nonces,
            source=request.source.host,
            now=self._now(),
        )
        return outcome is AuthOutcome.OK

    # -- the stage

    async def on_request(self, request: IncomingRequest) -> bool:
        """Let pass what needs no proof or has given it; everything else ends here."""
        endpoint = request.endpoint
        if endpoint.kind is _ARTIFICIAL:
            self._identification.note_unidentified(request)
        result = await self.check(endpoint, request)
        if result is _SUCCESS or result is _NOT_REQUIRED:
            return False
        if request.state is AnswerState.UNANSWERED:
            raise LocalProtocolError("a request that was refused has not been answered")
        return True

    def _tell(
        self,
        kind: SecurityEventKind,
        endpoint: Endpoint,
        request: IncomingRequest,
        outcome: AuthOutcome | None = None,
    ) -> None:
        self._events.tell(
            SecurityEvent(
                kind=kind,
                source=request.source,
                method=request.method,
                endpoint=endpoint.name,
                detail="" if outcome is None else outcome.value,
            )
        )


def _guess(request: IncomingRequest) -> AuthOutcome:
    """For authenticators that verify by themselves and keep the reason."""
    present = "Authorization" in request.message.headers
    return AuthOutcome.BAD_RESPONSE if present else AuthOutcome.NO_CREDENTIALS


async def _proves(
    authenticator: Authenticator, endpoint: Endpoint, request: IncomingRequest
) -> bool:
    proved = await authenticator.authenticate_request(endpoint, request)
    return proved and endpoint.kind is not _ARTIFICIAL


def _several(
    data: DigestChallengeData | Sequence[DigestChallengeData],
) -> Sequence[DigestChallengeData]:
    return (data,) if isinstance(data, DigestChallengeData) else data


def _turn_away(
    request: IncomingRequest, status: int, headers: Iterable[tuple[str, object]] = ()
) -> None:
    """Answer somebody who has proved nothing."""
    if request.method == "INVITE" and not request.flow.reliable:
        # RFC 3261 section 26.3.2.4: "a single 401 (Unauthorized) or 407 …, forgoing the
        # normal response retransmission algorithm".  The source of a datagram may be forged,
        # and whom it names would get eleven answers to a question that was never asked.
        request.respond_stateless(status, headers=headers)
    else:
        request.respond(status, headers=headers)
