"""Keeping a flow open, and finding out that it is dead: RFC 5626 section 4.4, as one table.

Rule 1: everything that decides a transition is in this file; there is no flag beside the state.

Rule 2: a state *owns* its timer, which counts from the last ping.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Mapping

import attrs

__all__ = ["FlowDead", "KeepAlive", "KeepAliveEffect", "KeepAliveState", "SendPing"]

_PONG_WITHIN = 10.0
"""RFC 5626 section 4.4.1: "If the client does not receive a pong … within 10 seconds"."""

_LEAST = 0.8
"""RFC 5626 section 4.4.1: between 80 and 100 percent of the time, at random."""


class KeepAliveState(enum.Enum):
    """What is known of the other end of the flow."""

    UNPROVEN = "unproven"
    """It has never answered a ping, so its silence says nothing: most servers know no pongs."""

    ALIVE = "alive"
    ASKED = "asked"
    """A ping is out, and a pong must come."""

    DEAD = "dead"


class On(enum.Enum):
    """What can happen to it."""

    DUE = "time for a ping"
    NO_PONG = "no pong"
    PONG = "pong"


class Do(enum.Enum):
    """What a step does besides changing the state."""

    PING = "ping"
    GIVE_UP = "flow is dead"


UNPROVEN, ALIVE, ASKED, DEAD = KeepAliveState
PING, GIVE_UP = Do

TIMERS: Mapping[KeepAliveState, On] = {UNPROVEN: On.DUE, ALIVE: On.DUE, ASKED: On.NO_PONG}

STEPS: Mapping[tuple[KeepAliveState, On], tuple[KeepAliveState, *tuple[Do, ...]]] = {
    (UNPROVEN, On.DUE): (UNPROVEN, PING),
    (UNPROVEN, On.PONG): (ALIVE,),
    (ALIVE, On.DUE): (ASKED, PING),
    (ALIVE, On.PONG): (ALIVE,),
    (ASKED, On.PONG): (ALIVE,),
    (ASKED, On.NO_PONG): (DEAD, GIVE_UP),
}


@attrs.frozen
class SendPing:
    """Send a ping."""


@attrs.frozen
class FlowDead:
    """Nobody has answered: close the flow, and register by another one."""


KeepAliveEffect = SendPing | FlowDead


class KeepAlive:
    """Keeps one flow open.  It sends nothing, reads no clock and rolls no dice itself.

    Args:
      seconds: from one ping to the next, at most.
      state: `KeepAliveState.ALIVE` for a server that has promised to answer pings.
      dice: random numbers from 0 to 1.
      now: when the flow was used last.
    """

    def __init__(
        self,
        seconds: float,
        *,
        state: KeepAliveState = KeepAliveState.UNPROVEN,
        dice: Callable[[], float],
        now: float,
    ) -> None:
        self.state: KeepAliveState = state
        self.seconds: float = seconds
        self._dice = dice
        self._sent_at = now
        self._due = now + self._delay()
        self._effects: list[KeepAliveEffect] = []

    def next_deadline(self) -> float:
        """When to call `handle_timeout`; `math.inf` when nothing is waited for."""
        return self._due if self.state in TIMERS else math.inf

    def handle_timeout(self, now: float) -> None:
        """Do what is due."""
        while self.next_deadline() <= now:
            self._take(TIMERS[self.state], now)

    def receive_pong(self, now: float) -> None:
        """A ping was answered; where answers are known to come, anything that came counts."""
        self._take(On.PONG, now)

    def effects(self) -> list[KeepAliveEffect]:
        """What to do, in order; each effect is handed out once."""
        effects = self._effects
        self._effects = []
        return effects

    def _take(self, on: On, now: float) -> None:
        step = STEPS.get((self.state, on))
        if step is None:
            return
        self.state, *actions = step
        if PING in actions:
            self._sent_at = now
        self._due = self._sent_at + (_PONG_WITHIN if self.state is ASKED else self._delay())
        for do in actions:
            self._effects.append(SendPing() if do is PING else FlowDead())

    def _delay(self) -> float:
        return self.seconds * (_LEAST + (1 - _LEAST) * self._dice())
