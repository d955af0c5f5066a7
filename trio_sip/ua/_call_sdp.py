"""Session descriptions as calls take and give them: values, text or bytes in, values out."""

from __future__ import annotations

import attrs

from trio_sip._errors import LocalProtocolError, RemoteProtocolError
from trio_sip.sdp import Direction, SessionDescription, create_answer
from trio_sip.session import Description

__all__ = [
    "SDP",
    "Sdp",
    "as_body",
    "as_next_body",
    "handed_on",
    "held",
    "matching_answer",
    "parsed",
    "renumbered",
]

SDP = "application/sdp"

Sdp = SessionDescription | bytes | str
"""What may be given as a session description."""


def as_body(sdp: Sdp | None, host: str) -> bytes:
    """Its bytes, with *host* wherever one is yet to be filled in; none for none."""
    if sdp is None:
        return b""
    if isinstance(sdp, SessionDescription):
        return bytes(sdp.with_host(host))
    return sdp if isinstance(sdp, bytes) else sdp.encode("utf-8", "surrogateescape")


def as_next_body(sdp: Sdp | None, host: str, said: bytes) -> bytes:
    """The same for a description that follows on *said*, whose origin a value then takes over.

    RFC 3264 section 8: in a session the origin stays, and only its version goes up by one.  Text
    and bytes go as they are.
    """
    if not isinstance(sdp, SessionDescription) or not said:
        return as_body(sdp, host)
    try:
        return bytes(_following(sdp.with_host(host), said))
    except RemoteProtocolError:
        return as_body(sdp, host)


def renumbered(waiting: bytes, said: bytes) -> bytes:
    """An offer that has waited while we said something else: its version is that one's plus one."""
    try:
        origin, last = (SessionDescription.parse(one).origin for one in (waiting, said))
        if origin.session_id != last.session_id or origin.version > last.version:
            return waiting
        return bytes(_following(SessionDescription.parse(waiting), said))
    except RemoteProtocolError:
        return waiting


def parsed(description: Description | None) -> SessionDescription | None:
    """The value of what came.

    Raises:
      RemoteProtocolError: it is none.
    """
    if description is None or not description.body:
        return None
    return SessionDescription.parse(description.body)


def held(wanted: bytes, said: bytes, hold: bool) -> bytes:
    """What we want, with the media held or no longer: RFC 3264 section 8.4.

    Args:
      said: what the other side has heard last, whose version is the one before.
    """
    description = SessionDescription.parse(wanted)
    changed = description.hold() if hold else description.resume()
    return bytes(_following(changed, said))


def matching_answer(wanted: bytes, said: bytes, offer: Description | None) -> bytes | None:
    """What we say to a new offer of theirs in a call that is to go on as it is.

    Without an offer it is what we want again, as the offer of our 200 (RFC 3261 section 14.2).
    ``None`` when no stream would be left, or nothing can be made of it.
    """
    if not wanted:
        return b"" if offer is None else None
    try:
        ours = SessionDescription.parse(wanted)
        if offer is None or not offer.body:
            return bytes(_following(ours, said))
        theirs = SessionDescription.parse(offer.body)
        connection = ours.connection
        host = ours.origin.address if connection is None else connection.host
        answer = create_answer(theirs, ours.media, host)
        return bytes(_following(answer, said)) if answer.is_accepted else None
    except (RemoteProtocolError, LocalProtocolError):
        return None


def handed_on(theirs: SessionDescription | None, said: bytes) -> bytes:
    """What one side says about its media, as we say it to another one, nothing of it on hold.

    Raises:
      LocalProtocolError: they have said nothing, or have fewer streams than the other side knows.
    """
    if theirs is None or not said:
        raise LocalProtocolError("there are no media to be connected")
    if len(theirs.media) < len(SessionDescription.parse(said).media):
        # RFC 3264 section 8: a stream that was there once keeps its place.
        raise LocalProtocolError("the one side has fewer streams than the other")
    open_ = (
        one.with_direction(Direction.SENDRECV) if one.is_active else one for one in theirs.media
    )
    return bytes(_following(theirs.with_sections(open_), said))


def _following(new: SessionDescription, said: bytes) -> SessionDescription:
    """RFC 3264 section 8: what says something new has the version after the last."""
    old = SessionDescription.parse(said)
    origin = old.origin
    if new.has_same_content(old):
        return old
    return new.with_origin(attrs.evolve(origin, version=origin.version + 1))
