"""An INVITE session, seen from one of its ends: the four verbs, and the way to the tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from trio_sip._errors import LocalProtocolError
from trio_sip.message import Request, Response

from ._answering import Answering
from ._core import Actions, Given, reasons_of
from ._effects import Effect, Ended, How, SessionInterval, Side
from ._exchange import Exchange, ExchangeState
from ._glare import Dice, Lane, OnLane
from ._machine import Machine, Running
from ._refresh import DoRefresh
from ._settings import SessionSettings
from ._tables import Do, On, SessionState
from ._two_hundred import DoRepeat, Repetition

__all__ = ["InviteSession"]

# Any: what a machine's inputs and actions are is its own affair, and only its deadline is asked.
_Anyone = Running[Any, Any, Any]


class InviteSession(Answering):
    """A call, from its INVITE to its BYE and for as long as copies may come.

    It does nothing by itself.  After each call its driver performs what `effects` returns, in
    order, and sees to it that `handle_timeout` is called at `next_deadline`.  What the other end
    does never raises.
    """

    def __init__(
        self,
        invite: Request,
        machine: Machine[SessionState, On, Do],
        lane: Lane,
        now: float,
        *,
        contact: str | None,
        settings: SessionSettings,
        dice: Dice,
    ) -> None:
        super().__init__(invite, machine, lane, now, contact=contact, settings=settings, dice=dice)
        self._ack_owed = None
        self._pracks_owed = ()
        self._pending = ()
        self._held = None
        self._provisionals = None
        self._rung = None

    # -- the four verbs

    def next_deadline(self) -> float:
        """When to call `handle_timeout`; `math.inf` when nothing is waited for."""
        return min([running.deadline for running in self._running()])

    def handle_timeout(self, now: float) -> None:
        """Run the timers that are due."""
        while True:
            running = min(self._running(), key=_deadline)
            if running.deadline > now:
                return
            self._run_out(running, now)

    def effects(self) -> list[Effect]:
        """What to do, in order; each effect is handed out once."""
        effects = self._effects
        self._effects = []
        return effects

    # -- from below

    def receive_response(
        self, response: Response, now: float, *, request: Request | None = None
    ) -> None:
        """A response came: to a request of ours, or a 2xx that no transaction waits for.

        Args:
          request: the one that its transaction says it answers.  Whatever its tag says, no other
            answer will come.
        """
        cseq = response.cseq
        exchange = next(
            (one for one in self._exchanges if one.is_answered_by(response, request)), None
        )
        if exchange is None:
            if not (response.is_success and cseq.method == "INVITE" and self._repeat_ack(response)):
                self._receive_other(response, now)
        elif not response.is_provisional:
            self._receive_final(exchange, response.status, response, now)
        elif cseq.method == "INVITE" and self.ended is None:
            self._receive_progress(exchange, response)

    def _receive_progress(self, exchange: Exchange, response: Response) -> None:
        if exchange.state is ExchangeState.SENT:
            exchange.state = ExchangeState.PROCEEDING
        elif exchange.state is ExchangeState.CANCELLING:
            self._cancel(exchange)
        leg = self._find_leg(exchange.dialog)
        if leg is None or response.status == 100:
            return
        self._follow(exchange, leg)
        progress = self._receive_provisional(response, leg, exchange)
        if progress is not None:
            self._effects.append(progress)

    def _receive_other(self, response: Response, now: float) -> None:
        """A response to the first INVITE, or to nothing."""

    def receive_failure(self, request: Request, status: int, now: float) -> None:
        """No response will come.

        Args:
          request: what was not answered.
          status: 408 if it timed out, 503 if its transport failed (RFC 3261 section 8.1.3.1).
        """
        for exchange in self._exchanges:
            if exchange.matches(request):
                self._receive_final(exchange, status, None, now)
                return

    def replace_request(self, request: Request, again: Request, now: float) -> None:
        """*request* was sent again below, with credentials and another CSeq number.

        Args:
          again: what was sent; *request* itself if it was changed.
        """
        for exchange in self._exchanges:
            if exchange.request is request:
                exchange.request = again

    # -- from the user

    def hang_up(
        self,
        now: float,
        *,
        status: int = 480,
        reason: str | None = None,
        headers: Iterable[tuple[str, object]] = (),
    ) -> None:
        """End the call, however far it has come; nothing is left of one that is ending already.

        A caller sends CANCEL, as soon as that is allowed, or BYE; a callee refuses, or sends BYE
        as soon as the ACK has come.

        Args:
          status: how a callee refuses, 300 to 699.
          headers: more headers for the CANCEL, the BYE or the refusal, for example a Reason.

        Raises:
          LocalProtocolError: *status* refuses nothing.
        """
        if not 300 <= status <= 699:
            raise LocalProtocolError(f"{status} refuses nothing")
        given = Given(
            how=self._how_to_leave(),
            status=status,
            reason=reason,
            headers=tuple(headers),
        )
        self._take(On.HANG_UP, given, now)

    def _how_to_leave(self) -> How:
        raise NotImplementedError

    # -- what anybody may ask

    @property
    def refresh(self) -> SessionInterval | None:
        """What was agreed about the session timer (RFC 4028); ``None`` without one."""
        return self._timer.interval

    # -- actions of the main table

    def _answer_bye(self, given: Given, now: float) -> None:
        assert given.request is not None, "a BYE came"
        self._respond(given.request, 200)

    def _end(self, given: Given, now: float) -> None:
        """The session is over for the user."""
        came = given.by is Side.REMOTE
        message = (given.request or given.response) if came else None
        status = None if given.how in (How.BYE, How.EXPIRED, How.NO_ACK) else given.status
        ended = Ended(given.by, given.how, status, reasons_of(message), message)
        self._conclude(ended)
        self._timer.stop(now)
        if self._ack_owed is not None:
            self._pay_ack(Given(), now)
        self._abandon_pending(now)
        self._abandon_exchanges()
        self._effects.append(ended)

    _actions: ClassVar[Actions] = {
        Do.SEND_BYE: lambda self, given, now: self._send_bye(given, now),
        Do.DELAY_BYE: lambda self, given, now: self._delay_bye(given),
        Do.ANSWER_BYE: _answer_bye,
        Do.END: _end,
    }

    # -- timers

    def _running(self) -> list[_Anyone]:
        if self._main.state is SessionState.TERMINATED:
            return [self._main] if self._kept is None else [self._main, self._kept]
        running: list[_Anyone] = [self._main]
        if self._timer.running is not None:
            running.append(self._timer.running)
        running += [repetition.running for repetition in self._repetitions]
        if self._provisionals is not None and self._provisionals.repetition is not None:
            running.append(self._provisionals.repetition.running)
        if self._pause is not None:
            running.append(self._pause)
        if self._kept is not None:
            running.append(self._kept)
        return running

    def _run_out(self, running: _Anyone, now: float) -> None:
        before = self._main.state
        actions = running.run_out(now)
        if running is self._main:
            self._perform(actions, Given(how=How.NO_ACK), before, now)
        elif running is self._pause:
            self._pause = None
            self._advance(now)
        elif running is self._kept:
            self._forget_copies()
        elif DoRefresh.REFRESH in actions:
            self._refresh(now)
        elif DoRefresh.EXPIRE in actions:
            self._take(On.EXPIRED, Given(how=How.EXPIRED), now)
        else:
            self._run_out_repetition(running, actions, now)

    def _run_out_repetition(
        self, running: _Anyone, actions: tuple[object, ...], now: float
    ) -> None:
        provisionals = self._provisionals
        reliable = None if provisionals is None else provisionals.repetition
        if reliable is not None and reliable.running is running:
            self._after_repetition(reliable, DoRepeat.TELL in actions, On.NO_PRACK, now)
            return
        repetition = next(one for one in self._repetitions if one.running is running)
        if DoRepeat.TELL in actions:
            self._repetitions = tuple(one for one in self._repetitions if one is not repetition)
        self._after_repetition(repetition, DoRepeat.TELL in actions, On.NO_ACK, now)

    def _after_repetition(self, repetition: Repetition, given_up: bool, on: On, now: float) -> None:
        if not given_up:
            self._repeat(repetition)
        elif on is On.NO_ACK:
            self._lane.take(OnLane.NO_ACK, now)
            self._take(on, Given(how=How.NO_ACK), now)
        else:
            self._no_prack(repetition, now)

    def _no_prack(self, repetition: Repetition, now: float) -> None:
        """RFC 3262 section 3: "the UAS SHOULD reject the original request with a 5xx response"."""
        assert self._provisionals is not None, "one of them was repeated"
        self._provisionals.receive_final(now)
        if repetition.request is self.invite:
            self._take(On.NO_PRACK, Given(how=How.NO_PRACK, status=504), now)
        elif any(one is repetition.request for one in self._pending):
            self._refuse_pending(repetition.request, 504, now)


def _deadline(running: _Anyone) -> float:
    return running.deadline
