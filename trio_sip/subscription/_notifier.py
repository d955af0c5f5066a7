"""The notifier's end of a subscription.  RFC 6665 section 4.2."""

from __future__ import annotations

import math

from trio_sip._errors import LocalProtocolError, RemoteProtocolError
from trio_sip.message import (
    EVENT,
    EXPIRES,
    Body,
    Event,
    Request,
    Response,
    SubscriptionState,
)

from ._effects import AnswerSubscribe, NotifierEffect, NotifierEnded, SendNotify
from ._policy import NotifierPolicy
from ._reason import TerminationReason
from ._subscriber import ENDING_STATUSES
from ._tables import NOTIFIER, NOTIFIER_TIMERS, NotifierDo, NotifierOn, NotifierState

__all__ = ["Notifier"]

On = NotifierOn


class Notifier:
    """One subscription of somebody to something here.  It sends nothing and reads no clock itself.

    What it tells is always how things stand: each NOTIFY has the body that was given last.

    Args:
      event: what is subscribed to, with the ``id`` of the SUBSCRIBE.
      body: how things stand now; ``None`` if there is nothing to say yet.
    """

    def __init__(
        self, event: Event, body: Body | None = None, *, policy: NotifierPolicy | None = None
    ) -> None:
        self.event: Event = event
        self.state: NotifierState = NotifierState.IDLE
        self.body: Body | None = body
        """How things stand, as it was said last."""

        self.expires_at: float = math.inf
        """When it ends unless it is refreshed."""

        self._policy = policy or NotifierPolicy()
        self._granted = 0
        # What a subscription ends by when nobody ends it.
        self._reason: str | None = TerminationReason.TIMEOUT.value
        self._retry_after: int | None = None
        self._effects: list[NotifierEffect] = []

    # -- what every core has

    def next_deadline(self) -> float:
        """When to call `handle_timeout`; `math.inf` when nothing is waited for."""
        return self.expires_at if NOTIFIER_TIMERS.get(self.state) else math.inf

    def handle_timeout(self, now: float) -> None:
        """Do what is due."""
        if self.next_deadline() <= now:
            self._take(On.EXPIRY, now)

    def effects(self) -> list[NotifierEffect]:
        """What to do, in order; each effect is handed out once."""
        effects = self._effects
        self._effects = []
        return effects

    # -- what comes

    def receive_subscribe(self, request: Request, now: float, *, authorized: bool = True) -> None:
        """A SUBSCRIBE: the first one, or a later one in its dialog.

        Args:
          authorized: whether it is decided that the subscriber may know; ``False`` leaves it
            pending until `authorize` or `terminate`.
        """
        try:
            event, asked = request.headers.get(EVENT), request.headers.get(EXPIRES)
        except RemoteProtocolError:
            return self._answer(400)
        if event is None or not event.matches(self.event):
            return self._answer(489)
        granted = self._policy.granted(asked)
        if granted is None:
            on = On.RECV_TOO_BRIEF
        elif granted == 0:
            on = On.RECV_UNSUBSCRIBE if authorized else On.RECV_UNAUTHORIZED_UNSUBSCRIBE
        else:
            on = On.RECV_SUBSCRIBE if authorized else On.RECV_UNAUTHORIZED
        if (self.state, on) not in NOTIFIER:
            return self._answer(481)
        if granted is not None:
            self._granted = granted
            self.expires_at = now + granted
        return self._take(on, now)

    def receive_refer(self, now: float) -> None:
        """A REFER was accepted, which subscribes its sender.  RFC 3515 section 2.4.4

        Raises:
          LocalProtocolError: it has begun already.
        """
        if self.state is not NotifierState.IDLE:
            raise LocalProtocolError("the subscription has begun already")
        self.expires_at = now + self._policy.default_expires
        self._take(On.RECV_REFER, now)

    def receive_response(self, response: Response, now: float) -> None:
        """The final response to a NOTIFY."""
        if response.status in ENDING_STATUSES:
            self._fail(now)

    def receive_failure(self, error: Exception, now: float) -> None:
        """A NOTIFY was not answered."""
        self._fail(now)

    def _fail(self, now: float) -> None:
        self._reason = None
        self._take(On.NOTIFY_FAILED, now)

    # -- what the user wants

    def authorize(self, now: float) -> None:
        """The subscriber may know, it is decided."""
        self._take(On.AUTHORIZE, now)

    def send_notify(self, body: Body | None, now: float) -> None:
        """Things stand like this from now on; who is pending is not told.

        Raises:
          LocalProtocolError: there is no subscription, or it is over.
        """
        if (self.state, On.CHANGE) not in NOTIFIER:
            raise LocalProtocolError("there is no subscription")
        self.body = body
        self._take(On.CHANGE, now)

    def terminate(
        self,
        reason: TerminationReason,
        now: float,
        *,
        body: Body | None = None,
        retry_after: int | None = None,
    ) -> None:
        """End it, and say why; nothing happens if it is over already.

        Args:
          body: how things stand at the end; as before if left out.
          retry_after: seconds after which to subscribe anew.
        """
        if (self.state, On.TERMINATE) not in NOTIFIER:
            return
        if body is not None:
            self.body = body
        self._reason, self._retry_after = reason.value, retry_after
        self._take(On.TERMINATE, now)

    # -- the table

    def _take(self, on: On, now: float) -> None:
        step = NOTIFIER.get((self.state, on))
        if step is None:
            return
        self.state, *actions = step
        for do in actions:
            match do:
                case NotifierDo.ACCEPT:
                    self._answer(200, ("Expires", self._granted))
                case NotifierDo.REFUSE:
                    self._answer(423, ("Min-Expires", self._policy.min_expires))
                case NotifierDo.NOTIFY:
                    self._notify(self.body, now)
                case NotifierDo.NOTIFY_BLANK:
                    self._notify(None, now)
                case NotifierDo.END:
                    self._effects.append(NotifierEnded(reason=self._reason))

    def _notify(self, body: Body | None, now: float) -> None:
        self._effects.append(SendNotify(self._subscription_state(now), body))

    def _subscription_state(self, now: float) -> SubscriptionState:
        if self.state is not NotifierState.TERMINATED:
            left = max(0, math.ceil(self.expires_at - now - 0.001))
            return SubscriptionState(self.state.value, {"expires": str(left)})
        params: dict[str, str | None] = {"reason": self._reason}
        if self._retry_after is not None:
            params["retry-after"] = str(self._retry_after)
        return SubscriptionState("terminated", params)

    def _answer(self, status: int, *headers: tuple[str, object]) -> None:
        self._effects.append(AnswerSubscribe(status, headers))
