"""The INVITE session as two tables, one for each end: RFC 3261 sections 9, 13 and 15.

Rule 1: everything that decides how a session goes from its beginning to its end is in this file.
What goes on beside it is in small tables of its own: who owes whom a session description
(``_offer_answer.py``), whose INVITE is in progress (``_glare.py``), the 2xx that waits for its
ACK (``_two_hundred.py``), the provisional response that waits for its PRACK (``_reliable.py``)
and the session timer (``_refresh.py``).  No table asks for the state of another; what one of
them finds out comes to this one as an input.

Rule 2: a state *owns* its timers.  Entering it starts those that are not running yet, leaving it
stops those that the next state does not own.

A step that is missing means: from the network, nothing happens; from the user, a
`LocalProtocolError`.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from ._machine import Machine, Repeat

__all__ = ["CALLEE", "CALLER", "Do", "On", "SessionState"]


class SessionState(enum.Enum):
    """How far a session has come, seen from one end."""

    if not TYPE_CHECKING:
        __hash__ = object.__hash__

    CALLING = "Calling"
    """UAC: nothing has come back."""
    PROCEEDING = "Proceeding"
    """A provisional response came; at the other end, no final one has been given."""
    CANCELLING = "Cancelling"
    """UAC: the user has gone, but only a provisional response allows the CANCEL."""
    CANCELLED = "Cancelled"
    """UAC: the CANCEL was sent; the INVITE is still to be answered."""
    ACCEPTING = "Accepting"
    """UAS: the 2xx is given, and waits for the PRACK of a session description before it."""
    ANSWERED = "Answered"
    """The 2xx is there, and the ACK is not: a UAC owes an answer in it, a UAS waits for it."""
    DEPARTING = "Departing"
    """UAS: the user has gone, but only the ACK, or giving up on it, allows the BYE."""
    CONFIRMED = "Confirmed"
    CLOSING = "Closing"
    """Our BYE was sent."""
    MORTAL = "Mortal"
    """UAS: their BYE was answered before their ACK came, which the 2xx is repeated for."""
    TERMINATED = "Terminated"


class On(enum.Enum):
    """What can happen to a session."""

    if not TYPE_CHECKING:
        __hash__ = object.__hash__

    RECV_1XX = "1xx"
    RECV_2XX = "2xx"
    RECV_2XX_OFFER = "2xx with offer"
    RECV_2XX_ENDED = "2xx of an early dialog that we ended"
    RECV_3XX_6XX = "300-699"
    RECV_422 = "422"
    """RFC 4028 section 7.3: the session interval was too small, and another may do."""
    RESENT = "INVITE again"
    """The INVITE was sent anew below, with credentials: nothing has come back for it yet."""
    NO_RESPONSE = "no response"
    """The INVITE timed out, or could not be sent."""
    RECV_ACK = "ACK"
    RECV_BYE = "BYE"
    RECV_CANCEL = "CANCEL"
    RECV_REQUEST = "another request"
    BYE_ANSWERED = "final response to BYE"

    SEND_1XX = "1xx from user"
    SEND_2XX = "2xx from user"
    SEND_2XX_EARLY = "2xx from user, PRACK missing"
    SEND_3XX_6XX = "300-699 from user"
    SEND_ACK = "answer from user"
    SEND_REQUEST = "request from user"
    SEND_UPDATE = "UPDATE from user"
    """A callee has another way to it: the PRACK of a provisional response."""
    SEND_REINVITE = "re-INVITE from user"
    HANG_UP = "user gone"

    PRACKED = "PRACK came"
    NO_PRACK = "no PRACK came"
    NO_ACK = "no ACK came"
    GONE = "481 in the dialog"
    UNREACHABLE = "408 in the dialog"
    EXPIRED = "session expired"

    CANCEL_WAIT = "CANCEL wait"
    """RFC 3261 section 9.1: 64*T1 after the CANCEL nothing is waited for any more."""
    ACK_WAIT = "ACK wait"
    """As long as the other end repeats its 2xx: 64*T1."""
    EXTEND = "Extend"
    """RFC 3261 section 13.3.1.1: a minute after a provisional response it is time for another."""
    BYE_WAIT = "BYE wait"
    """Timer F of the BYE, which is 64*T1."""


class Do(enum.Enum):
    """What a step does besides changing the state."""

    if not TYPE_CHECKING:
        __hash__ = object.__hash__

    PROGRESS = "progress to user"
    ACCEPT = "answered to user"
    REJECT = "rejected to user"
    ACKNOWLEDGE = "acknowledged to user"
    END = "ended to user"

    SEND_INVITE = "send INVITE"
    SEND_ACK = "send ACK"
    SEND_CANCEL = "send CANCEL"
    SEND_BYE = "send BYE"
    DELAY_BYE = "BYE to the head of the queue"
    RESPOND = "send response"
    HOLD = "keep response"
    RELEASE = "send kept response"
    REFUSE = "refuse INVITE"
    EXTEND = "last 1xx again"
    ANSWER_BYE = "200 to BYE"


_S, _D = SessionState, Do
CALLING, PROCEEDING, CANCELLING, CANCELLED, ACCEPTING, ANSWERED = (
    _S.CALLING, _S.PROCEEDING, _S.CANCELLING, _S.CANCELLED, _S.ACCEPTING, _S.ANSWERED,
)  # fmt: skip
DEPARTING, CONFIRMED, CLOSING, MORTAL, TERMINATED = (
    _S.DEPARTING, _S.CONFIRMED, _S.CLOSING, _S.MORTAL, _S.TERMINATED,
)  # fmt: skip

_Steps = dict[tuple[SessionState, On], tuple[SessionState, *tuple[Do, ...]]]

# From here on both ends are equal.
_ESTABLISHED: _Steps = {
    (CONFIRMED, On.RECV_REQUEST): (CONFIRMED,),
    (CONFIRMED, On.SEND_REQUEST): (CONFIRMED,),
    (CONFIRMED, On.SEND_UPDATE): (CONFIRMED,),
    (CONFIRMED, On.SEND_REINVITE): (CONFIRMED,),
    (CONFIRMED, On.HANG_UP): (CLOSING, _D.SEND_BYE, _D.END),
    (CONFIRMED, On.RECV_BYE): (TERMINATED, _D.ANSWER_BYE, _D.END),
    # RFC 3261 section 12.2.1.2: both end the dialog.  A peer that says 481 has ended it already.
    (CONFIRMED, On.GONE): (TERMINATED, _D.END),
    (CONFIRMED, On.UNREACHABLE): (CLOSING, _D.SEND_BYE, _D.END),
    # RFC 3261 section 14.2: the 2xx to a re-INVITE was never acknowledged.
    (CONFIRMED, On.NO_ACK): (CLOSING, _D.SEND_BYE, _D.END),
    # RFC 4028 section 10.
    (CONFIRMED, On.EXPIRED): (CLOSING, _D.SEND_BYE, _D.END),
    # RFC 5407 section 3.2.1: the BYEs have crossed, and each is answered.
    (CLOSING, On.RECV_BYE): (CLOSING, _D.ANSWER_BYE),
    (CLOSING, On.HANG_UP): (CLOSING,),
    # Whatever answers it, 481 included, the session is over (RFC 3261 section 15.1.1).
    (CLOSING, On.BYE_ANSWERED): (TERMINATED,),
    (CLOSING, On.BYE_WAIT): (TERMINATED,),
    (TERMINATED, On.HANG_UP): (TERMINATED,),
}

# RFC 3261 sections 9.1, 13.2 and 15.1.1.
CALLER: Machine[SessionState, On, Do] = Machine(
    "INVITE session, caller",
    CALLING,
    timers={
        CANCELLING: {On.CANCEL_WAIT},
        CANCELLED: {On.CANCEL_WAIT},
        ANSWERED: {On.ACK_WAIT},
        CLOSING: {On.BYE_WAIT},
    },
    steps={
        (CALLING, On.RECV_1XX): (PROCEEDING, _D.PROGRESS),
        (CALLING, On.RECV_2XX): (CONFIRMED, _D.SEND_ACK, _D.ACCEPT),
        (CALLING, On.RECV_2XX_OFFER): (ANSWERED, _D.ACCEPT),
        (CALLING, On.RECV_3XX_6XX): (TERMINATED, _D.REJECT, _D.END),
        (CALLING, On.NO_RESPONSE): (TERMINATED, _D.REJECT, _D.END),
        (CALLING, On.RECV_422): (CALLING, _D.SEND_INVITE),
        (CALLING, On.RESENT): (CALLING,),
        # "If no provisional response has been received, the CANCEL request MUST NOT be sent".
        (CALLING, On.HANG_UP): (CANCELLING, _D.END),
        (PROCEEDING, On.RECV_1XX): (PROCEEDING, _D.PROGRESS),
        (PROCEEDING, On.RECV_2XX): (CONFIRMED, _D.SEND_ACK, _D.ACCEPT),
        (PROCEEDING, On.RECV_2XX_OFFER): (ANSWERED, _D.ACCEPT),
        # RFC 5407 section 3.1.3: their 2xx has met our BYE.
        (PROCEEDING, On.RECV_2XX_ENDED): (CLOSING, _D.SEND_ACK, _D.SEND_BYE, _D.END),
        (PROCEEDING, On.RECV_3XX_6XX): (TERMINATED, _D.REJECT, _D.END),
        (PROCEEDING, On.NO_RESPONSE): (TERMINATED, _D.REJECT, _D.END),
        (PROCEEDING, On.RECV_422): (CALLING, _D.SEND_INVITE),
        (PROCEEDING, On.RESENT): (CALLING,),
        (PROCEEDING, On.RECV_REQUEST): (PROCEEDING,),
        (PROCEEDING, On.SEND_REQUEST): (PROCEEDING,),
        (PROCEEDING, On.SEND_UPDATE): (PROCEEDING,),
        (PROCEEDING, On.HANG_UP): (CANCELLED, _D.SEND_CANCEL, _D.END),
        # A callee must not, but one that does is taken at its word: that early dialog is over.
        (PROCEEDING, On.RECV_BYE): (PROCEEDING, _D.ANSWER_BYE),
        (CANCELLING, On.RECV_1XX): (CANCELLED, _D.SEND_CANCEL),
        # RFC 5407 section 3.1.2: the call was taken all the same, so it has to be ended.
        (CANCELLING, On.RECV_2XX): (CLOSING, _D.SEND_ACK, _D.SEND_BYE),
        (CANCELLING, On.RECV_2XX_OFFER): (CLOSING, _D.SEND_ACK, _D.SEND_BYE),
        (CANCELLING, On.RECV_3XX_6XX): (TERMINATED,),
        (CANCELLING, On.NO_RESPONSE): (TERMINATED,),
        (CANCELLING, On.CANCEL_WAIT): (TERMINATED,),
        (CANCELLING, On.RESENT): (CANCELLING,),
        (CANCELLING, On.HANG_UP): (CANCELLING,),
        (CANCELLED, On.RECV_1XX): (CANCELLED,),
        (CANCELLED, On.RECV_2XX): (CLOSING, _D.SEND_ACK, _D.SEND_BYE),
        (CANCELLED, On.RECV_2XX_OFFER): (CLOSING, _D.SEND_ACK, _D.SEND_BYE),
        (CANCELLED, On.RECV_3XX_6XX): (TERMINATED,),
        (CANCELLED, On.NO_RESPONSE): (TERMINATED,),
        (CANCELLED, On.CANCEL_WAIT): (TERMINATED,),
        (CANCELLED, On.RECV_BYE): (CANCELLED, _D.ANSWER_BYE),
        (CANCELLED, On.RESENT): (CANCELLING,),
        (CANCELLED, On.HANG_UP): (CANCELLED,),
        (ANSWERED, On.SEND_ACK): (CONFIRMED, _D.SEND_ACK),
        (ANSWERED, On.RECV_REQUEST): (ANSWERED,),
        (ANSWERED, On.SEND_REQUEST): (ANSWERED,),
        (ANSWERED, On.SEND_UPDATE): (ANSWERED,),
        (ANSWERED, On.HANG_UP): (CLOSING, _D.SEND_ACK, _D.SEND_BYE, _D.END),
        (ANSWERED, On.RECV_BYE): (TERMINATED, _D.ANSWER_BYE, _D.SEND_ACK, _D.END),
        (ANSWERED, On.GONE): (TERMINATED, _D.SEND_ACK, _D.END),
        (ANSWERED, On.UNREACHABLE): (CLOSING, _D.SEND_ACK, _D.SEND_BYE, _D.END),
        (ANSWERED, On.ACK_WAIT): (CLOSING, _D.SEND_ACK, _D.SEND_BYE, _D.END),
        **_ESTABLISHED,
    },
)

# RFC 3261 sections 9.2, 13.3 and 15.1.2.
CALLEE: Machine[SessionState, On, Do] = Machine(
    "INVITE session, callee",
    PROCEEDING,
    timers={PROCEEDING: {On.EXTEND}, CLOSING: {On.BYE_WAIT}},
    steps={
        # It goes at once, or after the PRACK of the one before it.
        (PROCEEDING, On.SEND_1XX): (PROCEEDING,),
        # "the UAS MUST send a non-100 provisional response at every minute, to handle the
        # possibility of lost provisional responses", or proxies give up on the INVITE.
        (PROCEEDING, On.EXTEND): (PROCEEDING, _D.EXTEND),
        (PROCEEDING, On.SEND_2XX): (ANSWERED, _D.RESPOND),
        # RFC 3262 section 3: while a session description waits for its PRACK, no 2xx.
        (PROCEEDING, On.SEND_2XX_EARLY): (ACCEPTING, _D.HOLD),
        (PROCEEDING, On.SEND_3XX_6XX): (TERMINATED, _D.RESPOND, _D.END),
        (PROCEEDING, On.RECV_REQUEST): (PROCEEDING,),
        (PROCEEDING, On.SEND_REQUEST): (PROCEEDING,),
        (PROCEEDING, On.HANG_UP): (TERMINATED, _D.REFUSE, _D.END),
        (PROCEEDING, On.RECV_CANCEL): (TERMINATED, _D.REFUSE, _D.END),
        # RFC 3261 section 15.1.2: "MUST still respond to any pending requests", by 487.
        (PROCEEDING, On.RECV_BYE): (TERMINATED, _D.ANSWER_BYE, _D.REFUSE, _D.END),
        (PROCEEDING, On.NO_PRACK): (TERMINATED, _D.REFUSE, _D.END),
        (PROCEEDING, On.GONE): (TERMINATED, _D.REFUSE, _D.END),
        (PROCEEDING, On.UNREACHABLE): (TERMINATED, _D.REFUSE, _D.END),
        (ACCEPTING, On.PRACKED): (ANSWERED, _D.RELEASE),
        (ACCEPTING, On.RECV_REQUEST): (ACCEPTING,),
        (ACCEPTING, On.SEND_REQUEST): (ACCEPTING,),
        (ACCEPTING, On.HANG_UP): (TERMINATED, _D.REFUSE, _D.END),
        (ACCEPTING, On.RECV_CANCEL): (TERMINATED, _D.REFUSE, _D.END),
        (ACCEPTING, On.RECV_BYE): (TERMINATED, _D.ANSWER_BYE, _D.REFUSE, _D.END),
        (ACCEPTING, On.NO_PRACK): (TERMINATED, _D.REFUSE, _D.END),
        (ACCEPTING, On.GONE): (TERMINATED, _D.REFUSE, _D.END),
        (ACCEPTING, On.UNREACHABLE): (TERMINATED, _D.REFUSE, _D.END),
        (ANSWERED, On.RECV_ACK): (CONFIRMED, _D.ACKNOWLEDGE),
        # RFC 3261 section 13.3.1.4: "the dialog is confirmed, but the session SHOULD be
        # terminated.  This is accomplished with a BYE".
        (ANSWERED, On.NO_ACK): (CLOSING, _D.SEND_BYE, _D.END),
        (ANSWERED, On.RECV_REQUEST): (ANSWERED,),
        (ANSWERED, On.SEND_REQUEST): (ANSWERED,),
        # RFC 3261 section 15: "the callee's UA MUST NOT send a BYE on a confirmed dialog until
        # it has received an ACK for its 2xx response or until the server transaction times out".
        (ANSWERED, On.HANG_UP): (DEPARTING, _D.DELAY_BYE, _D.END),
        # RFC 5407 sections 3.1.3 and 3.1.6: over, but a caller that has not seen the 2xx yet
        # would wait for ever, so it is repeated until the ACK comes.
        (ANSWERED, On.RECV_BYE): (MORTAL, _D.ANSWER_BYE, _D.END),
        (ANSWERED, On.GONE): (MORTAL, _D.END),
        (ANSWERED, On.UNREACHABLE): (DEPARTING, _D.DELAY_BYE, _D.END),
        (DEPARTING, On.RECV_ACK): (CLOSING, _D.SEND_BYE),
        (DEPARTING, On.NO_ACK): (CLOSING, _D.SEND_BYE),
        (DEPARTING, On.RECV_BYE): (MORTAL, _D.ANSWER_BYE),
        (DEPARTING, On.HANG_UP): (DEPARTING,),
        # RFC 5407 section 3.2.4.
        (MORTAL, On.RECV_ACK): (TERMINATED,),
        (MORTAL, On.NO_ACK): (TERMINATED,),
        (MORTAL, On.RECV_BYE): (MORTAL, _D.ANSWER_BYE),
        (MORTAL, On.HANG_UP): (MORTAL,),
        **_ESTABLISHED,
    },
    repeats={(PROCEEDING, On.EXTEND): Repeat.SAME},
    anew=frozenset({On.SEND_1XX}),
)
