"""Payload formats: their names, the numbers that everybody knows, and when two are the same."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping

import attrs

from trio_sip._errors import LocalProtocolError

from ._lines import checked_line, checked_token, whole_number

__all__ = [
    "CODEC_LINES",
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
    "read_codecs",
]

# a=rtpmap:<payload type> <encoding name>/<clock rate>[/<encoding parameters>]
_RTPMAP = re.compile(
    r"[ \t]*+([!-.0-~]{1,100})/([0-9]{1,9})(?:/([0-9]{1,3}))?(?:[ \t].*)?", re.DOTALL
)

CODEC_LINES = ("a=rtpmap:", "a=fmtp:")
"""How the lines begin that say what a payload type is."""

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


@attrs.frozen(cache_hash=True)
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


def read_codecs(formats: Iterable[str], lines: Iterable[str]) -> tuple[Codec, ...]:
    """The codecs of an m= line, in its order; formats that nothing is said of are left out."""
    maps: dict[str, str] = {}
    fmtps: dict[str, str] = {}
    for line in lines:
        if line.startswith(CODEC_LINES):
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
