"""How long the timers of RFC 3261 table 4 and RFC 6026 section 8 run, by transport."""

from __future__ import annotations

import math
from collections.abc import Mapping

import attrs

from trio_sip._errors import LocalProtocolError

from ._machine import On, Repeat

__all__ = ["Durations", "TimerSettings"]


@attrs.frozen(eq=False)
class Durations:
    """The timers of one kind of transport, worked out."""

    first: Mapping[On, float]
    """Seconds a timer runs when it starts: 0 has run out at once, `math.inf` never starts."""

    t2: float

    reliable: bool
    """Whether that transport repeats by itself what is lost."""

    def following(self, repeat: Repeat, interval: float) -> float:
        """The next interval of a timer that has just run for *interval* seconds."""
        if repeat is Repeat.AT_T2:
            return self.t2
        if repeat is Repeat.DOUBLED:
            return 2 * interval
        return min(2 * interval, self.t2)


@attrs.frozen(kw_only=True)
class TimerSettings:
    """The constants that all timers follow from, in seconds (RFC 3261 table 4).

    Raises:
      LocalProtocolError: one of them is not above zero, or T2 is below T1.
    """

    t1: float = attrs.field(default=0.5, converter=float)
    """The estimate of the round-trip time; 64 times this is how long anybody waits."""

    t2: float = attrs.field(default=4.0, converter=float)
    """The longest interval between two copies of a non-INVITE request or an INVITE response."""

    t4: float = attrs.field(default=5.0, converter=float)
    """How long a message may stay in the network."""

    td: float = attrs.field(default=32.0, converter=float)
    """Timer D: how long copies of an INVITE's final response are answered with an ACK."""

    trying: float = attrs.field(default=0.2, converter=float)
    """How long an INVITE may go unanswered before a 100 is sent."""

    unreliable: Durations = attrs.field(init=False, repr=False, eq=False)
    """The timers over UDP."""

    reliable: Durations = attrs.field(init=False, repr=False, eq=False)
    """The timers over TCP, TLS and WebSocket."""

    @unreliable.default
    def _unreliable(self) -> Durations:
        # Here, because attrs would run validators only after working out this default.
        self._check()
        return Durations(
            {**self._common(), **self._repeating(self.t1), **self._lingering()},
            self.t2,
            reliable=False,
        )

    @reliable.default
    def _reliable(self) -> Durations:
        # "If a reliable transport is being used, the client transaction SHOULD NOT start timer A"
        # and so on: nothing is sent twice, so there are no copies to wait for, either.
        at_once = dict.fromkeys(self._lingering(), 0.0)
        first = {**self._common(), **self._repeating(math.inf), **at_once}
        return Durations(first, self.t2, reliable=True)

    def _check(self) -> None:
        for name in ("t1", "t2", "t4", "td", "trying"):
            value = getattr(self, name)
            if not 0 < value < math.inf:
                raise LocalProtocolError(f"{name} must be seconds above zero, not {value!r}")
        if self.t2 < self.t1:
            raise LocalProtocolError(f"t2 ({self.t2} s) must not be below t1 ({self.t1} s)")

    def _common(self) -> dict[On, float]:
        long = 64 * self.t1
        return {
            **dict.fromkeys((On.B, On.F, On.H, On.L, On.M), long),
            On.SILENCE: self.trying,
            On.LONG_SILENCE: self._growth_of_timer_e(),
        }

    def _repeating(self, first: float) -> dict[On, float]:
        return dict.fromkeys((On.A, On.E, On.G), first)

    def _lingering(self) -> dict[On, float]:
        return {On.D: self.td, On.I: self.t4, On.J: 64 * self.t1, On.K: self.t4}

    def _growth_of_timer_e(self) -> float:
        # RFC 4320 section 4.1: "the amount of time it takes a client transaction's Timer E to be
        # reset to T2", which is 0.5 + 1 + 2 s.  The RFC says so for every transport.
        elapsed, interval = 0.0, self.t1
        while interval < self.t2:
            elapsed += interval
            interval *= 2
        return elapsed or self.t1
