"""Payload formats: their names, their numbers, and when two are the same.

RFC 3551 for the numbers that everybody knows, RFC 3264 section 6.1 for comparing.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping, Sequence

import attrs

from trio_sip._errors import LocalProtocolError

from ._lines import checked_line, checked_token, whole_number

__all__ = [
    "COMFORT_NOISE",
    "DEFAULT_CODECS",
    "G722",
    "G729",
    "GSM",
    "L16",
    "OPUS",
    "PCMA",
    "PCMU",
    "STATIC",
    "TELEPHONE_EVENT",
    "Codec",
    "matching",
    "numbered",
    "read_codecs",
]

# a=rtpmap:<payload type> <encoding name>/<clock rate>[/<encoding parameters>]
_RTPMAP = re.compile(
    r"[ \t]*+([!-.0-~]{1,100})/([0-9]{1,9})(?:/([0-9]{1,3}))?(?:[ \t].*)?", re.DOTALL
)

# Not media of their own: they accompany codecs of the same clock rate (RFC 4733 section 2.1,
# RFC 3389 section 4), and nobody can talk in them alone.
_COMPANIONS = frozenset({"telephone-event", "tone", "cn"})

# Parameters that make another format of the same name, with what holds when they are not there:
# RFC 6184 section 8.2.2, RFC 4867 section 8.1, RFC 5577 section 4.
_FORMAT_PARAMETERS: Mapping[str, Mapping[str, str]] = {
    "h264": {"packetization-mode": "0"},
    "amr": {"octet-align": "0", "crc": "0", "robust-sorting": "0"},
    "amr-wb": {"octet-align": "0", "crc": "0", "robust-sorting": "0"},
    "g7221": {"bitrate": ""},
}


@attrs.frozen
class Codec:
    """A payload format: an encoding name, its clock rate and channels, and its number.

    Args:
      name: the encoding name, ``PCMU``.  Case does not count.
      clock_rate: hertz, as ``rtpmap`` says it.  For G722 that is 8000, by an old mistake.
      channels: of audio.
      payload_type: 0 to 127; ``None`` leaves the choice to whoever writes a description.
      fmtp: parameters of the format, as they stand in an ``fmtp`` line.

    Raises:
      LocalProtocolError: a name that is no word, or a number out of range.
    """

    name: str = attrs.field()
    clock_rate: int = attrs.field(default=8000)
    channels: int = attrs.field(default=1)
    payload_type: int | None = attrs.field(default=None)
    fmtp: str | None = attrs.field(default=None)

    def __attrs_post_init__(self) -> None:
        checked_token(self.name, "an encoding name")
        if "/" in self.name or len(self.name) > 100 or not self.name.isascii():
            raise LocalProtocolError(f"no encoding name: {self.name!r}")
        if not (0 < self.clock_rate < 10**9 and 0 < self.channels < 1000):
            raise LocalProtocolError(f"no clock rate or channels: {self!r}")
        if self.payload_type is not None and not 0 <= self.payload_type <= 127:
            raise LocalProtocolError(f"no payload type: {self.payload_type}")
        if self.fmtp is not None:
            checked_line(f"a=fmtp:0 {self.fmtp}")
            if not self.fmtp or self.fmtp != self.fmtp.strip():
                raise LocalProtocolError(f"no fmtp: {self.fmtp!r}")

    @property
    def is_companion(self) -> bool:
        """Whether it is sent along with a codec and never alone: events, comfort noise."""
        return self.name.lower() in _COMPANIONS

    @property
    def parameters(self) -> Mapping[str, str]:
        """The ``fmtp`` parameters by their names in lower case; ``""`` for one without value."""
        pieces = (piece.partition("=") for piece in (self.fmtp or "").split(";"))
        return {name.strip().lower(): value.strip() for name, _, value in pieces if name.strip()}

    def is_same_format(self, other: Codec) -> bool:
        """Whether both name the same format, whatever its number.

        Name, clock rate and channels decide, and those few parameters that choose a format;
        they decide only when both sides say something about them.
        """
        name = self.name.lower()
        if (name, self.clock_rate, self.channels) != (
            other.name.lower(),
            other.clock_rate,
            other.channels,
        ):
            return False
        deciding = _FORMAT_PARAMETERS.get(name)
        if deciding is None or self.fmtp is None or other.fmtp is None:
            return True
        mine, theirs = self.parameters, other.parameters
        return all(
            mine.get(key, usual) == theirs.get(key, usual) for key, usual in deciding.items()
        )

    @property
    def rtpmap(self) -> str:
        """``PCMU/8000``: the format as ``rtpmap`` says it."""
        channels = f"/{self.channels}" if self.channels > 1 else ""
        return f"{self.name}/{self.clock_rate}{channels}"

    def __str__(self) -> str:
        return self.rtpmap


PCMU = Codec("PCMU", payload_type=0)
GSM = Codec("GSM", payload_type=3)
PCMA = Codec("PCMA", payload_type=8)
G722 = Codec("G722", payload_type=9)
COMFORT_NOISE = Codec("CN", payload_type=13)
G729 = Codec("G729", payload_type=18)
L16 = Codec("L16", 16000)
OPUS = Codec("opus", 48000, 2)
TELEPHONE_EVENT = Codec("telephone-event", fmtp="0-15")
"""DTMF in RTP (RFC 4733), at the clock rate of each codec beside it."""

DEFAULT_CODECS = (PCMU, PCMA, TELEPHONE_EVENT)
"""What every telephone can do."""

STATIC: Mapping[int, Codec] = {
    codec.payload_type: codec
    for codec in (
        PCMU,
        GSM,
        Codec("G723", payload_type=4),
        Codec("DVI4", payload_type=5),
        Codec("DVI4", 16000, payload_type=6),
        Codec("LPC", payload_type=7),
        PCMA,
        G722,
        Codec("L16", 44100, 2, payload_type=10),
        Codec("L16", 44100, payload_type=11),
        Codec("QCELP", payload_type=12),
        COMFORT_NOISE,
        Codec("MPA", 90000, payload_type=14),
        Codec("G728", payload_type=15),
        Codec("DVI4", 11025, payload_type=16),
        Codec("DVI4", 22050, payload_type=17),
        G729,
        Codec("CelB", 90000, payload_type=25),
        Codec("JPEG", 90000, payload_type=26),
        Codec("nv", 90000, payload_type=28),
        Codec("H261", 90000, payload_type=31),
        Codec("MPV", 90000, payload_type=32),
        Codec("MP2T", 90000, payload_type=33),
        Codec("H263", 90000, payload_type=34),
    )
    if codec.payload_type is not None
}
"""RFC 3551 section 6: the formats that need no ``rtpmap``."""

_STATIC_NUMBERS: Mapping[tuple[str, int, int], int] = {
    (codec.name.lower(), codec.clock_rate, codec.channels): number
    for number, codec in STATIC.items()
}
# RFC 3551 section 6: 96 to 127 are dynamic, and when they are used up the unassigned ones below.
_DYNAMIC = (*range(96, 128), *range(35, 64))
_EVENT_NUMBER = 101  # by custom, and some gateways know no other


def read_codecs(formats: Iterable[str], lines: Iterable[str]) -> tuple[Codec, ...]:
    """The codecs of an m= line, in its order; formats that nothing is said of are left out."""
    maps: dict[str, str] = {}
    fmtps: dict[str, str] = {}
    for line in lines:
        if line.startswith(("a=rtpmap:", "a=fmtp:")):
            words = line.partition(":")[2].split(None, 1)
            if len(words) == 2:
                (maps if line[2] == "r" else fmtps).setdefault(words[0], words[1])
    found = []
    for text in dict.fromkeys(formats):
        codec = _codec(text, maps.get(text), fmtps.get(text))
        if codec is not None:
            found.append(codec)
    return tuple(found)


def _codec(text: str, rtpmap: str | None, fmtp: str | None) -> Codec | None:
    # The same few formats come with every call; long ones are not worth remembering.
    size = len(text) + len(rtpmap or "") + len(fmtp or "")
    return (_read_codec if size < 200 else _read_codec.__wrapped__)(text, rtpmap, fmtp)


@functools.lru_cache(maxsize=256)
def _read_codec(text: str, rtpmap: str | None, fmtp: str | None) -> Codec | None:
    number = whole_number(text, 3)
    if number is None or number > 127 or text != str(number):
        return None
    fmtp = None if fmtp is None else fmtp.strip() or None
    match = None if rtpmap is None else _RTPMAP.fullmatch(rtpmap)
    if match is None:
        # A map that cannot be read is as if it were not there.
        static = STATIC.get(number)
        return static if static is None or fmtp is None else attrs.evolve(static, fmtp=fmtp)
    clock_rate, channels = int(match[2]), int(match[3] or 1)
    if clock_rate == 0 or channels == 0:
        return None
    return Codec(match[1], clock_rate, channels, number, fmtp)


def numbered(codecs: Sequence[Codec], old: Sequence[Codec] = ()) -> tuple[Codec, ...]:
    """*codecs* with a payload type each, and events once for each clock rate.

    Those that are among *old* keep the number they had, and no other gets it.

    Raises:
      LocalProtocolError: two with the same number, or more than there are numbers.
    """
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


def matching(offered: Sequence[Codec], local: Sequence[Codec]) -> tuple[Codec, ...]:
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
