"""A server on a network in memory, a client beside it, and one that writes its own bytes."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager

from trio_sip.auth import (
    Algorithm,
    Challenge,
    Credentials,
    OutboundCredential,
    PlainSecret,
    compute_ha1,
    compute_response,
)
from trio_sip.message import Response
from trio_sip.services import DigestAuthenticator, IdentifyByUser
from trio_sip.stack import (
    Endpoint,
    EndpointIdentifier,
    IncomingRequest,
    Service,
    Stack,
    StackSettings,
    open_stack,
)
from trio_sip.testing import MemoryNetwork, SipPeer

REALM = "example.com"
ENDPOINTS = {name: Endpoint(name=name) for name in ("alice", "bob")}
SECRETS = {name: PlainSecret(name, f"password of {name}") for name in ENDPOINTS}


def credential(user: str, password: str | None = None) -> OutboundCredential:
    secret = PlainSecret(user, f"password of {user}" if password is None else password)
    return OutboundCredential(secret, next_hops={"server"})


@asynccontextmanager
async def open_server(
    network: MemoryNetwork,
    *services: Service,
    identifiers: Sequence[EndpointIdentifier] = (),
    authenticator: DigestAuthenticator | None = None,
    algorithms: tuple[str, ...] = ("MD5",),
    order: tuple[str, ...] = (),
) -> AsyncIterator[Stack]:
    """A server without identification and authentication, unless they are given."""
    async with open_stack(
        "udp://0.0.0.0:5060",
        "tcp://0.0.0.0:5060",
        network=network.host("server"),
        services=services,
        settings=StackSettings(digest_algorithms=algorithms, identifier_order=order),
        identifiers=identifiers,
        authenticator=authenticator,
        strict=True,
    ) as stack:
        yield stack


@asynccontextmanager
async def open_guarded_server(
    network: MemoryNetwork,
    *services: Service,
    endpoints: Mapping[str, Endpoint] | None = None,
    algorithms: tuple[str, ...] = ("MD5",),
) -> AsyncIterator[Stack]:
    """A server on which alice and bob have passwords."""
    async with open_server(
        network,
        *services,
        identifiers=[IdentifyByUser(ENDPOINTS if endpoints is None else endpoints)],
        authenticator=DigestAuthenticator(REALM, SECRETS),
        algorithms=algorithms,
    ) as stack:
        yield stack


@asynccontextmanager
async def open_client(network: MemoryNetwork, host: str = "client") -> AsyncIterator[Stack]:
    async with open_stack("udp://0.0.0.0:5060", network=network.host(host), strict=True) as stack:
        yield stack


async def register(
    client: Stack,
    *contacts: str,
    user: str = "alice",
    transport: str = "udp",
    headers: Iterable[tuple[str, object]] = (),
    credentials: OutboundCredential | None = None,
    to: str | None = None,
) -> Response:
    """REGISTER with these Contact values; none is a query."""
    return await client.send_request(
        "REGISTER",
        f"sip:server;transport={transport}",
        headers=[*(("Contact", contact) for contact in contacts), *headers],
        from_=f"sip:{user}@server",
        to=f"sip:{user}@server" if to is None else to,
        credentials=credentials,
    )


def contacts_of(response: Response) -> list[str]:
    return response.headers.get_all("Contact")


class Recorder(Service):
    """Takes every request, answers it, and keeps it."""

    name = "recorder"
    methods = frozenset({"MESSAGE", "INFO", "REGISTER", "OPTIONS"})

    def __init__(self) -> None:
        self.requests: list[IncomingRequest] = []

    async def on_request(self, request: IncomingRequest) -> bool:
        self.requests.append(request)
        request.respond(200)
        return True


class RawClient:
    """Sends what is written here and reads responses: what no well-behaved client would."""

    def __init__(self, peer: SipPeer) -> None:
        self._peer = peer

    async def ask(self, request: str) -> Response:
        """Send the lines, ended as SIP wants them, and wait for the response."""
        lines = request.strip("\n").split("\n")
        await self._peer.send_raw("\r\n".join([*lines, "", ""]).encode(), "sip:server")
        return (await self._peer.expect(range(200, 700))).message


@asynccontextmanager
async def open_raw_client(
    network: MemoryNetwork, name: str = "mallory"
) -> AsyncIterator[RawClient]:
    host = network.host(name)
    async with SipPeer.open(host, host.addresses[0], name=name) as peer:
        yield RawClient(peer)


def register_text(
    user: str = "alice",
    *lines: str,
    number: int = 1,
    to: str | None = None,
    call_id: str = "one",
    branch: str | None = None,
) -> str:
    """A REGISTER as text, with more header lines."""
    to = f"<sip:{user}@server>" if to is None else to
    return "\n".join(
        [
            "REGISTER sip:server SIP/2.0",
            f"Via: SIP/2.0/UDP 192.0.2.9:5060;rport;branch=z9hG4bK{branch or f'{call_id}{number}'}",
            "Max-Forwards: 70",
            f"From: <sip:{user}@server>;tag=from",
            f"To: {to}",
            f"Call-ID: {call_id}",
            f"CSeq: {number} REGISTER",
            *lines,
            "Content-Length: 0",
        ]
    )


def authorization(
    challenge: Response,
    user: str,
    password: str,
    *,
    count: int = 1,
    nonce: str | None = None,
    uri: str = "sip:server",
    method: str = "REGISTER",
) -> str:
    """The Authorization line that answers the first challenge of a 401."""
    asked = Challenge.parse(challenge.headers["WWW-Authenticate"])
    algorithm = Algorithm(asked.algorithm or "MD5")
    nonce = asked.nonce if nonce is None else nonce
    given = Credentials(
        username=user,
        realm=asked.realm,
        nonce=nonce,
        uri=uri,
        algorithm=algorithm,
        qop="auth",
        nc=f"{count:08x}",
        cnonce="cnonce",
        opaque=asked.opaque,
        response=compute_response(
            compute_ha1(user, asked.realm, password, algorithm),
            algorithm,
            method=method,
            uri=uri,
            nonce=nonce,
            qop="auth",
            nc=f"{count:08x}",
            cnonce="cnonce",
        ),
    )
    return f"Authorization: {given}"


def masked(response: Response, user: str) -> bytes:
    """Its bytes without what may differ from one to the next."""
    text = bytes(response).decode().replace(user, "USER")
    return re.sub(r'nonce="[^"]*"|tag=\w+', "…", text).encode()
