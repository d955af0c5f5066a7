"""A subscription that somebody has with us: its handler tells the subscriber how things stand."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import trio

from trio_sip._errors import LocalProtocolError, SipError
from trio_sip.dialog import Dialog
from trio_sip.message import Body, Event
from trio_sip.stack import IncomingRequest
from trio_sip.subscription import (
    AnswerSubscribe,
    Notifier,
    NotifierEnded,
    NotifierState,
    SendNotify,
    TerminationReason,
)

if TYPE_CHECKING:
    from ._user_agent import UserAgent

__all__ = ["IncomingSubscription", "SubscriptionHandler"]


class IncomingSubscription:
    """Somebody's subscription to something here, from the SUBSCRIBE on.

    Its handler answers it with `accept`, `pend` or `reject`, and calls `notify` whenever things
    change.  When the subscription ends, by whichever side, the handler is cancelled; when the
    handler returns, the subscription ends.
    """

    def __init__(
        self, user_agent: UserAgent, request: IncomingRequest, dialog: Dialog, notifier: Notifier
    ) -> None:
        self._user_agent = user_agent
        self._dialog = dialog
        self._notifier = notifier
        self._answering: IncomingRequest | None = request
        self._pending: deque[SendNotify] = deque()
        self._alarm = trio.CancelScope()
        self._handling = trio.CancelScope()
        self._machinery = trio.CancelScope(shield=True)
        self._done = trio.Event()
        self.request: IncomingRequest = request
        """The SUBSCRIBE that began it."""

    @property
    def event(self) -> Event:
        """What is subscribed to."""
        return self._notifier.event

    @property
    def state(self) -> NotifierState:
        """How it stands."""
        return self._notifier.state

    @property
    def expires_at(self) -> float:
        """When it ends unless it is refreshed, on trio's clock."""
        return self._notifier.expires_at

    # -- what its handler does

    def accept(self, body: Body | None = None) -> None:
        """Let the subscriber know how things stand, from now on.

        Raises:
          LocalProtocolError: it was answered otherwise, or is over.
        """
        if self.state is NotifierState.PENDING:
            self._notifier.body = body
            self._notifier.authorize(trio.current_time())
            self._perform()
        else:
            self._begin(body, authorized=True)

    def pend(self) -> None:
        """Accept the SUBSCRIBE and tell nothing, until `accept` or `reject`."""
        self._begin(None, authorized=False)

    def reject(self, status: int = 403) -> None:
        """Refuse the SUBSCRIBE with *status*; one that is pending ends as ``rejected``."""
        if self.state is NotifierState.IDLE:
            self._unanswered().respond(status)
            self._answering = None
            self._handling.cancel()
        else:
            self.terminate(TerminationReason.REJECTED)

    def notify(self, body: Body | None) -> None:
        """Things stand like this from now on.  NOTIFYs go one after the other, in order.

        Raises:
          LocalProtocolError: it has not been accepted, or is over.
        """
        self._notifier.send_notify(body, trio.current_time())
        self._perform()

    def terminate(
        self,
        reason: TerminationReason,
        *,
        body: Body | None = None,
        retry_after: int | None = None,
    ) -> None:
        """End it with a last NOTIFY that says why; nothing happens if it is over already."""
        now = trio.current_time()
        self._notifier.terminate(reason, now, body=body, retry_after=retry_after)
        self._perform()

    def _begin(self, body: Body | None, *, authorized: bool) -> None:
        request = self._unanswered()
        self._notifier.body = body
        self._user_agent.stack.add_dialog(
            self._dialog, self, endpoint=request.endpoint, flow=request.direct_flow
        )
        now = trio.current_time()
        self._notifier.receive_subscribe(request.message, now, authorized=authorized)
        self._perform()
        if self.state is NotifierState.IDLE:
            # There was something wrong with it, and it was told so.
            self._handling.cancel()

    def _unanswered(self) -> IncomingRequest:
        if self._answering is None or self.state is not NotifierState.IDLE:
            raise LocalProtocolError("the SUBSCRIBE has been answered")
        return self._answering

    # -- what comes

    async def receive_request(self, request: IncomingRequest) -> None:
        """A request in its dialog."""
        if request.transaction is None:
            return  # An ACK, which is never answered, and says nothing here.
        if request.method != "SUBSCRIBE":
            request.respond(405, headers=[("Allow", "SUBSCRIBE")])
            return
        self._answering = request
        authorized = self.state is not NotifierState.PENDING
        now = trio.current_time()
        self._notifier.receive_subscribe(request.message, now, authorized=authorized)
        self._perform()

    # -- effects

    def _perform(self) -> None:
        for effect in self._notifier.effects():
            match effect:
                case AnswerSubscribe(status, headers):
                    self._respond(status, headers)
                case SendNotify():
                    self._pending.append(effect)
                case NotifierEnded():
                    self._handling.cancel()
        self._alarm.cancel()

    def _respond(self, status: int, headers: tuple[tuple[str, object], ...]) -> None:
        request, self._answering = self._answering, None
        assert request is not None, "there is a SUBSCRIBE"
        contact = request.local_contact(self._user_agent.account.contact(request.uri))
        request.respond(status, headers=[*headers, ("Contact", contact)])

    async def run(self, handler: SubscriptionHandler, grace: float) -> None:
        """Run *handler* until it is over, and then as long as the last NOTIFYs take.

        Raises what the handler does.
        """
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._keep, name=f"subscription to {self.event}")
            status = 480
            try:
                with self._handling:
                    await handler(self)
            except Exception:
                status = 500
                raise
            finally:
                with trio.move_on_after(grace, shield=True):
                    await self._finish(status)
                self._machinery.cancel()

    async def _finish(self, status: int) -> None:
        if self.state is NotifierState.IDLE:
            if self._answering is not None:
                self._answering.respond(status)
            return
        self.terminate(TerminationReason.NORESOURCE)
        await self._done.wait()

    async def _keep(self) -> None:
        """Tell the subscriber, one thing after the other, and keep the clock."""
        notifier = self._notifier
        try:
            with self._machinery:
                while self._pending or self.state is not NotifierState.TERMINATED:
                    if self._pending:
                        await self._notify(self._pending.popleft())
                        continue
                    with trio.CancelScope(deadline=notifier.next_deadline()) as self._alarm:
                        await trio.sleep_forever()
                    notifier.handle_timeout(trio.current_time())
                    self._perform()
        finally:
            self._user_agent.stack.remove_dialog(self._dialog)
            self._done.set()

    async def _notify(self, effect: SendNotify) -> None:
        user_agent, dialog, body = self._user_agent, self._dialog, effect.body
        try:
            response = await user_agent.stack.send_request(
                "NOTIFY",
                dialog=dialog,
                body=None if body is None else body.content,
                content_type=None if body is None else body.headers["Content-Type"],
                headers=[("Event", self.event), ("Subscription-State", effect.state)],
                contact=user_agent.account.contact(dialog.next_hop),
                credentials=user_agent.account.authenticator,
            )
        except (SipError, trio.ClosedResourceError) as error:
            self._notifier.receive_failure(error, trio.current_time())
        else:
            self._notifier.receive_response(response, trio.current_time())
        self._perform()

    def __repr__(self) -> str:
        return f"<IncomingSubscription to {self.event} {self.state.value}>"


SubscriptionHandler = Callable[[IncomingSubscription], Awaitable[None]]
