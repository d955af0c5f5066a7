"""Two ends of a call with real transactions between them, on a wire that loses what a test says.

An `End` is a driver in miniature: it performs the effects of its session and of its transaction
layer.  Nothing takes time but the wire, and time is a number.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections.abc import Iterable
from typing import TypeVar

import attrs

from trio_sip._errors import LocalProtocolError
from trio_sip.dialog import Dialog, DialogId
from trio_sip.message import (
    CSEQ,
    CSeq,
    Request,
    Response,
    create_request,
    create_response,
    parse_message_untrusted,
)
from trio_sip.session import (
    DialogBegun,
    Effect,
    Ended,
    Forget,
    IncomingSession,
    InviteSession,
    OutgoingSession,
    RepeatResponse,
    SendAck,
    SendCancel,
    SendRequest,
    SendResponse,
    SessionSettings,
    Terminated,
    UsageEnded,
    create_goodbye,
)
from trio_sip.transaction import (
    AckReceived,
    ClientTransaction,
    ResponseReceived,
    Send,
    ServerTransaction,
    StrayResponse,
    TimedOut,
    TransactionLayer,
    Verdict,
)
from trio_sip.transaction import Effect as LayerEffect

E = TypeVar("E", bound=Effect)

LATENCY = 0.01
OFFER, ANSWER = b"v=0 offer\r\n", b"v=0 answer\r\n"
SDP = "application/sdp"


@attrs.frozen
class Wire:
    """The flow of a transaction."""

    name: str
    reliable: bool = False


def invite(*, body: bytes = OFFER, headers: Iterable[tuple[str, object]] = ()) -> Request:
    """What a caller begins with."""
    typed = [("Content-Type", SDP)] if body else []
    return create_request(
        "INVITE",
        "sip:bob@b.example",
        from_="<sip:alice@a.example>;tag=a",
        to="<sip:bob@b.example>",
        call_id="c1",
        cseq=1,
        contact="<sip:alice@192.0.2.1>",
        headers=[*headers, *typed],
        body=body,
    )


class End:
    """One end: a session, its transactions, and what they did."""

    def __init__(self, pair: Pair, name: str, tag: str, settings: SessionSettings) -> None:
        self.pair = pair
        self.name = name
        self.tag = tag
        self.settings = settings
        self.layer = TransactionLayer()
        self.flow = Wire(name)
        self.call: InviteSession | None = None
        self.dialogs: dict[DialogId, Dialog] = {}
        self.told: list[tuple[float, Effect]] = []
        self.credentials = False
        self.calls = 1
        """How many INVITEs without a To tag came, or 1 for a caller."""
        self._branches = (f"z9hG4bK{name}{number}" for number in itertools.count(1))
        self._servers: dict[int, tuple[Request, ServerTransaction]] = {}

    @property
    def session(self) -> InviteSession:
        assert self.call is not None
        return self.call

    @property
    def incoming(self) -> IncomingSession:
        assert isinstance(self.call, IncomingSession)
        return self.call

    @property
    def outgoing(self) -> OutgoingSession:
        assert isinstance(self.call, OutgoingSession)
        return self.call

    def tell(self, kind: type[E]) -> list[E]:
        """What the session told of one kind."""
        return [effect for _, effect in self.told if isinstance(effect, kind)]

    def last(self, kind: type[E]) -> E:
        return self.tell(kind)[-1]

    def times(self, kind: type[Effect]) -> list[float]:
        return [round(time, 3) for time, effect in self.told if isinstance(effect, kind)]

    def deadline(self) -> float:
        call = math.inf if self.call is None else self.call.next_deadline()
        return min(call, self.layer.next_deadline())

    def handle_timeout(self, now: float) -> None:
        self.layer.handle_timeout(now)
        self.flush(now)
        if self.call is not None:
            self.call.handle_timeout(now)
        self.flush(now)

    def reply(self, request: Request, status: int) -> None:
        """Answer a request that the session left to its user."""
        response = create_response(request, status, to_tag=self.tag)
        self._respond(request, response, self.pair.now)
        self.flush(self.pair.now)

    # -- what comes

    def receive(self, data: bytes, now: float) -> None:
        message = parse_message_untrusted(data)
        if isinstance(message, Response):
            self.layer.receive_response(message, self.flow, now)
        else:
            assert isinstance(message, Request)
            self._receive_request(message, now)
        self.flush(now)

    def _receive_request(self, request: Request, now: float) -> None:
        verdict = self.layer.receive_request(request, self.flow, now)
        wanted = DialogId.of_request(request)
        dialog = None if wanted is None else self.dialogs.get(wanted)
        if verdict is Verdict.STRAY_ACK and dialog is not None:
            self.session.receive_request(request, now)
        elif verdict is Verdict.CANCEL:
            self._answer(request, 200, now)
            if self.call is not None:
                self.call.receive_cancel(request, now)
        elif verdict is Verdict.STRAY_CANCEL:
            self._answer(request, 481, now)
        elif verdict is Verdict.NEW:
            self._receive_new(request, dialog, now)

    def _receive_new(self, request: Request, dialog: Dialog | None, now: float) -> None:
        self._open(request, now)
        if request.method == "INVITE" and request.to.tag is None:
            self.calls += bool(self.tell(Ended))
            self.call = IncomingSession(
                request,
                now,
                local_tag=self.tag,
                contact=f"<sip:{self.name}@192.0.2.2>",
                dice=random.Random(1),
                settings=self.settings,
            )
        elif dialog is None:
            self._respond(request, create_response(request, 481, to_tag=self.tag), now)
        elif (fault := dialog.receive_request(request)) is not None:
            self._respond(request, create_response(request, fault.status), now)
        else:
            self.session.receive_request(request, now)

    def _open(self, request: Request, now: float) -> None:
        self._servers[id(request)] = request, self.layer.open_server(request, self.flow, now)

    def _answer(self, request: Request, status: int, now: float) -> None:
        self._open(request, now)
        self._respond(request, create_response(request, status, to_tag=self.tag), now)

    def _respond(self, request: Request, response: Response, now: float) -> None:
        _, transaction = self._servers[id(request)]
        self.layer.send_response(transaction, bytes(response), response.status, now)

    # -- what is to be done

    def flush(self, now: float) -> None:
        """Perform what the layers want until neither wants more."""
        while True:
            below = self.layer.effects()
            above = [] if self.call is None else self.call.effects()
            if not below and not above:
                return
            for effect in below:
                self._perform_below(effect, now)
            for wish in above:
                self.told.append((now, wish))
                self._perform(wish, now)

    def _perform_below(self, effect: LayerEffect, now: float) -> None:
        match effect:
            case Send(data=data):
                self.pair.send(self, data, now)
            case ResponseReceived(transaction=transaction, response=response):
                self._receive_response(transaction, response, now)
            case StrayResponse(response=response):
                self._receive_stray(response, now)
            case AckReceived(request=request):
                if self.call is not None:
                    self.call.receive_request(request, now)
            case TimedOut(transaction=ClientTransaction(owner=request)):
                assert isinstance(request, Request)
                if self.call is not None:
                    self.call.receive_failure(request, 408, now)

    def _receive_response(
        self, transaction: ClientTransaction, response: Response, now: float
    ) -> None:
        request = transaction.owner
        if not isinstance(request, Request):
            return
        if response.status == 401 and self.credentials:
            number = request.headers[CSEQ].number + 1
            request.headers.set("CSeq", CSeq(number, request.method))
            request.headers.set("Authorization", 'Digest username="a"')
            self.session.replace_request(request, request, now)
            self._send(request, now)
        elif self.call is not None:
            self.call.receive_response(response, now)

    def _receive_stray(self, response: Response, now: float) -> None:
        if not response.is_success or response.cseq.method != "INVITE":
            return
        if self.call is not None:
            self.call.receive_response(response, now)
        else:
            ack, bye = create_goodbye(response)
            self._send_ack(ack, now)
            self._send(bye, now, owner=None)

    def _perform(self, effect: Effect, now: float) -> None:
        match effect:
            case SendRequest(request=request):
                self._send(request, now)
            case SendAck(request=request):
                self._send_ack(request, now)
            case SendCancel():
                self._send(effect.create_request(), now, owner=None, via=False)
            case SendResponse(request=request, response=response):
                self._respond(request, response, now)
            case RepeatResponse(request=request, response=response):
                self._repeat(request, response, now)
            case DialogBegun(dialog=dialog):
                self.dialogs[dialog.id] = dialog
            case UsageEnded(dialog=dialog):
                del self.dialogs[dialog.id]
            case Forget():
                self.call = None

    def _repeat(self, request: Request, response: Response, now: float) -> None:
        try:
            self._respond(request, response, now)
        except LocalProtocolError:
            # Its transaction has just ended.
            return

    def _send_ack(self, ack: Request, now: float) -> None:
        if "Via" not in ack:
            self._push_via(ack)
        self.pair.send(self, bytes(ack), now)

    def _send(
        self, request: Request, now: float, *, owner: Request | None = None, via: bool = True
    ) -> None:
        if via:
            self._push_via(request)
            owner = request
        transaction = self.layer.send_request(request, self.flow, now)
        transaction.owner = owner

    def _push_via(self, request: Request) -> None:
        request.headers.remove("Via")
        via = f"SIP/2.0/UDP {self.name}.example;branch={next(self._branches)}"
        request.headers.insert_first("Via", via)


class Pair:
    """Alice calls Bob.

    Args:
      lose: messages that are lost, the first that fits each: ``"a INVITE"``, ``"b 200 INVITE"``.
      loss: how many of all the others are lost, 0 to 1.
    """

    def __init__(
        self,
        *,
        lose: Iterable[str] = (),
        body: bytes = OFFER,
        headers: Iterable[tuple[str, object]] = (),
        alice: SessionSettings | None = None,
        bob: SessionSettings | None = None,
        loss: float = 0.0,
        seed: int = 0,
    ) -> None:
        quiet = SessionSettings(session_expires=None)
        self.now = 0.0
        self.lose = list(lose)
        self.loss = loss
        self.dice = random.Random(seed)
        self.wire: list[tuple[float, int, End, bytes]] = []
        self.sent: list[tuple[float, str]] = []
        self._numbers = itertools.count()
        self.alice = End(self, "a", "a", alice or quiet)
        self.bob = End(self, "b", "b", bob or quiet)
        self.alice.call = OutgoingSession(
            invite(body=body, headers=headers),
            0.0,
            dice=random.Random(2),
            settings=self.alice.settings,
        )
        self.alice.flush(0.0)

    def send(self, end: End, data: bytes, now: float) -> None:
        label = f"{end.name} {_label(data)}"
        self.sent.append((round(now, 3), label))
        if label in self.lose:
            self.lose.remove(label)
            return
        if self.loss and self.dice.random() < self.loss:
            return
        other = self.bob if end is self.alice else self.alice
        heapq.heappush(self.wire, (now + LATENCY, next(self._numbers), other, data))

    def run(self, seconds: float = 0.5) -> None:
        """Let time pass: long enough for a round trip if nothing is said."""
        end = self.now + seconds
        while True:
            arrival = self.wire[0][0] if self.wire else math.inf
            following = min(arrival, self.alice.deadline(), self.bob.deadline())
            if following > end:
                break
            self.now = max(self.now, following)
            if arrival <= self.now:
                _, _, receiver, data = heapq.heappop(self.wire)
                receiver.receive(data, self.now)
            else:
                self.alice.handle_timeout(self.now)
                self.bob.handle_timeout(self.now)
        self.now = end

    def flush(self) -> None:
        """Perform what the sessions want after a user's verb."""
        self.alice.flush(self.now)
        self.bob.flush(self.now)

    # -- what was sent

    def times(self, label: str) -> list[float]:
        return [time for time, sent in self.sent if sent == label]

    def flow(self) -> list[str]:
        """What was sent, in order, but for the copies that transactions repeat."""
        return [label for _, label in self.sent]

    def clear(self) -> None:
        self.sent.clear()

    # -- how calls usually begin

    def ring(self, status: int = 180, **given: object) -> None:
        """The INVITE arrives, and Bob's phone rings."""
        self.run(0.1)
        self.respond(status, **given)

    def respond(self, status: int, **given: object) -> None:
        """Bob answers the INVITE."""
        self.answer(self.bob, self.bob.session.invite, status, **given)

    def answer(self, end: End, request: Request, status: int = 200, **given: object) -> None:
        """One of them answers a request of the other."""
        end.session.send_response(request, status, self.now, **given)  # type: ignore[arg-type]  # passed on as they are
        self.flush()

    def hang_up(self, end: End, **given: object) -> None:
        end.session.hang_up(self.now, **given)  # type: ignore[arg-type]  # passed on as they are
        self.flush()

    def connect(self) -> None:
        """A call that has been answered and acknowledged, with nothing on the wire."""
        self.ring()
        self.respond(200, body=ANSWER)
        self.run(0.1)

    # -- laws

    def is_over(self) -> bool:
        """Neither end holds anything."""
        return all(
            end.call is None and not end.dialogs and not len(end.layer)
            for end in (self.alice, self.bob)
        )

    def finish(self) -> None:
        """Nothing is left of the call, and each end has said once that it is over."""
        self.run(200)
        assert self.is_over()
        for end in (self.alice, self.bob):
            for kind in (Ended, Terminated, Forget):
                assert len(end.tell(kind)) <= end.calls, kind


def _label(data: bytes) -> str:
    message = parse_message_untrusted(data)
    if isinstance(message, Response):
        return f"{message.status} {message.cseq.method}"
    assert isinstance(message, Request)
    return message.method
