"""What the session's state machines are made of, and what runs one of them.

The idea is that of `trio_sip.transaction.Machine`: a table, and states that own their timers.
The transactions' own class is made for half a million of them with one table each; a session
runs up to five small tables, each with states of its own, so here the class is generic.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Generic, TypeVar

import attrs

__all__ = ["Machine", "Repeat", "Running", "Step"]

S = TypeVar("S", bound=enum.Enum)
O = TypeVar("O", bound=enum.Enum)  # noqa: E741  # inputs are called On
D = TypeVar("D", bound=enum.Enum)


class Repeat(enum.Enum):
    """How long a timer that has run out waits when its state starts it anew."""

    SAME = "as long again"
    DOUBLED = "twice as long"
    DOUBLED_TO_T2 = "twice as long, T2 at most"


@attrs.frozen(eq=False)
class Step(Generic[S, D]):
    """One arrow of a machine."""

    state: S
    """The state it leads to."""

    actions: tuple[D, ...]
    """What is done on the way, in order."""

    has_timers: bool
    """Whether the state it leads to owns any."""


@attrs.frozen(eq=False)
class Machine(Generic[S, O, D]):
    """A state machine as data: drawn into the documentation, and run as it stands."""

    name: str

    initial: S

    timers: Mapping[S, AbstractSet[O]]
    """Which timers each state owns."""

    steps: Mapping[tuple[S, O], tuple[S, *tuple[D, ...]]]
    """``(state, input) → (next state, actions…)``; what is missing here is not allowed there."""

    repeats: Mapping[tuple[S, O], Repeat] = {}
    """How the timers that lead back to their own state are started again."""

    anew: frozenset[O] = frozenset()
    """The inputs after which even the timers that are running start from their beginning."""

    rows: Mapping[S, Mapping[O, Step[S, D]]] = attrs.field(init=False, repr=False)
    """The same steps, one dictionary for each state."""

    @rows.default
    def _rows(self) -> Mapping[S, Mapping[O, Step[S, D]]]:
        rows: dict[S, dict[O, Step[S, D]]] = {state: {} for state in type(self.initial)}
        for (state, on), (following, *actions) in self.steps.items():
            has_timers = bool(self.timers.get(following))
            rows[state][on] = Step(following, tuple(actions), has_timers)
        return rows

    def owned(self, state: S) -> frozenset[O]:
        """The timers of *state*."""
        return frozenset(self.timers.get(state, ()))

    def states(self) -> list[S]:
        """The states that the table names, in the order in which they are usually passed."""
        named = {state for state, _ in self.steps} | {step[0] for step in self.steps.values()}
        return [state for state in type(self.initial) if state in named]


class Running(Generic[S, O, D]):
    """A machine at work: its state, and the timers that the state owns.

    Args:
      durations: seconds each timer runs when its state starts it.
      state: where it begins, if not in its initial state.
      t2: the most that a timer with `Repeat.DOUBLED_TO_T2` grows to, in seconds.
    """

    # Plain slots: a session has three for all its life, and thousands of sessions are held.
    __slots__ = ("_due", "_intervals", "deadline", "durations", "machine", "state", "t2")

    def __init__(
        self,
        machine: Machine[S, O, D],
        durations: Mapping[O, float],
        now: float,
        *,
        t2: float = math.inf,
        state: S | None = None,
    ) -> None:
        self.machine = machine
        self.durations = durations
        self.t2 = t2
        self.state = machine.initial if state is None else state
        self._due: dict[O, float] = _NONE
        self._intervals: dict[O, float] = _NONE
        self.deadline = math.inf
        """When the first of its timers runs out."""
        if self.state in machine.timers:
            self._enter(now)

    def allows(self, on: O) -> bool:
        """Whether the table has a step for *on* here."""
        return on in self.machine.rows[self.state]

    def peek(self, on: O) -> Step[S, D] | None:
        """The step that `take` would take."""
        return self.machine.rows[self.state].get(on)

    def take(self, on: O, now: float) -> tuple[D, ...] | None:
        """Take the step for *on*, and return what is to be done; ``None`` if there is no step."""
        step = self.machine.rows[self.state].get(on)
        if step is None:
            return None
        self.state = step.state
        if step.has_timers:
            if on in self.machine.anew:
                self._due = _NONE
            self._enter(now)
        elif self._due:
            self._due = _NONE
            self.deadline = math.inf
        return step.actions

    def run_out(self, now: float) -> tuple[D, ...]:
        """Let the first of the timers run out; it must be due."""
        on = min(self._due, key=self._due.__getitem__)
        del self._due[on]
        step = self.machine.rows[self.state][on]
        repeat = self.machine.repeats.get((self.state, on))
        self.state = step.state
        if repeat is not None:
            interval = self._intervals[on] * (1 if repeat is Repeat.SAME else 2)
            if repeat is Repeat.DOUBLED_TO_T2:
                interval = min(interval, self.t2)
            self._start(on, interval, now)
        self._enter(now)
        return step.actions

    def _enter(self, now: float) -> None:
        """Stop what the state does not own, start what it does."""
        owned = self.machine.timers.get(self.state, ())
        if self._due is _NONE:
            self._due, self._intervals = {}, {}
        for on in [on for on in self._due if on not in owned]:
            del self._due[on]
        for on in owned:
            if on not in self._due:
                self._start(on, self.durations[on], now)
        self.deadline = min(self._due.values(), default=math.inf)

    def _start(self, on: O, interval: float, now: float) -> None:
        self._intervals[on] = interval
        self._due[on] = now + interval


# Any: it holds nothing.  Nobody writes to it: who starts a timer has a dictionary of its own.
_NONE: dict[Any, float] = {}
