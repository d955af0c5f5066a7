"""Challenges that are answered, and credentials that are checked, in scenarios."""

from __future__ import annotations

import attrs

from trio_sip._errors import RemoteProtocolError, SipError
from trio_sip.auth import (
    Algorithm,
    Credentials,
    OutboundAuthenticator,
    OutboundCredential,
    PlainSecret,
    compute_ha1,
    compute_response,
)

from ._sipp_failure import CallFailed, ScenarioFailure
from ._sipp_headers import values_of

__all__ = ["Challenge", "answer_challenge", "is_proved"]


@attrs.frozen
class Challenge:
    """What a response has asked for."""

    status: int
    server: list[str]
    proxy: list[str]

    @classmethod
    def of(cls, text: str) -> Challenge:
        """That of a message."""
        is_response = text.startswith("SIP/2.0 ")
        status = text.split(" ", 2)[1] if is_response else "401"
        return cls(
            int(status) if status.isdigit() else 401,
            values_of(text, "WWW-Authenticate"),
            values_of(text, "Proxy-Authenticate"),
        )


def answer_challenge(
    challenge: Challenge,
    username: str,
    password: str,
    request: tuple[str, str, bytes],
    *,
    cnonce: str,
) -> str:
    """The headers that answer a challenge, for a request of this method, URI and body.

    Raises:
      CallFailed: there is no answer to it.
    """
    # Whoever asks: there is nobody else in a scenario.
    credential = OutboundCredential(PlainSecret(username, password), next_hops=["peer"])
    attempt = OutboundAuthenticator([credential]).start_attempt("peer")
    method, uri, body = request
    try:
        attempt.receive_rejection(
            challenge.status, server_challenges=challenge.server, proxy_challenges=challenge.proxy
        )
        headers = attempt.headers(method=method, uri=uri, body=body, cnonce=cnonce)
    except SipError as error:
        words = f"cannot answer the challenge: {error}"
        raise CallFailed(words, ScenarioFailure.REJECTED) from None
    return "\r\n".join(f"{header.name}: {header.value}" for header in headers)


def is_proved(request: str, username: str, password: str) -> bool:
    """Whether a request has the credentials of this user."""
    values = [*values_of(request, "Authorization"), *values_of(request, "Proxy-Authorization")]
    method = request.partition(" ")[0]
    body = request.partition("\r\n\r\n")[2].encode("utf-8", "surrogateescape")
    for value in values:
        try:
            given = Credentials.parse(value)
        except RemoteProtocolError:
            continue
        algorithm = given.algorithm or Algorithm.MD5
        if given.username != username or not isinstance(algorithm, Algorithm):
            continue
        ha1 = compute_ha1(username, given.realm, password, algorithm)
        right = compute_response(
            ha1, algorithm, method=method, uri=given.uri, nonce=given.nonce, qop=given.qop,
            nc=given.nc or "", cnonce=given.cnonce or "", body=body,
        )  # fmt: skip
        if right == given.response.lower():
            return True
    return False
