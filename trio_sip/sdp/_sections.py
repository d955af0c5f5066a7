"""A description taken apart: the lines of the session, and the media sections."""

from __future__ import annotations

from collections.abc import Sequence

from trio_sip._errors import LocalProtocolError, RemoteProtocolError

from ._direction import DIRECTION_LINES
from ._fields import connection_fields, origin_fields
from ._lines import first_value, shared, split_lines
from ._media import Media, read_media

__all__ = ["check_sections", "inherited", "read_sections"]

# Far beyond any description that is meant: an offer of WebRTC with every candidate there is has
# some 300 lines, a conference with a section for each of its members some 50 sections.
_LINE_COUNT = 2000
_MEDIA_COUNT = 100


def read_sections(text: str) -> tuple[tuple[str, ...], tuple[Media, ...]]:
    """The lines of the session, and the media sections.

    Raises:
      RemoteProtocolError: as `SessionDescription.parse` says.
    """
    lines = shared(split_lines(text))
    if len(lines) > _LINE_COUNT:
        raise RemoteProtocolError("too many lines in a description")
    starts = []
    for at, line in enumerate(lines):
        kind = line[:2]
        if kind == "m=":
            starts.append(at)
        elif kind == "c=":
            connection_fields(line[2:])
        elif kind[1:] != "=":
            raise RemoteProtocolError(f"no line of a description: {line[:60]!r}")
    if len(starts) > _MEDIA_COUNT:
        raise RemoteProtocolError("too many media sections in a description")
    session = tuple(lines[: starts[0]] if starts else lines)
    _check_session(session)
    held = inherited(session)
    ends = [*starts[1:], len(lines)]
    media = [read_media(lines[at:end], held) for at, end in zip(starts, ends, strict=False)]
    return session, tuple(media)


def check_sections(session: Sequence[str], media: Sequence[Media]) -> None:
    """Whether a description of our own can be read by the other side.

    Raises:
      LocalProtocolError: it cannot.
    """
    try:
        _check_session(session)
        for line in session:
            if line.startswith("c="):
                connection_fields(line[2:])
    except RemoteProtocolError as error:
        raise LocalProtocolError(str(error)) from None
    if any(line.startswith("m=") for line in session):
        raise LocalProtocolError("an m= line among those of the session")
    count = len(session) + sum(1 + len(one.lines) for one in media)
    if count > _LINE_COUNT or len(media) > _MEDIA_COUNT:
        raise LocalProtocolError("too many lines or media sections in a description")


def inherited(session: Sequence[str]) -> tuple[str, ...]:
    """What sections inherit that do not say it themselves.  RFC 8866 sections 5.7 and 6.7."""
    found: dict[str, str] = {}
    for line in session:
        if line.startswith("c="):
            found.setdefault("c", line)
        elif line.rstrip() in DIRECTION_LINES:
            found.setdefault("a", line)
    return tuple(found.values())


def _check_session(lines: Sequence[str]) -> None:
    if not lines or lines[0].rstrip() != "v=0":
        raise RemoteProtocolError("a description begins with v=0")
    origin = first_value(lines, "o")
    if origin is None:
        raise RemoteProtocolError("a description without o=")
    origin_fields(origin)
