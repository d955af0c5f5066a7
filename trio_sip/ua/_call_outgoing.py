"""Calls that we make."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import trio

from trio_sip._errors import (
    CallEnded,
    CallRejected,
    LocalProtocolError,
)
from trio_sip.dialog import DialogId
from trio_sip.message import NameAddr, Request, Uri, create_request
from trio_sip.session import (
    Answered,
    DescriptionRole,
    Ended,
    OutgoingSession,
    Progressed,
    Rejected,
)
from trio_sip.stack import Credentials, LocalContact
from trio_sip.transport import Flow

from ._call import Call
from ._call_block import CallBlock
from ._call_changes import Answer
from ._call_core import Headers
from ._call_leg import Leg
from ._call_progress import Progress, ProgressReader
from ._call_redirect import Redirections
from ._call_sdp import SDP, Sdp, as_body

if TYPE_CHECKING:
    from ._call_service import Calls

__all__ = ["OutgoingCall"]


_BACKLOG = 32
"""Provisional responses that wait to be read; beyond that the oldest gives way."""


class OutgoingCall(CallBlock):
    """A call that we make: ``async with ua.call(target, offer) as call: …``.

    Entering the block sends the INVITE.  Leaving it ends the call, in whatever state it is; the
    other side's hanging up ends the block.
    """

    __slots__ = (
        "_body",
        "_credentials",
        "_early",
        "_from",
        "_headers",
        "_number",
        "_progress",
        "_redirections",
        "_to",
        "answer",
        "target",
    )

    target: Uri
    """Where the INVITE went; another one when a 3xx was followed."""

    answer: Answer | None
    """The answer, when it has come: what `answered` waits for."""

    rejection: Exception | None

    def __init__(
        self,
        calls: Calls,
        target: Uri,
        offer: Sdp | None,
        *,
        headers: Headers,
        from_: NameAddr | None,
        to: NameAddr | None,
        credentials: Credentials | None,
        redirections: int,
        grace: float,
    ) -> None:
        super().__init__(calls, grace)
        self._credentials = calls.credentials if credentials is None else credentials
        self.target = target
        self._body: Sdp | None = offer
        self._headers = tuple(headers)
        self._from = from_
        self._to = to
        self._number = 1
        self._redirections = Redirections(target, redirections) if redirections else None
        self.answer = None
        self._progress: deque[Progress] = deque(maxlen=_BACKLOG)
        self._early: dict[DialogId, Progress] | None = None

    # -- its beginning

    async def start(self) -> None:
        """Send the INVITE.

        Raises:
          NoRoute, TransportFailed: there is no way to the target.
          LocalProtocolError: such a call cannot be made, or it has been made already.
        """
        if hasattr(self, "_leg"):
            raise LocalProtocolError("a call is made once; make another one")
        calls = self._calls
        route = calls.route
        first_hop = route[0].uri if route else self.target
        if self.target.scheme == "sips" and first_hop.is_sip:
            first_hop = first_hop.replace(scheme="sips")
        flow = calls.stack.flow_nowait(first_hop)
        if flow is None:
            flow = await calls.stack.find_flow(first_hop)
        else:
            await trio.lowlevel.checkpoint_if_cancelled()
        contact = calls.contact(first_hop)
        address = calls.stack.reachable_address(flow)
        host = address.host
        self._local = self._wanted = as_body(self._body, host)
        tokens = calls.stack.tokens
        sender = calls.from_ if self._from is None else self._from
        request = create_request(
            "INVITE",
            self.target.without_headers(),
            from_=sender if sender.tag else sender.with_tag(tokens.tag()),
            to=NameAddr(self.target.without_headers()) if self._to is None else self._to,
            call_id=tokens.call_id(),
            cseq=self._number,
            contact=contact.at(flow.transport, address),
            route=route,
            headers=[*self._headers, ("Content-Type", SDP)] if self._local else self._headers,
            body=self._local,
        )
        self._send(request, contact, flow)

    def _send(self, invite: Request, contact: LocalContact, flow: Flow | None) -> None:
        calls = self._calls
        work = calls.stack.grouped_work((invite.call_id, invite.from_.tag, "calls"))
        leg = Leg(
            calls.stack,
            self,
            work,
            contact=contact,
            credentials=self._credentials,
            supplements=calls.supplements,
        )
        leg.flow = flow
        leg.session = OutgoingSession(
            invite, calls.stack.now(), dice=calls.dice, settings=self.session_settings
        )
        self._leg = leg
        calls.remember(leg)
        for supplement in leg.supplements:
            calls.stack.call_hook(supplement.on_call, self)
        leg.perform()

    @property
    def host(self) -> str:
        """The address of ours that the other side reaches."""
        contact = self.session.invite.contact
        assert contact is not None, "our INVITEs have one"
        return contact.uri.host.strip("[]")

    # -- how it goes

    async def answered(self) -> Answer:
        """Wait until somebody answers; the answer, at once if it is there already.

        Its ``sdp`` is the answer to our offer, whether the 2xx had it or, before that, a
        provisional response.  If we made none, it is their offer, and `acknowledge` is owed.

        Raises:
          CallRejected: nobody will; its cause is the `AuthenticationRejected`, if it is one.
          RequestTimedOut, TransportFailed, NoRoute: no answer came.
          CallEnded: the call was ended on our side, or has ended since.

        Cancellation: nothing happens to the call, until its block is left.
        """
        while True:
            if self.rejection is not None:
                self._told = True
                raise self.rejection
            self._check_alive("answered")
            if self.answer is not None:
                await trio.lowlevel.checkpoint_if_cancelled()
                return self.answer
            await self._change()

    def progress(self) -> AsyncIterator[Progress]:
        """``async for progress in call.progress()``: what happens before the final response.

        Each provisional response but 100, which only says that somebody on the way has heard.
        It ends with the final response, whichever that is: `answered` tells.
        """
        self._check_begun()
        return ProgressReader(self)

    async def _next_progress(self) -> Progress | None:
        """The next of them; ``None`` when there will be no more."""
        waiting = self._progress
        while not waiting:
            if self.answer is not None or self.ended is not None:
                return None
            await self._change()
        return waiting.popleft()

    @property
    def early_media(self) -> Mapping[DialogId, Progress]:
        """For each phone that rings, what it said last that has a session description."""
        return {} if self._early is None else self._early

    def acknowledge(self, sdp: Sdp | None = None, *, headers: Headers = ()) -> None:
        """Send the ACK that is owed, with the answer to their offer: when we made none.

        Raises:
          LocalProtocolError: none is owed.
        """
        body = as_body(sdp, self.host)
        self.session.send_ack(self.stack.now(), headers=headers, body=body, content_type=SDP)
        self._local = self._wanted = body
        self._leg.perform()

    def _send_prack(self, progress: Progress, sdp: Sdp | None, headers: Headers) -> None:
        session = self.session
        assert isinstance(session, OutgoingSession)
        body = as_body(sdp, self.host)
        session.send_prack(
            progress.response, self.stack.now(), headers=headers, body=body, content_type=SDP
        )
        if body:
            self._local = self._wanted = body
        self._leg.perform()

    # -- told by the leg

    def _progressed(self, event: Progressed) -> None:
        if event.exchange is not None or event.response.status == 100:
            return
        owed_by = self if event.prack_owed else None
        progress = Progress(event.response, event.dialog, event.description, owed_by)
        if event.description is not None and event.dialog is not None:
            if self._early is None:
                self._early = {}
            self._early[event.dialog.id] = progress
            if event.description.role is DescriptionRole.ANSWER:
                self._remote = event.description
        self._progress.append(progress)
        self._notify()

    def _answered(self, event: Answered) -> None:
        description = event.description
        early = None if self._early is None else self._early.get(event.dialog.id)
        if early is not None and description is None:
            # RFC 3261 section 13.2.1: the first description is the answer, and the 2xx need not
            # say it again.
            self._remote = early.description
            if not early.prack_owed:
                description = early.description
        elif description is not None:
            self._remote = description
        self.answer = Answer(event.response, event.dialog, description)
        self._notify()

    def _rejected(self, event: Rejected) -> None:
        if self._redirections is not None:
            target = self._redirections.next_target(event.status, event.response)
            if target is not None:
                self._go_to(target)
                return
        self.rejection = self._refusal(event)

    def _refusal(self, event: Rejected) -> Exception:
        response = event.response
        failure = self._leg.failure
        if response is None:
            return failure or CallEnded(f"the INVITE was not answered: {event.status}")
        rejected = CallRejected(response.status, response.reason, response)
        rejected.__cause__ = failure
        rejected.add_note(f"INVITE {self.target}, Call-ID {self.session.invite.call_id}")
        return rejected

    def _go_to(self, target: Uri) -> None:
        """RFC 3261 section 8.1.3.4: "SHOULD reuse the same To, From, and Call-ID"."""
        old = self.session.invite
        self.target = target
        self._number = old.cseq.number + 1
        contact = self._leg.contact
        assert contact is not None, "our legs have one"
        request = create_request(
            "INVITE",
            target,
            from_=old.from_,
            to=old.to,
            call_id=old.call_id,
            cseq=self._number,
            contact=old.contact,
            route=self._calls.route,
            headers=self._headers,
        )
        if self._local:
            request.add_body(self._local, SDP)
        self._send(request, contact, None)

    def _outgoing_ended(self, event: Ended) -> None:
        # First those who wait are woken, so that they raise what happened, and then the rest of
        # the block is interrupted.
        self._session_ended(event)
        self._interrupt()

    _tells: ClassVar[dict[type[object], Callable[[Any, Any], None]]] = {
        **Call._tells,
        Progressed: _progressed,
        Answered: _answered,
        Rejected: _rejected,
        Ended: _outgoing_ended,
    }
