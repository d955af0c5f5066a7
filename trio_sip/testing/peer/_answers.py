"""The peer as the one who is asked for passwords."""

from __future__ import annotations

from collections.abc import Iterable

from trio_sip._errors import AuthenticationRejected, LocalProtocolError, RemoteProtocolError
from trio_sip.auth import (
    Algorithm,
    AuthenticationHeader,
    Challenge,
    OtherChallenge,
    OutboundAuthenticator,
    OutboundCredential,
    PlainSecret,
    parse_challenge,
)
from trio_sip.message import Request, Response

from ._aka import AKA, AkaMacFailure, AkaSecret, answered
from ._failures import ScriptFailed

__all__ = ["Answers", "Credential", "aka_credentials"]

Credential = OutboundCredential | AkaSecret
"""What a peer answers challenges with."""

_ASKS = {"WWW-Authenticate": "Authorization", "Proxy-Authenticate": "Proxy-Authorization"}


class Answers:
    """The answers to the challenges of one request, with all its retries.

    Args:
      credentials: one `AkaSecret` at most.
      numbers: the largest sequence number of each subscriber so far, which is kept up to date.
    """

    def __init__(
        self, credentials: Iterable[Credential], next_hop: str, numbers: dict[AkaSecret, int]
    ) -> None:
        known = list(credentials)
        others = [one for one in known if isinstance(one, OutboundCredential)]
        self._attempt = OutboundAuthenticator(others).start_attempt(next_hop)
        subscribers = [one for one in known if isinstance(one, AkaSecret)]
        if len(subscribers) > 1:
            raise LocalProtocolError("a request is one subscriber's: it has one AkaSecret")
        self._subscriber = subscribers[0] if subscribers else None
        self._numbers = numbers
        # How each realm was answered: it is told a RES once, and twice what number to begin with.
        self._told: dict[tuple[str, str, bool], int] = {}

    def answer(
        self, response: Response, request: Request, cnonce: str
    ) -> list[AuthenticationHeader]:
        """The header fields that *request* needs next.

        Raises:
          AuthenticationRejected: there is nothing new to say.
          ScriptFailed: a challenge of AKA that is false.
        """
        made = self._as_subscriber(response, request, cnonce)
        if made:
            return made
        values = response.headers.get_all
        self._attempt.receive_rejection(
            response.status,
            server_challenges=values("WWW-Authenticate"),
            proxy_challenges=values("Proxy-Authenticate"),
            response=response,
        )
        return self._attempt.headers(
            method=request.method, uri=request.target, body=request.body, cnonce=cnonce
        )

    def _as_subscriber(
        self, response: Response, request: Request, cnonce: str
    ) -> list[AuthenticationHeader]:
        secret = self._subscriber
        if secret is None:
            return []
        made = []
        for asks, name in _ASKS.items():
            for value in response.headers.get_all(asks):
                challenge = _challenge_of_aka(value)
                if challenge is None:
                    continue
                sqn = self._numbers.get(secret, secret.sqn)
                text, number, resynchronises = _answered(secret, sqn, challenge, request, cnonce)
                key = (name, challenge.realm, resynchronises)
                self._told[key] = self._told.get(key, 0) + 1
                if self._told[key] > 1 + resynchronises:
                    raise AuthenticationRejected(response.status, "does not accept it", response)
                self._numbers[secret] = number
                made.append(AuthenticationHeader(name, text))
        return made


def _answered(
    secret: AkaSecret, sqn: int, challenge: Challenge, request: Request, cnonce: str
) -> tuple[str, int, bool]:
    asked_of = (request.method, request.target, request.body)
    try:
        return aka_credentials(secret, sqn, challenge, asked_of, cnonce)
    except AkaMacFailure as error:
        words = f"the challenge of {challenge.realm!r} is not to be answered: {error}"
        raise ScriptFailed(words) from None


def _challenge_of_aka(value: str) -> Challenge | None:
    try:
        challenge = parse_challenge(value)
    except RemoteProtocolError:
        return None
    if isinstance(challenge, OtherChallenge) or (challenge.algorithm or "").lower() != AKA.lower():
        return None
    return challenge


def aka_credentials(
    secret: AkaSecret, sqn: int, challenge: Challenge, request: tuple[str, str, bytes], cnonce: str
) -> tuple[str, int, bool]:
    """The credentials, the largest sequence number from then on, whether they are of ``auts``.

    Args:
      sqn: the largest sequence number so far.
      request: its method, URI and body.

    Raises:
      AkaMacFailure: the challenge is false.
    """
    answer = answered(secret, sqn, challenge.nonce)
    # RFC 3310 section 3.4: it is Digest with MD5, RES being the password.
    challenge.algorithm = Algorithm.MD5
    plain = OutboundCredential(PlainSecret(secret.username, answer.password), next_hops=["peer"])
    attempt = OutboundAuthenticator([plain]).start_attempt("peer")
    attempt.receive_rejection(401, server_challenges=[str(challenge)])
    method, uri, body = request
    (header,) = attempt.headers(method=method, uri=uri, body=body, cnonce=cnonce)
    value = header.value.replace(f"algorithm={Algorithm.MD5}", f"algorithm={AKA}")
    if answer.auts is not None:
        value += f', auts="{answer.auts}"'
    return value, answer.sqn, answer.auts is not None
