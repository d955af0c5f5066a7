"""A 2xx is repeated until its ACK comes, and each copy of it is answered by the ACK again.

The transactions do neither (RFC 3261 section 17.1.1.1), because a 2xx may come from any branch of
a fork and the ACK is a request of its own: it is the two users' business, end to end.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING

from trio_sip.message import Request, Response
from trio_sip.transaction import TimerSettings

from ._machine import Machine, Repeat, Running

__all__ = [
    "ACK_KEPT",
    "TWO_HUNDRED",
    "DoKept",
    "DoRepeat",
    "Kept",
    "OnKept",
    "OnRepeat",
    "Repetition",
    "Unacknowledged",
]


class Unacknowledged(enum.Enum):
    """Whether the ACK has come."""

    if not TYPE_CHECKING:
        __hash__ = object.__hash__

    REPEATING = "Repeating"
    OVER = "Over"


class OnRepeat(enum.Enum):
    """What can happen to a response that waits to be heard."""

    if not TYPE_CHECKING:
        __hash__ = object.__hash__

    HEARD = "ACK or PRACK"
    FINAL = "final response"
    REPEAT = "Repeat"
    GIVE_UP = "Give up"
    """As long as anybody waits: 64*T1."""


class DoRepeat(enum.Enum):
    """What is done about it."""

    if not TYPE_CHECKING:
        __hash__ = object.__hash__

    SEND_AGAIN = "send again"
    TELL = "tell the session"


_U, _O = Unacknowledged, OnRepeat

# RFC 3261 section 13.3.1.4: "an interval that starts at T1 seconds and doubles for each
# retransmission until it reaches T2", over every transport, until the ACK or for 64*T1 seconds.
TWO_HUNDRED: Machine[Unacknowledged, OnRepeat, DoRepeat] = Machine(
    "2xx until ACK",
    _U.REPEATING,
    timers={_U.REPEATING: {_O.REPEAT, _O.GIVE_UP}},
    steps={
        (_U.REPEATING, _O.REPEAT): (_U.REPEATING, DoRepeat.SEND_AGAIN),
        (_U.REPEATING, _O.HEARD): (_U.OVER,),
        (_U.REPEATING, _O.GIVE_UP): (_U.OVER, DoRepeat.TELL),
    },
    repeats={(_U.REPEATING, _O.REPEAT): Repeat.DOUBLED_TO_T2},
)


class Repetition:
    """A response that is sent again and again, and the request that it answers."""

    __slots__ = ("request", "response", "running")

    def __init__(
        self,
        machine: Machine[Unacknowledged, OnRepeat, DoRepeat],
        request: Request,
        response: Response,
        timers: TimerSettings,
        now: float,
    ) -> None:
        self.request = request
        self.response = response
        self.running = Running(machine, _durations(timers.t1), now, t2=timers.t2)


@functools.lru_cache(maxsize=16)
def _durations(t1: float) -> Mapping[OnRepeat, float]:
    return {_O.REPEAT: t1, _O.GIVE_UP: 64 * t1}


class Kept(enum.Enum):
    """Whether copies of a 2xx may still come."""

    if not TYPE_CHECKING:
        __hash__ = object.__hash__

    KEEPING = "Keeping"
    OVER = "Over"


class OnKept(enum.Enum):
    """What can happen to an ACK that was sent."""

    if not TYPE_CHECKING:
        __hash__ = object.__hash__

    RECV_2XX = "2xx"
    FORGET = "Forget"
    """RFC 3261 section 13.2.2.4: 64*T1 after the first 2xx no other is to be expected."""


class DoKept(enum.Enum):
    """What is done when the time is over."""

    if not TYPE_CHECKING:
        __hash__ = object.__hash__

    DROP = "forget ACKs and early dialogs"


ACK_KEPT: Machine[Kept, OnKept, DoKept] = Machine(
    "ACK kept for copies of the 2xx",
    Kept.KEEPING,
    timers={Kept.KEEPING: {OnKept.FORGET}},
    steps={
        (Kept.KEEPING, OnKept.RECV_2XX): (Kept.KEEPING,),
        (Kept.KEEPING, OnKept.FORGET): (Kept.OVER, DoKept.DROP),
        (Kept.OVER, OnKept.RECV_2XX): (Kept.KEEPING,),
    },
    # A 2xx to a later INVITE has its copies for as long.
    anew=frozenset({OnKept.RECV_2XX}),
)
