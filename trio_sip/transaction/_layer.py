"""The transaction layer: four verbs, and every message's way through a machine."""

from __future__ import annotations

import math
from typing import Any

from trio_sip._errors import LocalProtocolError
from trio_sip.message import Request, Response, create_ack, create_response, parse_message_untrusted

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
    Verdict,
)
from ._index import Index
from ._key import COOKIE, MergeKey, ServerKey, client_key, is_rfc2543, merge_key, server_key
from ._machine import Do, On, State, Step
from ._tables import INVITE_CLIENT, INVITE_SERVER, NON_INVITE_CLIENT, NON_INVITE_SERVER
from ._timers import TimerSettings
from ._transaction import ClientTransaction, Flow, ServerTransaction, Transaction

__all__ = ["TransactionLayer"]

# An enumeration's member costs 150 ns to look up in CPython 3.11, a global 10.
SEND, SEND_ONCE, SEND_100, ACK = Do.SEND, Do.SEND_ONCE, Do.SEND_100, Do.ACK
RESEND, REPLAY, ABSORB = Do.RESEND, Do.REPLAY, Do.ABSORB
PASS_UP, STRAY, TIME_OUT = Do.PASS_UP, Do.STRAY, Do.TIME_OUT
COMPLETED, TERMINATED = State.COMPLETED, State.TERMINATED
RECV_REQUEST, RECV_ACK = On.RECV_REQUEST, On.RECV_ACK
NEW, ABSORBED = Verdict.NEW, Verdict.ABSORBED

_RECEIVED = (None, On.RECV_1XX, On.RECV_2XX, *[On.RECV_3XX_6XX] * 4)
_SENT = (None, On.SEND_1XX, On.SEND_2XX, *[On.SEND_3XX_6XX] * 4)
_CHALLENGES = frozenset({401, 407})
_NEVER = math.inf

KEPT_BYTES = 256 << 20
"""What the answers of one layer may take, unless it is told otherwise."""

_SENT_SPECIALLY = {100: On.SEND_100, 408: On.SEND_408}


class TransactionLayer:
    """All transactions, client and server (RFC 3261 section 17).

    It does nothing by itself.  After each call its driver performs what `effects` returns, in
    order, and sees to it that `handle_timeout` is called at `next_deadline`.  Messages must have
    been found sound (`trio_sip.message.check_request`, `check_response`) before they come here.

    Args:
      kept_bytes: what may be kept of final answers; beyond that the oldest are given up, and a
        copy of their request is a new request.
    """

    def __init__(
        self, settings: TimerSettings | None = None, *, kept_bytes: int = KEPT_BYTES
    ) -> None:
        self.settings: TimerSettings = TimerSettings() if settings is None else settings
        """The timers of every transaction that brings none of its own."""
        self.tells_states: bool = False
        """Whether each change of a state is a `StateChanged`; hardly anybody wants to know."""
        self._index = Index()
        self._deadlines: Deadlines[Transaction] = Deadlines()
        self._effects: list[Effect] = []
        # The keys of a request between its verdict and its transaction, which wants them next.
        self._judged: tuple[Request, ServerKey, MergeKey | None] | None = None
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

    # -- server side

    def receive_request(self, request: Request, flow: Flow, now: float) -> Verdict:
        """Match a request against the server transactions, and say what it is."""
        method = request.method
        if method == "ACK":
            return self._receive_ack(request, now)
        index = self._index
        key = server_key(request, method)
        transaction = index.servers.get(key)
        if transaction is not None:
            self._take(transaction, RECV_REQUEST, request, now)
            return ABSORBED
        if method == "CANCEL":
            if self.cancelled(request) is not None:
                return Verdict.CANCEL
            self._stray_cancels += 1
            return Verdict.STRAY_CANCEL
        merge = merge_key(request)
        if merge in index.merged:
            self._merged += 1
            return Verdict.MERGED
        self._judged = request, key, merge
        return NEW

    def _receive_ack(self, request: Request, now: float) -> Verdict:
        # RFC 3261 section 17.2.3: "the method of the request matches the one that created the
        # transaction, except for ACK, where the method of the request that created the
        # transaction is INVITE."
        transaction = self._index.servers.get(server_key(request, "INVITE"))
        if transaction is None or not _answers(request, transaction):
            self._stray_acks += 1
            return Verdict.STRAY_ACK
        if not self._take(transaction, RECV_ACK, request, now):
            self._stray_acks += 1
        return ABSORBED

    def cancelled(self, cancel: Request) -> ServerTransaction | None:
        """The INVITE transaction that *cancel* would cancel, answered or not; else ``None``.

        RFC 3261 section 9.2.
        """
        return self._index.servers.get(server_key(cancel, "INVITE"))

    def open_server(self, request: Request, flow: Flow, now: float) -> ServerTransaction:
        """Begin a server transaction for a request that was `Verdict.NEW`.

        Also for a CANCEL or a merged request that is to be answered statefully.

        Raises:
          LocalProtocolError: it has one already, or it is an ACK, which gets no response.
        """
        method = request.method
        judged, self._judged = self._judged, None
        if judged is not None and judged[0] is request:
            _, key, merge = judged
        else:
            key = server_key(request, method)
            merge = merge_key(request) if method != "CANCEL" else None
        index = self._index
        if key in index.servers or method == "ACK":
            raise LocalProtocolError(f"no (further) server transaction for this {method}")
        machine = INVITE_SERVER if method == "INVITE" else NON_INVITE_SERVER
        durations = self.settings.reliable if flow.reliable else self.settings.unreliable
        # The copy that came first stands for all of them.
        merge = None if merge in index.merged else merge
        transaction = ServerTransaction(
            method, flow, machine, durations, request, b"", machine.initial, key, merge
        )
        index.add_server(transaction)
        self._enter(transaction, machine.start, now)
        return transaction

    def send_response(
        self, transaction: ServerTransaction, data: bytes, status: int, now: float
    ) -> None:
        """Send a response, given as its bytes and its status code.

        The 2xx to an INVITE is sent once for each call; repeating it until the ACK comes is the
        caller's (RFC 3261 section 13.3.1.4).

        Raises:
          LocalProtocolError: the transaction may not send it now: a second final response, or
            one that RFC 4320 forbids, a 408 or a provisional one but 100 to a non-INVITE request.
        """
        on = _SENT_SPECIALLY.get(status) or (_SENT[status // 100] if 99 < status < 700 else None)
        step = transaction.machine.rows[transaction.state].get(on) if on is not None else None
        if step is None:
            raise LocalProtocolError(
                f"{transaction.machine.name} transaction may not send {status}"
                f" to {transaction.method} when {transaction.state.value}"
            )
        if status in _CHALLENGES:
            # Who answers a challenge without a new CSeq breaks RFC 3261 section 22.2, and is many:
            # what has been refused is no longer going on, so nothing can be merged with it.
            self._index.unmerge(transaction)
        self._perform(transaction, step, data, now)
        if transaction.state is COMPLETED:
            transaction.kept = len(data)
            self._kept += transaction.kept
            if self._kept > self._kept_limit:
                self._make_room(now)

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

    # -- client side

    def send_request(
        self, request: Request, flow: Flow, now: float, *, settings: TimerSettings | None = None
    ) -> ClientTransaction:
        """Send a request and wait for its responses.

        Args:
          settings: timers for this transaction alone.

        Raises:
          LocalProtocolError: it is an ACK, or its branch is missing, no RFC 3261 branch, or in
            use for the same method.
        """
        method = request.method
        branch = request.via.branch
        if method == "ACK":
            raise LocalProtocolError("an ACK has no transaction: hand it to the transport")
        if branch is None or not branch.startswith(COOKIE) or branch == COOKIE:
            raise LocalProtocolError(f"a branch begins with {COOKIE} and goes on: {branch!r}")
        key = client_key(request)
        if key in self._index.clients:
            raise LocalProtocolError(f"branch {branch} has a {method} transaction already")
        settings = self.settings if settings is None else settings
        machine = INVITE_CLIENT if method == "INVITE" else NON_INVITE_CLIENT
        durations = settings.reliable if flow.reliable else settings.unreliable
        data = bytes(request)
        transaction = ClientTransaction(
            method, flow, machine, durations, request, data, machine.initial, key
        )
        self._index.add_client(transaction)
        self._effects.append(Send(data, flow, transaction))
        self._enter(transaction, machine.start, now)
        return transaction

    def receive_response(self, response: Response, flow: Flow, now: float) -> None:
        """Match a response; it comes out as `ResponseReceived`, as `StrayResponse`, or not."""
        transaction = self._index.clients.get(client_key(response))
        if transaction is None:
            self._stray_responses += 1
            self._effects.append(StrayResponse(response, flow))
            return
        on = _RECEIVED[response.status // 100]
        if on is None or not self._take(transaction, on, response, now):
            self._stray_responses += 1

    # -- what becomes of the transport and of the user

    def send_failed(self, transaction: Transaction, error: Exception, now: float) -> None:
        """What a `Send` of *transaction* asked for could not be sent."""
        self._take(transaction, On.TRANSPORT_ERROR, error, now)

    def flow_failed(self, flow: Flow, error: Exception, now: float) -> None:
        """*flow* is broken, so whoever waits for something to come by it waits in vain."""
        for transaction in self._index.on_flow(flow):
            self._take(transaction, On.TRANSPORT_ERROR, error, now)

    def forget(self, transaction: Transaction, now: float) -> None:
        """Its user has gone away, and hears no more of it than that it is over.

        A client transaction runs on and absorbs its responses quietly, but for the 2xx to an
        INVITE, which is a `StrayResponse`: somebody took the call.  A server transaction that
        still owes a final response is over at once.
        """
        transaction.machine = transaction.machine.unattended or transaction.machine
        self._take(transaction, On.FORGET, None, now)

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


def _answers(ack: Request, transaction: ServerTransaction) -> bool:
    """Whether *ack* is for the response that *transaction* sent, as far as that can be told."""
    # RFC 3261 section 17.2.3, matching without the cookie: "the To tag of the ACK" is compared
    # with "the To tag of the response sent by the server transaction".
    if not is_rfc2543(transaction.key) or not transaction.data:
        return True
    return parse_message_untrusted(transaction.data).to.tag == ack.to.tag
