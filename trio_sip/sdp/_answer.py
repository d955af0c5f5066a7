"""What is answered to each m= line of an offer.  RFC 3264 section 6."""

from __future__ import annotations

from collections.abc import Sequence

from ._codec import matching
from ._media import Media

__all__ = ["answer_media", "narrowed"]

# RFC 5761 section 5.1.1, RFC 5506 section 5.1, RFC 8285 section 6: an answer has them only if the
# offer has them.
_ONLY_IF_OFFERED = ("rtcp-mux", "rtcp-rsize", "extmap-allow-mixed")


def answer_media(offered: Sequence[Media], local: Sequence[Media]) -> tuple[Media, ...]:
    """One section for each that was offered, in their order.

    Each takes the first section of *local* that is not taken yet and has its kind, its profile
    and one of its formats; without one it is refused.
    """
    unused = [media for media in local if media.is_active]
    answers = []
    for offer in offered:
        answer = None
        if offer.is_active:
            for mine in unused:
                answer = _accepted(offer, mine)
                if answer is not None:
                    unused.remove(mine)
                    break
        answers.append(offer.refused() if answer is None else answer)
    return tuple(answers)


def _accepted(offer: Media, mine: Media) -> Media | None:
    # RFC 3264 section 6: the profile is that of the offer, so one we do not speak is refused.
    if (offer.kind.lower(), offer.protocol.upper()) != (mine.kind.lower(), mine.protocol.upper()):
        return None
    answer = _with_formats(offer, mine)
    if answer is None:
        return None
    for name in _ONLY_IF_OFFERED:
        if not offer.has_attribute(name):
            answer = answer.without_attribute(name)
    # RFC 5888 section 9.1: the name of a section is the offerer's to give.
    answer = answer.without_attribute("mid")
    if offer.mid is not None:
        answer = answer.with_attribute(f"mid:{offer.mid}")
    return narrowed(answer, offer)


def _with_formats(offer: Media, mine: Media) -> Media | None:
    if not offer.is_rtp:
        # T.38, MSRP, data channels: words that are the same or are not.
        common = [word for word in dict.fromkeys(offer.formats) if word in mine.formats]
        return mine.answering(offer, tuple(common)) if common else None
    codecs = matching(offer.codecs, mine.codecs)
    return mine.answering(offer).with_codecs(codecs) if codecs else None


def narrowed(answer: Media, offer: Media) -> Media:
    """*answer* with no more than *offer* allows: never sendrecv to sendonly.

    RFC 3264 section 6.1.  A stream that was offered with port 0 stays without one.
    """
    if not offer.is_active and answer.is_active:
        return answer.with_port(0)
    wanted = answer.direction
    return answer.with_direction(wanted & offer.effective_direction.reversed)
