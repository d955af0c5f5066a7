"""Which body of a message is the session description, and whether the rest may be passed over.

RFC 3261 sections 8.2.3 and 13.2.1, and RFC 5621.
"""

from __future__ import annotations

from trio_sip._errors import RemoteProtocolError
from trio_sip.message import CONTENT_DISPOSITION, Headers, Message

__all__ = ["Found", "description_in", "is_description", "is_understood"]

_SDP = "application/sdp"

Found = tuple[bytes, str]
"""A session description and its type."""


def description_in(message: Message) -> Found | None:
    """The session description in *message*, and its type; ``None`` if it has none.

    RFC 3261 section 13.2.1 has it as the body, or as one part of a multipart body (RFC 5621).
    """
    if not message.body:
        return None
    headers = message.headers
    text = headers.get("Content-Type", "")
    if is_description(text):
        return (message.body, text) if _is_for_the_session(headers) else None
    if text[:9].lower() != "multipart":
        return None
    try:
        parts = message.parts
    except RemoteProtocolError:
        return None
    for part in parts:
        text = part.headers.get("Content-Type", "")
        if is_description(text) and _is_for_the_session(part.headers):
            return part.content, text
    return None


def is_description(content_type: str) -> bool:
    """Whether a body of this type is a session description."""
    return content_type == _SDP or _name(content_type) == _SDP


def is_understood(message: Message, accepted: tuple[str, ...]) -> bool:
    """Whether *message* can be served, its body understood or passed over.

    RFC 3261 section 8.2.3.  Beside a session description anything is passed over, and so is what
    has no type.

    Args:
      accepted: other types that somebody here understands.
    """
    headers = message.headers
    if not message.body or "Content-Type" not in headers or description_in(message) is not None:
        return True
    if not _is_encoded(headers) and _name(headers["Content-Type"]) in accepted:
        return True
    try:
        disposition = headers.get(CONTENT_DISPOSITION)
    except RemoteProtocolError:
        return False
    return disposition is not None and disposition.is_optional


def _is_for_the_session(headers: Headers) -> bool:
    """Whether it describes this session, and not, for example, early media (RFC 3959)."""
    if _is_encoded(headers):
        return False
    if "Content-Disposition" not in headers:
        return True
    return _name(headers["Content-Disposition"]) == "session"


def _is_encoded(headers: Headers) -> bool:
    if "Content-Encoding" not in headers:
        return False
    return headers["Content-Encoding"].strip().lower() not in ("", "identity")


def _name(text: str) -> str:
    return text.partition(";")[0].strip(" \t").lower()
