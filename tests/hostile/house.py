"""A server that answers everybody, and what must hold for it after any attack.

The tests beside this module are numbered: P for parsing, F for framing on streams, X for
transports, N for transactions, A for authentication, R for the registrar, Z for exhaustion, S for
stopping.  Each of them ends with the same clause, which is `House.check_unharmed`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import attrs
import trio

from tests.services.conversation import ENDPOINTS, REALM, SECRETS
from tests.stack.scene import (
    BOB,
    TCP_BOB,
    UDP_BOB,
    Application,
    Handle,
    Peer,
    StreamPeer,
    accept,
    request,
)
from trio_sip.message import Response, check_response, parse_message_untrusted
from trio_sip.registration import RegistrarPolicy
from trio_sip.services import (
    DigestAuthenticator,
    IdentifyByUser,
    MemoryLocation,
    MessageService,
    OptionsService,
    Registrar,
)
from trio_sip.stack import IncomingRequest, Service, Stack, StackSettings, open_stack
from trio_sip.testing import MemoryNetwork
from trio_sip.transport import Address

CAROL = Address("192.0.2.200", 5060)

# 64*T1, T4, and a moment for what is on its way.
_ALL_TIMERS = 40.0


@attrs.define(eq=False, kw_only=True)
class House:
    """Bob's server at 192.0.2.2, Alice by hand at 192.0.2.1, and Carol, who asks at the end."""

    network: MemoryNetwork
    stack: Stack
    alice: Peer
    location: MemoryLocation
    application: Application
    texts: list[bytes]
    """The bodies of the MESSAGEs that were delivered."""

    tasks: int = 0
    streams: list[StreamPeer] = attrs.field(factory=list)

    async def connect(self) -> StreamPeer:
        """A TCP connection of Alice's; the end of the test closes it."""
        stream = StreamPeer(await self.network.host("alice").connect(BOB))
        self.streams.append(stream)
        return stream

    async def exchange(self, data: bytes, wait: float = 0.4) -> list[Response]:
        """Send a datagram; everything that Bob sends within so many seconds, wherever to."""
        seen = len(self.network.wires)
        self.alice.send(data)
        await trio.sleep(wait)
        answers = []
        for wire in self.network.wires[seen:]:
            if wire.source.host == BOB.host:
                answer = parse_message_untrusted(wire.data)
                assert isinstance(answer, Response)
                if answer.status > 100:
                    answers.append(answer)
        return answers

    async def statuses(self, data: bytes, wait: float = 0.4) -> list[int]:
        return [answer.status for answer in await self.exchange(data, wait)]

    async def status(self, data: bytes) -> int:
        """The one answer there must be."""
        (status,) = await self.statuses(data)
        return status

    async def answers_carol(self) -> None:
        """A fresh OPTIONS from somebody else is answered within a second."""
        carol = Peer(self.network.host("carol", CAROL.host), CAROL)
        probe = request(
            uri="sip:192.0.2.2", branch="fresh", call_id="fresh", via="SIP/2.0/UDP 192.0.2.200"
        )
        with trio.fail_after(1):
            answer = await carol.ask(probe)
        carol.close()
        assert 200 == answer.status
        assert check_response(answer) is None

    async def check_unharmed(self, handler_errors: int = 0) -> None:
        """The common clause: it answers, and once the timers have run nothing is left."""
        await self.answers_carol()
        for stream in self.streams:
            stream.close()
        await trio.sleep(_ALL_TIMERS)
        await self.answers_carol()
        await trio.sleep(_ALL_TIMERS)
        one = self.stack.statistics()
        assert (handler_errors, 0) == (one.handler_errors, one.works.failed)
        assert (0, 0) == (one.unanswered, one.dialogs)
        assert (0, 0) == (one.transactions.clients, one.transactions.servers)
        assert (0, 0, 0) == (one.works.open, one.works.busy, one.works.waiting)
        assert 0 == one.transport.connections
        assert self.tasks == _living_tasks() - one.works.parked


class Calls(Application):
    """Takes what it serves, and leaves the rest to nobody."""

    async def on_request(self, request: IncomingRequest) -> bool:
        return request.method in self.methods and await super().on_request(request)


def _living_tasks() -> int:
    return trio.lowlevel.current_statistics().tasks_living


@asynccontextmanager
async def open_house(
    network: MemoryNetwork,
    *services: Service,
    handle: Handle = accept,
    guarded: bool = False,
    settings: StackSettings | None = None,
    policy: RegistrarPolicy | None = None,
    handler_errors: int = 0,
    strict: bool = True,
) -> AsyncIterator[House]:
    """Bob's server; strict, so that an exception that leaves a handler ends the test.

    Args:
      handle: what to do with INVITE, INFO and PUBLISH.
      guarded: alice and bob have passwords, and nobody else passes.
    """
    texts: list[bytes] = []

    async def keep(incoming: IncomingRequest) -> None:
        texts.append(incoming.message.body)

    location, application = MemoryLocation(), Calls(handle)
    with closing(Peer(network.host("alice"))) as alice:
        async with open_stack(
            UDP_BOB,
            TCP_BOB,
            services=(
                *services,
                OptionsService(),
                Registrar(location, policy=policy),
                MessageService(keep, body_types=("text/plain", "application/*")),
                application,
            ),
            network=network.host("bob"),
            strict=strict,
            settings=settings,
        ) as stack:
            if guarded:
                stack.register_endpoint_identifier(IdentifyByUser(ENDPOINTS))
                stack.register_authenticator(DigestAuthenticator(REALM, SECRETS))
            house = House(
                network=network,
                stack=stack,
                alice=alice,
                location=location,
                application=application,
                texts=texts,
                tasks=_living_tasks(),
            )
            yield house
            await house.check_unharmed(handler_errors)
    assert 0 == network.open_sockets


def register(
    *headers: str,
    user: str = "alice",
    to: str | None = None,
    cseq: int = 1,
    call_id: str = "r1",
    branch: str | None = None,
) -> bytes:
    """A REGISTER of *user* from 192.0.2.1."""
    data = request(
        "REGISTER",
        uri="sip:192.0.2.2",
        from_=f"sip:{user}@192.0.2.2",
        branch=branch or f"{call_id}{cseq}",
        call_id=call_id,
        cseq=cseq,
        headers=headers,
    )
    aor = f"<sip:{user}@192.0.2.2>" if to is None else to
    return data.replace(b"To: <sip:bob@192.0.2.2>", b"To: " + aor.encode())
