"""What the transaction layer says: effects for its driver, verdicts on requests, statistics."""

from __future__ import annotations

import enum

import attrs

from trio_sip.message import Request, Response

from ._machine import State
from ._transaction import ClientTransaction, Flow, ServerTransaction, Transaction

__all__ = [
    "AckReceived",
    "Effect",
    "Failed",
    "ResponseReceived",
    "Send",
    "StateChanged",
    "Statistics",
    "StrayResponse",
    "Terminated",
    "TimedOut",
    "Verdict",
]


class Verdict(enum.Enum):
    """What a received request is to the transaction layer."""

    NEW = "new"
    """Unknown: handle it, and open a server transaction to answer it."""

    ABSORBED = "absorbed"
    """A copy, or the ACK of a final response that is no 2xx: the layer has dealt with it."""

    MERGED = "merged"
    """A request that is being handled already has come by another way: 482."""

    STRAY_ACK = "stray ACK"
    """An ACK of no transaction: that of a 2xx, for the dialog, or of nothing at all."""

    CANCEL = "CANCEL"
    """A CANCEL of an INVITE whose server transaction is there: 200, and see `cancelled`."""

    STRAY_CANCEL = "stray CANCEL"
    """A CANCEL that matches nothing: 481."""


# The effects are values.  They are not frozen, because that would triple the cost of making one,
# and one or two are made for each message.


@attrs.define
class Send:
    """Send *data* by *flow*."""

    data: bytes
    flow: Flow
    transaction: Transaction
    """Whom to tell, by `TransactionLayer.send_failed`, when it cannot be sent."""


@attrs.define
class ResponseReceived:
    """A response for the user: each provisional one, the final one, and each 2xx to an INVITE."""

    transaction: ClientTransaction
    response: Response


@attrs.define
class StrayResponse:
    """A response that no user waits for.

    Drop it, unless it is a 2xx to an INVITE: that is a call whose other side waits for an ACK
    (RFC 6026 section 7.2), and for a BYE if nobody wants it.
    """

    response: Response
    flow: Flow
    transaction: ClientTransaction | None = None
    """The one that it belongs to and that nobody listens to; ``None`` if we asked for nothing."""


@attrs.define
class AckReceived:
    """An ACK that matches the transaction of an INVITE answered with 2xx (RFC 6026 section 7.1).

    Most ACKs of a 2xx have a branch of their own and are `Verdict.STRAY_ACK`.
    """

    transaction: ServerTransaction
    request: Request


@attrs.define
class TimedOut:
    """Nobody answered in time: Timer B or F (treat as 408), or Timer H (no ACK came)."""

    transaction: Transaction


@attrs.define
class Failed:
    """The transport failed; said once for each transaction.  A client treats it as 503.

    A server transaction that still owes a final response lives on until it is given, or until
    the user goes away.
    """

    transaction: Transaction
    error: Exception


@attrs.define
class StateChanged:
    """A transaction has come to *state*: said only while ``TransactionLayer.tells_states``."""

    transaction: Transaction
    state: State


@attrs.define
class Terminated:
    """The transaction is over and forgotten: the last effect that names it."""

    transaction: Transaction


Effect = (
    Send
    | ResponseReceived
    | StrayResponse
    | AckReceived
    | TimedOut
    | Failed
    | StateChanged
    | Terminated
)


@attrs.frozen(kw_only=True)
class Statistics:
    """What the layer holds, and what it has done since it was made."""

    clients: int
    """Client transactions that are there now."""

    servers: int
    """Server transactions that are there now, those kept only for late copies included."""

    kept_bytes: int
    """What is kept of final answers for late copies of their requests."""

    given_up: int
    """Answers that were not kept for as long as they should have been, for want of room."""

    absorbed: int
    """Copies of requests and responses that nobody else heard of."""

    retransmitted: int
    """Requests and final responses that a timer sent again."""

    timed_out: int
    """Timers B, F and H that ran out."""

    failed: int
    """Transactions whose transport failed."""

    merged: int
    """Requests that came a second time by another way."""

    stray_responses: int
    """Responses that matched no transaction, or one that had no use for them."""

    stray_acks: int
    """ACKs that matched no transaction (among them those of every 2xx), or one without a use."""

    stray_cancels: int
    """CANCELs that matched nothing."""
