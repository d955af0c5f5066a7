"""A running server for damaged messages, and what must hold for each of its answers.

The datagram socket is a queue instead of one of the kernel's; everything above it is the real
thing: the loop that reads, the parser, the checks, the transactions, authentication, the
registrar and the services.  Time is virtual, so all timers of all transactions run.
"""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import AsyncIterator, Hashable, Sequence
from contextlib import asynccontextmanager

import attrs
import trio

from tests.services.conversation import ENDPOINTS, REALM, SECRETS
from tests.stack.scene import Application
from trio_sip._errors import NoRoute, RemoteProtocolError
from trio_sip.message import (
    Request,
    Response,
    check_request,
    check_response,
    parse_message_untrusted,
)
from trio_sip.services import (
    DigestAuthenticator,
    IdentifyByUser,
    MemoryLocation,
    MessageService,
    OptionsService,
    Registrar,
)
from trio_sip.stack import IncomingRequest, Stack, StackStatistics, open_stack
from trio_sip.transport import (
    Address,
    Connection,
    ConnectionListener,
    NaptrRecord,
    Query,
    SrvRecord,
    Undelivered,
)

__all__ = ["LiveServer", "QueueNetwork", "check_answer", "check_balance", "open_live_server"]

SERVER = Address("192.0.2.2", 5060)
PROBE = Address("192.0.2.200", 5060)
OPTIONS = (
    b"OPTIONS sip:192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.200;branch=z9hG4bK%d\r\n"
    b"From: <sip:probe@192.0.2.2>;tag=p\r\nTo: <sip:192.0.2.2>\r\nCall-ID: probe%d\r\n"
    b"CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)


class QueueSocket:
    """A datagram socket without a network: what is put in is read, what is sent is kept."""

    def __init__(self) -> None:
        self.local = SERVER
        self.arrived: deque[tuple[bytes, Address]] = deque()
        self.sent: list[tuple[bytes, Address]] = []
        self._lot = trio.lowlevel.ParkingLot()
        self._closed = False

    def arrive(self, data: bytes, source: Address) -> None:
        self.arrived.append((data, source))
        self._lot.unpark_all()

    async def wait_readable(self) -> None:
        if self.arrived or self._closed:
            await trio.lowlevel.checkpoint()
        else:
            await self._lot.park()
        if self._closed:
            raise trio.ClosedResourceError("this socket was closed")

    def receive_nowait(self) -> tuple[bytes, Hashable]:
        if not self.arrived:
            raise BlockingIOError(errno.EAGAIN, "no datagram")
        return self.arrived.popleft()

    def path_ends(self, path: Hashable) -> tuple[Address, Address]:
        assert isinstance(path, Address)
        return SERVER, path

    def take_undelivered(self) -> Sequence[Undelivered]:
        return ()

    def send_nowait(self, data: bytes, local: Address, remote: Address) -> None:
        assert SERVER == local
        self.sent.append((data, remote))

    def close(self) -> None:
        self._closed = True
        self._lot.unpark_all()


class QueueNetwork:
    """One datagram socket, and no way to anywhere else."""

    def __init__(self) -> None:
        self.socket = QueueSocket()

    def bind_datagrams(self, local: Address) -> QueueSocket:
        return self.socket

    def bind_connections(self, local: Address) -> ConnectionListener:
        raise OSError(errno.EAFNOSUPPORT, "datagrams only")

    async def connect(self, remote: Address) -> Connection:
        raise OSError(errno.ENETUNREACH, "datagrams only")

    def source_host(self, remote: Address) -> str:
        return SERVER.host

    async def resolve(self, host: str, port: int | None, transport: str) -> Sequence[Address]:
        if host != SERVER.host:
            raise NoRoute(host)
        return [SERVER]

    async def records(self, query: Query) -> Sequence[NaptrRecord | SrvRecord]:
        return ()


def check_answer(data: bytes, answer: bytes) -> None:
    """Whether *answer* may be the answer to *data*, and nothing worse than that."""
    question = parse_message_untrusted(data)  # An answer to what is no message raises here.
    assert isinstance(question, Request), "a response was answered"
    assert question.method != "ACK", "an ACK was answered"
    response = parse_message_untrusted(answer)
    assert isinstance(response, Response), "it was answered with a request"
    assert response.fault is None
    fault = check_request(question)
    if fault is None:
        assert check_response(response) is None
        assert question.cseq == response.cseq
        assert question.call_id == response.call_id
        assert question.from_ == response.from_
        assert response.status == 100 or response.to.tag
    else:
        # What it has of a faulty request is what was there, and it says what is wrong with it.
        assert 400 <= response.status < 600
        for name in ("From", "Call-ID", "CSeq"):
            assert question.headers.get_all(name)[:1] == response.headers.get_all(name)
    assert len(question.headers.get_all("Via")) == len(response.headers.get_all("Via"))


def check_balance(one: StackStatistics, acks: int) -> None:
    """Whether everything that came is accounted for, once nothing is being handled.

    Args:
      acks: how many ACKs came.  One that ends the repetition of a refusal has done its work, and
        is not counted as anything.
    """
    transport = one.transport
    assert transport.datagrams_received == (
        transport.keepalives
        + transport.unparsable
        + transport.without_via
        + one.requests_received
        + one.responses_received
    )
    assert one.garbage == transport.unparsable
    assert one.responses_received == one.faulty_responses + one.stray_responses
    accounted = (
        one.faulty_requests  # Answered without state, or an ACK of bad form.
        + one.unanswerable
        + one.overload_dropped
        + one.cancels
        + one.stray_acks
        + one.transactions.absorbed
        + one.works.done
    )
    assert 0 <= one.requests_received - accounted <= acks
    assert (0, 0, 0, 0) == (
        one.handler_errors, one.unanswered, one.sends_failed, transport.sends_failed
    )  # fmt: skip


@attrs.define(eq=False, kw_only=True)
class LiveServer:
    """A server that is being shot at."""

    stack: Stack
    socket: QueueSocket
    application: Application
    answers: int = 0
    acks: int = 0
    probes: int = 0
    _hosts: int = 0

    async def receive(self, batch: Sequence[bytes], pause: float = 40.0) -> None:
        """Let all of *batch* arrive, each from a host of its own, and check every answer.

        Args:
          pause: virtual seconds afterwards; 40 let all transactions end.
        """
        sent: dict[str, bytes] = {}
        for data in batch:
            self._hosts += 1
            number = self._hosts
            host = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
            sent[host] = data
            self.acks += data.lstrip(b"\r\n").startswith(b"ACK ")
            self.socket.arrive(data, Address(host, 1024 + number % 60_000))
        await trio.sleep(pause)
        checked: set[tuple[bytes, Address]] = set()
        self.answers += len(self.socket.sent)
        for answer, remote in self.socket.sent:
            if (answer, remote) not in checked:
                checked.add((answer, remote))
                data = sent[remote.host]  # Nobody else is ever sent anything.
                try:
                    check_answer(data, answer)
                except (AssertionError, RemoteProtocolError) as error:
                    error.add_note(f"answer {answer!r}\nto {data!r}")
                    raise
        self.socket.sent.clear()

    async def is_answered(self) -> bool:
        """Whether a fresh OPTIONS gets its 200 at once."""
        self.probes += 1
        self.socket.sent.clear()
        self.socket.arrive(OPTIONS % (self.probes, self.probes), PROBE)
        await trio.sleep(0.1)
        ((answer, remote),) = self.socket.sent
        self.socket.sent.clear()
        return (PROBE, b"SIP/2.0 200 ") == (remote, answer[:12])


@asynccontextmanager
async def open_live_server(*, guarded: bool) -> AsyncIterator[LiveServer]:
    """A server in strict mode: an exception that leaves any handler ends the test.

    Args:
      guarded: whether users have passwords, so that most requests end at the gate.
    """

    async def read_body(incoming: IncomingRequest) -> None:
        assert isinstance(incoming.message.body, bytes)

    async def read_parts(incoming: IncomingRequest) -> None:
        if incoming.method != "ACK":
            assert len(incoming.message.parts) < 1000
            incoming.respond(200)

    network, application = QueueNetwork(), Application(read_parts)
    async with open_stack(
        f"udp://{SERVER}",
        services=[
            OptionsService(),
            Registrar(MemoryLocation()),
            MessageService(read_body, body_types=("text/*", "application/*")),
            application,
        ],
        network=network,
        strict=True,
        grace=0,
    ) as stack:
        if guarded:
            stack.register_endpoint_identifier(IdentifyByUser(ENDPOINTS))
            stack.register_authenticator(DigestAuthenticator(REALM, SECRETS))
        yield LiveServer(stack=stack, socket=network.socket, application=application)
