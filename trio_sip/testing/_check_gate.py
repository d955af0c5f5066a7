"""What every identifier and every authenticator must do, as checks for your own.

They are asked as a stack asks them: by requests that come over a simulated network.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from trio_sip._errors import AuthenticationRejected
from trio_sip.auth import OutboundCredential, PlainSecret
from trio_sip.message import NameAddr, Request, Response
from trio_sip.services import DigestAuthenticator, IdentifyByUser
from trio_sip.stack import (
    Authenticator,
    Endpoint,
    EndpointIdentifier,
    IncomingRequest,
    Service,
    open_stack,
)

from .network import MemoryNetwork
from .peer import SipPeer

__all__ = ["check_authenticator", "check_identifier"]

_STACK = "192.0.2.254"
_TARGET = f"sip:{_STACK}"
_STRANGER = "nobody-by-that-name"
# What is different in each answer, whoever asked.
_VARYING = re.compile(r'(nonce|opaque)="[^"]*"|tag=[^;>\s]+|branch=[^;>\s]+')
_ODD_SENDERS = (
    "<sip:%61lice@example.com>",
    "<sip:example.com>",
    "<sips:alice@[2001:db8::1]:5061;transport=tcp>",
    "<tel:+1-555-0100>",
    "<sip:" + "a" * 500 + "@example.com>",
    '"\\"; DROP TABLE users; --" <sip:x@example.com>',
    "<sip:alice:secret@example.com>",
    '"ünïcödé" <sip:%C3%BC@example.com>',
    "<mailto:alice@example.com>",
)


class _Gate(Service):
    """Notes who got through."""

    name = "gate"
    methods = frozenset({"MESSAGE"})

    def __init__(self) -> None:
        self.passed: list[str] = []

    async def on_request(self, request: IncomingRequest) -> bool:
        self.passed.append(request.endpoint.name)
        request.respond(200)
        return True


@asynccontextmanager
async def _asking(
    host: str, identifiers: Sequence[EndpointIdentifier], authenticator: Authenticator
) -> AsyncIterator[tuple[SipPeer, _Gate]]:
    gate = _Gate()
    async with (
        MemoryNetwork.open(latency=0.0) as network,
        open_stack(
            f"udp://{_STACK}:5060",
            network=network.host("stack", _STACK),
            identifiers=identifiers,
            authenticator=authenticator,
            services=[gate],
        ) as stack,
        SipPeer.open(network.host("asking", host), host, name="asking") as peer,
    ):
        yield peer, gate
        errors = stack.statistics().handler_errors
        assert errors == 0, f"it raised {errors} exceptions, which are in the log"


class _OpenDoor:
    """An authenticator that lets everybody through who is known."""

    async def requires_authentication(self, endpoint: Endpoint, request: IncomingRequest) -> bool:
        return False

    authenticate_request = requires_authentication

    def __init__(self) -> None:
        # The unknown have to be asked for something.
        self._stand_in = DigestAuthenticator("example.com", {})
        self.get_authentication_credentials = self._stand_in.get_authentication_credentials


async def check_identifier(
    identifier: EndpointIdentifier,
    *,
    known: Mapping[str, Request],
    strangers: Sequence[Request] = (),
    host: str = "192.0.2.1",
) -> None:
    """Check an identifier: whom it knows, whom not, and that it bears whatever comes.

    Args:
      known: for the names of endpoints, requests that they send.  Via and Call-ID are made anew
        each time.
      strangers: requests that nobody is to be recognised in.
      host: the address that all of them come from.

    Raises:
      AssertionError: it says which promise was broken.
    """
    async with _asking(host, [identifier], _OpenDoor()) as (peer, gate):
        for _ in range(2):
            for name, request in known.items():
                status = await _ask(peer, request)
                who = gate.passed.pop() if gate.passed else "nobody"
                assert (status, who) == (200, name), f"{name} was taken for {who}"
        for request in strangers:
            status = await _ask(peer, request)
            assert not gate.passed, f"a stranger was taken for {gate.passed[0]}: {request!r}"
        for odd in _ODD_SENDERS:
            request = peer.create_request("MESSAGE", _TARGET, from_=NameAddr.parse(odd))
            status = await _ask(peer, request)
            assert status < 500, f"it failed for From: {odd}"
        gate.passed.clear()


async def check_authenticator(
    authenticator: Authenticator,
    *,
    name: str,
    secret: PlainSecret,
    realm: str,
    identifier: EndpointIdentifier | None = None,
) -> None:
    """Check an authenticator that asks for Digest credentials of MESSAGE requests.

    Args:
      name: of an endpoint that it knows.
      secret: that endpoint's.
      realm: of its challenges.
      identifier: who knows the endpoint; by the user in From if left out.

    Raises:
      AssertionError: it says which promise was broken.
    """
    by_user = identifier or IdentifyByUser({name: Endpoint(name=name)})
    async with _asking("192.0.2.1", [by_user], authenticator) as (peer, gate):
        plain = await _say(peer, name)
        assert plain.status in (401, 407), "without credentials nobody passes"
        right = await _say(peer, name, secret, realm)
        assert right.status == 200, f"the right password passes, and got {right.status}"
        assert gate.passed == [name], "as the endpoint that it belongs to"
        wrong = await _say(peer, name, PlainSecret(secret.username, secret.password + "x"), realm)
        assert wrong.status in (401, 407), f"a wrong password is challenged, and got {wrong.status}"
        other = await _say(peer, name, PlainSecret("mallory", secret.password), realm)
        assert other.status in (401, 407), "the right password of another name does not pass"
        stranger = await _say(peer, _STRANGER, PlainSecret(_STRANGER, "x"), realm)
        assert _shape(wrong, name) == _shape(stranger, _STRANGER), (
            "an unknown user can be told from a wrong password"
        )
        borrowed = await _say(peer, _STRANGER, secret, realm)
        assert borrowed.status != 200, "a stranger does not pass with somebody's credentials"
        assert gate.passed == [name], "nobody else has passed"


async def _ask(peer: SipPeer, request: Request) -> int:
    # As a conversation of its own, however often it is asked.
    asked = Request(request.method, request.target, request.headers.copy(), request.body)
    asked.headers.set("Call-ID", peer.token())
    asked.headers.remove("Via")
    sent = await peer.send(asked)
    return (await sent.final()).status


async def _say(
    peer: SipPeer, user: str, secret: PlainSecret | None = None, realm: str = ""
) -> Response:
    credentials = None if secret is None else OutboundCredential(secret, realm=realm)
    request = peer.create_request("MESSAGE", _TARGET, from_=f"<sip:{user}@example.com>")
    sent = await peer.send(request, credentials=credentials)
    try:
        return (await sent.final()).message
    except AuthenticationRejected as rejection:
        if isinstance(rejection.response, Response):
            return rejection.response
        raise


def _shape(response: Response, user: str) -> str:
    """All of an answer that must not depend on who asked."""
    headers = [
        f"{name}: {value}"
        for name, value in response.headers
        if name not in ("Via", "From", "To", "Call-ID", "CSeq")
    ]
    text = "\n".join([str(response.status), response.reason, *headers])
    return _VARYING.sub("", text).replace(user, "…")
