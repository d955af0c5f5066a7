"""Whose INVITE is in progress: one at a time in a dialog, and what happens when two cross.

RFC 3261 sections 14.1 and 14.2; RFC 5407 sections 3.3.1 and 3.3.2.  The first INVITE counts, too:
it is the caller's `Lane.OURS` and the callee's `Lane.THEIRS`.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Protocol

from ._machine import Machine

__all__ = [
    "LANE", "PAUSE", "Dice", "DoLane", "DoPause", "Lane", "OnLane", "OnPause", "Pause",
    "glare_pause", "overlap_pause",
]  # fmt: skip


class Lane(enum.Enum):
    """Whose turn it is."""

    if not TYPE_CHECKING:
        __hash__ = object.__hash__

    OURS = "Ours"
    """Our INVITE is not answered finally."""
    OWED = "Owed"
    """It was, with an offer, and our answer has to go in the ACK."""
    THEIRS = "Theirs"
    """Their INVITE is not answered finally."""
    UNACKED = "Unacknowledged"
    """It was, and their ACK has not come."""
    FREE = "Free"


class OnLane(enum.Enum):
    """What can happen to an INVITE."""

    if not TYPE_CHECKING:
        __hash__ = object.__hash__

    SEND = "INVITE of ours"
    RECV_2XX = "2xx"
    RECV_2XX_OFFER = "2xx with offer"
    RECV_3XX_6XX = "300-699"
    SEND_ACK = "answer from user"
    RECV = "INVITE of theirs"
    SEND_2XX = "2xx from user"
    SEND_3XX_6XX = "300-699 from user"
    RECV_ACK = "ACK"
    NO_ACK = "no ACK came"


class DoLane(enum.Enum):
    """What becomes of an INVITE of theirs."""

    if not TYPE_CHECKING:
        __hash__ = object.__hash__

    PASS_UP = "to user"  # noqa: S105  # no password
    REFUSE_491 = "491"
    REFUSE_500 = "500 with Retry-After"


_L, _O, _D = Lane, OnLane, DoLane

LANE: Machine[Lane, OnLane, DoLane] = Machine(
    "INVITE in progress",
    _L.FREE,
    timers={},
    steps={
        (_L.OURS, _O.RECV_2XX): (_L.FREE,),
        (_L.OURS, _O.RECV_2XX_OFFER): (_L.OWED,),
        (_L.OURS, _O.RECV_3XX_6XX): (_L.FREE,),
        # RFC 3261 section 14.2: "while an INVITE it had sent on that dialog is in progress".
        (_L.OURS, _O.RECV): (_L.OURS, _D.REFUSE_491),
        (_L.OWED, _O.SEND_ACK): (_L.FREE,),
        (_L.OWED, _O.RECV): (_L.OWED, _D.REFUSE_491),
        (_L.THEIRS, _O.SEND_2XX): (_L.UNACKED,),
        (_L.THEIRS, _O.SEND_3XX_6XX): (_L.FREE,),
        (_L.THEIRS, _O.RECV_ACK): (_L.THEIRS,),
        (_L.THEIRS, _O.NO_ACK): (_L.THEIRS,),
        # RFC 3261 section 14.2: "before it sends the final response to a first INVITE".
        (_L.THEIRS, _O.RECV): (_L.THEIRS, _D.REFUSE_500),
        (_L.UNACKED, _O.RECV_ACK): (_L.FREE,),
        (_L.UNACKED, _O.NO_ACK): (_L.FREE,),
        # RFC 5407 section 3.1.4: the ACK is late or lost, and they are one INVITE further.
        (_L.UNACKED, _O.RECV): (_L.THEIRS, _D.PASS_UP),
        (_L.FREE, _O.SEND): (_L.OURS,),
        (_L.FREE, _O.RECV): (_L.THEIRS, _D.PASS_UP),
    },
)


class Pause(enum.Enum):
    """Whether requests of ours may go."""

    if not TYPE_CHECKING:
        __hash__ = object.__hash__

    OPEN = "Open"
    WAITING = "Waiting"
    """One of ours met one of theirs, and goes again in a while."""


class OnPause(enum.Enum):
    """What can happen to requests of ours."""

    if not TYPE_CHECKING:
        __hash__ = object.__hash__

    GLARE = "491, or 500 with Retry-After"
    RETRY = "Retry"
    """RFC 3261 section 14.1."""


class DoPause(enum.Enum):
    """What is done when the wait is over."""

    if not TYPE_CHECKING:
        __hash__ = object.__hash__

    SEND_AGAIN = "send queue"


PAUSE: Machine[Pause, OnPause, DoPause] = Machine(
    "Pause after glare",
    Pause.OPEN,
    timers={Pause.WAITING: {OnPause.RETRY}},
    steps={
        (Pause.OPEN, OnPause.GLARE): (Pause.WAITING,),
        (Pause.WAITING, OnPause.GLARE): (Pause.WAITING,),
        (Pause.WAITING, OnPause.RETRY): (Pause.OPEN, DoPause.SEND_AGAIN),
    },
    anew=frozenset({OnPause.GLARE}),
)


class Dice(Protocol):
    """Where random numbers come from: ``random.Random()`` will do."""

    def randrange(self, stop: int, /) -> int:
        """A number from 0 to *stop* - 1."""


def glare_pause(dice: Dice, *, owner: bool) -> float:
    """Seconds until an INVITE that was refused with 491 goes again.  RFC 3261 section 14.1.

    "between 2.1 and 4 seconds in units of 10 ms" for the *owner* of the Call-ID, who has begun
    the call, else "between 0 and 2 seconds", so that the two do not meet again.
    """
    return (210 + dice.randrange(191) if owner else dice.randrange(201)) / 100


def overlap_pause(dice: Dice) -> int:
    """The Retry-After of a 500: "between 0 and 10 seconds" (RFC 3261 section 14.2)."""
    return dice.randrange(11)
