"""An authenticator for tests, and the client's side of it."""

from __future__ import annotations

from trio_sip.auth import (
    DigestChallengeData,
    OutboundAuthenticator,
    OutboundCredential,
    PlainSecret,
)
from trio_sip.message import Request, Response, parse_message_untrusted
from trio_sip.stack import Endpoint, IncomingRequest

__all__ = ["Realm", "credentials", "with_credentials"]


class Realm:
    """Wants one password of everybody, for every request."""

    def __init__(self, password: str = "secret", realm: str = "example.com") -> None:
        self.password = password
        self.realm = realm
        self.asked: list[str] = []

    def data(self, endpoint: Endpoint) -> DigestChallengeData:
        return DigestChallengeData(realm=self.realm, auth=PlainSecret(endpoint.name, self.password))

    async def requires_authentication(self, endpoint: Endpoint, request: IncomingRequest) -> bool:
        self.asked.append(request.method)
        return True

    async def authenticate_request(self, endpoint: Endpoint, request: IncomingRequest) -> bool:
        return request.verify_digest(self.data(endpoint))

    async def get_authentication_credentials(self, endpoint: Endpoint) -> DigestChallengeData:
        return self.data(endpoint)


def credentials(
    user: str = "alice", password: str = "secret", realm: str = "example.com"
) -> OutboundCredential:
    """What `Realm` wants."""
    return OutboundCredential(PlainSecret(user, password), realm=realm)


def with_credentials(
    data: bytes, challenge: Response, user: str = "alice", password: str = "secret"
) -> bytes:
    """The request *data* again, with the answer to *challenge*: next CSeq, new branch."""
    request = parse_message_untrusted(data)
    assert isinstance(request, Request)
    attempt = OutboundAuthenticator([credentials(user, password)]).start_attempt("anywhere")
    attempt.receive_rejection(
        challenge.status,
        server_challenges=challenge.headers.get_all("WWW-Authenticate"),
        proxy_challenges=challenge.headers.get_all("Proxy-Authenticate"),
    )
    (header,) = attempt.headers(method=request.method, uri=request.target, cnonce="0a4f113b")
    number = request.cseq.number
    again = data.replace(
        f"CSeq: {number} ".encode(),
        f"{header.name}: {header.value}\r\nCSeq: {number + 1} ".encode(),
    )
    branch = request.via.branch
    assert branch is not None
    return again.replace(branch.encode(), f"{branch}x".encode())
