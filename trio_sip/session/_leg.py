"""A dialog as a session has it: a fork of the INVITE has one for each phone that rings."""

from __future__ import annotations

from trio_sip.dialog import Dialog
from trio_sip.message import Response

from ._bodies import Found
from ._offer_answer import Key, OfferAnswer, OnDescription
from ._reliable import is_reliable

__all__ = ["Leg"]


class Leg:
    """A dialog, with the offers and reliable responses that belong to it alone."""

    # Plain slots: one is held for each call.
    __slots__ = ("dialog", "local", "offer", "reliable")

    def __init__(self, dialog: Dialog) -> None:
        self.dialog = dialog
        self.offer = OfferAnswer()
        self.local: Found | None = None
        """The session description that we gave last: a re-INVITE that only refreshes repeats it."""
        self.reliable: tuple[int, int] | None = None
        """The INVITE and the RSeq of the last reliable provisional response."""

    def send(self, on: OnDescription, key: Key, found: Found | None) -> bool:
        """Take note of the description in a message of ours; false if there is none."""
        if found is None:
            return False
        self.local = found
        self.offer.take(on, key)
        return True

    def take_reliable(self, response: Response) -> bool:
        """Whether a provisional response is new and in order: RFC 3262 section 4.

        Copies "MUST be discarded", and one whose predecessor is missing "MUST NOT be
        acknowledged with a PRACK, and MUST NOT be processed further".
        """
        rseq = is_reliable(response)
        assert rseq is not None, "only asked about reliable ones"
        number = response.cseq.number
        if (
            self.reliable is not None
            and self.reliable[0] == number
            and rseq != self.reliable[1] + 1
        ):
            return False
        self.reliable = number, rseq
        return True
