"""The fields that every request and response has."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from trio_sip._errors import RemoteProtocolError

from ._field import Field, ListField
from ._grammar import is_token, split_list
from ._name_addr import WILDCARD, NameAddr
from ._via import CSeq, Via

__all__ = [
    "ALLOW", "CALL_ID", "CONTACT", "CONTENT_LENGTH", "CSEQ", "EXPIRES", "FROM", "MAX_FORWARDS",
    "MIN_EXPIRES", "PROXY_REQUIRE", "RECORD_ROUTE", "REQUIRE", "ROUTE", "SUPPORTED", "TO",
    "TOP_CONTACT", "TOP_VIA", "UNSUPPORTED", "VIA",
]  # fmt: skip

T = TypeVar("T")

_DIGITS = re.compile(r"[0-9]++")

MAX_SECONDS = 2**32 - 1
"""delta-seconds above it are taken as it (RFC 3261 section 20.19)."""


def delta_seconds(text: str) -> int:
    """Seconds as digits; more than 32 bits are clipped, never wrapped."""
    if _DIGITS.fullmatch(text) is None:
        raise RemoteProtocolError(f"not a number of seconds: {text[:40]!r}")
    digits = text.lstrip("0") or "0"
    return MAX_SECONDS if len(digits) > 10 else min(int(digits), MAX_SECONDS)


def _max_forwards(text: str) -> int:
    # RFC 3261 section 20.22: "an integer in the range 0-255"
    if _DIGITS.fullmatch(text) is None or len(text) > 6 or int(text) > 255:
        raise RemoteProtocolError(f"out of range: {text[:40]!r}")
    return int(text)


def content_length(text: str) -> int:
    """The size of the body in bytes: digits and nothing else, so ``+5`` and ``0 0`` are faults."""
    if _DIGITS.fullmatch(text) is None or not text.isascii() or len(text) > 10:
        raise RemoteProtocolError(f"bad Content-Length: {text[:40]!r}")
    return int(text)


def _call_id(text: str) -> str:
    # callid = word [ "@" word ].  Phones send stranger ones; they are compared, never taken apart.
    # But a NUL could be sent back in no request of ours.
    if not text or " " in text or "\t" in text or "\0" in text:
        raise RemoteProtocolError(f"bad Call-ID: {text[:60]!r}")
    return text


def token(text: str) -> str:
    """One token, such as an option tag."""
    if not is_token(text):
        raise RemoteProtocolError(f"not a token: {text[:40]!r}")
    return text


def _contact(text: str) -> NameAddr | str:
    return WILDCARD if text == WILDCARD else NameAddr.parse(text)


class TopField(Field[T]):
    """The first element of a list, read without the others: the topmost Via."""

    __slots__ = ()

    def __init__(self, name: str, parse: Callable[[str], T]) -> None:
        super().__init__(name, parse)
        self.cache_key = f"{self.key} top"

    def read(self, values: list[str]) -> T:
        if not values:
            raise KeyError(self.name)
        try:
            return self.parse_first(values[0])
        except RemoteProtocolError as error:
            raise RemoteProtocolError(f"{self.name}: {error}", error.status_hint) from None

    def parse_first(self, line: str) -> T:
        """The first element of a line."""
        return self.parse(line if "," not in line else split_list(line)[0])


class TokenListField(ListField[str]):
    """A list of tokens in which an empty value is an empty list, as in ``Supported:``."""

    __slots__ = ()

    def split(self, values: list[str]) -> list[str]:
        return [item for item in super().split(values) if item]


VIA = ListField("Via", Via.parse)
TOP_VIA = TopField("Via", Via.parse)
FROM = Field("From", NameAddr.parse)
TO = Field("To", NameAddr.parse)
CALL_ID = Field("Call-ID", _call_id)
CSEQ = Field("CSeq", CSeq.parse)
CONTACT: ListField[NameAddr | str] = ListField("Contact", _contact)
TOP_CONTACT: TopField[NameAddr | str] = TopField("Contact", _contact)
ROUTE = ListField("Route", NameAddr.parse)
RECORD_ROUTE = ListField("Record-Route", NameAddr.parse)
MAX_FORWARDS = Field("Max-Forwards", _max_forwards)
CONTENT_LENGTH = Field("Content-Length", content_length)
EXPIRES = Field("Expires", delta_seconds)
MIN_EXPIRES = Field("Min-Expires", delta_seconds)
ALLOW = TokenListField("Allow", token)
SUPPORTED = TokenListField("Supported", token)
REQUIRE = TokenListField("Require", token)
PROXY_REQUIRE = TokenListField("Proxy-Require", token)
UNSUPPORTED = TokenListField("Unsupported", token)
