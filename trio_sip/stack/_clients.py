"""The user of the transactions: what comes back is told to whoever sent the request."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import trio

from trio_sip._errors import NoRoute, RemoteProtocolError, TransportFailed
from trio_sip.dialog import Dialog
from trio_sip.message import Request, Response, Uri, create_cancel
from trio_sip.transaction import ClientTransaction, ServerTransaction, State, Transaction
from trio_sip.transport import Flow

from ._hop import (
    answering_flow,
    find_servers,
    find_servers_nowait,
    flow_to_hidden,
    put_via,
    secured,
)
from ._incoming import IncomingRequest
from ._owner import RequestOwner
from ._parts import Parts, StackState
from ._sending import SentRequest

__all__ = ["Clients"]

_ROOM_FOR_VIA = 100

_logger = logging.getLogger("trio_sip.stack")


class _Abandoned:
    """The owner of an INVITE that was given up.  What becomes of it concerns nobody, except that:

    * RFC 3261 section 9.1: "If no provisional response has been received, the CANCEL request MUST
      NOT be sent; rather, the client MUST wait for the arrival of a provisional response";
    * whoever takes the call nevertheless must be told that it is over (RFC 5407 section 3.1.2).
    """

    __slots__ = ("parted", "request")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.parted: set[str | None] = set()
        """The To tags of those who have been sent a BYE."""


class _Nobody:
    """The user of a BYE for which nothing is waited."""

    def request_leaves(self, sent: SentRequest, flow: Flow) -> None: ...
    def receive_response(self, sent: SentRequest, response: Response) -> None: ...
    def receive_failure(self, sent: SentRequest, error: Exception) -> None: ...


class Clients:
    """Begins client transactions and takes what the transaction layer tells."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._waiting: set[RequestOwner] = set()

    def begin(self, outgoing: RequestOwner, flow: Flow) -> ClientTransaction:
        """Send the request in a transaction of its own."""
        parts = self._parts
        for service in parts.services.for_sent_requests:
            parts.pipeline.call_hook(service.on_send_request, outgoing.request)
        transaction = parts.layer.send_request(outgoing.request, flow, parts.now())
        transaction.owner = outgoing
        self._waiting.add(outgoing)
        parts.driver.flush()
        return transaction

    def end(self, outgoing: RequestOwner) -> None:
        """Whoever waited for *outgoing* has gone."""
        self._waiting.discard(outgoing)

    def give_up(
        self,
        transaction: ClientTransaction,
        request: Request,
        *,
        provisional: bool,
        final: bool,
        cancelled: bool = False,
    ) -> None:
        """Nobody waits for the answer any more; an INVITE is cancelled.

        Args:
          provisional: a provisional response has come in this transaction.
          final: a final one has.
          cancelled: a CANCEL has been sent.
        """
        parts = self._parts
        if parts.state is StackState.CLOSED:
            return
        if transaction.method != "INVITE":
            parts.layer.forget(transaction, parts.now())
        elif final:
            if isinstance(transaction.owner, SentRequest):
                transaction.owner = _Abandoned(request)
            parts.layer.forget(transaction, parts.now())
        else:
            transaction.owner = _Abandoned(request)
            if provisional:
                self._send_cancel(transaction, request, ())
            if provisional or cancelled:
                parts.layer.forget(transaction, parts.now())
        parts.driver.flush()

    def pass_over(self, transaction: ClientTransaction) -> None:
        """Its request is sent again in another transaction: nobody is to hear of this one."""
        transaction.owner = None
        self._parts.layer.forget(transaction, self._parts.now())

    def cancel(
        self,
        transaction: ClientTransaction,
        request: Request,
        headers: Iterable[tuple[str, object]],
    ) -> None:
        """Send a CANCEL for an INVITE whose owner goes on listening."""
        if self._parts.state is not StackState.CLOSED:
            self._send_cancel(transaction, request, headers)
            self._parts.driver.flush()

    def close(self) -> None:
        """The stack is gone: nothing will come any more, for nobody."""
        for outgoing in tuple(self._waiting):
            outgoing.receive_closing()
        self._waiting.clear()

    def _send_cancel(
        self,
        transaction: ClientTransaction,
        request: Request,
        headers: Iterable[tuple[str, object]],
    ) -> None:
        cancel = create_cancel(request)
        for name, value in headers:
            cancel.add_header(name, value)
        now = self._parts.now()
        sent = self._parts.layer.send_request(cancel, transaction.flow, now)
        self._parts.layer.forget(sent, now)

    # -- from the driver

    def transaction_response(self, transaction: ClientTransaction, response: Response) -> None:
        """A response came for a request of ours."""
        owner = transaction.owner
        if isinstance(owner, RequestOwner):
            if self._is_taken(response, owner):
                return
            if owner.dialog is not None and type(owner) is not SentRequest:
                try:
                    owner.dialog.receive_response(response)
                except RemoteProtocolError:
                    # A Contact that cannot be read moves no target.
                    self._parts.counters.faulty_responses += 1
            owner.receive_response(response)
        elif isinstance(owner, _Abandoned):
            # Only now: an unattended INVITE that nothing comes back for would not end by itself
            # any sooner, and one that something came back for is given 64*T1 from the CANCEL on.
            if response.is_provisional:
                self._send_cancel(transaction, owner.request, ())
            elif response.is_success:
                self._decline(owner, response, transaction)
            self._parts.layer.forget(transaction, self._parts.now())

    def _is_taken(self, response: Response, owner: RequestOwner) -> bool:
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
        if isinstance(owner, RequestOwner):
            owner.receive_failure(error)
        elif isinstance(owner, IncomingRequest):
            _logger.debug("%r: %s", owner, error or "no ACK came")

    def transaction_ack(self, transaction: ServerTransaction, request: Request) -> None:
        """An ACK with the branch of an INVITE that was answered 2xx: the dialog's business."""
        self._parts.distributor.receive_ack(request, transaction.flow)  # type: ignore[arg-type]

    def stray_response(self, response: Response, transaction: ClientTransaction | None) -> None:
        """A response nobody waits for.  Only a call that somebody took is answered."""
        self._parts.counters.stray_responses += 1
        if transaction is None:
            return
        if type(transaction.owner) is SentRequest:
            # Its user has been told a refusal, and this is another branch of the fork.
            transaction.owner = _Abandoned(transaction.owner.request)
        if isinstance(transaction.owner, _Abandoned):
            self._decline(transaction.owner, response, transaction)

    def _decline(
        self, abandoned: _Abandoned, response: Response, transaction: ClientTransaction
    ) -> None:
        """Somebody took a call that nobody wants any more.

        RFC 5407 section 3.1.2: each 2xx gets an ACK, and its sender a BYE.
        """
        request = abandoned.request
        try:
            dialog = Dialog.as_uac(request, response)
        except RemoteProtocolError:
            # Its Record-Route cannot be read, so nobody knows by which way to say it.
            self._parts.counters.faulty_responses += 1
            return
        assert isinstance(transaction.flow, Flow), "the stack's transactions have its flows"
        dialog.flow = answering_flow(transaction.flow)
        self.send_ack(dialog.create_ack(request), dialog)
        if response.to.tag not in abandoned.parted:
            abandoned.parted.add(response.to.tag)
            bye = dialog.create_request("BYE")
            sent = SentRequest(self._parts, bye, dialog.next_hop, _Nobody(), None, dialog)
            sent.start()

    def send_ack(self, ack: Request, dialog: Dialog) -> None:
        """Send the ACK of a 2xx, which has no transaction; as often as it is asked for.

        RFC 3261 section 13.2.2.4.
        """
        parts = self._parts
        next_hop = secured(dialog.next_hop, ack)
        try:
            flow = flow_to_hidden(parts, dialog)
            servers = None if flow is not None else find_servers_nowait(parts, next_hop)
            if servers is not None:
                transport, remote = servers[0]
                size = ack.rough_size() + _ROOM_FOR_VIA
                flow = parts.transport.flow_for_request_nowait(
                    remote, size, transport, next_hop.host
                )
        except NoRoute:
            self.send_failed()
            return
        if flow is None:
            parts.works.push(self._find_way_for_ack, ack, next_hop)
        else:
            self._transmit_ack(ack, flow)

    async def _find_way_for_ack(self, ack: Request, next_hop: Uri) -> None:
        parts = self._parts
        try:
            transport, remote = (await find_servers(parts, next_hop))[0]
            size = ack.rough_size() + _ROOM_FOR_VIA
            flow = await parts.transport.flow_for_request(remote, size, transport, next_hop.host)
        except (NoRoute, TransportFailed, trio.ClosedResourceError):
            # The 2xx will be repeated, and then it is tried again.
            self.send_failed()
        else:
            self._transmit_ack(ack, flow)

    def _transmit_ack(self, ack: Request, flow: Flow) -> None:
        parts = self._parts
        if "Via" not in ack.headers:
            put_via(parts, ack, flow)
            for service in parts.services.for_sent_requests:
                parts.pipeline.call_hook(service.on_send_request, ack)
        try:
            parts.transport.send_nowait(bytes(ack), flow)
        except (TransportFailed, trio.ClosedResourceError):
            self.send_failed()

    def send_failed(self) -> None:
        """A message could not be handed to the transport."""
        self._parts.counters.sends_failed += 1
