"""A leg: one session and the stack, each told what the other wants.

What comes for the session is told to it in its dialogs' work, one thing after the other; what it
wants is done at once.  Nothing here waits, and no code of a user runs here: a call that sleeps
for a minute in its handler answers a re-INVITE meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

import trio

from trio_sip._errors import RequestTimedOut
from trio_sip.dialog import DialogState
from trio_sip.message import Request, Response
from trio_sip.session import (
    DialogBegun,
    Ended,
    Forget,
    InviteSession,
    RepeatResponse,
    SendAck,
    SendCancel,
    SendRequest,
    SendResponse,
    Terminated,
    UsageEnded,
)
from trio_sip.stack import (
    ANONYMOUS,
    AnswerState,
    Credentials,
    Endpoint,
    IncomingRequest,
    LocalContact,
    Reminder,
    SentRequest,
    Stack,
)
from trio_sip.transport import Flow
from trio_sip.work import Work

from ._call_supplement import CallSupplement
from ._dialog_usages import OF_SUBSCRIPTIONS, usage_for

__all__ = ["NOBODY", "Leg", "LegUser"]

_INFINITY = float("inf")
_ANSWERED = AnswerState.ANSWERED
_UNANSWERED = AnswerState.UNANSWERED


Supplements = tuple[CallSupplement, ...]


class LegUser(Protocol):
    """Whom a leg tells what the user of a call is to hear.  Nothing here waits."""

    def receive_event(self, leg: Leg, event: Any) -> None:
        """An effect of the session that is for its user."""


class _Nobody:
    """The user of a leg that has none, not yet or no longer."""

    def receive_event(self, leg: Leg, event: object) -> None: ...


NOBODY = _Nobody()


class Leg:
    """Runs one session; made for each call, and for each target that a call is sent on to."""

    __slots__ = (
        "_busy",
        "_now",
        "_received",
        "_reminder",
        "_sent",
        "_work",
        "contact",
        "credentials",
        "endpoint",
        "failure",
        "flow",
        "forgotten",
        "invite",
        "session",
        "stack",
        "supplements",
        "terminated",
        "user",
    )

    session: InviteSession

    def __init__(
        self,
        stack: Stack,
        user: LegUser,
        work: Work,
        *,
        contact: LocalContact | None = None,
        credentials: Credentials | None = None,
        endpoint: Endpoint = ANONYMOUS,
        invite: IncomingRequest | None = None,
        supplements: Supplements = (),
    ) -> None:
        self.stack: Stack = stack
        self.user: LegUser = user
        self.contact: LocalContact | None = contact
        self.credentials: Credentials | None = credentials
        self.endpoint: Endpoint = endpoint
        self.supplements: Supplements = supplements
        self.invite: IncomingRequest | None = invite
        """The INVITE that we were called with."""

        self.flow: Flow | None = None
        """The one by which our INVITE went, or for which its Contact was made."""

        self.failure: Exception | None = None
        """Why our INVITE was not answered, if it was not refused."""

        self.terminated: bool = False
        """All goodbyes are said."""

        self.forgotten: bool = False
        """Nothing more can come."""

        self._now = stack.now
        self._work = work
        self._busy = False
        self._reminder: Reminder | None = None
        self._sent: list[SentRequest] = []
        self._received: list[IncomingRequest] = []

    # -- what the session wants

    def perform(self) -> None:
        """Do what the session wants.  To be called after everything that it was told."""
        if self._busy:
            # It was told something while its last wishes were being done: the loop below goes on.
            return
        self._busy = True
        session = self.session
        try:
            while effects := session.effects():
                for effect in effects:
                    do = _DO.get(type(effect))
                    if do is None:
                        self.user.receive_event(self, effect)
                    else:
                        do(self, effect)
        finally:
            self._busy = False
        if self.forgotten:
            return
        due = session.next_deadline()
        reminder = self._reminder
        if reminder is not None:
            if due != reminder.due:
                reminder.set(due)
        elif due != _INFINITY:
            reminder = self._reminder = self.stack.create_reminder(self._ring)
            reminder.set(due)

    def _show(self, hook: str, *message: Request | Response) -> None:
        for supplement in self.supplements:
            self.stack.call_hook(getattr(supplement, hook), self.user, *message)

    def _send_request(self, effect: SendRequest) -> None:
        request = effect.request
        if self.supplements:
            self._show("on_send_request", request)
        try:
            sent = self.stack.start_request(
                request, self, dialog=effect.dialog, credentials=self.credentials
            )
        except trio.ClosedResourceError:
            if effect.dialog is None:
                raise
            # The stack has failed under a call, whose goodbye nobody will hear.
            self.session.receive_failure(request, 503, self._now())
        else:
            self._sent.append(sent)

    def _send_ack(self, effect: SendAck) -> None:
        with suppress(trio.ClosedResourceError):
            self.stack.send_ack(effect.request, effect.dialog)

    def _send_cancel(self, effect: SendCancel) -> None:
        for sent in self._sent:
            if sent.request is effect.invite:
                sent.cancel(effect.headers)

    def _send_response(self, effect: SendResponse) -> None:
        incoming = self._incoming(effect.request)
        if incoming is None or incoming.state is _ANSWERED:
            return
        if self.supplements:
            self._show("on_send_response", effect.response)
        incoming.send_response(effect.response)
        if effect.response.status >= 200 and incoming.method != "INVITE":
            self._received.remove(incoming)

    def _repeat_response(self, effect: RepeatResponse) -> None:
        incoming = self._incoming(effect.request)
        if incoming is not None:
            incoming.repeat_response(effect.response)

    def _incoming(self, message: Request) -> IncomingRequest | None:
        invite = self.invite
        if invite is not None and invite.message is message:
            return invite
        for incoming in self._received:
            if incoming.message is message:
                return incoming
        return None

    def _begin_dialog(self, effect: DialogBegun) -> None:
        self.stack.add_dialog(
            effect.dialog,
            self,
            work=self._work,
            endpoint=self.endpoint,
            prompt=True,
            flow=self._flow_heard(),
        )

    def _flow_heard(self) -> Flow | None:
        """By which the far end is heard, if no proxy is in between."""
        if self.invite is not None:
            return self.invite.direct_flow
        return self.stack.answering_flow(self.flow)

    def _end_usage(self, effect: UsageEnded) -> None:
        if effect.dialog.state is DialogState.TERMINATED:
            self.stack.remove_dialog(effect.dialog)

    def _end(self, effect: Ended) -> None:
        self.user.receive_event(self, effect)
        if self.supplements:
            self._show("on_end")

    def _terminate(self, effect: Terminated) -> None:
        self.terminated = True
        self.user.receive_event(self, effect)

    def _forget(self, effect: Forget) -> None:
        self.forgotten = True
        sent, self._sent = self._sent, []
        for request in sent:
            request.leave()
        self._received.clear()
        self.user.receive_event(self, effect)
        # What is over is freed at once, and not when the collector comes by: these are circles.
        self.user = NOBODY
        self.invite = None
        if self._reminder is not None:
            self._reminder.forget()
            self._reminder = None

    # -- what comes, from the listener's task or the alarm's: each waits for its turn

    def request_leaves(self, sent: SentRequest, flow: Flow) -> None:
        """The stack's: the way of a request is known, and with it our address."""
        contact = self.contact
        if contact is not None and sent.dialog is None and flow != self.flow:
            self.flow = flow
            address = self.stack.reachable_address(flow)
            sent.request.headers.set("Contact", contact.at(flow.transport, address))

    def receive_response(self, sent: SentRequest, response: Response) -> None:
        """The stack's: a response to a request of ours."""
        self._work.run_or_push(self._take_response, sent, response)

    def _take_response(self, sent: SentRequest, response: Response) -> None:
        if self.forgotten:
            return
        if response.status >= 200 and sent.request.method != "INVITE" and sent in self._sent:
            self._sent.remove(sent)
        if self.supplements:
            self._show("on_response", response)
        if sent.refusal is not None:
            self.failure = sent.refusal
        request = None if sent.dialog is None else sent.request
        self.session.receive_response(response, self._now(), request=request)
        self.perform()

    def receive_failure(self, sent: SentRequest, error: Exception) -> None:
        """The stack's: no response will come."""
        self._work.run_or_push(self._take_failure, sent, error)

    def _take_failure(self, sent: SentRequest, error: Exception) -> None:
        if self.forgotten:
            return
        if sent.request.method != "INVITE" and sent in self._sent:
            self._sent.remove(sent)
        if sent.dialog is None:
            self.failure = error
        status = 408 if isinstance(error, RequestTimedOut) else 503
        self.session.receive_failure(sent.request, status, self._now())
        self.perform()

    def receive_request(self, request: IncomingRequest) -> None:
        """The stack's: a request within a dialog of the session, in its work."""
        if request.method in OF_SUBSCRIPTIONS and request.dialog is not None:
            usage = usage_for(request.dialog.dialog, request.message)
            if usage is not None:
                usage.receive_request(request)
                return
        if request.transaction is not None:
            if request.method == "INVITE":
                self._received = [one for one in self._received if one.method != "INVITE"]
            self._received.append(request)
        if self.supplements:
            self._show("on_request", request.message)
        self.session.receive_request(request.message, self._now())
        self.perform()
        if request.transaction is not None and request.state is _UNANSWERED:
            request.defer(self)

    def take_over(self, message: Request) -> IncomingRequest | None:
        """A request that the session leaves to others: it is theirs to answer."""
        for incoming in self._received:
            if incoming.message is message:
                self._received.remove(incoming)
                return incoming
        return None

    def receive_cancel(self, request: IncomingRequest, cancel: Request) -> None:
        """The stack's: a CANCEL for an INVITE of theirs."""
        self._work.run_or_push(self._take_cancel, cancel)

    def _take_cancel(self, cancel: Request) -> None:
        self.session.receive_cancel(cancel, self._now())
        self.perform()

    def _ring(self) -> None:
        self._work.run_or_push(self._take_time)

    def _take_time(self) -> None:
        self.session.handle_timeout(self._now())
        self.perform()


# Any: each function takes the effect that it is listed for.
_DO: dict[type[object], Callable[[Leg, Any], None]] = {
    SendRequest: Leg._send_request,
    SendAck: Leg._send_ack,
    SendCancel: Leg._send_cancel,
    SendResponse: Leg._send_response,
    RepeatResponse: Leg._repeat_response,
    DialogBegun: Leg._begin_dialog,
    UsageEnded: Leg._end_usage,
    Ended: Leg._end,
    Terminated: Leg._terminate,
    Forget: Leg._forget,
}
