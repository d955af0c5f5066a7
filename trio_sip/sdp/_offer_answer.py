"""Who owes whom a description.  RFC 3264, with RFC 6337 and RFC 6141.

Rule 1: everything that decides whose turn it is is in the table of this file.

Rule 2: an offer changes nothing.  What holds is what was last agreed, until an answer agrees on
something else; a refusal, or an answer that is none, leaves it as it was.

A step that is missing is a mistake of this program: a `LocalProtocolError`.  Mistakes of the
other side have steps of their own, which lead to a `Fault`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

import attrs

from trio_sip._errors import LocalProtocolError

from ._answer import answer_media, narrowed
from ._codec import Codec
from ._description import SessionDescription
from ._direction import Direction
from ._media import Media

__all__ = ["Agreement", "Fault", "FaultKind", "OfferAnswer", "OfferAnswerState", "Stream"]


class OfferAnswerState(enum.Enum):
    """Who owes an answer."""

    STABLE = "nobody owes an answer"
    LOCAL_OFFER = "they owe an answer"
    REMOTE_OFFER = "we owe an answer"


class _On(enum.Enum):
    SEND_OFFER = "send offer"
    SEND_ANSWER = "send answer"
    SEND_REJECTION = "send rejection"
    RECEIVE_OFFER = "receive offer"
    RECEIVE_BAD_OFFER = "receive bad offer"
    RECEIVE_ANSWER = "receive answer"
    RECEIVE_BAD_ANSWER = "receive bad answer"
    RECEIVE_REJECTION = "receive rejection"
    ROLL_BACK = "roll back"


class _Do(enum.Enum):
    KEEP_OFFER = "keep the offer"
    AGREE = "agree on the pair"
    FORGET = "forget the offer"
    IGNORE = "nothing"
    REFUSE = "fault: cannot be"
    REFUSE_GLARE = "fault: offers crossed"
    REFUSE_EARLY = "fault: the last one is not answered"
    REFUSE_UNASKED = "fault: nobody asked"


_STABLE, _LOCAL_OFFER, _REMOTE_OFFER = OfferAnswerState

_STEPS: Mapping[tuple[OfferAnswerState, _On], tuple[OfferAnswerState, _Do]] = {
    (_STABLE, _On.SEND_OFFER): (_LOCAL_OFFER, _Do.KEEP_OFFER),
    (_STABLE, _On.RECEIVE_OFFER): (_REMOTE_OFFER, _Do.KEEP_OFFER),
    (_STABLE, _On.RECEIVE_BAD_OFFER): (_STABLE, _Do.REFUSE),
    # RFC 3261 section 13.2.1: the first answer counts, and descriptions in later responses to the
    # same INVITE are to be ignored.
    (_STABLE, _On.RECEIVE_ANSWER): (_STABLE, _Do.REFUSE_UNASKED),
    (_STABLE, _On.RECEIVE_BAD_ANSWER): (_STABLE, _Do.REFUSE_UNASKED),
    (_STABLE, _On.RECEIVE_REJECTION): (_STABLE, _Do.IGNORE),
    (_STABLE, _On.ROLL_BACK): (_STABLE, _Do.IGNORE),
    (_LOCAL_OFFER, _On.RECEIVE_ANSWER): (_STABLE, _Do.AGREE),
    (_LOCAL_OFFER, _On.RECEIVE_BAD_ANSWER): (_STABLE, _Do.REFUSE),
    (_LOCAL_OFFER, _On.RECEIVE_REJECTION): (_STABLE, _Do.FORGET),
    # RFC 3261 section 14.2 and RFC 3311 section 5.2: two offers that cross get a 491 each.
    (_LOCAL_OFFER, _On.RECEIVE_OFFER): (_LOCAL_OFFER, _Do.REFUSE_GLARE),
    (_LOCAL_OFFER, _On.RECEIVE_BAD_OFFER): (_LOCAL_OFFER, _Do.REFUSE_GLARE),
    (_LOCAL_OFFER, _On.ROLL_BACK): (_STABLE, _Do.FORGET),
    (_REMOTE_OFFER, _On.SEND_ANSWER): (_STABLE, _Do.AGREE),
    (_REMOTE_OFFER, _On.SEND_REJECTION): (_STABLE, _Do.FORGET),
    # RFC 3311 section 5.2: another offer before the last one is answered gets a 500.
    (_REMOTE_OFFER, _On.RECEIVE_OFFER): (_REMOTE_OFFER, _Do.REFUSE_EARLY),
    (_REMOTE_OFFER, _On.RECEIVE_BAD_OFFER): (_REMOTE_OFFER, _Do.REFUSE_EARLY),
    (_REMOTE_OFFER, _On.RECEIVE_ANSWER): (_REMOTE_OFFER, _Do.REFUSE_UNASKED),
    (_REMOTE_OFFER, _On.RECEIVE_BAD_ANSWER): (_REMOTE_OFFER, _Do.REFUSE_UNASKED),
    # They have cancelled the request that carried their offer.
    (_REMOTE_OFFER, _On.RECEIVE_REJECTION): (_STABLE, _Do.FORGET),
    (_REMOTE_OFFER, _On.ROLL_BACK): (_STABLE, _Do.FORGET),
}


class FaultKind(enum.Enum):
    """What was wrong with a description of the other side."""

    GLARE = "offers crossed"
    TOO_EARLY = "an offer before the last one was answered"
    UNASKED = "an answer without an offer"
    MEDIA_COUNT = "media sections are missing, or too many"
    MEDIA_KIND = "the kind of a media section is another"
    PROTOCOL = "the transport profile of a media section is another"


@attrs.frozen
class Fault:
    """Why a description of the other side was not taken.  Nothing has changed by it."""

    kind: FaultKind

    status: int
    """What a request that carried it is answered with: 488, 491 or 500."""

    text: str
    """What to write into a log."""


_FAULTS = {
    _Do.REFUSE_GLARE: Fault(FaultKind.GLARE, 491, "an offer has crossed ours"),
    _Do.REFUSE_EARLY: Fault(FaultKind.TOO_EARLY, 500, "the last offer is not answered yet"),
    _Do.REFUSE_UNASKED: Fault(FaultKind.UNASKED, 400, "an answer that nobody asked for"),
}


@attrs.frozen
class Stream:
    """One stream, as both sides have agreed on it."""

    local: Media
    remote: Media

    @property
    def is_active(self) -> bool:
        """Whether both sides have a port for it."""
        return self.local.is_active and self.remote.is_active

    @property
    def direction(self) -> Direction:
        """What both sides allow, seen from ours."""
        return self.local.effective_direction & self.remote.effective_direction.reversed

    @property
    def codecs(self) -> tuple[Codec, ...]:
        """What may be sent, with the numbers that they expect, the preferred one first."""
        mine = self.local.codecs
        return tuple(one for one in self.remote.codecs if any(map(one.is_same_format, mine)))

    @property
    def codec(self) -> Codec | None:
        """The codec to send, the events and comfort noise beside it left aside."""
        return next((one for one in self.codecs if not one.is_companion), None)


@attrs.frozen
class Agreement:
    """An offer and its answer, as ours and theirs."""

    local: SessionDescription
    remote: SessionDescription

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The streams in the order of their sections, those without a port too."""
        return tuple(map(Stream, self.local.media, self.remote.media))


@attrs.define(eq=False)
class OfferAnswer:
    """Offers and answers of one dialog: whose turn it is, and what has been agreed.

    It knows nothing of SIP.  What `send_offer` and `send_answer` *return* is what is to be sent:
    the description they were given with the o= line that its place in the session demands.  What
    `receive_offer` and `receive_answer` return is why the description was not taken, if it was
    not.
    """

    state: OfferAnswerState = attrs.field(default=OfferAnswerState.STABLE, init=False)
    """Who owes an answer."""

    offer: SessionDescription | None = attrs.field(default=None, init=False)
    """The offer that is not answered yet, ours or theirs."""

    agreed: Agreement | None = attrs.field(default=None, init=False)
    """What holds.  Keep it, to `roll_back` to it."""

    _newest: SessionDescription | None = attrs.field(default=None, init=False)
    """Ours with the highest version, agreed on or not."""

    @property
    def local(self) -> SessionDescription | None:
        """Ours, as last agreed."""
        return None if self.agreed is None else self.agreed.local

    @property
    def remote(self) -> SessionDescription | None:
        """Theirs, as last agreed."""
        return None if self.agreed is None else self.agreed.remote

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The streams as last agreed."""
        return () if self.agreed is None else self.agreed.streams

    def send_offer(self, offer: SessionDescription) -> SessionDescription:
        """Offer it; what is returned is to be sent.

        Raises:
          LocalProtocolError: somebody owes an answer, or there are fewer sections than were
            agreed.
        """
        self._check(_On.SEND_OFFER)
        # RFC 3264 section 8: sections are never taken away, their ports are set to 0.
        if self.agreed is not None and len(offer.media) < len(self.agreed.local.media):
            raise LocalProtocolError("an offer with fewer media sections than before")
        stamped = self._stamped(offer)
        self._step(_On.SEND_OFFER, stamped)
        return stamped

    def send_answer(self, answer: SessionDescription) -> SessionDescription:
        """Answer their offer; what is returned is to be sent.

        A direction that the offer does not allow is narrowed to what it does.

        Raises:
          LocalProtocolError: they have not offered, or the sections are not those of the offer.
        """
        self._check(_On.SEND_ANSWER)
        offer = self._pending()
        fault = _mismatch(offer, answer)
        if fault is not None:
            raise LocalProtocolError(fault.text)
        for index, (mine, theirs) in enumerate(zip(answer.media, offer.media, strict=True)):
            fitting = narrowed(mine, theirs, theirs.direction)
            if fitting != mine:
                answer = answer.with_media(index, fitting)
        stamped = self._stamped(answer)
        self._step(_On.SEND_ANSWER, stamped)
        return stamped

    def same_answer(self, direction: Direction = Direction.SENDRECV) -> SessionDescription:
        """The answer to their offer that leaves our side as it is, to `send_answer`.

        Streams that are new are refused.

        Args:
          direction: what *we* want, ``SENDONLY`` while we hold them, and not what their last
            offer left of it.  RFC 6337 section 5.3: else nobody ever leaves a hold of both sides.

        Raises:
          LocalProtocolError: they have not offered, or nothing was agreed before.
        """
        self._check(_On.SEND_ANSWER)
        if self.agreed is None:
            raise LocalProtocolError("nothing was agreed before")
        mine = self.agreed.local.with_direction(direction)
        return mine.with_sections(answer_media(self._pending().media, mine.media))

    def send_rejection(self) -> None:
        """Their offer was refused: a 488, or any other failure of the request that carried it.

        Raises:
          LocalProtocolError: they have not offered.
        """
        self._check(_On.SEND_REJECTION)
        self._step(_On.SEND_REJECTION)

    def receive_offer(self, offer: SessionDescription) -> Fault | None:
        """They offer."""
        if self.agreed is not None and len(offer.media) < len(self.agreed.remote.media):
            return self._step(
                _On.RECEIVE_BAD_OFFER,
                fault=Fault(FaultKind.MEDIA_COUNT, 488, "fewer media sections than before"),
            )
        return self._step(_On.RECEIVE_OFFER, offer)

    def receive_answer(self, answer: SessionDescription) -> Fault | None:
        """They answer our offer.  One that does not fit it leaves things as they were before."""
        fault = None
        if self.state is OfferAnswerState.LOCAL_OFFER:
            fault = _mismatch(self._pending(), answer)
        if fault is not None:
            return self._step(_On.RECEIVE_BAD_ANSWER, fault=fault)
        return self._step(_On.RECEIVE_ANSWER, answer)

    def receive_rejection(self) -> None:
        """Our offer was refused, or theirs was taken back; what was agreed before holds."""
        self._step(_On.RECEIVE_REJECTION)

    def roll_back(self, to: Agreement | None) -> None:
        """Whatever was offered or agreed since, *to* holds again.

        RFC 6141 section 3.4: a re-INVITE that fails takes back what was agreed while it was
        under way, unless it is in use already.
        """
        self._step(_On.ROLL_BACK)
        self.agreed = to

    def fork(self) -> OfferAnswer:
        """The same toward another dialog, which the same offer has made."""
        twin = OfferAnswer()
        twin.state, twin.offer, twin.agreed = self.state, self.offer, self.agreed
        twin._newest = self._newest
        return twin

    def _check(self, on: _On) -> None:
        if (self.state, on) not in _STEPS:
            raise LocalProtocolError(f"cannot {on.value}: {self.state.value}")

    def _step(
        self,
        on: _On,
        description: SessionDescription | None = None,
        fault: Fault | None = None,
    ) -> Fault | None:
        before = self.state
        self.state, do = _STEPS[before, on]
        match do:
            case _Do.KEEP_OFFER:
                self.offer = description
            case _Do.AGREE:
                offer, self.offer = self._pending(), None
                assert description is not None
                ours_first = before is OfferAnswerState.LOCAL_OFFER
                pair = (offer, description) if ours_first else (description, offer)
                self.agreed = Agreement(*pair)
            case _Do.FORGET:
                self.offer = None
            case _Do.IGNORE:
                pass
            case _Do.REFUSE:
                self.offer = None
                return fault
            case _:
                return _FAULTS[do]
        return None

    def _pending(self) -> SessionDescription:
        assert self.offer is not None
        return self.offer

    def _stamped(self, description: SessionDescription) -> SessionDescription:
        """*description* with the o= line of this session.

        RFC 3264 section 8: the origin stays, "except that the version in the origin field MUST
        increment by one from the previous SDP"; without a change it stays, too.
        """
        newest = self._newest
        if newest is None:
            self._newest = description
            return description
        for previous in (self.local, newest):
            if previous is not None and previous.has_same_content(description):
                return previous
        self._newest = description.with_origin(newest.origin.next)
        return self._newest


def _mismatch(offer: SessionDescription, answer: SessionDescription) -> Fault | None:
    """Why *answer* cannot be one to *offer*.  RFC 3264 section 6."""
    if len(answer.media) != len(offer.media):
        text = f"{len(offer.media)} media sections answered with {len(answer.media)}"
        return Fault(FaultKind.MEDIA_COUNT, 488, text)
    for mine, theirs in zip(offer.media, answer.media, strict=True):
        if mine.kind.lower() != theirs.kind.lower():
            return Fault(FaultKind.MEDIA_KIND, 488, f"{mine.kind} answered with {theirs.kind}")
        # What is refused counts for nothing, whatever is written into it.
        if theirs.is_active and mine.protocol.upper() != theirs.protocol.upper():
            text = f"{mine.protocol} answered with {theirs.protocol}"
            return Fault(FaultKind.PROTOCOL, 488, text)
    return None
