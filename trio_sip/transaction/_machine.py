"""What a state machine is made of: states, inputs, actions, and the table that joins them.

The four tables themselves are in ``_tables.py``.  A `Machine` also works out, once, everything
about a step that follows from its table, so that taking one is two dictionary look-ups.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

import attrs

__all__ = ["Do", "Machine", "On", "Repeat", "State", "Step"]


# CPython 3.11 hashes an enumeration's member in Python, by its name, in 170 ns for a look-up
# instead of 50.  Members are singletons that compare by identity, so the identity hash is right.
class State(enum.Enum):
    """Where a transaction is (RFC 3261 section 17, RFC 6026 section 7)."""

    if not TYPE_CHECKING:
        __hash__ = object.__hash__

    CALLING = "Calling"
    TRYING = "Trying"
    PROCEEDING = "Proceeding"
    COMPLETED = "Completed"
    ACCEPTED = "Accepted"
    CONFIRMED = "Confirmed"
    TERMINATED = "Terminated"


class On(enum.Enum):
    """What can happen to a transaction: a timer, a message, its user, its transport."""

    if not TYPE_CHECKING:
        __hash__ = object.__hash__

    A = "Timer A"
    B = "Timer B"
    D = "Timer D"
    E = "Timer E"
    F = "Timer F"
    G = "Timer G"
    H = "Timer H"
    I = "Timer I"  # noqa: E741  # the RFC's name
    J = "Timer J"
    K = "Timer K"
    L = "Timer L"
    M = "Timer M"
    SILENCE = "silence"
    """RFC 3261 section 17.2.1: the user has had 200 ms and said nothing."""
    LONG_SILENCE = "long silence"
    """RFC 4320 section 4.1: the time in which a client's Timer E has grown to T2."""

    RECV_REQUEST = "request"
    RECV_ACK = "ACK"
    RECV_1XX = "1xx"
    RECV_2XX = "2xx"
    RECV_3XX_6XX = "300-699"

    SEND_100 = "100 from user"
    SEND_1XX = "101-199 from user"
    SEND_2XX = "2xx from user"
    SEND_3XX_6XX = "300-699 from user"
    SEND_408 = "408 from user"

    TRANSPORT_ERROR = "transport error"
    FORGET = "user gone"
    NO_ROOM = "no room"
    """Too many bytes are kept for copies of requests, and these are among the oldest."""


class Do(enum.Enum):
    """What a step does besides changing the state."""

    if not TYPE_CHECKING:
        __hash__ = object.__hash__

    SEND = "send response"
    """Send what the user gave, and keep its bytes for the copies of the request to come."""
    SEND_ONCE = "send response once"
    """Send what the user gave; repeating it is the user's own business."""
    SEND_100 = "send 100"
    ACK = "send ACK"
    RESEND = "send again"
    """Nobody answered in time, so send the same bytes again."""
    REPLAY = "send last again"
    """The other side sent a copy, so it has not seen the answer: send the same bytes again."""
    ABSORB = "absorb"
    """A copy; nobody needs to hear of it."""
    PASS_UP = "to user"  # noqa: S105  # no password
    STRAY = "to user as stray"
    """Nobody waits for it here, but a call may come of it: hand it up without a transaction."""
    TIME_OUT = "timeout to user"
    FAIL = "failure to user"


class Repeat(enum.Enum):
    """How long a timer that has run out waits when its state starts it anew."""

    DOUBLED = "twice as long"
    DOUBLED_TO_T2 = "twice as long, T2 at most"
    AT_T2 = "T2"


TIMERS = frozenset(
    {On.A, On.B, On.D, On.E, On.F, On.G, On.H, On.I, On.J, On.K, On.L, On.M}
    | {On.SILENCE, On.LONG_SILENCE}
)

Steps = Mapping[tuple[State, On], tuple[State, *tuple[Do, ...]]]

_NEEDS_BYTES = frozenset({Do.RESEND, Do.REPLAY})
_NEEDS_REQUEST = frozenset({Do.ACK, Do.SEND_100})


@attrs.frozen(eq=False, kw_only=True)
class Step:
    """One arrow of a machine, with what rule 2 makes of it."""

    state: State
    """The state it leads to."""

    actions: tuple[Do, ...]

    stays: bool
    """The same state and no timer to start: nothing is left to do after the actions."""

    keeps: frozenset[On]
    """The timers that go on running, because the next state owns them too."""

    starts: tuple[On, ...]
    """The timers that the next state owns and that are not running."""

    repeat: Repeat | None
    """How the timer that has just run out goes on, when the next state owns it."""

    frees_bytes: bool
    """No step from the next state sends the kept bytes again."""

    frees_request: bool
    """No step from the next state builds a message from the request."""


@attrs.frozen(eq=False)
class Machine:
    """A state machine as data: drawn into the documentation, and run as it stands."""

    name: str

    initial: State

    timers: Mapping[State, AbstractSet[On]]
    """Which timers each state owns."""

    steps: Steps
    """``(state, input) → (next state, actions…)``; what is missing here is not allowed there."""

    repeats: Mapping[tuple[State, On], Repeat] = {}
    """How the timers that lead back to their own state are started again."""

    unattended: Machine | None = None
    """The table that goes on when nobody listens to the transaction; ``None`` means this one.

    Its user has gone, or has been told, once, that the transport failed.
    """

    rows: Mapping[State, Mapping[On, Step]] = attrs.field(init=False, repr=False)
    """The same steps, one dictionary for each state."""

    start: Step = attrs.field(init=False, repr=False)
    """The step into the initial state."""

    @rows.default
    def _rows(self) -> Mapping[State, Mapping[On, Step]]:
        rows: dict[State, dict[On, Step]] = {state: {} for state in State}
        for (state, on), (following, *actions) in self.steps.items():
            rows[state][on] = self._step(state, on, following, tuple(actions))
        return rows

    @start.default
    def _start(self) -> Step:
        return self._step(None, None, self.initial, ())

    def owned(self, state: State) -> frozenset[On]:
        """The timers of *state*."""
        return frozenset(self.timers.get(state, ()))

    def states(self) -> list[State]:
        """The states that the table names, in the order in which they are usually passed."""
        named = {state for state, _ in self.steps} | {step[0] for step in self.steps.values()}
        return [state for state in State if state in named]

    def _step(
        self, state: State | None, on: On | None, following: State, actions: tuple[Do, ...]
    ) -> Step:
        # Being forgotten changes the table under a state, so what runs is seen only then.
        running = frozenset() if state is None or on is On.FORGET else self.owned(state) - {on}
        owned = self.owned(following)
        repeat = self.repeats.get((following, on)) if on in owned and on is not None else None
        starts = owned - running - ({on} if repeat else set())
        uses = {
            do for (source, _), (_, *dos) in self.steps.items() if source is following for do in dos
        }
        return Step(
            state=following,
            actions=actions,
            stays=state is following and not starts,
            keeps=owned if on is On.FORGET else owned & running,
            starts=tuple(sorted(starts, key=_by_name)),
            repeat=repeat,
            frees_bytes=not uses & _NEEDS_BYTES,
            frees_request=not uses & _NEEDS_REQUEST,
        )


def _by_name(on: On) -> str:
    return on.name
