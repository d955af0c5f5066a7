"""The conversations: each takes a network and says how it went.

They assert what must hold on any network.  What a network may do to them is that a request goes
unanswered: that is `Outcome.GAVE_UP`, and it must have taken the time that the RFC grants.
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache

import trio

from trio_sip._errors import RequestTimedOut
from trio_sip.auth import OutboundCredential, PlainSecret
from trio_sip.message import Request, Response, parse_message_untrusted
from trio_sip.services import (
    DigestAuthenticator,
    IdentifyByUser,
    MemoryLocation,
    MessageService,
    OptionsService,
    Registrar,
)
from trio_sip.stack import Endpoint, IncomingRequest, Service, Stack, Tokens, open_stack
from trio_sip.testing import CertificateAuthority, Fate, MemoryNetwork, Wire

__all__ = ["TALKS", "Outcome", "Talk", "unheard"]

_LONGEST = 32.0
"""64*T1: what a transaction is given."""

_TRIES = 7
"""How often an INVITE is sent in that time; others are sent more often."""

_SLOWEST = 0.2
"""What a datagram may take on the networks of these conversations."""


class Outcome(enum.Enum):
    """How a conversation went."""

    ANSWERED = "answered"
    GAVE_UP = "gave up"


Talk = Callable[[MemoryNetwork], Awaitable[Outcome]]


@cache
def authority() -> CertificateAuthority:
    """Whom all of them trust; it is gone with the process."""
    return CertificateAuthority()


@asynccontextmanager
async def stack_of(
    network: MemoryNetwork, name: str, *services: Service
) -> AsyncIterator[tuple[Stack, str]]:
    """A strict stack on the host of that name, on all transports, and the host's address.

    When the block is over, whatever went on has a minute and a half to end; nothing may be left.
    """
    host = network.host(name)
    address = host.addresses[0]
    async with open_stack(
        *(f"{scheme}://{address}" for scheme in ("udp", "tcp", "tls", "wss")),
        services=services,
        network=host,
        tls=authority().settings(address),
        strict=True,
        tokens=Tokens.sequential(name),
    ) as stack:
        yield stack, address
        await trio.sleep(90)
        statistics = stack.statistics()
        assert (0, 0) == (statistics.transactions.clients, statistics.transactions.servers)
        assert (0, 0, 0) == (statistics.unanswered, statistics.works.open, statistics.dialogs)
        assert 0 == statistics.handler_errors


async def ask(
    stack: Stack,
    method: str,
    target: str,
    body: str | None = None,
    *,
    credentials: OutboundCredential | None = None,
) -> Response | None:
    """The final response; ``None`` after the time that a transaction is given."""
    began = trio.current_time()
    try:
        return await stack.send_request(method, target, body, credentials=credentials)
    except RequestTimedOut:
        transactions = 1 if credentials is None else 2
        assert _LONGEST <= trio.current_time() - began + 1e-6 <= transactions * _LONGEST + 1
        return None


def outcome(responses: list[Response | None], status: int) -> Outcome:
    """Whether all were answered, and those with *status*."""
    assert {response.status for response in responses if response is not None} <= {status}
    return Outcome.GAVE_UP if None in responses else Outcome.ANSWERED


async def options_ping(network: MemoryNetwork) -> Outcome:
    """Alice asks Bob what he can do, three times over."""
    async with (
        stack_of(network, "bob", OptionsService()) as (_, address),
        stack_of(network, "alice") as (alice, _),
    ):
        responses = [await ask(alice, "OPTIONS", f"sip:{address}") for _ in range(3)]
        for response in responses:
            assert response is None or "OPTIONS" in response["Allow"]
    return outcome(responses, 200)


class Inbox:
    """Takes texts, and insists on getting each of them once."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    async def take(self, incoming: IncomingRequest) -> None:
        text = incoming.message.body.decode()
        assert text not in self.texts
        self.texts.append(text)
        await trio.sleep(0.3)


async def _messages(network: MemoryNetwork, more: str, size: int = 1) -> Outcome:
    inbox = Inbox()
    texts = [f"{number} ".ljust(size, "x") for number in range(4)]
    async with (
        stack_of(network, "bob", MessageService(inbox.take)) as (_, address),
        stack_of(network, "alice") as (alice, _),
    ):
        target = f"sip:bob@{address}{more}"
        responses = [await ask(alice, "MESSAGE", target, text) for text in texts]
    got_through = outcome(responses, 200)
    if got_through is Outcome.ANSWERED:
        assert texts == inbox.texts
    return got_through


async def messages(network: MemoryNetwork) -> Outcome:
    """Alice sends Bob texts, one after the other."""
    return await _messages(network, "")


async def messages_over_tcp(network: MemoryNetwork) -> Outcome:
    """The same on a connection, where a loss is only a delay."""
    return await _messages(network, ";transport=tcp")


async def messages_over_tls(network: MemoryNetwork) -> Outcome:
    """The same where nobody can read them."""
    return await _messages(network, ";transport=tls")


async def messages_over_a_websocket(network: MemoryNetwork) -> Outcome:
    """The same as a browser does it."""
    return await _messages(network, ";transport=wss")


async def long_messages(network: MemoryNetwork) -> Outcome:
    """Texts too long for UDP change over by themselves."""
    return await _messages(network, "", size=2000)


async def registration(network: MemoryNetwork) -> Outcome:
    """Alice registers with her password, asks what is registered, and goes."""
    registrar = Registrar(MemoryLocation())
    credentials = OutboundCredential(PlainSecret("alice", "wonderland"), realm="example.com")
    async with (
        stack_of(network, "registrar", registrar) as (server, address),
        stack_of(network, "alice") as (alice, _),
    ):
        server.register_endpoint_identifier(IdentifyByUser({"alice": Endpoint(name="alice")}))
        server.register_authenticator(
            DigestAuthenticator("example.com", {"alice": PlainSecret("alice", "wonderland")})
        )
        responses: list[Response | None] = []
        for expires in ("600", None, "0"):
            response = await _register(alice, address, expires, credentials)
            responses.append(response)
            if response is None:
                break
            assert (expires != "0") == ("Contact" in response.headers)
    return outcome(responses, 200)


async def _register(
    alice: Stack, address: str, expires: str | None, credentials: OutboundCredential
) -> Response | None:
    headers: list[tuple[str, object]] = []
    if expires is not None:
        headers = [("Contact", "<sip:alice@192.0.2.77>"), ("Expires", expires)]
    began = trio.current_time()
    try:
        return await alice.send_request(
            "REGISTER",
            f"sip:{address}",
            headers=headers,
            from_=f"<sip:alice@{address}>",
            to=f"<sip:alice@{address}>",
            credentials=credentials,
        )
    except RequestTimedOut:
        assert _LONGEST <= trio.current_time() - began + 1e-6 <= 2 * _LONGEST + 1
        return None


class Telephone(Service):
    """Rings, and then is busy; or rings until the caller has had enough."""

    name = "telephone"
    methods = frozenset({"INVITE"})

    def __init__(self, rings: float) -> None:
        self.rings = rings
        self.calls = 0
        self.given_up = 0

    async def on_request(self, request: IncomingRequest) -> bool:
        self.calls += 1
        request.respond(180)
        try:
            await trio.sleep(self.rings)
        except trio.Cancelled:
            self.given_up += 1
            raise
        request.respond(486)
        return True


_CONTACT = [("Contact", "<sip:alice@192.0.2.77>")]


async def busy(network: MemoryNetwork) -> Outcome:
    """Alice calls Bob, who is busy."""
    telephone = Telephone(rings=2)
    async with (
        stack_of(network, "bob", telephone) as (_, address),
        stack_of(network, "alice") as (alice, _),
    ):
        response: Response | None = None
        with trio.move_on_after(200):
            try:
                response = await alice.send_request(
                    "INVITE", f"sip:bob@{address}", headers=_CONTACT
                )
            except RequestTimedOut:
                response = None
        assert telephone.calls <= 1
    return outcome([response], 486)


async def given_up(network: MemoryNetwork) -> Outcome:
    """Alice calls Bob and has enough after five seconds."""
    telephone = Telephone(rings=60)
    async with (
        stack_of(network, "bob", telephone) as (_, address),
        stack_of(network, "alice") as (alice, _),
    ):
        with trio.move_on_after(5) as patience:
            await alice.send_request("INVITE", f"sip:bob@{address}", headers=_CONTACT)
        assert patience.cancelled_caught
        await trio.sleep(60)
        assert telephone.calls <= 1
        assert telephone.given_up <= telephone.calls
    return Outcome.ANSWERED if telephone.given_up else Outcome.GAVE_UP


async def crowd(network: MemoryNetwork) -> Outcome:
    """Five clients ask one server for two things at once, each of them."""
    inbox = Inbox()
    responses: list[Response | None] = []

    async def talk(client: Stack, name: str, address: str) -> None:
        for number in range(2):
            text = f"{name} {number}"
            responses.append(await ask(client, "MESSAGE", f"sip:bob@{address}", text))

    async with AsyncExitStack() as parties:
        server = stack_of(network, "bob", MessageService(inbox.take))
        _, address = await parties.enter_async_context(server)
        clients = [
            (await parties.enter_async_context(stack_of(network, name)))[0]
            for name in ("anna", "ben", "clara", "david", "eva")
        ]
        async with trio.open_nursery() as nursery:
            for number, client in enumerate(clients):
                nursery.start_soon(talk, client, str(number), address)
                nursery.start_soon(talk, client, f"{number} again", address)
    assert 20 == len(responses)
    return outcome(responses, 200)


def unheard(wires: Sequence[Wire]) -> list[str]:
    """The transactions that the network has left one side of without a word of the other.

    That side has sent its request as often as it should.  Either none arrived, or each that
    arrived was answered, and no final answer arrived in the 64*T1 that its receiver waits.
    """
    requests: defaultdict[str, list[Wire]] = defaultdict(list)
    finals: defaultdict[str, list[Wire]] = defaultdict(list)
    for wire in wires:
        if wire.transport == "UDP" and wire.label.method != "ACK":
            message = parse_message_untrusted(wire.data)
            key = f"{message.cseq.method} {message.via.branch}"
            if isinstance(message, Request):
                requests[key].append(wire)
            elif message.status >= 200:
                finals[key].append(wire)
    return [key for key, sent in requests.items() if _is_unheard(sent, finals[key])]


def _is_unheard(requests: Sequence[Wire], finals: Sequence[Wire]) -> bool:
    if len(requests) < _TRIES:
        return False
    arrived = [one for one in requests if one.fate is not Fate.LOST]
    if not arrived:
        return True
    if not finals:
        return False
    # Copies that came while the answer was being thought about have no answer of their own.
    repeated = [one for one in arrived if one.time > finals[0].time]
    heard = [
        one
        for one in finals
        if one.fate is not Fate.LOST and one.time + _SLOWEST < requests[0].time + _LONGEST
    ]
    return not heard and len(finals) > len(repeated)


TALKS: dict[str, Talk] = {
    talk.__name__: talk
    for talk in (
        options_ping,
        messages,
        messages_over_tcp,
        messages_over_tls,
        messages_over_a_websocket,
        long_messages,
        registration,
        busy,
        given_up,
        crowd,
    )
}
