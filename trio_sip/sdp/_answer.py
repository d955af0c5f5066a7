"""What is answered to each m= line of an offer.  RFC 3264 section 6."""

from __future__ import annotations

from collections.abc import Sequence

from ._direction import Direction
from ._media import Media

__all__ = ["answer_media", "narrowed"]

# RFC 5761 section 5.1.1, RFC 5506 section 5.1, RFC 8285 section 6: an answer has them only if the
# offer has them.
_ONLY_IF_OFFERED = ("rtcp-mux", "rtcp-rsize", "extmap-allow-mixed")


def answer_media(offered: Sequence[Media], local: Sequence[Media]) -> tuple[Media, ...]:
    """One section for each that was offered, in their order.

    Each is answered by the section of *local* in the same place, if that one fits: so what was
    agreed before goes on.  Else it takes the first that fits and is left over; without one it
    is refused.  To fit means: the same kind and profile, and a format in common.
    """
    answers: dict[int, Media] = {}
    unused = {place: media for place, media in enumerate(local) if media.is_active}
    for place, offer in enumerate(offered):
        answer = _accepted(offer, unused[place]) if place in unused else None
        if answer is not None:
            answers[place] = answer
            del unused[place]
    for place, offer in enumerate(offered):
        if place not in answers:
            answers[place] = _taken(offer, unused) or offer.refused()
    return tuple(answers[place] for place in range(len(offered)))


def _taken(offer: Media, unused: dict[int, Media]) -> Media | None:
    for place, mine in unused.items():
        answer = _accepted(offer, mine)
        if answer is not None:
            del unused[place]
            return answer
    return None


def _accepted(offer: Media, mine: Media) -> Media | None:
    # RFC 3264 section 6: the profile is that of the offer, so one we do not speak is refused.
    if not offer.is_active:
        return None
    if (offer.kind.lower(), offer.protocol.upper()) != (mine.kind.lower(), mine.protocol.upper()):
        return None
    answer = mine.answering(offer)
    if answer is None:
        return None
    for name in _ONLY_IF_OFFERED:
        if answer.has_attribute(name) and not offer.has_attribute(name):
            answer = answer.without_attribute(name)
    # RFC 5888 section 9.1: the name of a section is the offerer's to give.
    if answer.mid is not None:
        answer = answer.without_attribute("mid")
    if offer.mid is not None:
        answer = answer.with_attribute(f"mid:{offer.mid}")
    return narrowed(answer, offer, offer.effective_direction)


def narrowed(answer: Media, offer: Media, offered: Direction) -> Media:
    """*answer* with no more than *offer* allows, whose direction is to count as *offered*.

    RFC 3264 section 6.1: never sendrecv to sendonly.  A stream that was offered with port 0
    stays without one.
    """
    if not offer.is_active and answer.is_active:
        return answer.with_port(0)
    return answer.with_direction(answer.direction & offered.reversed)
