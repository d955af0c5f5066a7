"""INVITE sessions: a call from its INVITE to its BYE, seen from one end.

RFC 3261 sections 9 and 13 to 15, with RFC 3262 (reliable provisional responses), RFC 3311
(UPDATE), RFC 4028 (session timers) and the races of RFC 5407.  Nothing here does I/O or knows
the time: a session is told what came and when, and says what to send and when to wake it.  The
state machines are the tables in `MACHINES`, and the documentation's figures are drawn from them.
"""

from __future__ import annotations

from ._bodies import description_in
from ._cause import cause_of_status, status_of_cause
from ._effects import (
    Acknowledged,
    Answered,
    Description,
    DescriptionRole,
    DialogBegun,
    Effect,
    Ended,
    ExchangeEnded,
    Forget,
    How,
    ModifyReceived,
    PrackReceived,
    Progressed,
    Refreshed,
    Rejected,
    RepeatResponse,
    RequestReceived,
    SendAck,
    SendCancel,
    SendRequest,
    SendResponse,
    SessionInterval,
    Side,
    Terminated,
    UsageEnded,
    Withdrawn,
)
from ._exchange import Exchange, ExchangeState, Purpose
from ._glare import LANE, PAUSE, Dice
from ._goodbye import create_goodbye
from ._incoming import IncomingSession
from ._machine import Machine, Repeat
from ._offer_answer import OFFER_ANSWER
from ._outgoing import OutgoingSession
from ._refresh import REFRESH
from ._reliable import RELIABLE
from ._session import InviteSession
from ._settings import Pracks, Reliable, SessionSettings
from ._tables import CALLEE, CALLER, SessionState
from ._two_hundred import ACK_KEPT, TWO_HUNDRED

MACHINES = (
    CALLER, CALLEE, OFFER_ANSWER, LANE, PAUSE, TWO_HUNDRED, ACK_KEPT, RELIABLE, REFRESH,
)  # fmt: skip
"""Every table of a session."""

__all__ = [
    "ACK_KEPT",
    "CALLEE",
    "CALLER",
    "LANE",
    "MACHINES",
    "OFFER_ANSWER",
    "PAUSE",
    "REFRESH",
    "RELIABLE",
    "TWO_HUNDRED",
    "Acknowledged",
    "Answered",
    "Description",
    "DescriptionRole",
    "DialogBegun",
    "Dice",
    "Effect",
    "Ended",
    "Exchange",
    "ExchangeEnded",
    "ExchangeState",
    "Forget",
    "How",
    "IncomingSession",
    "InviteSession",
    "Machine",
    "ModifyReceived",
    "OutgoingSession",
    "PrackReceived",
    "Pracks",
    "Progressed",
    "Purpose",
    "Refreshed",
    "Rejected",
    "Reliable",
    "Repeat",
    "RepeatResponse",
    "RequestReceived",
    "SendAck",
    "SendCancel",
    "SendRequest",
    "SendResponse",
    "SessionInterval",
    "SessionSettings",
    "SessionState",
    "Side",
    "Terminated",
    "UsageEnded",
    "Withdrawn",
    "cause_of_status",
    "create_goodbye",
    "description_in",
    "status_of_cause",
]
