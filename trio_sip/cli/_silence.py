"""The media of the command line: none.  Calls say so, and are calls all the same."""

from __future__ import annotations

from trio_sip.sdp import Direction, SessionDescription

__all__ = ["silent_answer", "silent_offer"]

_DISCARD = 9
"""The port at which nothing is heard (RFC 863).  0 would refuse the stream."""


def silent_offer() -> SessionDescription:
    """One audio stream on which nobody speaks."""
    return SessionDescription.audio(_DISCARD, direction=Direction.INACTIVE)


def silent_answer(offer: SessionDescription) -> SessionDescription:
    """The same, as the answer to *offer*."""
    return offer.answer(_DISCARD, direction=Direction.INACTIVE)
