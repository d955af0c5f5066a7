"""Payload types: which numbers codecs get, and which of an offer's are taken.

RFC 3264 sections 5.1, 6.1 and 8.3.2.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import attrs

from trio_sip._errors import LocalProtocolError

from ._codec import STATIC, Codec, read_codecs
from ._lines import checked_token, shared

__all__ = ["negotiated", "rewritten", "written"]

Written: TypeAlias = tuple[tuple[str, ...], tuple[str, ...]]
"""The format words of an m= line, and the lines that explain them."""

_USUAL_SIZE = 1000

_STATIC_NUMBERS: Mapping[tuple[str, int, int], int] = {
    (codec.name.lower(), codec.clock_rate, codec.channels): number
    for number, codec in STATIC.items()
}
# RFC 3551 section 6: 96 to 127 are dynamic, and when they are used up the unassigned ones below.
_DYNAMIC = (*range(96, 128), *range(35, 64))
_EVENT_NUMBER = 101  # by custom, and some gateways know no other


def negotiated(
    offered: tuple[str, ...],
    offered_lines: tuple[str, ...],
    local: tuple[str, ...],
    local_lines: tuple[str, ...],
) -> Written | None:
    """What is answered: the codecs of the offer that are local ones, too.  ``None`` if none is."""
    # Telephones of one kind offer the same each time.  What is long is not worth remembering.
    size = sum(map(len, offered)) + sum(map(len, offered_lines))
    find = _negotiated if size < _USUAL_SIZE else _negotiated.__wrapped__
    return find(offered, offered_lines, local, local_lines)


@functools.lru_cache(maxsize=256)
def _negotiated(
    offered: tuple[str, ...],
    offered_lines: tuple[str, ...],
    local: tuple[str, ...],
    local_lines: tuple[str, ...],
) -> Written | None:
    codecs = _matching(read_codecs(offered, offered_lines), read_codecs(local, local_lines))
    return rewritten(codecs, ()) if codecs else None


def _matching(offered: Sequence[Codec], local: Sequence[Codec]) -> tuple[Codec, ...]:
    """Those of *offered* that are in *local*, with the offer's order and numbers.

    RFC 3264 section 6.1: the offer's payload types are taken over, and its order is kept.  What
    we say about a format is ours; if we say nothing, what they said is repeated.

    Events and comfort noise stay at the clock rates of the codecs that stay.  They are enough
    alone only if nothing else was offered.
    """
    found: dict[tuple[int, int], Codec] = {}
    for codec in offered:
        place = next((at for at, mine in enumerate(local) if _fits(mine, codec)), None)
        if place is not None:
            # A format that is offered twice is taken once, by the number that is preferred.
            found.setdefault((place, codec.clock_rate), _agreed(codec, local[place]))
    rates = {codec.clock_rate for codec in found.values() if not codec.is_companion}
    if not rates and all(codec.is_companion for codec in offered):
        return tuple(found.values())
    return tuple(codec for codec in found.values() if codec.clock_rate in rates)


def _fits(mine: Codec, offered: Codec) -> bool:
    if mine.is_companion:
        # Whoever can do events can do them at any clock rate.
        return mine.name.lower() == offered.name.lower()
    return mine.is_same_format(offered)


def _agreed(offered: Codec, mine: Codec) -> Codec:
    if mine.fmtp is None or mine.fmtp == offered.fmtp:
        return offered
    return attrs.evolve(offered, fmtp=mine.fmtp)


def written(formats: tuple[Codec | str, ...]) -> Written:
    """The format words of an m= line, and the lines that explain them.

    Raises:
      LocalProtocolError: no formats, two with one number, or more than there are numbers.
    """
    texts = [one if isinstance(one, str) else one.fmtp or "" for one in formats]
    usual = len(texts) < 20 and all(len(text) < 80 for text in texts)
    return (_written if usual else _written.__wrapped__)(formats)


@functools.lru_cache(maxsize=64)
def _written(formats: tuple[Codec | str, ...]) -> Written:
    return rewritten(formats, ())


def rewritten(formats: tuple[Codec | str, ...], old: tuple[Codec, ...]) -> Written:
    """The same where *old* codecs stood: those keep their numbers, and no other gets them.

    Raises:
      LocalProtocolError: no formats, two with one number, or more than there are numbers.
    """
    codecs = _numbered([one for one in formats if isinstance(one, Codec)], old)
    words = [str(one.payload_type) for one in codecs]
    words += [checked_token(one, "a format") for one in formats if isinstance(one, str)]
    if not words:
        raise LocalProtocolError("media without formats")
    lines = []
    for codec in codecs:
        # RFC 3264 section 5.1 wants the static ones explained, too.
        lines.append(f"a=rtpmap:{codec.payload_type} {codec.rtpmap}")
        if codec.fmtp is not None:
            lines.append(f"a=fmtp:{codec.payload_type} {codec.fmtp}")
    return tuple(shared(words)), tuple(shared(lines))


def _numbered(codecs: Sequence[Codec], old: Sequence[Codec]) -> tuple[Codec, ...]:
    """*codecs* with a payload type each, and events once for each clock rate.

    Those that are among *old* keep the number they had, and no other gets it.

    Raises:
      LocalProtocolError: two with the same number, or more than there are numbers.
    """
    if all(codec.payload_type is not None for codec in codecs):
        wanted = list(codecs)
    else:
        wanted = [_numbered_as_before(codec, old) for codec in _events_expanded(codecs)]
    given = [codec.payload_type for codec in wanted if codec.payload_type is not None]
    if len(set(given)) < len(given):
        raise LocalProtocolError(f"a payload type for two codecs: {given}")
    taken = {*given, *(codec.payload_type for codec in old)}
    result = []
    for codec in wanted:
        if codec.payload_type is None:
            codec = attrs.evolve(codec, payload_type=_free_number(codec, taken))
            taken.add(codec.payload_type)
        result.append(codec)
    return tuple(result)


def _numbered_as_before(codec: Codec, old: Sequence[Codec]) -> Codec:
    if codec.payload_type is None:
        for one in old:
            if one.is_same_format(codec):
                return attrs.evolve(codec, payload_type=one.payload_type)
    return codec


def _events_expanded(codecs: Sequence[Codec]) -> list[Codec]:
    # RFC 4733 section 2.1: events share the clock of the audio they are sent along with.
    rates = list(dict.fromkeys(one.clock_rate for one in codecs if not one.is_companion))
    expanded = []
    for codec in codecs:
        if codec.name.lower() == "telephone-event" and codec.payload_type is None and rates:
            expanded += [attrs.evolve(codec, clock_rate=rate) for rate in rates]
        else:
            expanded.append(codec)
    return expanded


def _free_number(codec: Codec, taken: set[int | None]) -> int:
    static = _STATIC_NUMBERS.get((codec.name.lower(), codec.clock_rate, codec.channels))
    is_usual_event = codec.name.lower() == "telephone-event" and codec.clock_rate == 8000
    first = _EVENT_NUMBER if is_usual_event else None
    # The number of events is left for them, unless there is no other.
    others = (number for number in _DYNAMIC if number != _EVENT_NUMBER)
    candidates: list[int | None] = [static, first, *others, _EVENT_NUMBER]
    for number in candidates:
        if number is not None and number not in taken:
            return number
    raise LocalProtocolError("more codecs than there are payload types")
