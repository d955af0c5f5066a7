"""The user of the transactions: what comes back is told to whoever sent the request."""

from __future__ import annotations

import logging

import trio

from trio_sip.message import Request, Response, create_cancel
from trio_sip.transaction import ClientTransaction, ServerTransaction, Transaction
from trio_sip.transport import Flow

from ._incoming import IncomingRequest
from ._outgoing import OutgoingRequest
from ._parts import Parts

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

    def begin(self, outgoing: OutgoingRequest, flow: Flow) -> ClientTransaction:
        """Send the request in a transaction of its own."""
        parts = self._parts
        for service in parts.services.for_sent_requests:
            service.on_send_request(outgoing.request)
        transaction = parts.layer.send_request(outgoing.request, flow, trio.current_time())
        transaction.owner = outgoing
        parts.driver.flush()
        return transaction

    def give_up(
        self, transaction: ClientTransaction, request: Request, history: list[Response]
    ) -> None:
        """Nobody waits for the response any more; an INVITE is cancelled."""
        if transaction.method != "INVITE":
            self._parts.layer.forget(transaction, trio.current_time())
        elif any(response.is_provisional for response in history):
            self._cancel(transaction, request)
        else:
            transaction.owner = _CancelWhenAnswered(request)
        self._parts.driver.flush()

    def _cancel(self, transaction: ClientTransaction, request: Request) -> None:
        now = trio.current_time()
        layer = self._parts.layer
        cancel = layer.send_request(create_cancel(request), transaction.flow, now)
        layer.forget(cancel, now)
        layer.forget(transaction, now)

    # -- from the driver

    def transaction_response(self, transaction: ClientTransaction, response: Response) -> None:
        """A response came for a request of ours."""
        owner = transaction.owner
        if isinstance(owner, OutgoingRequest):
            for service in self._parts.services.for_responses:
                service.on_response(response, owner.request)
            owner.receive_response(response)
        elif isinstance(owner, _CancelWhenAnswered) and response.is_provisional:
            transaction.owner = None
            self._cancel(transaction, owner.request)

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
