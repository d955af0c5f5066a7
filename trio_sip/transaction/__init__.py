"""Transactions: requests sent until they are answered, answers sent until they are heard.

RFC 3261 section 17 with RFC 6026 and RFC 4320.  Nothing here does I/O or knows the time: the
`TransactionLayer` is told what came and when, and says what to send and when to wake it.  The
state machines are the tables in `MACHINES`, and the documentation's figures are drawn from them.
"""

from __future__ import annotations

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
from ._layer import TransactionLayer
from ._machine import Do, Machine, On, State
from ._tables import (
    INVITE_CLIENT,
    INVITE_SERVER,
    MACHINES,
    NON_INVITE_CLIENT,
    NON_INVITE_SERVER,
)
from ._timers import TimerSettings
from ._transaction import ClientTransaction, Flow, ServerTransaction, Transaction

__all__ = [
    "INVITE_CLIENT",
    "INVITE_SERVER",
    "MACHINES",
    "NON_INVITE_CLIENT",
    "NON_INVITE_SERVER",
    "AckReceived",
    "ClientTransaction",
    "Do",
    "Effect",
    "Failed",
    "Flow",
    "Machine",
    "On",
    "ResponseReceived",
    "Send",
    "ServerTransaction",
    "State",
    "StateChanged",
    "Statistics",
    "StrayResponse",
    "Terminated",
    "TimedOut",
    "TimerSettings",
    "Transaction",
    "TransactionLayer",
    "Verdict",
]
