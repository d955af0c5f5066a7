"""What a subscription of ours wants done is done here: SUBSCRIBEs out, NOTIFYs in, and its clock."""

from __future__ import annotations

import math
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

import attrs
import trio

from trio_sip._errors import LocalProtocolError, RemoteProtocolError, SipError
from trio_sip.dialog import Dialog
from trio_sip.message import Event, Request, Response, SubscriptionState, Uri
from trio_sip.stack import IncomingRequest, OutgoingRequest, Usage
from trio_sip.subscription import (
    AnswerNotify,
    Notified,
    SendSubscribe,
    Subscriber,
    SubscriberState,
    SubscriptionEnded,
)

if TYPE_CHECKING:
    from ._user_agent import UserAgent

__all__ = ["Notification", "SubscriptionDriver", "SubscriptionRequest"]

_BACKLOG = 64
"""Notifications that wait to be read."""


@attrs.frozen(kw_only=True)
class SubscriptionRequest:
    """What is the same in all SUBSCRIBEs of a subscription."""

    target: Uri
    event: Event
    headers: tuple[tuple[str, object], ...]


@attrs.frozen(kw_only=True)
class Notification:
    """What a notifier has told: how things stand now."""

    state: SubscriptionState
    """``active``, ``pending`` or ``terminated``, with its parameters."""

    request: Request
    """The NOTIFY itself."""

    @property
    def body(self) -> bytes:
        """How things stand; empty where nothing is said of it."""
        return self.request.body

    @property
    def content_type(self) -> str | None:
        """The type of the body."""
        return self.request.headers.get("Content-Type")


class SubscriptionDriver:
    """Performs the effects of one `Subscriber`: it is the usage of its dialog.

    Everything but `leave` runs in tasks that are cancelled by `end` only, so that a block which
    is cancelled can still say goodbye.
    """

    def __init__(
        self, user_agent: UserAgent, subscriber: Subscriber, request: SubscriptionRequest
    ) -> None:
        tokens = user_agent.stack.tokens
        self._user_agent = user_agent
        self._subscriber = subscriber
        self._request = request
        self._call_id = tokens.call_id()
        self._from = user_agent.account.from_().with_tag(tokens.tag())
        self._scope = trio.CancelScope(shield=True)
        self._alarm = trio.CancelScope()
        self._nursery: trio.Nursery
        self._dialog: Dialog | None = None
        self._cseq = 0
        self._outgoing: OutgoingRequest | None = None
        self._answering: IncomingRequest | None = None
        self._done = trio.Event()
        self.name: str = f"subscription of {user_agent.account.name} to {request.event}"
        self.opened: trio.Event = trio.Event()
        """Set by the first 2xx or NOTIFY."""

        self.ended: SubscriptionEnded | None = None
        """How it ended."""

        self.dropped: int = 0
        """Notifications that nobody read in time."""

        send, receive = trio.open_memory_channel[Notification](_BACKLOG)
        self._send = send
        self.notifications: trio.MemoryReceiveChannel[Notification] = receive
        """What has come, to be read."""

    # -- life

    async def keep(self) -> None:
        """Subscribe and stay subscribed, until it ends.

        Raises whatever it is lost by.
        """
        subscriber = self._subscriber
        expecting = self._user_agent.stack.expecting_dialogs(
            self._call_id, self._from.tag or "", self
        )
        try:
            with self._scope, expecting:
                async with trio.open_nursery() as self._nursery:
                    if subscriber.state is not SubscriberState.TERMINATED:
                        subscriber.send_subscribe(trio.current_time())
                    self.perform()
                    while subscriber.state is not SubscriberState.TERMINATED:
                        with trio.CancelScope(deadline=subscriber.next_deadline()) as self._alarm:
                            await trio.sleep_forever()
                        subscriber.handle_timeout(trio.current_time())
                        self.perform()
            if self.ended is not None and self.ended.error is not None:
                raise self.ended.error
        finally:
            if self._dialog is not None:
                self._user_agent.stack.remove_dialog(self._dialog)
            self._send.close()
            self._done.set()

    async def leave(self) -> None:
        """Unsubscribe, and wait for the last NOTIFY."""
        self._subscriber.send_unsubscribe(trio.current_time())
        self.perform()
        await self._done.wait()

    def refresh(self) -> None:
        """Subscribe once more, now."""
        if self._done.is_set():
            raise LocalProtocolError("the subscription is over")
        self._subscriber.send_subscribe(trio.current_time())
        self.perform()

    def end(self) -> None:
        """Stop, whatever is on its way."""
        self._scope.cancel()

    # -- what comes

    def begin_dialog(self, dialog: Dialog) -> Usage | None:
        """A NOTIFY was faster than the 2xx; those of other notifiers are refused."""
        if self._dialog is not None or self._outgoing is None:
            return None
        # The answer to a challenge may have moved it.
        dialog.local_sequence = self._outgoing.request.cseq.number
        self._dialog = dialog
        return self

    async def receive_request(self, request: IncomingRequest) -> None:
        """A request in our dialog."""
        if request.transaction is None:
            return  # An ACK, which is never answered, and says nothing here.
        if request.method != "NOTIFY":
            request.respond(405, headers=[("Allow", "NOTIFY")])
            return
        self._answering = request
        self._subscriber.receive_notify(request.message, trio.current_time())
        self.perform()

    # -- effects

    def perform(self) -> None:
        """Do what the subscriber wants, and see when it wants to be woken."""
        for effect in self._subscriber.effects():
            match effect:
                case SendSubscribe(expires):
                    self._nursery.start_soon(self._subscribe, expires, name="SUBSCRIBE")
                case AnswerNotify(status, reason):
                    assert self._answering is not None, "there is a NOTIFY"
                    self._answering.respond(status, reason)
                case Notified(request, state):
                    self.opened.set()
                    self._deliver(Notification(state=state, request=request))
                case SubscriptionEnded():
                    self.ended = effect
        over = self._subscriber.state is SubscriberState.TERMINATED
        self._alarm.deadline = -math.inf if over else self._subscriber.next_deadline()

    def _deliver(self, notification: Notification) -> None:
        try:
            self._send.send_nowait(notification)
        except trio.WouldBlock:
            # The last one says how things stand, so the oldest gives way.
            self.notifications.receive_nowait()
            self.dropped += 1
            self._send.send_nowait(notification)
        except trio.BrokenResourceError:
            # Nobody reads any more.
            pass

    async def _subscribe(self, expires: int) -> None:
        try:
            async with self._open_request(expires) as outgoing:
                self._outgoing = outgoing
                response = await outgoing.final()
        except (SipError, trio.ClosedResourceError) as error:
            self._subscriber.receive_failure(error, trio.current_time())
        else:
            self._cseq = outgoing.request.cseq.number
            if response.is_success:
                self._take_dialog(outgoing, response)
                self.opened.set()
            self._subscriber.receive_response(response, trio.current_time())
        self.perform()

    def _take_dialog(self, outgoing: OutgoingRequest, response: Response) -> None:
        if self._dialog is not None:
            return
        try:
            dialog = Dialog.as_uac(outgoing.request, response)
        except RemoteProtocolError:
            # Without a Contact it leads nowhere; the NOTIFY has one.
            return
        self._dialog = dialog
        stack = self._user_agent.stack
        stack.add_dialog(dialog, self, flow=stack.answering_flow(outgoing.flow))

    def _open_request(self, expires: int) -> AbstractAsyncContextManager[OutgoingRequest]:
        user_agent, request = self._user_agent, self._request
        account = user_agent.account
        headers = [("Event", request.event), ("Expires", expires), *request.headers]
        if self._dialog is not None:
            return user_agent.stack.open_request(
                "SUBSCRIBE",
                dialog=self._dialog,
                headers=headers,
                contact=account.contact(self._dialog.next_hop),
                credentials=account.authenticator,
            )
        route = user_agent.route
        return user_agent.stack.open_request(
            "SUBSCRIBE",
            request.target,
            from_=self._from,
            headers=[*(("Route", hop) for hop in route), *headers],
            contact=account.contact(route[0].uri if route else request.target),
            call_id=self._call_id,
            cseq=self._cseq + 1,
            credentials=account.authenticator,
        )
