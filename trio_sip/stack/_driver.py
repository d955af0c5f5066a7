"""The driver: what the transaction layer wants done is done here, and its clock is kept."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import trio

from trio_sip._errors import TransportFailed
from trio_sip.transaction import (
    AckReceived,
    Effect,
    Failed,
    ResponseReceived,
    Send,
    StateChanged,
    StrayResponse,
    Terminated,
    TimedOut,
    TransactionLayer,
)

if TYPE_CHECKING:
    from trio_sip.message import Request, Response
    from trio_sip.transaction import ClientTransaction, ServerTransaction, State, Transaction
    from trio_sip.transport import TransportLayer

__all__ = ["Driver", "TransactionUser"]


class TransactionUser(Protocol):
    """RFC 3261 section 5: what sits above the transactions.  Nothing here waits."""

    def transaction_response(self, transaction: ClientTransaction, response: Response) -> None: ...
    def transaction_failed(self, transaction: Transaction, error: Exception | None) -> None: ...
    def transaction_ack(self, transaction: ServerTransaction, request: Request) -> None: ...
    def transaction_state(self, transaction: Transaction, state: State) -> None: ...
    def stray_response(self, response: Response, transaction: ClientTransaction | None) -> None: ...
    def send_failed(self) -> None: ...


class Driver:
    """Performs effects and runs the one alarm that all timers of a stack share."""

    def __init__(
        self, layer: TransactionLayer, transport: TransportLayer, user: TransactionUser
    ) -> None:
        self._layer = layer
        self._effects = layer.effects
        self._next_deadline = layer.next_deadline
        self._send_nowait = transport.send_nowait
        self._user = user
        self._alarm = trio.CancelScope()
        self._armed = math.inf

    def flush(self) -> None:
        """Perform what the layer has queued.  Between two flushes no transaction is half-way."""
        while effects := self._effects():
            for effect in effects:
                if type(effect) is Send:
                    self._send(effect)
                elif type(effect) is not Terminated:
                    self._tell(effect)
        self.arm()

    def arm(self) -> None:
        """See to it that the timers the layer has started run out in time."""
        deadline = self._next_deadline()
        if deadline < self._armed:
            # Anyone may move a scope's deadline: that is how the alarm is set.
            self._armed = self._alarm.deadline = deadline

    def _send(self, effect: Send) -> None:
        try:
            self._send_nowait(effect.data, effect.flow)  # type: ignore[arg-type]  # ours are Flows
        except (TransportFailed, trio.ClosedResourceError) as error:
            # The latter while the stack ends: whoever is cancelled then still says so.
            self._user.send_failed()
            self._layer.send_failed(effect.transaction, error, trio.current_time())

    def _tell(self, effect: Effect) -> None:
        match effect:
            case ResponseReceived(transaction, response):
                self._user.transaction_response(transaction, response)
            case TimedOut(transaction):
                self._user.transaction_failed(transaction, None)
            case Failed(transaction, error):
                self._user.transaction_failed(transaction, error)
            case StrayResponse(response, _, transaction):
                self._user.stray_response(response, transaction)
            case StateChanged(transaction, state):
                self._user.transaction_state(transaction, state)
            case AckReceived(transaction, request):
                self._user.transaction_ack(transaction, request)

    async def run_alarm(self) -> None:
        """Run the timers, for as long as the stack lives."""
        while True:
            with trio.CancelScope(deadline=self._layer.next_deadline()) as self._alarm:
                self._armed = self._alarm.deadline
                await trio.sleep_forever()
            # The layer does a bounded number at a time; the loop gives others their turn.
            self._armed = math.inf
            self._layer.handle_timeout(trio.current_time())
            self.flush()
            await trio.lowlevel.checkpoint()
