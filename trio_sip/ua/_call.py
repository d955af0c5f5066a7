"""Calls: what those we make and those we get have in common, and what the other side does."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any, ClassVar

from trio_sip._errors import LocalProtocolError
from trio_sip.message import Request
from trio_sip.sdp import SessionDescription
from trio_sip.session import (
    Acknowledged,
    Description,
    DescriptionRole,
    ModifyReceived,
    PrackReceived,
    RequestReceived,
    SessionSettings,
    Withdrawn,
)
from trio_sip.stack import IncomingRequest

from ._call_referrals import CallReferrals
from ._call_requests import Info, answer_by_default
from ._call_sdp import SDP, Sdp, as_next_body, matching_answer, parsed

if TYPE_CHECKING:
    from ._call_service import Calls

__all__ = ["Call", "Change", "RequestHandler"]

_ITS_OWN = frozenset({"INVITE", "ACK", "CANCEL", "BYE", "PRACK", "UPDATE"})

_INBOX = 32
"""INFOs, keys and texts that wait to be read; beyond that the oldest gives way."""

_PAST = 4
"""Changes remembered that were made before anybody asked: each takes the place of the one before."""

RequestHandler = Callable[[IncomingRequest], Awaitable[None]]
"""What answers the requests of one method within a call."""


class Change:
    """A change to the call that the other side proposes, and that waits for your word."""

    __slots__ = ("_call", "_description", "is_past", "request")

    def __init__(
        self, call: Call, request: Request, description: Description | None, *, is_past: bool
    ) -> None:
        self._call = call
        self._description = description
        self.is_past: bool = is_past
        """It came before anybody asked for changes, and was answered as if nobody ever would."""

        self.request: Request = request
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
        if not self.is_past or sdp is not None:
            self._call._accept(self.request, self._description, sdp)

    def reject(self, status: int = 488) -> None:
        """Leave everything as it is.  Raises as `accept`."""
        self._call._respond(self.request, status)


class Call(CallReferrals):
    """A call, made by `UserAgent.call` or handed to the handler of `UserAgent.serve_calls`."""

    __slots__ = ("_changes", "_digits", "_handlers", "_infos", "_past", "_texts", "info_packages")

    info_packages: tuple[str, ...]
    """The Info Packages that are taken (RFC 6086); an INFO of another one gets 469."""

    def __init__(self, calls: Calls, grace: float) -> None:
        super().__init__(calls, grace)
        self.info_packages = ()
        # What most calls never need is made when it is needed.
        self._handlers: dict[str, RequestHandler] | None = None
        self._infos: deque[Info] | None = None
        self._digits: deque[str] | None = None
        self._texts: deque[Request] | None = None
        self._changes: deque[Change] | None = None
        self._past: deque[Change] | None = None

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
        """The MESSAGEs that come within the call.

        Before this is asked for they get 405, and Allow does not name them: ask before the call
        begins, or before you answer it, if the other side is to know that it may write.
        """
        if self._texts is None:
            self._texts = deque(maxlen=_INBOX)
            self._say_what_is_taken()
        return self._read(self._texts)

    def changes(self) -> AsyncIterator[Change]:
        """The re-INVITEs and UPDATEs that they propose; from now on each waits for your word.

        As long as nobody asks for them they are answered with what we said last, adapted to what
        they offer, or 488 if nothing would be left.  The last few of those come first, so that
        who asks late misses nothing: see `Change.is_past`.
        """
        if self._changes is None:
            self._changes = self._past or deque()
            self._past = None
        return self._read(self._changes)

    def set_handler(self, method: str, handler: RequestHandler | None) -> None:
        """Have *handler* answer the requests of *method* that come within the call.

        It runs in a task of its own, and answers the `IncomingRequest`.  Not for what the call
        itself lives on: INVITE, ACK, CANCEL, BYE, PRACK and UPDATE.

        Raises:
          LocalProtocolError: *method* is one of those.
        """
        if method in _ITS_OWN:
            raise LocalProtocolError(f"{method} is the call's own")
        if self._handlers is None:
            self._handlers = {}
        if handler is None:
            self._handlers.pop(method, None)
        else:
            self._handlers[method] = handler
        self._say_what_is_taken()

    @property
    def session_settings(self) -> SessionSettings:
        """Those of its user agent; Allow names what somebody is there for beyond that, too."""
        settings = self._calls.settings
        if self._texts is None and not self._handlers and not self._calls.handlers:
            return settings
        texts = () if self._texts is None else ("MESSAGE",)
        return settings.allowing((*self._calls.handlers, *(self._handlers or ()), *texts))

    def _say_what_is_taken(self) -> None:
        if self.has_begun:
            self.session.settings = self.session_settings

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

    def take_referral(self, request: IncomingRequest) -> None:
        """From `answer_by_default`."""
        self._calls.referrals.receive(request, self)

    # -- told by the leg

    def _modify_received(self, event: ModifyReceived | PrackReceived) -> None:
        description = event.description
        if "Replaces" in event.request.headers:
            # RFC 3891 section 3: only an INVITE that begins a call may have it.
            self._respond(event.request, 400)
            return
        if isinstance(event, PrackReceived) and (
            description is None or description.role is not DescriptionRole.OFFER
        ):
            self._remote = description or self._remote
            return
        if self._changes is None:
            if self._past is None:
                self._past = deque()
            elif len(self._past) >= _PAST:
                self._past.popleft()
            self._past.append(Change(self, event.request, description, is_past=True))
            self._accept(event.request, description, None)
        else:
            self._changes.append(Change(self, event.request, description, is_past=False))
            self._notify()

    def _accept(self, request: Request, offer: Description | None, sdp: Sdp | None) -> None:
        if sdp is None:
            body = matching_answer(self._wanted, self._local, offer)
        else:
            body = as_next_body(sdp, self.host, self._local)
        if body is None:
            self._respond(request, 488)
            return
        said = self._local
        self._say(body)
        try:
            self._respond(request, 200, body)
        except LocalProtocolError:
            self._local = said
            raise
        if sdp is not None:
            self._wanted = body
        if offer is not None:
            self._remote = offer

    def _respond(self, request: Request, status: int, body: bytes = b"") -> None:
        self.session.send_response(request, status, self.stack.now(), body=body, content_type=SDP)
        self._leg.perform()

    def _take_answer(self, event: Acknowledged) -> None:
        """The ACK to our 200 has the answer when the offer was ours."""
        if event.description is not None:
            self._remote = event.description

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
        **CallReferrals._tells,
        Acknowledged: _take_answer,
        ModifyReceived: _modify_received,
        PrackReceived: _modify_received,
        Withdrawn: _withdrawn,
        RequestReceived: _request_received,
    }
