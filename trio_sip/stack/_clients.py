"""The user of the transactions: what comes back is told to whoever sent the request."""

from __future__ import annotations

import logging

from trio_sip._errors import RemoteProtocolError
from trio_sip.message import Request, Response, create_cancel
from trio_sip.transaction import ClientTransaction, ServerTransaction, State, Transaction
from trio_sip.transport import Flow

from ._incoming import IncomingRequest
from ._outgoing import OutgoingRequest
from ._parts import Parts, StackState

__all__ = ["Clients"]

_logger = logging.getLogger("trio_sip.stack")


class _CancelWhenAnswered:
    """The owner of an INVITE that was given up before anything came back.

    RFC 3261 section 9.1: "If no provisional response has been received, the CANCEL request MUST
    NOT be sent; rather, the client MUST wait for the arrival of a provisional response".
    """

    def __init__(self, request: Request) -> None:
        self.request = request


class Clients:
    """Begins client transactions and takes what the transaction layer tells."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._waiting: set[OutgoingRequest] = set()

    def begin(self, outgoing: OutgoingRequest, flow: Flow) -> ClientTransaction:
        """Send the request in a transaction of its own."""
        parts = self._parts
        for service in parts.services.for_sent_requests:
            parts.pipeline.call_hook(service.on_send_request, outgoing.request)
        transaction = parts.layer.send_request(outgoing.request, flow, parts.now())
        transaction.owner = outgoing
        self._waiting.add(outgoing)
        parts.driver.flush()
        return transaction

    def end(self, outgoing: OutgoingRequest) -> None:
        """Whoever waited for *outgoing* has gone."""
        self._waiting.discard(outgoing)

    def give_up(
        self, transaction: ClientTransaction, request: Request, responses: list[Response]
    ) -> None:
        """Nobody waits for the answer any more; an INVITE is cancelled.

        Args:
          responses: what has come in this transaction.
        """
        if self._parts.state is StackState.CLOSED:
            return
        if transaction.method != "INVITE" or any(not one.is_provisional for one in responses):
            self._parts.layer.forget(transaction, self._parts.now())
        elif responses:
            self._cancel(transaction, request)
        else:
            transaction.owner = _CancelWhenAnswered(request)
        self._parts.driver.flush()

    def close(self) -> None:
        """The stack is gone: nothing will come any more, for nobody."""
        for outgoing in self._waiting:
            outgoing.receive_closing()
        self._waiting.clear()

    def _cancel(self, transaction: ClientTransaction, request: Request) -> None:
        now = self._parts.now()
        layer = self._parts.layer
        cancel = layer.send_request(create_cancel(request), transaction.flow, now)
        layer.forget(cancel, now)
        layer.forget(transaction, now)

    # -- from the driver

    def transaction_response(self, transaction: ClientTransaction, response: Response) -> None:
        """A response came for a request of ours."""
        owner = transaction.owner
        if isinstance(owner, OutgoingRequest):
            if self._is_taken(response, owner):
                return
            if owner.dialog is not None:
                try:
                    owner.dialog.receive_response(response)
                except RemoteProtocolError:
                    # A Contact that cannot be read moves no target.
                    self._parts.counters.faulty_responses += 1
            owner.receive_response(response)
        elif isinstance(owner, _CancelWhenAnswered):
            if response.is_provisional:
                transaction.owner = None
                self._cancel(transaction, owner.request)
            elif response.is_success:
                # It was taken before it could be cancelled: a call that nobody wants.
                self._parts.counters.stray_responses += 1

    def _is_taken(self, response: Response, owner: OutgoingRequest) -> bool:
        """Show a response to the services; whether one of them has taken it from its sender."""
        for service in self._parts.services.for_responses:
            if self._parts.pipeline.call_hook(service.on_response, response, owner.request):
                if not response.is_provisional:
                    owner.receive_failure(None)
                return True
        return False

    def transaction_state(self, transaction: Transaction, state: State) -> None:
        """Some service wants to know where its transactions are."""
        for service in self._parts.services.for_transaction_states:
            self._parts.pipeline.call_hook(service.on_transaction_state, transaction, state)

    def transaction_failed(self, transaction: Transaction, error: Exception | None) -> None:
        """It timed out, or its transport failed."""
        owner = transaction.owner
        if isinstance(owner, OutgoingRequest):
            owner.receive_failure(error)
        elif isinstance(owner, IncomingRequest):
            _logger.debug("%r: %s", owner, error or "no ACK came")

    def transaction_ack(self, transaction: ServerTransaction, request: Request) -> None:
        """An ACK with the branch of an INVITE that was answered 2xx: the dialog's business."""
        self._parts.distributor.receive_ack(request, transaction.flow)  # type: ignore[arg-type]

    def stray_response(self, response: Response, flow: Flow) -> None:
        """A response nobody waits for."""
        self._parts.counters.stray_responses += 1

    def send_failed(self) -> None:
        """A message could not be handed to the transport."""
        self._parts.counters.sends_failed += 1
