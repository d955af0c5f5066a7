"""Events, publication and reliable provisional responses: RFC 6665, 3903 and 3262."""

from __future__ import annotations

import re

import attrs

from trio_sip._errors import LocalProtocolError, RemoteProtocolError

from ._core_fields import MAX_SECONDS, TokenListField, delta_seconds, token
from ._field import Field
from ._grammar import checked_token
from ._params import NO_PARAMS, Params
from ._token_value import TokenValue, as_params, read_as, split_value

__all__ = [
    "ALLOW_EVENTS", "EVENT", "RACK", "RSEQ", "SIP_ETAG", "SIP_IF_MATCH", "SUBSCRIPTION_STATE",
    "Event", "RAck", "SubscriptionState",
]  # fmt: skip

_RACK = re.compile(r"([0-9]{1,10}+)[ \t]++([0-9]{1,10}+)[ \t]++([^ \t]++)")
_RSEQ = re.compile(r"[0-9]{1,10}+")


def _package(text: str) -> str:
    return checked_token(text, "an event package")


@attrs.frozen
class Event:
    """An event package and what tells its subscriptions apart.

    Package and ``id`` compare byte by byte (RFC 6665 section 8.2.1), so this one has case.
    """

    package: str = attrs.field(converter=_package)
    """With its templates: ``presence``, ``presence.winfo``."""

    params: Params = attrs.field(default=NO_PARAMS, converter=as_params)

    @classmethod
    def parse(cls, text: str) -> Event:
        """Parse ``presence;id=7``.

        Raises:
          RemoteProtocolError: no token, or a bad parameter.
        """
        package, params = split_value(text)
        return read_as(cls, package, params)

    @property
    def id(self) -> str | None:
        return self.params.get("id")

    def matches(self, other: Event) -> bool:
        """Whether a NOTIFY with *other* belongs to a SUBSCRIBE with this one."""
        return (self.package, self.id) == (other.package, other.id)

    def __str__(self) -> str:
        return f"{self.package}{self.params}"


@attrs.frozen
class SubscriptionState(TokenValue):
    """``active``, ``pending``, ``terminated`` or an extension.  RFC 6665 section 8.2.3."""

    @property
    def state(self) -> str:
        """In lower case."""
        return self.value.lower()

    @property
    def expires(self) -> int | None:
        """Seconds left.

        Raises:
          RemoteProtocolError: it is there, and no number.
        """
        text = self.params.get("expires")
        return None if text is None else delta_seconds(text)

    @property
    def reason(self) -> str | None:
        """Why it was terminated, in lower case: ``timeout``, ``noresource``, …"""
        text = self.params.get("reason")
        return None if text is None else text.lower()

    @property
    def retry_after(self) -> int | None:
        """Seconds to wait before subscribing again."""
        text = self.params.get("retry-after")
        return None if text is None else delta_seconds(text)


def _number(value: int) -> int:
    if not 0 <= value <= MAX_SECONDS:
        raise LocalProtocolError(f"number out of range: {value}")
    return value


def response_number(value: int) -> int:
    """RFC 3262 section 7.1: from 1 to 2**32 - 1."""
    if not 1 <= value <= MAX_SECONDS:
        raise LocalProtocolError(f"RSeq out of range: {value}")
    return value


def _rseq(text: str) -> int:
    if _RSEQ.fullmatch(text) is None:
        raise RemoteProtocolError(f"not a number: {text[:40]!r}")
    return read_as(response_number, int(text))


def _method(text: str) -> str:
    return checked_token(text, "a method")


@attrs.frozen
class RAck:
    """Which provisional response a PRACK is for: its RSeq and the CSeq it came with."""

    rseq: int = attrs.field(converter=response_number)
    cseq: int = attrs.field(converter=_number)
    method: str = attrs.field(converter=_method)

    @classmethod
    def parse(cls, text: str) -> RAck:
        """Parse ``776656 1 INVITE``.  RFC 3262 section 7.2."""
        match = _RACK.fullmatch(text)
        if match is None:
            raise RemoteProtocolError(f"bad RAck: {text[:60]!r}")
        return read_as(cls, int(match[1]), int(match[2]), match[3])

    def __str__(self) -> str:
        return f"{self.rseq} {self.cseq} {self.method}"


EVENT = Field("Event", Event.parse)
SUBSCRIPTION_STATE = Field("Subscription-State", SubscriptionState.parse)
ALLOW_EVENTS = TokenListField("Allow-Events", token)
RSEQ = Field("RSeq", _rseq)
RACK = Field("RAck", RAck.parse)
SIP_ETAG = Field("SIP-ETag", token)
SIP_IF_MATCH = Field("SIP-If-Match", token)
