"""Who owes whom a session description: RFC 3261 section 13.2.1, RFC 3311 and RFC 6337.

Nothing here reads a description.  It only counts: an offer is followed by one answer, and no
second offer may be made before.  What a description in a message *is* follows from the state,
and the figure in the documentation is drawn from this table.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from trio_sip.message import Message

from ._bodies import description_in
from ._effects import Description, DescriptionRole, Side
from ._machine import Machine

__all__ = [
    "OFFER_ANSWER",
    "Agreement",
    "DoDescription",
    "Key",
    "OfferAnswer",
    "OnDescription",
    "is_offer",
    "key_of",
]

Key = tuple[str, int]
"""A transaction within the dialog, by method and CSeq number."""


class Agreement(enum.Enum):
    """Who is to speak next."""

    if not TYPE_CHECKING:
        __hash__ = object.__hash__

    QUIET = "Quiet"
    """Nobody owes anything: all is agreed, or nothing has begun."""
    ASKED = "Asked"
    """Our INVITE had no offer, so theirs comes with the first reliable response."""
    INVITED = "Invited"
    """Their INVITE had no offer, so ours goes with the first reliable response."""
    OFFERED = "Offered"
    """Our offer waits for its answer."""
    PREVIEWED = "Previewed"
    """The answer was seen in a provisional response that is not reliable."""
    OWING = "Owing"
    """Their offer waits for our answer."""


class OnDescription(enum.Enum):
    """A session description that goes, comes, or fails to."""

    if not TYPE_CHECKING:
        __hash__ = object.__hash__

    SEND_OFFER = "offer in request of ours"
    SEND_NONE = "INVITE of ours without offer"
    SEND_IN_RESPONSE = "description from user in reliable response, ACK or PRACK"
    SEND_PREVIEW = "description from user in unreliable 1xx"
    RECV_OFFER = "offer in request"
    RECV_NONE = "INVITE without offer"
    RECV_IN_RESPONSE = "description in reliable response, ACK or PRACK"
    RECV_PREVIEW = "description in unreliable 1xx"
    LAPSE = "final response, and no description"


class DoDescription(enum.Enum):
    """What a description means."""

    if not TYPE_CHECKING:
        __hash__ = object.__hash__

    OFFER = "offer to user"
    ANSWER = "answer to user"
    PREVIEW = "preview to user"
    REFUSE_491 = "491"
    REFUSE_500 = "500 with Retry-After"


_A, _O, _D = Agreement, OnDescription, DoDescription

OFFER_ANSWER: Machine[Agreement, OnDescription, DoDescription] = Machine(
    "Offer and answer",
    _A.QUIET,
    timers={},
    steps={
        (_A.QUIET, _O.SEND_OFFER): (_A.OFFERED,),
        (_A.QUIET, _O.SEND_NONE): (_A.ASKED,),
        (_A.QUIET, _O.RECV_OFFER): (_A.OWING, _D.OFFER),
        (_A.QUIET, _O.RECV_NONE): (_A.INVITED,),
        # Once it is agreed, the same description may stand in what follows, and says nothing.
        (_A.QUIET, _O.SEND_IN_RESPONSE): (_A.QUIET,),
        (_A.QUIET, _O.SEND_PREVIEW): (_A.QUIET,),
        (_A.ASKED, _O.RECV_IN_RESPONSE): (_A.OWING, _D.OFFER),
        (_A.INVITED, _O.SEND_IN_RESPONSE): (_A.OFFERED,),
        # RFC 3261 section 13.2.1: "The UAC MUST treat the first session description it receives
        # as the answer", reliable or not.  What comes in another 1xx may differ all the same.
        (_A.OFFERED, _O.RECV_PREVIEW): (_A.PREVIEWED, _D.PREVIEW),
        (_A.PREVIEWED, _O.RECV_PREVIEW): (_A.PREVIEWED, _D.PREVIEW),
        (_A.OFFERED, _O.RECV_IN_RESPONSE): (_A.QUIET, _D.ANSWER),
        (_A.PREVIEWED, _O.RECV_IN_RESPONSE): (_A.QUIET, _D.ANSWER),
        (_A.OWING, _O.SEND_IN_RESPONSE): (_A.QUIET,),
        (_A.OWING, _O.SEND_PREVIEW): (_A.OWING,),
        # RFC 3311 section 5.2: glare, and an offer upon an offer.
        (_A.ASKED, _O.RECV_OFFER): (_A.ASKED, _D.REFUSE_491),
        (_A.OFFERED, _O.RECV_OFFER): (_A.OFFERED, _D.REFUSE_491),
        (_A.PREVIEWED, _O.RECV_OFFER): (_A.PREVIEWED, _D.REFUSE_491),
        (_A.INVITED, _O.RECV_OFFER): (_A.INVITED, _D.REFUSE_500),
        (_A.OWING, _O.RECV_OFFER): (_A.OWING, _D.REFUSE_500),
        # RFC 6141 section 3: what was agreed before stands.
        **{(state, _O.LAPSE): (_A.QUIET,) for state in Agreement},
    },
)

_ROLES: dict[DoDescription | None, DescriptionRole] = {
    _D.OFFER: DescriptionRole.OFFER,
    _D.ANSWER: DescriptionRole.ANSWER,
    _D.PREVIEW: DescriptionRole.PREVIEW,
}
_REFUSALS = {_D.REFUSE_491: 491, _D.REFUSE_500: 500}
_OWED_BY = {
    _A.ASKED: Side.REMOTE,
    _A.OFFERED: Side.REMOTE,
    _A.PREVIEWED: Side.REMOTE,
    _A.INVITED: Side.LOCAL,
    _A.OWING: Side.LOCAL,
}


class OfferAnswer:
    """The exchange of descriptions in one dialog."""

    # Plain slots: one for each dialog, and thousands are held.
    __slots__ = ("carrier", "state")

    def __init__(self) -> None:
        self.state = Agreement.QUIET
        self.carrier: Key | None = None
        """The transaction that the exchange began in: what comes in others is not its answer."""

    @property
    def owed_by(self) -> Side | None:
        """Who has to send a description next."""
        return _OWED_BY.get(self.state)

    def allows(self, on: OnDescription) -> bool:
        """Whether the table has a step for *on* here."""
        return on in OFFER_ANSWER.rows[self.state]

    def refusal(self) -> int | None:
        """The status that an offer of theirs is owed at this moment: 491, 500, or none."""
        step = OFFER_ANSWER.rows[self.state][OnDescription.RECV_OFFER]
        return _REFUSALS.get(step.actions[0])

    def take(self, on: OnDescription, key: Key) -> DoDescription | None:
        """A description goes or comes in the transaction *key*; what it means, if anything."""
        if self.state is not Agreement.QUIET and key != self.carrier and on not in _BEGINNINGS:
            return None
        step = OFFER_ANSWER.rows[self.state].get(on)
        if step is None:
            return None
        if self.state is Agreement.QUIET:
            self.carrier = key
        self.state = step.state
        return step.actions[0] if step.actions else None

    def follow(self, key: Key, again: Key) -> None:
        """What was sent in the transaction *key* was sent once more in *again*."""
        if self.carrier == key:
            self.carrier = again

    def receive(self, on: OnDescription, key: Key, message: Message) -> Description | None:
        """Take the description in *message*; ``None`` if it has none, or one that says nothing."""
        found = description_in(message)
        if found is None:
            return None
        role = _ROLES.get(self.take(on, key))
        return None if role is None else Description(role, *found)


_BEGINNINGS = frozenset({_O.SEND_OFFER, _O.SEND_NONE, _O.RECV_OFFER, _O.RECV_NONE})


def key_of(message: Message) -> Key:
    """The transaction that a message belongs to."""
    cseq = message.cseq
    return cseq.method, cseq.number


def is_offer(description: Description | None) -> bool:
    """Whether there is a description, and it is to be answered."""
    return description is not None and description.role is DescriptionRole.OFFER
