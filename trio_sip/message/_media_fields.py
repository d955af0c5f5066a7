"""What a body is and what bodies are wanted: Content-… and Accept-…."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from trio_sip._errors import RemoteProtocolError

from ._core_fields import TokenListField, token
from ._field import Field
from ._grammar import checked_token
from ._params import NO_PARAMS, Params
from ._token_value import LooseListField, TokenValue, as_params, read_as, split_value

__all__ = [
    "ACCEPT", "ACCEPT_ENCODING", "ACCEPT_LANGUAGE", "CONTENT_DISPOSITION", "CONTENT_ENCODING",
    "CONTENT_ID", "CONTENT_LANGUAGE", "CONTENT_TYPE", "MIME_VERSION", "Disposition", "MediaType",
]  # fmt: skip


def _word(text: str) -> str:
    return checked_token(text, "a part of a media type")


@attrs.frozen
class MediaType:
    """``application/sdp;charset=utf-8``; in Accept, ``*`` stands for any.

    Types and subtypes compare without case, parameters as `Params` do.
    """

    type: str = attrs.field(converter=_word, eq=str.lower)
    subtype: str = attrs.field(converter=_word, eq=str.lower)
    params: Params = attrs.field(default=NO_PARAMS, converter=as_params)

    @classmethod
    def parse(cls, text: str | MediaType) -> MediaType:
        """Parse a media type; a `MediaType` is returned as it is.  RFC 3261 section 20.15.

        Raises:
          RemoteProtocolError: no slash, no token, or a bad parameter.
        """
        if isinstance(text, MediaType):
            return text
        value, params = split_value(text)
        main, slash, sub = value.partition("/")
        if not slash:
            raise RemoteProtocolError(f"not a media type: {text[:60]!r}")
        return read_as(cls, main.rstrip(" \t"), sub.lstrip(" \t"), params)

    @property
    def name(self) -> str:
        """``type/subtype`` in lower case, without parameters: what decisions are made by."""
        return f"{self.type}/{self.subtype}".lower()

    def accepts(self, other: MediaType) -> bool:
        """Whether *other* is in the range that this value of an Accept header gives."""
        ranges = ("*/*", f"{other.type.lower()}/*", other.name)
        return self.name in ranges

    def with_params(self, params: Mapping[str, str | None]) -> MediaType:
        return attrs.evolve(self, params=params)

    def __str__(self) -> str:
        return f"{self.type}/{self.subtype}{self.params}"


@attrs.frozen
class Disposition(TokenValue):
    """What a body is for: ``session``, ``render``, ``icon``, …  RFC 3261 section 20.11."""

    @property
    def is_optional(self) -> bool:
        """Whether a body that is not understood may be ignored; without a word it may not."""
        return (self.params.get("handling") or "").lower() == "optional"


def _mime_version(text: str) -> str:
    major, dot, minor = text.partition(".")
    if not (dot and major.isdecimal() and minor.isdecimal() and text.isascii()):
        raise RemoteProtocolError(f"bad version: {text[:20]!r}")
    return text


def content_id(text: str) -> str:
    """The identifier between its angle brackets.  RFC 2045 section 7, RFC 8262."""
    inside = text[1:-1]
    if text[:1] + text[-1:] != "<>" or not inside or any(mark in inside for mark in "<> \t"):
        raise RemoteProtocolError(f"bad identifier: {text[:60]!r}")
    return inside


CONTENT_TYPE = Field("Content-Type", MediaType.parse)
CONTENT_DISPOSITION = Field("Content-Disposition", Disposition.parse)
CONTENT_ENCODING = TokenListField("Content-Encoding", token)
CONTENT_LANGUAGE = TokenListField("Content-Language", token)
CONTENT_ID = Field("Content-ID", content_id)
MIME_VERSION = Field("MIME-Version", _mime_version)
ACCEPT = LooseListField("Accept", MediaType.parse)
ACCEPT_ENCODING = LooseListField("Accept-Encoding", TokenValue.parse)
ACCEPT_LANGUAGE = LooseListField("Accept-Language", TokenValue.parse)
