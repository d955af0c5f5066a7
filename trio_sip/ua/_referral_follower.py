"""What follows a REFER of ours: the subscription that came with it, which nobody sits and waits for."""

from __future__ import annotations

from collections import deque
from typing import Protocol

import trio

from trio_sip._errors import RemoteProtocolError, RequestRejected
from trio_sip.dialog import Dialog
from trio_sip.message import EVENT, Request, Response
from trio_sip.stack import Credentials, IncomingRequest, LocalContact, SentRequest, Stack, Usage
from trio_sip.subscription import (
    AnswerNotify,
    Notified,
    ReferProgress,
    SendSubscribe,
    Subscriber,
    SubscriberState,
    SubscriptionEnded,
    read_progress_untrusted,
    refer_event,
)
from trio_sip.transport import Flow

from ._dialog_usages import DialogUsage, UsedDialog, leave_dialog

__all__ = ["ReferralFollower", "SentRefer"]

_BACKLOG = 32
"""What was told and waits to be read; beyond that the oldest gives way."""

_TERMINATED = SubscriberState.TERMINATED


class SentRefer(Protocol):
    """The REFER as it was sent last: the answer to a challenge gives it another number."""

    @property
    def request(self) -> Request | None: ...


class ReferralFollower(DialogUsage):
    """The subscriber's end of one REFER.

    It begins before the REFER is sent, because the first NOTIFY may be faster than the 202
    (RFC 6665 section 4.4.1), and goes on by itself until the last NOTIFY has come.
    """

    __slots__ = (
        "_answering",
        "_changed",
        "_contact",
        "_credentials",
        "_reminder",
        "_stack",
        "dialog",
        "ended",
        "last",
        "refer",
        "subscriber",
        "told",
    )

    def __init__(
        self, stack: Stack, contact: LocalContact, credentials: Credentials | None
    ) -> None:
        self._stack = stack
        self._contact = contact
        self._credentials = credentials
        self._answering: IncomingRequest | None = None
        self._changed: trio.Event | None = None
        self._reminder = stack.create_reminder(self._ring)
        self.subscriber: Subscriber = Subscriber(refer_event(0), t1=stack.settings.timers.t1)
        self.dialog: Dialog | None = None
        self.refer: SentRefer | None = None
        """Our REFER, as long as it is not answered."""

        self.told: deque[ReferProgress] = deque(maxlen=_BACKLOG)
        self.last: ReferProgress | None = None
        self.ended: SubscriptionEnded | None = None

    # -- its life

    def begin(self, dialog: Dialog | None) -> None:
        """A REFER is about to be sent, in *dialog* or outside of any."""
        self.subscriber.send_refer(self._stack.now())
        if dialog is not None:
            self._join(dialog)
        self.perform()

    def _join(self, dialog: Dialog) -> None:
        self.dialog = dialog
        dialog.begin_usage(self)

    def begin_dialog(self, dialog: Dialog) -> Usage | None:
        """The stack's: a NOTIFY is faster than the 2xx to a REFER outside of dialogs."""
        request = None if self.refer is None else self.refer.request
        if self.dialog is not None or request is None or self.subscriber.state is _TERMINATED:
            return None
        dialog.local_sequence = request.cseq.number
        self._join(dialog)
        return UsedDialog(dialog)

    def take_response(self, response: Response) -> None:
        """The final response to the REFER came."""
        self._note_number()
        refer, self.refer = self.refer, None
        request = None if refer is None else refer.request
        self.subscriber.receive_response(response, self._stack.now())
        lives = self.subscriber.state is not _TERMINATED
        if self.dialog is None and lives and response.is_success and request is not None:
            dialog = Dialog.as_uac(request, response)
            self._join(dialog)
            self._stack.add_dialog(dialog, UsedDialog(dialog))
        elif self.dialog is not None:
            self._refresh_target(self.dialog, response)
        self.perform()

    def _refresh_target(self, dialog: Dialog, response: Response) -> None:
        try:
            dialog.receive_response(response)
        except RemoteProtocolError:
            # A Contact that cannot be read moves no target.
            return

    def take_refusal(self, refusal: RequestRejected) -> None:
        """It was another than a 2xx, or a challenge that we have no answer to."""
        assert isinstance(refusal.response, Response), "it was made of one"
        self.take_response(refusal.response)

    def fail(self, error: Exception) -> None:
        """No response to the REFER will come."""
        self.refer = None
        self.subscriber.receive_failure(error, self._stack.now())
        self.perform()

    def leave(self) -> None:
        """Hear no more: a SUBSCRIBE with Expires 0, unless it is over."""
        if self.subscriber.state is not _TERMINATED:
            self.subscriber.send_unsubscribe(self._stack.now())
            self.perform()

    async def change(self) -> None:
        """Wait until something has happened."""
        if self._changed is None:
            self._changed = trio.Event()
        await self._changed.wait()

    # -- what comes in the dialog

    def takes(self, request: Request) -> bool:
        """Whether it is a NOTIFY about our REFER."""
        if request.method != "NOTIFY":
            return False
        self._note_number()
        try:
            event = request.headers.get(EVENT)
        except RemoteProtocolError:
            return False
        return event is not None and self.subscriber.is_about(event)

    def _note_number(self) -> None:
        request = None if self.refer is None else self.refer.request
        if request is not None:
            self.subscriber.event = refer_event(request.cseq.number)

    def receive_request(self, request: IncomingRequest) -> None:
        """The NOTIFY."""
        self._answering = request
        self.subscriber.receive_notify(request.message, self._stack.now())
        self.perform()

    # -- what becomes of a SUBSCRIBE of ours

    def request_leaves(self, sent: SentRequest, flow: Flow) -> None:
        """The stack's: our address is known."""
        address = self._stack.reachable_address(flow)
        sent.request.headers.set("Contact", self._contact.at(flow.transport, address))

    def receive_response(self, sent: SentRequest, response: Response) -> None:
        """The stack's: a response came."""
        if response.status >= 200:
            self.subscriber.receive_response(response, self._stack.now())
            self.perform()

    def receive_failure(self, sent: SentRequest, error: Exception) -> None:
        """The stack's: no response will come."""
        self.subscriber.receive_failure(error, self._stack.now())
        self.perform()

    def _ring(self) -> None:
        self.subscriber.handle_timeout(self._stack.now())
        self.perform()

    # -- effects

    def perform(self) -> None:
        """Do what the subscriber wants."""
        while effects := self.subscriber.effects():
            for effect in effects:
                match effect:
                    case SendSubscribe(expires):
                        self._subscribe(expires)
                    case AnswerNotify(status, reason):
                        assert self._answering is not None, "there is a NOTIFY"
                        self._answering.respond(status, reason)
                        self._answering = None
                    case Notified(request):
                        self._hear(request)
                    case SubscriptionEnded():
                        self.ended = effect
        self._reminder.set(self.subscriber.next_deadline())
        if self.subscriber.state is _TERMINATED and self.dialog is not None:
            leave_dialog(self._stack, self.dialog, self)
        changed, self._changed = self._changed, None
        if changed is not None:
            changed.set()

    def _subscribe(self, expires: int) -> None:
        dialog = self.dialog
        assert dialog is not None, "there was a NOTIFY in it"
        request = dialog.create_request(
            "SUBSCRIBE", headers=[("Event", self.subscriber.event), ("Expires", expires)]
        )
        try:
            self._stack.start_request(request, self, dialog=dialog, credentials=self._credentials)
        except trio.ClosedResourceError as error:
            self.subscriber.receive_failure(error, self._stack.now())

    def _hear(self, notify: Request) -> None:
        try:
            progress = read_progress_untrusted(notify)
        except RemoteProtocolError:
            # What cannot be read tells nothing, but its Subscription-State still counts.
            return
        if progress is not None:
            self.last = progress
            self.told.append(progress)
