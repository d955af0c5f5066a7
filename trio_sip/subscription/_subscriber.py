"""The subscriber's end of a subscription.  RFC 6665 section 4.1."""

from __future__ import annotations

import math

from trio_sip._errors import (
    AuthenticationRejected,
    LocalProtocolError,
    RemoteProtocolError,
    RequestRejected,
    RequestTimedOut,
)
from trio_sip.message import (
    EVENT,
    EXPIRES,
    MIN_EXPIRES,
    SUBSCRIPTION_STATE,
    Event,
    Request,
    Response,
    SubscriptionState,
)

from ._effects import (
    AnswerNotify,
    Notified,
    SendSubscribe,
    SubscriberEffect,
    SubscriptionEnded,
)
from ._reason import resubscribe_delay
from ._refer import is_refer_event, refuses_subscription
from ._tables import (
    SUBSCRIBER,
    SUBSCRIBER_TIMERS,
    SubscriberDo,
    SubscriberOn,
    SubscriberState,
)

__all__ = ["ENDING_STATUSES", "Subscriber"]

On = SubscriberOn

ENDING_STATUSES = frozenset({404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604})
"""Responses to a SUBSCRIBE or NOTIFY within a dialog that end the subscription (RFC 5057)."""

_CHALLENGES = frozenset({401, 407})
_MOST_TOO_BRIEF = 3
_LONGEST = 2**32 - 1


class Subscriber:
    """One subscription, with one notifier.  It sends nothing and reads no clock itself.

    Begin it with `send_subscribe`, or with `send_refer` for the subscription that comes with a
    REFER.  Then tell it of responses and NOTIFYs, in whichever order they come: a NOTIFY may be
    faster than the 2xx.

    Args:
      event: the event package, with an ``id`` if there are several in one dialog.
      expires: seconds to ask for; 0 asks once how things stand.
      t1: RFC 3261's T1; Timer N is 64 times as long.

    Raises:
      LocalProtocolError: there is no such number of seconds.
    """

    def __init__(self, event: Event, expires: int = 3600, *, t1: float = 0.5) -> None:
        if not 0 <= expires <= _LONGEST:
            raise LocalProtocolError(f"expires: want 0 to {_LONGEST} seconds, not {expires}")
        self.event: Event = event
        self.state: SubscriberState = SubscriberState.IDLE
        self.expires: int = expires
        """What is asked for; a notifier may have raised it (423)."""

        self.expires_at: float = math.inf
        """When it ends unless it is refreshed, as far as it was said."""

        self.notified: SubscriptionState | None = None
        """The Subscription-State of the last NOTIFY: ``active`` or ``pending``."""

        self.remote_tag: str | None = None
        """The notifier's, once it is known."""

        self._patience = 64 * t1
        self._due: dict[On, float] = {}
        self._effects: list[SubscriberEffect] = []
        self._end = SubscriptionEnded(reason=None)
        self._too_brief = 0
        self._granted: int | None = None
        self._told: int | None = None

    # -- what every core has

    def next_deadline(self) -> float:
        """When to call `handle_timeout`; `math.inf` when nothing is waited for."""
        owned = SUBSCRIBER_TIMERS.get(self.state, ())
        return min((self._due.get(on, math.inf) for on in owned), default=math.inf)

    def handle_timeout(self, now: float) -> None:
        """Do what is due."""
        while (deadline := self.next_deadline()) <= now:
            owned = SUBSCRIBER_TIMERS[self.state]
            on = next(on for on in owned if self._due.get(on) == deadline)
            if on is On.N:
                error = RequestTimedOut(f"no NOTIFY came for {self.event.package}")
                self._end = SubscriptionEnded(reason=None, error=error)
            elif on is On.EXPIRY:
                self._end = SubscriptionEnded(reason="timeout", retry_after=0.0)
            self._take(on, now)

    def effects(self) -> list[SubscriberEffect]:
        """What to do, in order; each effect is handed out once."""
        effects = self._effects
        self._effects = []
        return effects

    # -- what the user wants

    def send_subscribe(self, now: float) -> None:
        """Subscribe; or, once subscribed, refresh now instead of later.

        Raises:
          LocalProtocolError: it is over, or about to be.
        """
        if self.state in (SubscriberState.LEAVING, SubscriberState.TERMINATED):
            raise LocalProtocolError("the subscription is over")
        self._take(On.SUBSCRIBE, now)

    def send_refer(self, now: float) -> None:
        """A REFER is being sent by the user, and subscribes by being accepted.  RFC 3515.

        Raises:
          LocalProtocolError: it has begun already.
        """
        if self.state is not SubscriberState.IDLE:
            raise LocalProtocolError("the subscription has begun already")
        self._due[On.N] = now + self._patience
        self._take(On.REFER, now)

    def forked(self, now: float) -> Subscriber:
        """Another one that waits for the NOTIFY of another notifier of the same SUBSCRIBE."""
        other = Subscriber(self.event, self.expires, t1=self._patience / 64)
        other._due[On.N] = now + self._patience
        other._take(On.FORKED, now)
        return other

    def send_unsubscribe(self, now: float) -> None:
        """End it.  The last NOTIFY may still come."""
        self._end = SubscriptionEnded(reason=None)
        self._take(On.UNSUBSCRIBE, now)

    # -- what happens

    def receive_response(self, response: Response, now: float) -> None:
        """The final response to a SUBSCRIBE of ours, or to the REFER."""
        status = response.status
        if response.is_success:
            if self.remote_tag is None:
                self.remote_tag = response.to.tag
            self._granted = self._expires_of(response)
            self._take(On.RECV_2XX_NONE if refuses_subscription(response) else On.RECV_2XX, now)
            return
        minimum = self._minimum(response)
        if minimum is not None:
            self._too_brief += 1
            self.expires = minimum
            self._take(On.TOO_BRIEF, now)
            return
        kind = AuthenticationRejected if status in _CHALLENGES else RequestRejected
        error = kind(status, response.reason, response)
        self._end = SubscriptionEnded(reason=None, error=error)
        self._retry_refresh(now)
        self._take(On.GONE if status in ENDING_STATUSES else On.REFUSED, now)

    def receive_failure(self, error: Exception, now: float) -> None:
        """No response came, or the credentials were refused."""
        self._end = SubscriptionEnded(reason=None, error=error)
        self._take(On.NO_ANSWER, now)

    def receive_notify(self, request: Request, now: float) -> None:
        """A NOTIFY in our dialog.  An `AnswerNotify` says what to answer."""
        try:
            event, state = request.headers.get(EVENT), request.headers.get(SUBSCRIPTION_STATE)
            expires = None if state is None else state.expires
        except RemoteProtocolError as error:
            return self._answer(400, f"Bad {str(error).partition(':')[0]}")
        if event is None or not self.is_about(event):
            # RFC 6665 section 4.1.3
            return self._answer(489)
        if state is None:
            return self._answer(400, "Missing Subscription-State header")
        terminated = state.state == "terminated"
        on = On.NOTIFY_TERMINATED if terminated else On.NOTIFY
        if (self.state, on) not in SUBSCRIBER:
            return self._answer(481)
        if self.remote_tag is None:
            self.remote_tag = request.from_.tag
        self.notified = state
        if terminated:
            self._end = SubscriptionEnded(reason=state.reason, retry_after=resubscribe_delay(state))
        else:
            self._take_told_expires(expires, now)
        self._too_brief = 0
        self._answer(200)
        self._effects.append(Notified(request, state))
        return self._take(on, now)

    def is_about(self, event: Event) -> bool:
        """Whether *event* is that of this subscription.

        A NOTIFY about the first REFER in a dialog may leave the ``id`` out, and many about later
        ones do (RFC 3515 section 2.4.6).
        """
        if self.event.matches(event):
            return True
        return is_refer_event(self.event) and is_refer_event(event) and event.id is None

    # -- facts

    def _minimum(self, response: Response) -> int | None:
        if response.status != 423 or self._too_brief >= _MOST_TOO_BRIEF:
            return None
        try:
            minimum = response.headers.get(MIN_EXPIRES)
        except RemoteProtocolError:
            return None
        return minimum if minimum is not None and minimum > self.expires else None

    def _expires_of(self, response: Response) -> int | None:
        """What a 2xx grants: that of a REFER grants nothing, but a NOTIFY may."""
        try:
            granted = response.headers.get(EXPIRES)
        except RemoteProtocolError:
            granted = None
        if granted is None and response.cseq.method == "SUBSCRIBE":
            granted = self.expires
        return granted

    def _take_told_expires(self, expires: int | None, now: float) -> None:
        """What a NOTIFY says of the time that is left, if it says something.

        RFC 6665 section 4.1.3: it is "authoritative", so the 2xx to the same SUBSCRIBE has no
        say any more.
        """
        if expires is not None:
            self._told = expires
            self._set_expiry(expires, now)
        elif self.expires_at == math.inf:
            self._set_expiry(self.expires, now)

    def _set_expiry(self, seconds: int, now: float) -> None:
        self.expires_at = self._due[On.EXPIRY] = now + seconds
        # With 64*T1 left a refresh may fail; where there is no room for that, at half time.
        self._due[On.REFRESH] = now + max(seconds / 2, min(0.9 * seconds, seconds - 32.0))

    def _retry_refresh(self, now: float) -> None:
        """After a refresh that was refused: once more, when half of what is left has passed."""
        left = self.expires_at - now
        self._due[On.REFRESH] = now + left / 2 if 2.0 < left < math.inf else math.inf

    # -- the table

    def _take(self, on: On, now: float) -> None:
        step = SUBSCRIBER.get((self.state, on))
        if step is None:
            return
        self.state, *actions = step
        for do in actions:
            match do:
                case SubscriberDo.SEND:
                    self._send(self.expires, now)
                case SubscriberDo.LEAVE:
                    self._send(0, now)
                case SubscriberDo.TAKE_EXPIRES:
                    if self._granted is not None and self._told is None:
                        self._set_expiry(self._granted, now)
                case SubscriberDo.END:
                    self._effects.append(self._end)

    def _send(self, expires: int, now: float) -> None:
        self._due[On.N] = now + self._patience
        # The answers to this one say when the next one is due.
        self._due[On.REFRESH] = math.inf
        self._told = None
        self._effects.append(SendSubscribe(expires))

    def _answer(self, status: int, reason: str | None = None) -> None:
        self._effects.append(AnswerNotify(status, reason))
