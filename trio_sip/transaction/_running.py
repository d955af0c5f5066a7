"""Running the machines: what makes the tables go, and what all of them have in common."""

from __future__ import annotations

import math
from typing import Any

from trio_sip.message import create_ack, create_response

from ._deadlines import Deadlines, Timer
from ._effects import (
    AckReceived,
    Effect,
    Failed,
    ResponseReceived,
    Send,
    StateChanged,
    Statistics,
    StrayResponse,
    Terminated,
    TimedOut,
)
from ._index import Index
from ._machine import Do, On, State, Step
from ._transaction import ClientTransaction, ServerTransaction, Transaction

__all__ = ["KEPT_BYTES", "Running"]

# An enumeration's member costs 150 ns to look up in CPython 3.11, a global 10.
SEND, SEND_ONCE, SEND_100, ACK = Do.SEND, Do.SEND_ONCE, Do.SEND_100, Do.ACK
RESEND, REPLAY, ABSORB = Do.RESEND, Do.REPLAY, Do.ABSORB
PASS_UP, STRAY, TIME_OUT = Do.PASS_UP, Do.STRAY, Do.TIME_OUT
TERMINATED = State.TERMINATED

_NEVER = math.inf

KEPT_BYTES = 256 << 20
"""What the answers of one layer may take, unless it is told otherwise."""


class Running:
    """The part of `TransactionLayer` that takes steps, keeps time and counts."""

    def __init__(self, kept_bytes: int) -> None:
        self.tells_states: bool = False
        """Whether each change of a state is a `StateChanged`; hardly anybody wants to know."""
        self._index = Index()
        self._deadlines: Deadlines[Transaction] = Deadlines()
        self._effects: list[Effect] = []
        self._kept_limit = kept_bytes
        self._kept = 0
        self._given_up = 0
        self._absorbed = 0
        self._retransmitted = 0
        self._timed_out = 0
        self._failed = 0
        self._merged = 0
        self._stray_responses = 0
        self._stray_acks = 0
        self._stray_cancels = 0

    def __len__(self) -> int:
        """How many transactions there are."""
        return len(self._index.clients) + len(self._index.servers)

    # -- what every core has

    def next_deadline(self) -> float:
        """When to call `handle_timeout`; `math.inf` when nothing is waited for."""
        return self._deadlines.earliest

    def handle_timeout(self, now: float) -> None:
        """Run the timers that are due.

        It does so for a bounded number of them.  If more are due, `next_deadline` lies in the past
        when it returns.
        """
        for timer in self._deadlines.pop_due(now):
            # One that ran out a moment before it may have stopped this one.
            if timer.owner is not None:
                self._run_out(timer, timer.owner, now)

    def effects(self) -> list[Effect]:
        """What to do, in order; each effect is handed out once."""
        effects = self._effects
        self._effects = []
        return effects

    def _make_room(self, now: float) -> None:
        """Give up the oldest answers, and enough of them not to be here again soon.

        Who has lost one of those, and has not asked again for so long, is the least likely to ask
        at all.  To refuse new requests instead would let whoever sends large ones shut everybody
        out for half a minute.
        """
        excess = self._kept - self._kept_limit * 3 // 4
        oldest: list[ServerTransaction] = []
        for transaction in self._index.servers.values():
            if excess <= 0:
                break
            if transaction.kept:
                oldest.append(transaction)
                excess -= transaction.kept
        for transaction in oldest:
            self._given_up += 1
            self._take(transaction, On.NO_ROOM, None, now)

    def statistics(self) -> Statistics:
        """What is held now, and what was done since the start."""
        return Statistics(
            clients=len(self._index.clients),
            servers=len(self._index.servers),
            kept_bytes=self._kept,
            given_up=self._given_up,
            absorbed=self._absorbed,
            retransmitted=self._retransmitted,
            timed_out=self._timed_out,
            failed=self._failed,
            merged=self._merged,
            stray_responses=self._stray_responses,
            stray_acks=self._stray_acks,
            stray_cancels=self._stray_cancels,
        )

    # -- running the machines

    # `given` is what came with the input: a message, the bytes of a response, an error, nothing.
    # Which of them follows from the input, as the table pairs inputs with actions; so it is Any.

    def _take(self, transaction: Transaction, on: On, given: Any, now: float) -> bool:
        """Take the step for *on*; false if there is none."""
        step = transaction.machine.rows[transaction.state].get(on)
        if step is None:
            return False
        self._perform(transaction, step, given, now)
        return True

    def _perform(self, transaction: Transaction, step: Step, given: Any, now: float) -> None:
        for do in step.actions:
            if do is SEND:
                transaction.data = given
                self._effects.append(Send(given, transaction.flow, transaction))
            elif do is SEND_ONCE:
                self._effects.append(Send(given, transaction.flow, transaction))
            elif do is PASS_UP:
                self._pass_up(transaction, given)
            elif do is REPLAY:
                self._absorbed += 1
                self._effects.append(Send(transaction.data, transaction.flow, transaction))
            elif do is RESEND:
                self._resend(transaction)
            elif do is ABSORB:
                self._absorbed += 1
            else:
                self._perform_rarely(transaction, do, given)
        if not step.stays:
            self._enter(transaction, step, now)

    def _perform_rarely(self, transaction: Transaction, do: Do, given: Any) -> None:
        if do is SEND_100:
            assert transaction.request is not None, "states with this step keep the request"
            self._send(transaction, bytes(create_response(transaction.request, 100)))
        elif do is ACK:
            assert transaction.request is not None, "states with this step keep the request"
            self._send(transaction, bytes(create_ack(transaction.request, given)))
        elif do is STRAY:
            self._stray_responses += 1
            assert isinstance(transaction, ClientTransaction)
            self._effects.append(StrayResponse(given, transaction.flow, transaction))
        elif do is TIME_OUT:
            self._timed_out += 1
            self._effects.append(TimedOut(transaction))
        else:
            assert do is Do.FAIL
            self._failed += 1
            self._effects.append(Failed(transaction, given))
            # It has been said; the same failure shows again with every further attempt to send.
            transaction.machine = transaction.machine.unattended or transaction.machine

    def _send(self, transaction: Transaction, data: bytes) -> None:
        transaction.data = data
        self._effects.append(Send(data, transaction.flow, transaction))

    def _resend(self, transaction: Transaction) -> None:
        self._retransmitted += 1
        if isinstance(transaction, ClientTransaction):
            transaction.retransmissions += 1
        self._effects.append(Send(transaction.data, transaction.flow, transaction))

    def _pass_up(self, transaction: Transaction, message: Any) -> None:
        if isinstance(transaction, ClientTransaction):
            self._effects.append(ResponseReceived(transaction, message))
        else:
            assert isinstance(transaction, ServerTransaction)
            self._effects.append(AckReceived(transaction, message))

    def _run_out(self, timer: Timer[Transaction], transaction: Transaction, now: float) -> None:
        step = transaction.machine.rows[transaction.state][timer.on]
        self._perform(transaction, step, None, now)
        if step.repeat is not None:
            timer.interval = transaction.durations.following(step.repeat, timer.interval)
            self._deadlines.start(timer, now)

    def _enter(self, transaction: Transaction, step: Step, now: float) -> None:
        """Rule 2: stop what the next state does not own, start what it does."""
        if self.tells_states and (
            transaction.state is not step.state or step is transaction.machine.start
        ):
            self._effects.append(StateChanged(transaction, step.state))
        state = transaction.state = step.state
        if step.frees_request:
            transaction.request = None
        if step.frees_bytes:
            transaction.data = b""
            if transaction.kept:
                self._kept -= transaction.kept
                transaction.kept = 0
        running: tuple[Timer[Transaction], ...] = ()
        for timer in transaction.timers:
            if timer.on in step.keeps:
                running += (timer,)
            else:
                timer.owner = None
        if step.starts:
            first = transaction.durations.first
            for on in step.starts:
                interval = first[on]
                if interval == _NEVER or (running and any(timer.on is on for timer in running)):
                    continue
                timer = Timer(on, interval, transaction)
                running += (timer,)
                if interval > 0:
                    self._deadlines.start(timer, now)
        transaction.timers = running
        if state is TERMINATED:
            self._index.remove(transaction)
            self._effects.append(Terminated(transaction))
        elif running and not running[-1].interval:
            self._run_out(running[-1], transaction, now)
