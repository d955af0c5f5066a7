"""The transaction layer: four verbs, and every message's way through a machine."""

from __future__ import annotations

from trio_sip._errors import LocalProtocolError
from trio_sip.message import Request, Response, parse_message_untrusted

from ._effects import (
    Send,
    StrayResponse,
    Verdict,
)
from ._key import COOKIE, MergeKey, ServerKey, client_key, is_rfc2543, merge_key, server_key
from ._machine import On, State
from ._running import KEPT_BYTES, Running
from ._tables import INVITE_CLIENT, INVITE_SERVER, NON_INVITE_CLIENT, NON_INVITE_SERVER
from ._timers import TimerSettings
from ._transaction import ClientTransaction, Flow, ServerTransaction, Transaction

__all__ = ["TransactionLayer"]

# An enumeration's member costs 150 ns to look up in CPython 3.11, a global 10.
COMPLETED = State.COMPLETED
RECV_REQUEST, RECV_ACK = On.RECV_REQUEST, On.RECV_ACK
NEW, ABSORBED = Verdict.NEW, Verdict.ABSORBED

_RECEIVED = (None, On.RECV_1XX, On.RECV_2XX, *[On.RECV_3XX_6XX] * 4)
_SENT = (None, On.SEND_1XX, On.SEND_2XX, *[On.SEND_3XX_6XX] * 4)
_CHALLENGES = frozenset({401, 407})
_SENT_SPECIALLY = {100: On.SEND_100, 408: On.SEND_408}


class TransactionLayer(Running):
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
        super().__init__(kept_bytes)
        self.settings: TimerSettings = TimerSettings() if settings is None else settings
        """The timers of every transaction that brings none of its own."""

        # The keys of a request between its verdict and its transaction, which wants them next.
        self._judged: tuple[Request, ServerKey, MergeKey | None] | None = None

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


def _answers(ack: Request, transaction: ServerTransaction) -> bool:
    """Whether *ack* is for the response that *transaction* sent, as far as that can be told."""
    # RFC 3261 section 17.2.3, matching without the cookie: "the To tag of the ACK" is compared
    # with "the To tag of the response sent by the server transaction".
    if not is_rfc2543(transaction.key) or not transaction.data:
        return True
    return parse_message_untrusted(transaction.data).to.tag == ack.to.tag
