"""A registration and when to refresh it: the client's side of RFC 3261 section 10.2."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import attrs

from trio_sip._errors import (
    AuthenticationRejected,
    LocalProtocolError,
    NoRoute,
    RemoteProtocolError,
    RequestRejected,
    RequestTimedOut,
    TransportFailed,
)
from trio_sip.message import EXPIRES, MIN_EXPIRES, RETRY_AFTER, NameAddr, Request, Response

from ._client_tables import REGISTERED_STATES, STEPS, TIMERS, Do, On, RegistrationState
from ._grant import Grant, read_grant_untrusted

__all__ = [
    "CallIds",
    "RegistrationChanged",
    "RegistrationClient",
    "RegistrationEffect",
    "RegistrationLost",
    "RegistrationSettings",
    "SendRegister",
]

# Whoever says one of these may say something else later.
_TEMPORARY = frozenset({408, 429, 430, 480, 482, 486, 500, 502, 503, 504})
# RFC 3261 section 10.3 step 7 and section 8.2.2.2: the registrar does not like our sequence.
_SEQUENCE = frozenset({482, 500})
_CHALLENGES = frozenset({401, 407})
_MOST_TOO_BRIEF = 3
_LONGEST = 2**32 - 1


class CallIds(Protocol):
    """Where Call-IDs come from: `trio_sip.stack.Tokens`."""

    def call_id(self) -> str: ...


@attrs.frozen(kw_only=True)
class RegistrationSettings:
    """How a registration is kept alive.  All in seconds."""

    start_within: float = 0.0
    """The first REGISTER goes at a random moment of so long a time, so that many do not start at
    once."""

    margin: float = 32.0
    """A refresh begins so long before the end: 64*T1, so that it may fail once."""

    fraction: float = 0.9
    """Or when this share of the time has passed, if that is earlier."""

    spread: float = 0.1
    """And by up to this share earlier, at random, so that those who registered together do not
    come back together."""

    retry_base: float = 30.0
    """RFC 5626 section 4.5: the base of the wait after a failure, doubled with each one."""

    retry_maximum: float = 1800.0
    """RFC 5626 section 4.5: the longest wait that comes of it."""

    stable: float = 120.0
    """RFC 5626 section 4.5: a connection that is lost so soon after the one before it is not
    opened anew at once."""

    longest_retry_after: float = 86400.0
    """A Retry-After counts for so much at most."""

    def refresh_delay(self, expires: float, roll: float) -> float:
        """When to refresh what was granted for *expires* seconds; *roll* is a random number."""
        delay = min(self.fraction * expires, expires - self.margin)
        # Where there is no room for the margin, half of the time is left for the refresh.
        return max(delay, expires / 2) * (1 - self.spread * roll)

    def retry_delay(self, failures: int, roll: float) -> float:
        """How long to wait after *failures* in a row: between half of the wait and all of it."""
        longest = min(self.retry_maximum, self.retry_base * 2.0 ** min(failures, 32))
        return longest * (0.5 + 0.5 * roll)


@attrs.frozen(kw_only=True)
class SendRegister:
    """Send a REGISTER with our contacts."""

    call_id: str
    cseq: int
    expires: int
    """The value of Expires; 0 removes the contacts."""


@attrs.frozen
class RegistrationChanged:
    """It has another state now."""

    state: RegistrationState


@attrs.frozen
class RegistrationLost:
    """It failed, and will not be tried again."""

    error: Exception


RegistrationEffect = SendRegister | RegistrationChanged | RegistrationLost


class RegistrationClient:
    """Keeps one registration.  It sends nothing, reads no clock and rolls no dice itself.

    Args:
      expires: seconds to ask for.
      tokens: where Call-IDs come from.
      dice: random numbers from 0 to 1.

    Raises:
      LocalProtocolError: there is no such number of seconds.
    """

    def __init__(
        self,
        expires: int,
        *,
        tokens: CallIds,
        dice: Callable[[], float],
        settings: RegistrationSettings | None = None,
    ) -> None:
        if not 0 < expires <= _LONGEST:
            raise LocalProtocolError(f"expires: want 1 to {_LONGEST} seconds, not {expires}")
        self.state: RegistrationState = RegistrationState.IDLE
        self.expires: int = expires
        """What is asked for; a registrar may have raised it (423)."""

        self.expires_at: float = -math.inf
        """When the binding ends that we have, counted from the sending of its REGISTER."""

        self.grant: Grant = Grant(expires=0)
        """What was granted last."""

        self.failure: Exception | None = None
        """What went wrong, if the last REGISTER failed."""

        self._settings = settings or RegistrationSettings()
        self._tokens = tokens
        self._dice = dice
        self._due: dict[On, float] = {}
        self._effects: list[RegistrationEffect] = []
        self._call_id = tokens.call_id()
        self._cseq = 0
        self._sent_at = 0.0
        self._failures = 0
        self._too_brief = 0
        self._losses = 0
        self._lost_at = -math.inf

    def is_registered(self, now: float) -> bool:
        """Whether the registrar has us, as far as can be known."""
        return self.state in REGISTERED_STATES and now < self.expires_at

    @property
    def retry_at(self) -> float:
        """When the next try is made after a failure; `math.inf` if none is to be made."""
        return self._due_in_this_state(On.RETRY)

    # -- what every core has

    def next_deadline(self) -> float:
        """When to call `handle_timeout`; `math.inf` when nothing is waited for."""
        return min(map(self._due_in_this_state, TIMERS.get(self.state, ())), default=math.inf)

    def handle_timeout(self, now: float) -> None:
        """Do what is due."""
        while (deadline := self.next_deadline()) <= now:
            owned = TIMERS[self.state]
            self._take(next(on for on in owned if self._due.get(on) == deadline), now)

    def effects(self) -> list[RegistrationEffect]:
        """What to do, in order; each effect is handed out once."""
        effects = self._effects
        self._effects = []
        return effects

    def _due_in_this_state(self, on: On) -> float:
        return self._due.get(on, math.inf) if on in TIMERS.get(self.state, ()) else math.inf

    # -- what the user wants

    def send_register(self, now: float) -> None:
        """Begin; or, once begun, refresh now instead of later.

        Raises:
          LocalProtocolError: it is over, or is being removed.
        """
        if self.state in _GOING:
            raise LocalProtocolError("the registration is over")
        self._due.setdefault(On.DELAY, now + self._settings.start_within * self._dice())
        self._take(On.REGISTER, now)

    def send_unregister(self, now: float) -> None:
        """End it.  It is removed when no REGISTER is on its way any more."""
        self._take(On.UNREGISTER, now)

    # -- what happens

    def receive_response(self, request: Request, response: Response, now: float) -> None:
        """The final response to a REGISTER.

        Args:
          request: as it was sent last, after any challenges: it has our contacts and the CSeq.
        """
        self._cseq = request.cseq.number
        if not response.is_success:
            self._receive_refusal(response, now)
        elif request.headers.get(EXPIRES) == 0:
            self._take(On.REMOVED, now)
        else:
            self._receive_success(request, response, now)

    def receive_failure(self, request: Request | None, error: Exception, now: float) -> None:
        """No final response came to a REGISTER, or the credentials were refused.

        Args:
          request: as it was sent last; ``None`` if it could not even be made.
        """
        if request is not None:
            self._cseq = request.cseq.number
        self.failure = error
        if isinstance(error, RequestTimedOut | TransportFailed | NoRoute):
            self._wait(now)
            if isinstance(error, TransportFailed) and self._failures == 1:
                # A connection may have died unnoticed.  A new one is tried at once, one time.
                self._due[On.RETRY] = now
            self._take(On.TEMPORARY, now)
        else:
            self._take(On.FATAL, now)

    def receive_flow_lost(self, now: float) -> None:
        """The connection has ended over which we were registered."""
        self._losses = self._losses + 1 if now - self._lost_at < self._settings.stable else 0
        self._lost_at = now
        if not self._losses:
            self._take(On.FLOW_LOST, now)
            return
        delay = self._settings.retry_delay(self._losses, self._dice())
        self._due[On.RETRY] = max(now + delay, self.retry_at if self.retry_at < math.inf else now)
        self._take(On.FLOW_LOST_AGAIN, now)

    def _receive_success(self, request: Request, response: Response, now: float) -> None:
        contacts = [one for one in request.contacts if isinstance(one, NameAddr)]
        error = None
        try:
            grant = read_grant_untrusted(response, contacts, self.expires)
        except RemoteProtocolError as fault:
            grant, error = Grant(expires=0), fault
        if not grant.expires:
            self.failure = error or RemoteProtocolError("a 2xx to REGISTER without our contact")
            self._wait(now)
            self._take(On.UNBOUND, now)
            return
        self.grant = grant
        self.failure = None
        self._failures = self._too_brief = 0
        self.expires_at = self._due[On.EXPIRY] = self._sent_at + grant.expires
        delay = self._settings.refresh_delay(grant.expires, self._dice())
        self._due[On.REFRESH] = self._sent_at + delay
        self._take(On.BOUND, now)

    def _receive_refusal(self, response: Response, now: float) -> None:
        kind = AuthenticationRejected if response.status in _CHALLENGES else RequestRejected
        self.failure = kind(response.status, response.reason, response)
        if response.status in _SEQUENCE:
            self._call_id, self._cseq = self._tokens.call_id(), 0
        minimum = self._minimum(response)
        if minimum is not None:
            self._too_brief += 1
            self.expires = minimum
            self._take(On.TOO_BRIEF, now)
        elif response.status in _TEMPORARY:
            self._wait(now, response)
            self._take(On.TEMPORARY, now)
        else:
            self._take(On.FATAL, now)

    def _minimum(self, response: Response) -> int | None:
        """RFC 3261 section 10.2.8: the interval that a 423 asks for."""
        if response.status != 423 or self._too_brief >= _MOST_TOO_BRIEF:
            return None
        try:
            minimum = response.headers.get(MIN_EXPIRES)
        except RemoteProtocolError:
            return None
        return minimum if minimum is not None and minimum > self.expires else None

    def _wait(self, now: float, response: Response | None = None) -> None:
        """Work out when to try again.  RFC 3261 section 20.33, RFC 5626 section 4.5."""
        self._failures += 1
        seconds = None
        if response is not None:
            try:
                retry_after = response.headers.get(RETRY_AFTER)
            except RemoteProtocolError:
                retry_after = None
            seconds = None if retry_after is None else retry_after.seconds
        settings, roll = self._settings, self._dice()
        if seconds is None:
            delay = settings.retry_delay(self._failures, roll)
        else:
            # A little later than all others who were told the same.
            delay = min(seconds, settings.longest_retry_after) * (1 + settings.spread * roll)
        self._due[On.RETRY] = now + delay

    # -- the table

    def _take(self, on: On, now: float) -> None:
        step = STEPS.get((self.state, on))
        if step is None:
            return
        state, *actions = step
        if state is not self.state:
            self.state = state
            self._effects.append(RegistrationChanged(state))
        for do in actions:
            if do is Do.GIVE_UP:
                assert self.failure is not None, "nothing has failed"
                self._effects.append(RegistrationLost(self.failure))
            else:
                self._send(0 if do is Do.REMOVE else self.expires, now)

    def _send(self, expires: int, now: float) -> None:
        # RFC 3261 section 10.2: "A UA MUST increment the CSeq value by one for each REGISTER
        # request with the same Call-ID."
        self._cseq += 1
        self._sent_at = now
        self._effects.append(SendRegister(call_id=self._call_id, cseq=self._cseq, expires=expires))


_GOING = frozenset(
    {RegistrationState.LEAVING, RegistrationState.REMOVING, RegistrationState.TERMINATED}
)
