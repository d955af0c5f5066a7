"""The notifier's end of one REFER: it tells its sender how what he asked for is going."""

from __future__ import annotations

from collections import deque

import trio

from trio_sip._errors import RemoteProtocolError
from trio_sip.dialog import Dialog
from trio_sip.message import EVENT, NameAddr, Request, Response
from trio_sip.stack import Credentials, IncomingRequest, SentRequest, Stack
from trio_sip.subscription import (
    AnswerSubscribe,
    Notifier,
    NotifierPolicy,
    NotifierState,
    SendNotify,
    TerminationReason,
    refer_event,
    sipfrag_body,
)
from trio_sip.transport import Flow

from ._dialog_usages import DialogUsage, leave_dialog

__all__ = ["ReferralNotifier"]

_POLICY = NotifierPolicy(min_expires=30, default_expires=300, max_expires=3600)
"""RFC 3515 section 2.4.4: long enough for what was asked for; a call rings for three minutes."""

_FINAL = 200


class ReferralNotifier(DialogUsage):
    """A usage of the dialog that the REFER came in or has begun.

    Nobody sits and waits for it: it goes on after the call in whose dialog it lives has ended,
    until the last NOTIFY has been answered.
    """

    __slots__ = (
        "_answering",
        "_contact",
        "_credentials",
        "_dialog",
        "_notifier",
        "_reminder",
        "_sent",
        "_stack",
        "_waiting",
    )

    def __init__(
        self,
        stack: Stack,
        dialog: Dialog,
        number: int,
        contact: NameAddr,
        credentials: Credentials | None,
    ) -> None:
        self._stack = stack
        self._dialog = dialog
        self._contact = contact
        self._credentials = credentials
        self._answering: IncomingRequest | None = None
        self._sent: Request | None = None
        """The NOTIFY that is not answered yet; the next one waits for that."""
        self._waiting: deque[SendNotify] = deque()
        self._reminder = stack.create_reminder(self._ring)
        self._notifier = Notifier(refer_event(number), sipfrag_body(100), policy=_POLICY)

    @property
    def is_over(self) -> bool:
        """Whether nothing can be told any more."""
        return self._notifier.state is NotifierState.TERMINATED

    def begin(self) -> None:
        """The REFER was accepted: the first NOTIFY says that it is being tried."""
        self._dialog.begin_usage(self)
        self._notifier.receive_refer(self._stack.now())
        self._perform()

    def tell(self, status: int, reason: str | None) -> None:
        """What was asked for has led to this response; a final one ends the subscription."""
        if self.is_over:
            return
        now = self._stack.now()
        body = sipfrag_body(status, reason)
        if status >= _FINAL:
            # RFC 3515 section 2.4.7: "noresource", for it will not change again.
            self._notifier.terminate(TerminationReason.NORESOURCE, now, body=body)
        else:
            self._notifier.send_notify(body, now)
        self._perform()

    # -- what comes in the dialog

    def takes(self, request: Request) -> bool:
        """Whether it is a SUBSCRIBE to what we tell."""
        if request.method != "SUBSCRIBE":
            return False
        try:
            event = request.headers.get(EVENT)
        except RemoteProtocolError:
            return False
        return event is not None and event.matches(self._notifier.event)

    def receive_request(self, request: IncomingRequest) -> None:
        """The SUBSCRIBE: a refresh, or with Expires 0 the end."""
        self._answering = request
        self._notifier.receive_subscribe(request.message, self._stack.now())
        self._perform()

    # -- what becomes of our NOTIFYs

    def request_leaves(self, sent: SentRequest, flow: Flow) -> None:
        """The stack's: it is complete."""

    def receive_response(self, sent: SentRequest, response: Response) -> None:
        """The stack's: a NOTIFY was answered."""
        if response.status >= _FINAL:
            self._sent = None
            self._notifier.receive_response(response, self._stack.now())
            self._perform()

    def receive_failure(self, sent: SentRequest, error: Exception) -> None:
        """The stack's: no response will come."""
        self._sent = None
        self._notifier.receive_failure(error, self._stack.now())
        self._perform()

    def _ring(self) -> None:
        self._notifier.handle_timeout(self._stack.now())
        self._perform()

    # -- effects

    def _perform(self) -> None:
        for effect in self._notifier.effects():
            match effect:
                case AnswerSubscribe(status, headers):
                    assert self._answering is not None, "there is a SUBSCRIBE"
                    self._answering.respond(status, headers=[*headers, ("Contact", self._contact)])
                    self._answering = None
                case SendNotify():
                    # Each says how things stand, so one that still waits is out of date.
                    self._waiting.clear()
                    self._waiting.append(effect)
        self._reminder.set(self._notifier.next_deadline())
        if self._sent is None and self._waiting:
            self._notify(self._waiting.popleft())
        if self.is_over and self._sent is None and not self._waiting:
            leave_dialog(self._stack, self._dialog, self)

    def _notify(self, effect: SendNotify) -> None:
        body = effect.body
        headers: list[tuple[str, object]] = [
            ("Event", self._notifier.event),
            ("Subscription-State", effect.state),
        ]
        if body is not None:
            headers.append(("Content-Type", body.headers["Content-Type"]))
        request = self._dialog.create_request(
            "NOTIFY",
            contact=self._contact,
            headers=headers,
            body=b"" if body is None else body.content,
        )
        self._sent = request
        try:
            self._stack.start_request(
                request, self, dialog=self._dialog, credentials=self._credentials
            )
        except trio.ClosedResourceError as error:
            self._sent = None
            self._notifier.receive_failure(error, self._stack.now())
