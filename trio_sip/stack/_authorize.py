"""Credentials put into requests of ours, at once or when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence

from trio_sip.auth import AuthenticationAttempt, OutboundAuthenticator, OutboundCredential
from trio_sip.dialog import Dialog
from trio_sip.message import CSEQ, CSeq, Request, Response

__all__ = ["CHALLENGES", "Credentials", "authenticator_for", "authorize", "take_challenge"]

CHALLENGES = frozenset({401, 407})

Credentials = OutboundAuthenticator | OutboundCredential | Sequence[OutboundCredential]
"""What answers challenges; an `OutboundAuthenticator` also remembers nonces between requests."""


def authenticator_for(credentials: Credentials | None) -> OutboundAuthenticator | None:
    """Whatever was given as credentials, as the thing that answers challenges."""
    if credentials is None or isinstance(credentials, OutboundAuthenticator):
        return credentials
    if isinstance(credentials, OutboundCredential):
        credentials = (credentials,)
    return OutboundAuthenticator(credentials)


def authorize(request: Request, attempt: AuthenticationAttempt, cnonce: str) -> None:
    """Put in what is known to be wanted; nothing before the first challenge of a next hop."""
    headers = request.headers
    headers.remove("Authorization")
    headers.remove("Proxy-Authorization")
    for header in attempt.headers(
        method=request.method, uri=request.target, body=request.body, cnonce=cnonce
    ):
        headers.add(header.name, header.value)


def take_challenge(
    request: Request, attempt: AuthenticationAttempt, response: Response, dialog: Dialog | None
) -> None:
    """Make *request* ready to be sent again after a 401 or 407.

    Raises:
      AuthenticationRejected: it would be refused again.
    """
    attempt.receive_rejection(
        response.status,
        server_challenges=response.headers.get_all("WWW-Authenticate"),
        proxy_challenges=response.headers.get_all("Proxy-Authenticate"),
        response=response,
    )
    # RFC 3261 section 22.2: the same request with the next CSeq.
    number = request.headers[CSEQ].number + 1 if dialog is None else dialog.next_sequence()
    request.headers.set("CSeq", CSeq(number, request.method))
