"""Calls: what those we make and those we get have in common.

A call is a scope: its block, or its handler, lives until somebody hangs up.  It is told what
happens by its `Leg`, in between two checkpoints of whatever task runs, and wakes or cancels those
who wait.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypeVar, TypeVarTuple

import attrs
import trio

from trio_sip._errors import (
    CallEnded,
    LocalProtocolError,
    RequestRejected,
    RequestTimedOut,
    TransportFailed,
)
from trio_sip.dialog import Dialog
from trio_sip.message import Reason, Request, Response
from trio_sip.sdp import SessionDescription
from trio_sip.session import (
    Description,
    DescriptionRole,
    Ended,
    Exchange,
    ExchangeEnded,
    Forget,
    How,
    InviteSession,
    ModifyReceived,
    PrackReceived,
    RequestReceived,
    SessionInterval,
    SessionState,
    Side,
    Terminated,
    Withdrawn,
)
from trio_sip.stack import IncomingRequest, Stack

from ._call_leg import Leg
from ._call_requests import DTMF, Info, answer_by_default, dtmf_body
from ._call_sdp import SDP, Sdp, as_body, held, matching_answer, parsed
from ._call_tasks import CallTasks

if TYPE_CHECKING:
    from ._call_service import Calls

__all__ = [
    "BY_US",
    "Answer",
    "Call",
    "Change",
    "Headers",
    "RequestHandler",
    "raise_bare",
    "wait_for_any",
]

_INBOX = 32
"""INFOs, keys and texts that wait to be read; beyond that the oldest gives way."""

BY_US = frozenset({How.BYE, How.CANCEL, How.REJECTED})
"""How a call ends when we end it: whoever did so knows, and need not be interrupted."""

_TALKING = frozenset({SessionState.ANSWERED, SessionState.CONFIRMED})

ArgsT = TypeVarTuple("ArgsT")
ItemT = TypeVar("ItemT")

Headers = Iterable[tuple[str, object]]

RequestHandler = Callable[[IncomingRequest], Awaitable[None]]
"""What answers the requests of one method within a call."""


@attrs.frozen
class Answer:
    """What the other side said to an offer of ours, or to our having none."""

    response: Response
    dialog: Dialog | None = attrs.field(repr=False)
    description: Description | None

    @property
    def sdp(self) -> SessionDescription | None:
        """Their session description; an offer, if we made none.

        Raises:
          RemoteProtocolError: it cannot be read.
        """
        return parsed(self.description)


class Change:
    """A change to the call that the other side proposes, and that waits for your word."""

    __slots__ = ("_call", "_description", "request")

    def __init__(self, call: Call, request: Request, description: Description | None) -> None:
        self._call = call
        self._description = description
        self.request = request
        """The re-INVITE, UPDATE or PRACK that it came in."""

    @property
    def offer(self) -> SessionDescription | None:
        """What they propose; ``None`` if they ask for our offer.

        Raises:
          RemoteProtocolError: it cannot be read.
        """
        return parsed(self._description)

    def accept(self, sdp: Sdp | None = None) -> None:
        """Answer it; without *sdp* as if nobody had been asked.

        Raises:
          LocalProtocolError: it has been answered, or taken back.
        """
        self._call._accept(self.request, self._description, sdp)

    def reject(self, status: int = 488) -> None:
        """Leave everything as it is.  Raises as `accept`."""
        self._call._respond(self.request, status)


class Call:
    """A call, made by `UserAgent.call` or handed to the handler of `UserAgent.serve_calls`."""

    __slots__ = (
        "_calls",
        "_changed",
        "_changes",
        "_digits",
        "_exchanges",
        "_failure",
        "_handlers",
        "_infos",
        "_leg",
        "_local",
        "_remote",
        "_scope",
        "_storage",
        "_tasks",
        "_texts",
        "_wanted",
        "ended",
        "grace",
        "info_packages",
        "stack",
    )

    ended: Ended | None
    """How it ended; ``None`` as long as it has not."""

    info_packages: tuple[str, ...]
    """The Info Packages that are taken (RFC 6086); an INFO of another one gets 469."""

    grace: float
    """Seconds in which the goodbye may be answered when the block is left."""

    stack: Stack

    def __init__(self, calls: Calls, grace: float) -> None:
        self._calls = calls
        self.stack = calls.stack
        self.grace = grace
        self.ended = None
        self.info_packages = ()
        self._changed: trio.Event | None = None
        self._failure: BaseException | None = None
        self._scope = trio.CancelScope()
        # What most calls never need is made when it is needed.
        self._tasks: CallTasks | None = None
        self._exchanges: dict[Exchange, tuple[bytes, ExchangeEnded | None]] | None = None
        self._handlers: dict[str, RequestHandler] | None = None
        self._infos: deque[Info] | None = None
        self._digits: deque[str] | None = None
        self._texts: deque[Request] | None = None
        self._changes: deque[Change] | None = None
        self._storage: dict[object, Any] | None = None
        self._local = b""
        self._wanted = b""
        self._remote: Description | None = None

    _leg: Leg

    # -- what it is

    @property
    def session(self) -> InviteSession:
        """The session under it, to look at."""
        return self._leg.session

    @property
    def state(self) -> SessionState:
        """How far it has come."""
        return self._leg.session.state

    @property
    def dialog(self) -> Dialog | None:
        """Its dialog; ``None`` for a call of ours that has not been answered."""
        return self._leg.session.dialog

    @property
    def ended_by(self) -> Side | None:
        """Who ended it; ``None`` as long as it has not ended."""
        return None if self.ended is None else self.ended.by

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """What the other side gave as the reason for its end (RFC 3326)."""
        return () if self.ended is None else self.ended.reasons

    @property
    def reason(self) -> Reason | None:
        """The first of these reasons."""
        reasons = self.reasons
        return reasons[0] if reasons else None

    @property
    def interval(self) -> SessionInterval | None:
        """The session timer, if the two sides have agreed on one (RFC 4028)."""
        return self._leg.session.refresh

    @property
    def allow(self) -> tuple[str, ...]:
        """The methods that may come within it."""
        return self._calls.settings.allow

    @property
    def local_sdp(self) -> SessionDescription | None:
        """What we have said last about our media."""
        return SessionDescription.parse(self._local) if self._local else None

    @property
    def remote_sdp(self) -> SessionDescription | None:
        """What they have said last about theirs.

        Raises:
          RemoteProtocolError: it cannot be read.
        """
        return parsed(self._remote)

    @property
    def host(self) -> str:
        """The address of ours that the other side reaches: for session descriptions."""
        raise NotImplementedError

    @property
    def storage(self) -> dict[object, Any]:
        """A place for what supplements and handlers want to remember, by a key of their own."""
        # Any: what is in there is nobody's business but theirs.
        if self._storage is None:
            self._storage = {}
        return self._storage

    # -- tasks of its own

    def start_soon(
        self,
        fn: Callable[[*ArgsT], Awaitable[object]],
        *args: *ArgsT,
        name: str | None = None,
    ) -> None:
        """Run ``fn(*args)`` for as long as the call lives.

        When the call ends it is cancelled, and its block waits for it.  Its error ends the call
        and leaves the block, bare.

        Raises:
          CallEnded: the call is over.
        """
        self._check_alive("start_soon")
        if self._tasks is None:
            self._tasks = CallTasks(self.stack, self._task_failed)
        self._tasks.start(fn, args, "task of a call" if name is None else name)

    def _task_failed(self, error: BaseException) -> None:
        if self._failure is None:
            self._failure = error
        else:
            self._failure = BaseExceptionGroup("tasks of a call", [self._failure, error])
        self._scope.cancel()

    # -- what you do

    def hang_up(self, *, reason: Reason | str | None = None, headers: Headers = ()) -> None:
        """End it, in whatever state it is, and its block or handler with it.

        It returns at once; a call that is over is left alone.

        Args:
          reason: the Reason header: ``'SIP;cause=200;text="Call completed elsewhere"'``.
        """
        self._end(480, reason, headers)
        self._scope.cancel()

    def _end(self, status: int, reason: Reason | str | None = None, headers: Headers = ()) -> None:
        if reason is not None:
            headers = [*headers, ("Reason", reason)]
        self.session.hang_up(self.stack.now(), status=status, headers=headers)
        self._leg.perform()

    async def reinvite(self, sdp: Sdp | None = None, *, headers: Headers = ()) -> Answer:
        """Change the call: a re-INVITE with *sdp* as the offer, RFC 3261 section 14.

        Without one they are asked for their offer, which is answered with what we said last.
        What cannot be sent now, because another change is going on, is sent when that is over.

        Raises:
          RequestRejected: they would not; the call goes on as it was.
          RequestTimedOut, TransportFailed: no answer came, which ends the call.
          CallEnded: the call is over, or ended meanwhile.
          LocalProtocolError: it has not been answered yet.

        Cancellation: the re-INVITE is cancelled.
        """
        self._check_talking("reinvite")
        body = as_body(sdp, self.host)
        exchange = self.session.send_reinvite(
            self.stack.now(), headers=headers, body=body, content_type=SDP
        )
        return await self._answer_to(exchange, body)

    async def update(self, sdp: Sdp | None = None, *, headers: Headers = ()) -> Answer:
        """Change the call, answered or not: an UPDATE, RFC 3311.  Raises as `reinvite`."""
        self._check_alive("update")
        body = as_body(sdp, self.host)
        exchange = self.session.send_update(
            self.stack.now(), headers=headers, body=body, content_type=SDP
        )
        return await self._answer_to(exchange, body)

    async def hold(self) -> Answer:
        """Receive no media any more, RFC 3264 section 8.4.  Raises as `reinvite`."""
        return await self._set_hold("hold", hold=True)

    async def resume(self) -> Answer:
        """Receive media again.  Raises as `reinvite`."""
        return await self._set_hold("resume", hold=False)

    async def _set_hold(self, what: str, *, hold: bool) -> Answer:
        self._check_talking(what)
        if not self._wanted:
            raise LocalProtocolError(f"{what}: the call has no session description of ours")
        return await self.reinvite(held(self._wanted, self._local, hold))

    async def send_request(
        self,
        method: str,
        body: bytes = b"",
        *,
        content_type: str | None = None,
        headers: Headers = (),
    ) -> Response:
        """Send a request within the call and wait for its success: INFO, MESSAGE, OPTIONS, ….

        Raises:
          RequestRejected, RequestTimedOut, TransportFailed, CallEnded: as `reinvite`.
          LocalProtocolError: there is no dialog yet, or the method has a function of its own.
        """
        self._check_alive(method)
        exchange = self.session.send_request(
            method, self.stack.now(), headers=headers, body=body, content_type=content_type
        )
        return (await self._answer_to(exchange, b"")).response

    async def info(
        self,
        body: bytes | str = b"",
        content_type: str | None = None,
        *,
        package: str | None = None,
        headers: Headers = (),
    ) -> Response:
        """Send an INFO, RFC 6086.  Raises as `send_request`."""
        if package is not None:
            headers = [
                *headers,
                ("Info-Package", package),
                *([("Content-Disposition", "Info-Package")] if body else []),
            ]
        data = body.encode() if isinstance(body, str) else body
        if data and content_type is None:
            content_type = "text/plain"
        return await self.send_request("INFO", data, content_type=content_type, headers=headers)

    async def send_dtmf(self, digits: str, *, milliseconds: int = 160) -> None:
        """Press keys: one INFO with ``application/dtmf-relay`` for each, each answered.

        Args:
          digits: of ``0123456789*#ABCD``.
          milliseconds: how long each is said to be held.

        Raises:
          LocalProtocolError: something is no key.  The rest as `send_request`.
        """
        keys = digits.upper()
        if not keys or keys.strip("0123456789*#ABCD"):
            raise LocalProtocolError(f"not keys of a telephone: {digits!r}")
        for key in keys:
            await self.info(dtmf_body(key, milliseconds), DTMF)

    # -- what they do

    def infos(self) -> AsyncIterator[Info]:
        """``async for info in call.infos()``: what comes in INFOs, but for keys, until the end."""
        if self._infos is None:
            self._infos = deque(maxlen=_INBOX)
        return self._read(self._infos)

    def dtmf(self) -> AsyncIterator[str]:
        """``async for key in call.dtmf()``: the keys that are pressed (by INFO), until the end."""
        if self._digits is None:
            self._digits = deque(maxlen=_INBOX)
        return self._read(self._digits)

    def texts(self) -> AsyncIterator[Request]:
        """The MESSAGEs that come within the call.  Before this is asked for they get 405."""
        if self._texts is None:
            self._texts = deque(maxlen=_INBOX)
        return self._read(self._texts)

    def changes(self) -> AsyncIterator[Change]:
        """The re-INVITEs and UPDATEs that they propose; from now on each waits for your word.

        As long as nobody asks for them they are answered with what we said last, adapted to what
        they offer, or 488 if nothing would be left.
        """
        if self._changes is None:
            self._changes = deque()
        return self._read(self._changes)

    async def _read(self, inbox: deque[ItemT]) -> AsyncIterator[ItemT]:
        while True:
            while inbox:
                yield inbox.popleft()
            if self.ended is not None:
                return
            await self._change()

    def set_handler(self, method: str, handler: RequestHandler | None) -> None:
        """Have *handler* answer the requests of *method* that come within the call.

        It runs in a task of its own, and answers the `IncomingRequest`.  Not for what the call
        itself lives on: INVITE, ACK, CANCEL, BYE, PRACK and UPDATE.
        """
        if self._handlers is None:
            self._handlers = {}
        if handler is None:
            self._handlers.pop(method, None)
        else:
            self._handlers[method] = handler

    def receive_info(self, info: Info) -> None:
        """From `answer_by_default`."""
        if self._infos is None:
            self._infos = deque(maxlen=_INBOX)
        self._infos.append(info)
        self._notify()

    def receive_digit(self, digit: str) -> None:
        """From `answer_by_default`."""
        if self._digits is None:
            self._digits = deque(maxlen=_INBOX)
        self._digits.append(digit)
        self._notify()

    def receive_text(self, text: Request) -> bool:
        """From `answer_by_default`: whether anybody reads it."""
        if self._texts is None:
            return False
        self._texts.append(text)
        self._notify()
        return True

    # -- waiting

    def _notify(self) -> None:
        changed, self._changed = self._changed, None
        if changed is not None:
            changed.set()

    async def _change(self) -> None:
        """Wait until something has happened to the call."""
        if self._changed is None:
            self._changed = trio.Event()
        await self._changed.wait()

    async def _answer_to(self, exchange: Exchange, body: bytes) -> Answer:
        if self._exchanges is None:
            self._exchanges = {}
        self._exchanges[exchange] = (body, None)
        self._leg.perform()
        try:
            await trio.lowlevel.checkpoint_if_cancelled()
            while (result := self._exchanges[exchange][1]) is None:
                await self._change()
        except BaseException:
            self.session.withdraw(exchange, self.stack.now())
            self._leg.perform()
            raise
        finally:
            del self._exchanges[exchange]
        response = result.response
        if response is not None and response.is_success:
            return Answer(response, exchange.dialog, result.description)
        if response is not None:
            raise RequestRejected(response.status, response.reason, response)
        if result.status is None:
            raise CallEnded(f"the call ended before {exchange.method} was answered")
        if result.status == 408:
            raise RequestTimedOut(f"no answer to {exchange.method}")
        raise TransportFailed(f"{exchange.method} could not be sent")

    # -- typed states

    def _check_alive(self, what: str) -> None:
        if self.ended is not None:
            raise CallEnded(f"{what}: the call is over, ended by the {self.ended.by.value} side")

    def _check_talking(self, what: str) -> None:
        self._check_alive(what)
        state = self.state
        if state not in _TALKING:
            raise LocalProtocolError(
                f"{what} needs a call that has been answered; this one is {state.name.lower()}"
            )

    # -- told by the leg

    def receive_event(self, leg: Leg, event: Any) -> None:  # Any: see `LegUser`.
        """The leg's: something happened."""
        if type(event) is Forget:
            self._calls.forget(leg)
        elif leg is self._leg and (tell := self._tells.get(type(event))) is not None:
            tell(self, event)

    def _session_ended(self, event: Ended) -> None:
        self.ended = event
        for supplement in self._leg.supplements:
            self.stack.call_hook(supplement.on_end, self)
        if self._tasks is not None:
            self._tasks.cancel()
        self._notify()

    def _session_terminated(self, event: Terminated) -> None:
        self._notify()

    def _exchange_ended(self, event: ExchangeEnded) -> None:
        exchanges = self._exchanges
        status = event.status
        accepted = status is not None and 200 <= status < 300
        if exchanges is not None and event.exchange in exchanges:
            body, _ = exchanges[event.exchange]
            exchanges[event.exchange] = (body, event)
            if accepted and body:
                self._local = self._wanted = body
            self._notify()
        description = event.description
        if accepted and description is not None:
            self._remote = description
            if description.role is DescriptionRole.OFFER:
                self._acknowledge(description)

    def _acknowledge(self, offer: Description) -> None:
        """The 2xx to a re-INVITE of ours without an offer had theirs: the ACK answers it."""
        body = matching_answer(self._wanted, self._local, offer)
        if body is None:
            # RFC 3261 section 14.1: what cannot be answered in an ACK ends the session.
            self._end(488)
        else:
            self.session.send_ack(self.stack.now(), body=body, content_type=SDP)
            self._local = body
            self._leg.perform()

    def _modify_received(self, event: ModifyReceived | PrackReceived) -> None:
        description = event.description
        if isinstance(event, PrackReceived) and (
            description is None or description.role is not DescriptionRole.OFFER
        ):
            self._remote = description or self._remote
            return
        if self._changes is None:
            self._accept(event.request, description, None)
        else:
            self._changes.append(Change(self, event.request, description))
            self._notify()

    def _accept(self, request: Request, offer: Description | None, sdp: Sdp | None) -> None:
        if sdp is None:
            body = matching_answer(self._wanted, self._local, offer)
        else:
            body = self._wanted = as_body(sdp, self.host)
        if body is None:
            self._respond(request, 488)
            return
        self._respond(request, 200, body)
        self._local = body
        if offer is not None:
            self._remote = offer

    def _respond(self, request: Request, status: int, body: bytes = b"") -> None:
        self.session.send_response(request, status, self.stack.now(), body=body, content_type=SDP)
        self._leg.perform()

    def _withdrawn(self, event: Withdrawn) -> None:
        if self._changes is not None:
            kept = [one for one in self._changes if one.request is not event.request]
            self._changes.clear()
            self._changes.extend(kept)

    def _request_received(self, event: RequestReceived) -> None:
        incoming = self._leg.take_over(event.request)
        if incoming is None:
            return
        method = incoming.method
        handler = None if self._handlers is None else self._handlers.get(method)
        if handler is None:
            handler = self._calls.handlers.get(method)
        if handler is None or self.ended is not None:
            answer_by_default(self, incoming)
            return
        incoming.defer()
        self.start_soon(self._run_handler, handler, incoming, name=f"{method} of a call")

    async def _run_handler(self, handler: RequestHandler, incoming: IncomingRequest) -> None:
        try:
            await handler(incoming)
        finally:
            if not incoming.is_answered:
                incoming.respond(500)

    _tells: ClassVar[dict[type[object], Callable[[Any, Any], None]]] = {
        Ended: _session_ended,
        Terminated: _session_terminated,
        ExchangeEnded: _exchange_ended,
        ModifyReceived: _modify_received,
        PrackReceived: _modify_received,
        Withdrawn: _withdrawn,
        RequestReceived: _request_received,
    }

    # -- leaving

    async def _say_goodbye(self, status: int) -> None:
        """End the call and wait, for a while, until everybody knows."""
        if self.ended is None:
            self._end(status)
        tasks, self._tasks = self._tasks, None
        if tasks is not None:
            await tasks.stop()
        if not self._leg.terminated:
            with trio.move_on_after(self.grace, shield=True):
                while not self._leg.terminated:
                    await self._change()


async def wait_for_any(calls: Iterable[Call]) -> None:
    """Wait until something has happened to one of *calls*."""
    changed = trio.Event()
    for call in calls:
        # Who waits for one of them alone is woken by it, and looks again.
        call._notify()
        call._changed = changed
    await changed.wait()


def raise_bare(error: BaseException) -> NoReturn:
    """Raise *error* as it is: not as something that happened while something else was handled."""
    try:
        raise error
    finally:
        error.__context__ = None
