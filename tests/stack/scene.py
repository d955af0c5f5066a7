"""A stack on a simulated network, and somebody beside it who writes messages by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing

import attrs
import trio

from trio_sip.message import MessageStream, Request, Response, StreamEvent, parse_message_untrusted
from trio_sip.stack import (
    Endpoint,
    IncomingRequest,
    Service,
    ServicePriority,
    Stack,
    StackSettings,
    Tokens,
    open_stack,
)
from trio_sip.testing import MemoryConnection, MemoryHost, MemoryNetwork, SipPeer
from trio_sip.transport import Address

ALICE = Address("192.0.2.1", 5060)
BOB = Address("192.0.2.2", 5060)
UDP_BOB = "udp://192.0.2.2:5060"
TCP_BOB = "tcp://192.0.2.2:5060"


def request(
    method: str = "OPTIONS",
    *,
    uri: str = "sip:bob@192.0.2.2",
    branch: str = "1",
    from_tag: str = "a",
    to_tag: str | None = None,
    call_id: str = "c1",
    cseq: int = 1,
    headers: Iterable[str] = (),
    body: bytes = b"",
    via: str = "SIP/2.0/UDP 192.0.2.1:5060",
    from_: str = "sip:alice@example.com",
) -> bytes:
    """A request as it stands on the wire, complete unless it is INVITE (which wants a Contact)."""
    tag = f";tag={to_tag}" if to_tag else ""
    lines = [
        f"{method} {uri} SIP/2.0",
        f"Via: {via};branch=z9hG4bK{branch}",
        "Max-Forwards: 70",
        f"From: <{from_}>;tag={from_tag}",
        f"To: <sip:bob@192.0.2.2>{tag}",
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} {method}",
        *headers,
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def without(data: bytes, name: str) -> bytes:
    """The message without the header of that name."""
    head, _, body = data.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.startswith(name.encode() + b":")]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def invite(**changes: object) -> bytes:
    """An INVITE with its Contact."""
    headers = ["Contact: <sip:alice@192.0.2.1>", *changes.pop("headers", ())]  # type: ignore[misc]  # a list of text
    return request("INVITE", headers=headers, **changes)  # type: ignore[arg-type]  # handed on


class Peer:
    """One UDP socket, and no manners.

    The tests beside this module are about single messages.  What they want to see of them is every
    datagram, in the order in which they come: 100s and repetitions, which a `SipPeer` passes over.
    A test whose peer has a part to play, and no more, makes it with ``make_sip_peer``.
    """

    def __init__(self, host: MemoryHost, local: Address = ALICE, remote: Address = BOB) -> None:
        self.remote = remote
        self.local = local
        self.socket = host.bind_datagrams(local)
        self.raw: list[bytes] = []
        """Everything that came, as it came."""

    def send(self, data: bytes) -> None:
        self.socket.send_nowait(data, self.local, self.remote)

    async def receive(self) -> Request | Response:
        while True:
            try:
                data, _ = self.socket.receive_nowait()
            except BlockingIOError:
                await self.socket.wait_readable()
            else:
                self.raw.append(data)
                return parse_message_untrusted(data)

    async def response(self) -> Response:
        """The next one, which is a response, and not a 100."""
        while True:
            message = await self.receive()
            assert isinstance(message, Response), message
            if message.status != 100:
                return message

    async def request(self) -> Request:
        message = await self.receive()
        assert isinstance(message, Request), message
        return message

    async def ask(self, data: bytes) -> Response:
        self.send(data)
        return await self.response()

    async def answers(self, data: bytes, wait: float = 1.0) -> list[int]:
        """The statuses that come within so many seconds."""
        self.send(data)
        return await self.statuses(wait)

    async def statuses(self, wait: float) -> list[int]:
        statuses = []
        with trio.move_on_after(wait):
            while True:
                message = await self.receive()
                assert isinstance(message, Response), message
                statuses.append(message.status)
        return statuses

    def close(self) -> None:
        self.socket.close()


class StreamPeer:
    """One end of a TCP connection, for what is no message: half of one, two at once, a hang-up."""

    def __init__(self, connection: MemoryConnection) -> None:
        self.connection = connection
        self._stream = MessageStream()

    def send(self, data: bytes) -> None:
        assert len(data) == self.connection.send_some_nowait(data)

    async def receive(self) -> Request | Response | None:
        """``None`` when the other side has closed."""
        while True:
            event = self._stream.next_event()
            if isinstance(event, Request | Response):
                return event
            assert event is StreamEvent.NEED_DATA, event
            data = await self.connection.receive_some()
            if not data:
                return None
            self._stream.receive_data(data)

    async def ask(self, data: bytes) -> Response:
        self.send(data)
        message = await self.receive()
        assert isinstance(message, Response), message
        return message

    def close(self) -> None:
        self.connection.close()


Handle = Callable[[IncomingRequest], Awaitable[None]]

METHODS = frozenset({"OPTIONS", "MESSAGE", "INVITE", "INFO", "PUBLISH"})


async def accept(incoming: IncomingRequest) -> None:
    """Say 200 to everything but an ACK."""
    if incoming.method != "ACK":
        incoming.respond(200)


class Application(Service):
    """Hands every request to a function."""

    methods = METHODS

    def __init__(
        self,
        handle: Handle = accept,
        *,
        name: str = "application",
        priority: int = ServicePriority.APPLICATION,
    ) -> None:
        self.name = name
        self.priority = priority
        self.handle = handle
        self.seen: list[IncomingRequest] = []

    async def on_request(self, request: IncomingRequest) -> bool:
        self.seen.append(request)
        await self.handle(request)
        return True


class Knows:
    """An identifier by the user part of From."""

    def __init__(self, *names: str, name: str = "knows") -> None:
        self.name = name
        self.endpoints = {one: Endpoint(name=one) for one in names}
        self.asked = 0

    async def identify_endpoint(self, request: IncomingRequest) -> Endpoint | None:
        self.asked += 1
        return self.endpoints.get(request.message.from_.uri.user or "")


@attrs.frozen(kw_only=True)
class Scene:
    """Alice, by hand, at 192.0.2.1, and the stack of Bob at 192.0.2.2."""

    network: MemoryNetwork
    stack: Stack
    alice: Peer

    async def connect(self) -> StreamPeer:
        return StreamPeer(await self.network.host("alice").connect(BOB))


async def run_until_it_ends(alice: SipPeer, stack: AbstractAsyncContextManager[Stack]) -> None:
    """Let alice send one request to a stack, and wait for what becomes of it."""
    async with stack:
        await alice.send_raw(request(), BOB)
        await trio.sleep_forever()


@asynccontextmanager
async def scene(
    network: MemoryNetwork,
    *services: Service,
    listen: Iterable[str] = (UDP_BOB, TCP_BOB),
    strict: bool = True,
    settings: StackSettings | None = None,
) -> AsyncIterator[Scene]:
    """Run Bob's stack with *services*."""
    with closing(Peer(network.host("alice"))) as alice:
        async with open_stack(
            *listen,
            services=services,
            network=network.host("bob"),
            strict=strict,
            settings=settings,
            tokens=Tokens.sequential("b"),
        ) as stack:
            yield Scene(network=network, stack=stack, alice=alice)
    assert network.open_sockets == 0
