"""One media section: an m= line and the lines below it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from trio_sip._errors import LocalProtocolError, RemoteProtocolError

from ._codec import CODEC_LINES, Codec, read_codecs
from ._direction import DIRECTION_LINES, Direction
from ._fields import Bandwidth, Connection, Rtcp
from ._formats import negotiated, rewritten, written
from ._lines import (
    attribute_value,
    attribute_values,
    checked_attribute,
    checked_token,
    in_order,
    whole_number,
)

__all__ = ["Media", "read_media"]

_DISCARD_PORT = 9


@attrs.frozen(init=False, repr=False)
class Media:
    """A media section: what is sent, where to, and in which formats.  RFC 8866 section 5.14.

    Lines are kept as they came and read when somebody asks.  An attribute that cannot be read
    is as if it were not there, apart from still being carried.

    Args:
      kind: ``audio``, ``video``, ``image``, ``application``, …
      port: where it is received; 0 refuses a stream or ends it.
      formats: codecs, in order of preference; or text, for what is not RTP.
      protocol: the transport profile.
      connection: a host, if it is not that of the whole description.
      ptime: milliseconds of media in a packet.
      attributes: others, each as ``name`` or ``name:value``.
      port_count: how many ports, for layered media.

    Raises:
      LocalProtocolError: a port out of range, no formats, CR, LF or NUL anywhere.
    """

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    """The last fields of the m= line: payload types, in RTP."""

    lines: tuple[str, ...]
    """The lines below the m= line, as they came."""

    port_count: int = 1

    _session: tuple[str, ...] = attrs.field(default=(), eq=False)
    """What it inherits: the session's c= line and direction."""

    def __init__(
        self,
        kind: str,
        port: int,
        formats: Iterable[Codec | str],
        *,
        protocol: str = "RTP/AVP",
        direction: Direction = Direction.SENDRECV,
        connection: Connection | str | None = None,
        ptime: int | None = None,
        bandwidth: Iterable[Bandwidth] = (),
        attributes: Iterable[str] = (),
        port_count: int = 1,
    ) -> None:
        if not (0 <= port <= 65535 and 0 < port_count <= 65535):
            raise LocalProtocolError(f"no port: {port}/{port_count}")
        words, maps = written(tuple(formats))
        lines = []
        if connection is not None:
            lines.append(f"c={_connection(connection)}")
        lines += [f"b={one}" for one in bandwidth]
        lines += maps
        if direction is not Direction.SENDRECV:
            lines.append(f"a={direction.value}")
        if ptime is not None:
            lines.append(f"a=ptime:{ptime:d}")
        lines += [checked_attribute(one) for one in attributes]
        self.__attrs_init__(
            checked_token(kind, "a kind of media"),
            port,
            checked_token(protocol, "a transport profile"),
            words,
            tuple(lines),
            port_count,
        )

    @property
    def connection(self) -> Connection | None:
        """Where it is received: its own c= line, else the session's."""
        for line in (*self.lines, *self._session):
            if line.startswith("c="):
                return Connection.parse(line[2:])
        return None

    @property
    def direction(self) -> Direction:
        """Its own, else the session's, else sendrecv.  RFC 8866 section 6.7."""
        for line in (*self.lines, *self._session):
            found = DIRECTION_LINES.get(line.rstrip())
            if found is not None:
                return found
        return Direction.SENDRECV

    @property
    def effective_direction(self) -> Direction:
        """The direction, with what an address of zeros means: hold, as RFC 2543 did it.

        RFC 3264 section 8.4.  Zeros that ICE will replace (RFC 8840 section 4.1) mean nothing.
        """
        connection = self.connection
        if connection is None or not connection.is_unspecified:
            return self.direction
        if self.port == _DISCARD_PORT or self.has_attribute("ice-ufrag"):
            return self.direction
        return self.direction.held

    @property
    def is_active(self) -> bool:
        """Whether there is a stream at all: its port is not 0."""
        return self.port != 0

    @property
    def is_rtp(self) -> bool:
        """Whether the formats are payload types."""
        return "RTP/" in self.protocol.upper()

    @property
    def codecs(self) -> tuple[Codec, ...]:
        """The formats that are known by name: from ``rtpmap`` lines, else RFC 3551's table."""
        return read_codecs(self.formats, self.lines) if self.is_rtp else ()

    @property
    def ptime(self) -> int | None:
        """Milliseconds of media in a packet, as preferred.  RFC 8866 section 6.4."""
        return self._number("ptime")

    @property
    def maxptime(self) -> int | None:
        """Milliseconds of media in a packet, at most.  RFC 8866 section 6.5."""
        return self._number("maxptime")

    @property
    def mid(self) -> str | None:
        """The name of the section.  RFC 5888 section 4."""
        return attribute_value(self.lines, "mid") or None

    @property
    def rtcp(self) -> Rtcp | None:
        """Where RTCP is to be sent, if the section says so.  RFC 3605."""
        text = attribute_value(self.lines, "rtcp")
        return None if text is None else Rtcp.maybe_parse(text)

    @property
    def bandwidth(self) -> tuple[Bandwidth, ...]:
        """Its own b= lines; those of the session count for all media together."""
        found = (Bandwidth.maybe_parse(line[2:]) for line in self.lines if line.startswith("b="))
        return tuple(one for one in found if one is not None)

    def attribute(self, name: str) -> str | None:
        """The value of the first attribute of that name: ``""`` if it has none."""
        return attribute_value(self.lines, name)

    def attribute_values(self, name: str) -> tuple[str, ...]:
        """The values of all attributes of that name, in order."""
        return tuple(attribute_values(self.lines, name))

    def has_attribute(self, name: str) -> bool:
        """Whether there is an attribute of that name."""
        return attribute_value(self.lines, name) is not None

    def with_attribute(self, attribute: str) -> Media:
        """The same with one attribute more, ``name`` or ``name:value``.

        Raises:
          LocalProtocolError: CR, LF or NUL in it.
        """
        return _changed(self, lines=(*self.lines, checked_attribute(attribute)))

    def without_attribute(self, name: str) -> Media:
        """The same without the attributes of that name."""
        lines = [line for line in self.lines if not attribute_values((line,), name)]
        return _changed(self, lines=tuple(lines))

    def with_direction(self, direction: Direction) -> Media:
        """The same with another direction, written where the old one stood."""
        if direction is self.direction:
            return self
        written = f"a={direction.value}"
        lines = list(self.lines)
        places = [at for at, line in enumerate(lines) if line.rstrip() in DIRECTION_LINES]
        if not places:
            return _changed(self, lines=(*lines, written))
        lines[places[0]] = written
        for place in reversed(places[1:]):
            del lines[place]
        return _changed(self, lines=tuple(lines))

    def with_connection(self, connection: Connection | str) -> Media:
        """The same, received elsewhere.

        Raises:
          LocalProtocolError: a host that is empty or has a blank in it.
        """
        line = f"c={_connection(connection)}"
        others = [other for other in self.lines if not other.startswith("c=")]
        return _changed(self, lines=in_order(others, line))

    def with_port(self, port: int, port_count: int = 1) -> Media:
        """The same at another port.

        Raises:
          LocalProtocolError: out of range.
        """
        if not (0 <= port <= 65535 and 0 < port_count <= 65535):
            raise LocalProtocolError(f"no port: {port}/{port_count}")
        return _changed(self, port=port, port_count=port_count)

    def with_codecs(self, codecs: Iterable[Codec]) -> Media:
        """The same with other codecs; what is said of the old ones goes, and their numbers stay.

        RFC 3264 section 8.3.2: the number of a codec is the same for as long as the session
        lasts, and another codec never gets it.

        Raises:
          LocalProtocolError: none, two with one number, or more than there are numbers.
        """
        wanted = tuple(codecs)
        open_ones = any(codec.payload_type is None for codec in wanted)
        return self._with_written(*rewritten(wanted, self.codecs if open_ones else ()))

    def _with_written(self, words: tuple[str, ...], maps: Sequence[str]) -> Media:
        kept = [line for line in self.lines if not line.startswith(CODEC_LINES)]
        place = next((at for at, line in enumerate(kept) if line.startswith("a=")), len(kept))
        return _changed(self, formats=words, lines=(*kept[:place], *maps, *kept[place:]))

    def answering(self, offer: Media) -> Media | None:
        """The same as an answer to *offer*, with the formats of both; ``None`` if there are none.

        RFC 3264 section 6: kind and profile "MUST" be those of the offer.
        """
        changed = _changed(self, kind=offer.kind, protocol=offer.protocol)
        if not offer.is_rtp:
            # T.38, MSRP, data channels: words that are the same or are not.
            words = tuple(word for word in dict.fromkeys(offer.formats) if word in self.formats)
            return _changed(changed, formats=words) if words else None
        agreed = negotiated(offer.formats, offer._codec_lines(), self.formats, self._codec_lines())
        return None if agreed is None else changed._with_written(*agreed)

    def _codec_lines(self) -> tuple[str, ...]:
        return tuple(line for line in self.lines if line.startswith(CODEC_LINES))

    def refused(self) -> Media:
        """The section that refuses this one, or ends its stream: port 0, one format, its name.

        RFC 3264 section 6: the formats of a refused stream count for nothing, but "at least one
        MUST be present".
        """
        first = self.formats[0]
        starts = ("a=mid:", f"a=rtpmap:{first} ")
        found = (next((line for line in self.lines if line.startswith(it)), None) for it in starts)
        lines = tuple(line for line in found if line is not None)
        return _changed(self, port=0, port_count=1, formats=(first,), lines=lines)

    def within(self, session: Sequence[str]) -> Media:
        """The same as a section of the session with those lines, from which it inherits."""
        inherited = tuple(session)
        return self if inherited == self._session else _changed(self, session=inherited)

    def _number(self, name: str) -> int | None:
        # Some write "20.0", which is the same.
        text = attribute_value(self.lines, name) or ""
        return whole_number(text.partition(".")[0])

    @property
    def m_line(self) -> str:
        """The m= line."""
        count = f"/{self.port_count}" if self.port_count > 1 else ""
        return f"m={self.kind} {self.port}{count} {self.protocol} {' '.join(self.formats)}"

    def __str__(self) -> str:
        return "\r\n".join((self.m_line, *self.lines, ""))

    def __repr__(self) -> str:
        return f"<Media {self.m_line[2:]} {self.direction.value}>"


def _changed(
    media: Media,
    *,
    kind: str | None = None,
    port: int | None = None,
    protocol: str | None = None,
    formats: tuple[str, ...] | None = None,
    lines: tuple[str, ...] | None = None,
    port_count: int | None = None,
    session: tuple[str, ...] | None = None,
) -> Media:
    """`attrs.evolve` for a class whose constructor takes something else."""
    changed = Media.__new__(Media)
    changed.__attrs_init__(
        media.kind if kind is None else kind,
        media.port if port is None else port,
        media.protocol if protocol is None else protocol,
        media.formats if formats is None else formats,
        media.lines if lines is None else lines,
        media.port_count if port_count is None else port_count,
        media._session if session is None else session,
    )
    return changed


def read_media(lines: Sequence[str], session: tuple[str, ...]) -> Media:
    """The section that *lines* are, the m= line first.

    Raises:
      RemoteProtocolError: an m= line that lacks something, or a bad port.
    """
    # Without a kind, a port, a profile and a format there is nothing to answer.
    fields = lines[0][2:].split()
    if len(fields) < 4:
        raise RemoteProtocolError(f"bad m= line: {lines[0][:60]!r}")
    kind, ports, protocol, *formats = fields
    first, slash, count = ports.partition("/")
    number, size = whole_number(first, 5), whole_number(count, 5) if slash else 1
    if number is None or number > 65535 or not size or size > 65535:
        raise RemoteProtocolError(f"bad port in an m= line: {lines[0][:60]!r}")
    media = Media.__new__(Media)
    media.__attrs_init__(kind, number, protocol, tuple(formats), tuple(lines[1:]), size, session)
    return media


def _connection(given: Connection | str) -> Connection:
    return Connection(given) if isinstance(given, str) else given
