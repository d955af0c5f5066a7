"""Session descriptions: RFC 8866, and how the next one is made from the last."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import attrs

from trio_sip._errors import LocalProtocolError

from ._answer import answer_media
from ._codec import DEFAULT_CODECS, Codec
from ._direction import DIRECTION_LINES, Direction
from ._fields import OPEN_HOST, Bandwidth, Connection, Origin
from ._lines import (
    attribute_value,
    attribute_values,
    checked_attribute,
    checked_line,
    checked_token,
    decoded,
    first_value,
    shared,
)
from ._media import Media
from ._sections import check_sections, inherited, read_sections

__all__ = ["SessionDescription", "create_answer"]

# Some stacks keep session ids and versions as signed numbers.
_MAX_ID = 2**63 - 1
_OPEN = str(Connection(OPEN_HOST))
_PLAIN_PROFILES = ("RTP/AVP", "RTP/AVPF")


@attrs.frozen(init=False, repr=False)
class SessionDescription:
    """What one side offers or answers.  RFC 8866.

    Immutable, and lossless: the lines keep their order, unknown ones are carried, and one that
    was parsed is written with the very bytes it came from.  ``str(x)`` and ``bytes(x)`` are the
    wire form, and ``SessionDescription.parse(str(x)) == x``.

    `create` and `audio` make new ones.

    Args:
      lines: those of the session, ``v=0`` first.
      media: the sections.

    Raises:
      LocalProtocolError: no ``v=0``, no o= line, CR, LF or NUL in a line, or too many.
    """

    lines: tuple[str, ...]
    """The lines above the first m= line, as they came."""

    media: tuple[Media, ...]
    """The media sections, in order.  They know what they inherit from the session."""

    _text: str | None = attrs.field(default=None, eq=False)
    """What came, if it was spelled otherwise than the lines are written."""

    def __init__(self, lines: Iterable[str], media: Iterable[Media] = ()) -> None:
        made = _of(tuple(shared(map(checked_line, lines))), tuple(media))
        check_sections(made.lines, made.media)
        self.__attrs_init__(made.lines, made.media)

    @classmethod
    def parse(cls, data: bytes | str) -> SessionDescription:
        """Parse a description; what came as a body is given as it is, as bytes.

        Lenient about what can be understood all the same: LF alone, blanks at the end of a line,
        empty lines, lines that are missing (s=, t=, c=, rtpmap) or unknown, or in another order.

        Raises:
          RemoteProtocolError: no ``v=0`` at the top, no o= line, an m=, o= or c= line that
            cannot be read, something that is no line, CR or NUL within one, or more than 2000
            lines or 100 media sections.  Nothing else is ever raised.
        """
        text = decoded(data)
        session, media = read_sections(text)
        made = cls.__new__(cls)
        made.__attrs_init__(session, media)
        # Only what its lines would not give again is kept.
        return made if str(made) == text else _spelled(made, text)

    @classmethod
    def create(
        cls,
        media: Iterable[Media],
        host: str = OPEN_HOST,
        *,
        session_id: int | None = None,
        version: int = 1,
        username: str = "-",
        session_name: str = "-",
        attributes: Iterable[str] = (),
    ) -> SessionDescription:
        """A new description.

        Args:
          host: where the media is received.  Without one the description is *open*: whoever
            sends it fills it in with `with_host`.
          session_id: 0 to 2**63 - 1.  By default it follows from host and media, which is unique
            as long as no two sessions use a port at once.
          attributes: of the session, each as ``name`` or ``name:value``.

        Raises:
          LocalProtocolError: CR, LF or NUL anywhere, a number out of range, a blank in a word.
        """
        sections = tuple(media)
        if session_id is None:
            session_id = _derived_id(host, sections)
        lines = _session_lines(host, session_id, version, username, session_name)
        lines += ["t=0 0", *map(checked_attribute, attributes)]
        return cls(lines, sections)

    @classmethod
    def audio(
        cls,
        port: int,
        host: str = OPEN_HOST,
        *,
        codecs: Iterable[Codec] = DEFAULT_CODECS,
        direction: Direction = Direction.SENDRECV,
        session_id: int | None = None,
    ) -> SessionDescription:
        """A description of one audio stream, to offer.

        For example::

            SessionDescription.audio(4000, "192.0.2.1", codecs=(PCMU, PCMA, TELEPHONE_EVENT))

        Raises:
          LocalProtocolError: a number out of range, or no codec.
        """
        media = Media("audio", port, codecs, direction=direction)
        return cls.create([media], host, session_id=session_id)

    def answer(
        self,
        port: int,
        host: str = OPEN_HOST,
        *,
        codecs: Iterable[Codec] = DEFAULT_CODECS,
        direction: Direction = Direction.SENDRECV,
        session_id: int | None = None,
    ) -> SessionDescription:
        """The answer to this offer that takes its audio and refuses whatever else there is.

        `create_answer` says what an answer is; `is_accepted` whether anything was taken.

        Raises:
          LocalProtocolError: a number out of range, or no codec.
        """
        # Feedback is an offer to the receiver, who need not send any, so that a telephone may
        # take a stream of AVPF (RFC 4585 section 3.1); encryption it cannot.
        profiles = (
            one.protocol
            for one in self.media
            if (one.is_active, one.kind.lower()) == (True, "audio")
            and one.protocol.upper() in _PLAIN_PROFILES
        )
        protocol = next(profiles, "RTP/AVP")
        media = Media("audio", port, codecs, direction=direction, protocol=protocol)
        return create_answer(self, [media], host, session_id=session_id)

    @property
    def origin(self) -> Origin:
        """Whose session this is, and which version of it."""
        return Origin.parse(first_value(self.lines, "o") or "")

    @property
    def connection(self) -> Connection | None:
        """Where media is received whose section does not say."""
        value = first_value(self.lines, "c")
        return None if value is None else Connection.parse(value)

    @property
    def session_name(self) -> str:
        """The s= line, ``-`` without one."""
        return (first_value(self.lines, "s") or "").strip() or "-"

    @property
    def direction(self) -> Direction:
        """The direction of sections that do not say."""
        found = (DIRECTION_LINES.get(line.rstrip()) for line in self.lines)
        return next((one for one in found if one is not None), Direction.SENDRECV)

    @property
    def bandwidth(self) -> tuple[Bandwidth, ...]:
        """The b= lines of the session, for all media together."""
        found = (Bandwidth.maybe_parse(line[2:]) for line in self.lines if line.startswith("b="))
        return tuple(one for one in found if one is not None)

    @property
    def is_accepted(self) -> bool:
        """Whether there is any stream.

        An answer without one would better be a 488, unless nothing was offered either.
        """
        return any(media.is_active for media in self.media)

    @property
    def is_on_hold(self) -> bool:
        """Whether there are streams, and whoever sent this receives none of them."""
        active = [media for media in self.media if media.is_active]
        return bool(active) and not any(one.effective_direction.receives for one in active)

    @property
    def is_open(self) -> bool:
        """Whether the host is yet to be filled in."""
        return self.with_host("host") is not self

    def attribute(self, name: str) -> str | None:
        """The value of the session's first attribute of that name: ``""`` if it has none."""
        return attribute_value(self.lines, name)

    def attribute_values(self, name: str) -> tuple[str, ...]:
        """The values of all the session's attributes of that name, in order."""
        return tuple(attribute_values(self.lines, name))

    def has_same_content(self, other: SessionDescription) -> bool:
        """Whether both say the same, whoever says it and in whatever version."""
        return self.media == other.media and _without_origin(self) == _without_origin(other)

    def with_origin(self, origin: Origin) -> SessionDescription:
        """The same with another o= line."""
        lines = [f"o={origin}" if line.startswith("o=") else line for line in self.lines]
        return _of(tuple(lines), self.media)

    def with_host(self, host: str) -> SessionDescription:
        """The same with *host* wherever one is yet to be filled in; itself if there is none.

        Raises:
          LocalProtocolError: empty, or with a blank in it.
        """
        connection = Connection(host)
        place = str(connection)
        lines = tuple([_placed(line, place) for line in self.lines])
        media = tuple([_with_host(one, connection) for one in self.media])
        if lines == self.lines and media == self.media:
            return self
        return _of(lines, media)

    def with_media(self, index: int, media: Media) -> SessionDescription:
        """The same with another section in place of the one at *index*.

        Raises:
          LocalProtocolError: there is none.
        """
        if not 0 <= index < len(self.media):
            raise LocalProtocolError(f"no media section {index}")
        return self.with_sections((*self.media[:index], media, *self.media[index + 1 :]))

    def with_sections(self, media: Iterable[Media]) -> SessionDescription:
        """The same with other sections."""
        return _of(self.lines, tuple(media))

    def add_media(self, media: Media) -> SessionDescription:
        """The same with one section more, in the first place whose stream has ended, if any.

        RFC 3264 section 8.1.
        """
        for index, old in enumerate(self.media):
            if not old.is_active:
                return self.with_media(index, media)
        return self.with_sections((*self.media, media))

    def remove_media(self, index: int) -> SessionDescription:
        """The same without that stream.  Its section stays, with port 0: RFC 3264 section 8.2.

        Raises:
          LocalProtocolError: there is no such section.
        """
        if not 0 <= index < len(self.media):
            raise LocalProtocolError(f"no media section {index}")
        return self.with_media(index, self.media[index].refused())

    def with_direction(self, direction: Direction) -> SessionDescription:
        """The same with that direction for every stream."""
        return self.with_sections(_directed(one, direction) for one in self.media)

    def hold(self) -> SessionDescription:
        """The same on hold: it receives nothing.  RFC 3264 section 8.4."""
        return self.with_sections(_directed(one, one.direction.held) for one in self.media)

    def resume(self) -> SessionDescription:
        """The same with hold ended: it receives again."""
        return self.with_sections(_directed(one, one.direction.resumed) for one in self.media)

    def __str__(self) -> str:
        if self._text is not None:
            return self._text
        return "\r\n".join((*self.lines, "")) + "".join(map(str, self.media))

    def __bytes__(self) -> bytes:
        return str(self).encode("utf-8", "surrogateescape")

    def __repr__(self) -> str:
        media = ", ".join(one.m_line[2:] for one in self.media)
        return f"<SessionDescription {first_value(self.lines, 'o')}: {media or 'no media'}>"


def create_answer(
    offer: SessionDescription,
    media: Iterable[Media],
    host: str = OPEN_HOST,
    *,
    session_id: int | None = None,
    version: int = 1,
    username: str = "-",
) -> SessionDescription:
    """The answer to *offer* of somebody who can do *media*.  RFC 3264 section 6.

    Whatever the offer, the answer is legal: as many sections in the same order, the same
    profiles, no format that was not offered, and no direction that does not fit.  What nothing
    in *media* fits is refused with port 0.

    Args:
      media: what we can and want to do, with our ports.  The direction is what we wish; what the
        offer forbids is taken away.
      host: where we receive it.

    Raises:
      LocalProtocolError: a number out of range, a blank in a word.
    """
    # RFC 3264 section 6: the time must be that of the offer.
    times = [line for line in offer.lines if line.startswith("t=")] or ["t=0 0"]
    answers = answer_media(offer.media, tuple(media))
    if session_id is None:
        session_id = _derived_id(host, answers)
    lines = _session_lines(host, session_id, version, username, "-")
    # Every line is one that was made here or has been read: there is nothing to check again.
    return _of(tuple(shared((*lines, *times))), answers)


def _session_lines(
    host: str, session_id: int, version: int, username: str, session_name: str
) -> list[str]:
    checked_token(username, "a user name")
    if not session_name:
        raise LocalProtocolError("a session name is not empty; '-' is none")
    return [
        "v=0",
        f"o={Origin(host, _checked_id(session_id), _checked_id(version), username)}",
        f"s={session_name}",
        f"c={Connection(host)}",
    ]


def _of(lines: tuple[str, ...], media: tuple[Media, ...]) -> SessionDescription:
    held = inherited(lines)
    made = SessionDescription.__new__(SessionDescription)
    made.__attrs_init__(lines, tuple(one.within(held) for one in media))
    return made


def _spelled(description: SessionDescription, text: str) -> SessionDescription:
    made = SessionDescription.__new__(SessionDescription)
    made.__attrs_init__(description.lines, description.media, text)
    return made


def _without_origin(description: SessionDescription) -> list[str]:
    return [line for line in description.lines if not line.startswith("o=")]


def _placed(line: str, place: str) -> str:
    """An o= or c= line that is open, with its place filled in; any other line as it is."""
    if line.endswith(_OPEN) and line[:2] in ("o=", "c="):
        return line[: -len(_OPEN)] + place
    return line


def _with_host(media: Media, connection: Connection) -> Media:
    own = first_value(media.lines, "c")
    if own is None or Connection.parse(own).host != OPEN_HOST:
        return media
    return media.with_connection(connection)


def _directed(media: Media, direction: Direction) -> Media:
    return media.with_direction(direction) if media.is_active else media


def _checked_id(number: int) -> int:
    if not 0 <= number <= _MAX_ID:
        raise LocalProtocolError(f"not within 63 bits: {number}")
    return number


def _derived_id(host: str, media: Iterable[Media]) -> int:
    text = "\n".join((host, *map(str, media))).encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") >> 1
