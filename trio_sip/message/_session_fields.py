"""Session timers, and the headers by which one call speaks of another."""

from __future__ import annotations

import enum
import re

import attrs

from trio_sip._errors import LocalProtocolError, RemoteProtocolError

from ._core_fields import MAX_SECONDS, delta_seconds
from ._field import Field, ListField
from ._grammar import checked_text, checked_token, quote
from ._name_addr import NameAddr
from ._params import NO_PARAMS, Params
from ._token_value import TokenValue, as_params, read_as, split_value

__all__ = [
    "FLOW_TIMER", "MIN_SE", "REASON", "REFERRED_BY", "REFER_TO", "REPLACES", "SESSION_EXPIRES",
    "TARGET_DIALOG", "Reason", "Refresher", "Replaces", "SessionExpires", "TargetDialog",
]  # fmt: skip

_CAUSE = re.compile(r"[0-9]{1,9}")
_NOT_IN_A_CALL_ID = re.compile(r"[\s;,]")


class Refresher(enum.Enum):
    """Who keeps a session alive.  RFC 4028 section 4."""

    UAC = "uac"
    UAS = "uas"


def _interval(value: int) -> int:
    if not 0 <= value <= MAX_SECONDS:
        raise LocalProtocolError(f"session interval out of range: {value}")
    return value


@attrs.frozen
class SessionExpires:
    """How long a session lives without a refresh.  RFC 4028 section 4."""

    seconds: int = attrs.field(converter=_interval)
    params: Params = attrs.field(default=NO_PARAMS, converter=as_params)

    @classmethod
    def parse(cls, text: str) -> SessionExpires:
        """Parse ``1800;refresher=uac``."""
        value, params = split_value(text)
        made = cls(delta_seconds(value), params)
        made.refresher  # noqa: B018  # a refresher that is neither is a fault now, not later
        return made

    @property
    def refresher(self) -> Refresher | None:
        if "refresher" not in self.params:
            return None
        text = self.params["refresher"] or ""
        try:
            return Refresher(text.lower())
        except ValueError:
            raise RemoteProtocolError(f"bad refresher: {text[:20]!r}") from None

    def __str__(self) -> str:
        return f"{self.seconds}{self.params}"


def _min_se(text: str) -> int:
    return delta_seconds(split_value(text)[0])


def _call_id(text: str) -> str:
    checked_text(text, "a Call-ID")
    if not text or _NOT_IN_A_CALL_ID.search(text) is not None:
        raise LocalProtocolError(f"bad Call-ID: {text[:60]!r}")
    return text


def _tag(text: str | None) -> str:
    return checked_token(text or "", "a tag")


@attrs.frozen
class Replaces:
    """The dialog whose place this INVITE takes, with the tags as its receiver sees them.

    RFC 3891 section 6.1.
    """

    call_id: str = attrs.field(converter=_call_id)
    to_tag: str = attrs.field(converter=_tag)
    from_tag: str = attrs.field(converter=_tag)
    early_only: bool = False
    """Only if it has not been answered yet."""

    @classmethod
    def parse(cls, text: str) -> Replaces:
        """Parse ``call-id;to-tag=…;from-tag=…``; both tags must be there."""
        call_id, params = split_value(text)
        return read_as(
            cls, call_id, params.get("to-tag"), params.get("from-tag"), "early-only" in params
        )

    def __str__(self) -> str:
        tail = ";early-only" if self.early_only else ""
        return f"{self.call_id};to-tag={self.to_tag};from-tag={self.from_tag}{tail}"


@attrs.frozen
class TargetDialog:
    """The dialog that proves a request welcome.  RFC 4538 section 7."""

    call_id: str = attrs.field(converter=_call_id)
    local_tag: str = attrs.field(converter=_tag)
    remote_tag: str = attrs.field(converter=_tag)

    @classmethod
    def parse(cls, text: str) -> TargetDialog:
        """Parse ``call-id;local-tag=…;remote-tag=…``; both tags must be there."""
        call_id, params = split_value(text)
        return read_as(cls, call_id, params.get("local-tag"), params.get("remote-tag"))

    def __str__(self) -> str:
        return f"{self.call_id};local-tag={self.local_tag};remote-tag={self.remote_tag}"


@attrs.frozen
class Reason(TokenValue):
    """Why something ended: ``SIP;cause=200;text="Call completed elsewhere"``.  RFC 3326."""

    @property
    def protocol(self) -> str:
        """``SIP``, ``Q.850``, …"""
        return self.value

    @property
    def cause(self) -> int | None:
        """The status code or cause number; ``None`` if it is missing or no number."""
        text = self.params.get("cause") or ""
        return int(text) if _CAUSE.fullmatch(text) else None

    @property
    def text(self) -> str | None:
        return self.params.get("text")

    def __str__(self) -> str:
        # RFC 3326 section 2: the text is a quoted-string even if it is one word.
        text = "" if self.text is None else f";text={quote(self.text)}"
        return f"{self.value}{self.params.without('text')}{text}"


SESSION_EXPIRES = Field("Session-Expires", SessionExpires.parse)
MIN_SE = Field("Min-SE", _min_se)
FLOW_TIMER = Field("Flow-Timer", delta_seconds)
REFER_TO = Field("Refer-To", NameAddr.parse)
REFERRED_BY = Field("Referred-By", NameAddr.parse)
REPLACES = Field("Replaces", Replaces.parse)
TARGET_DIALOG = Field("Target-Dialog", TargetDialog.parse)
REASON = ListField("Reason", Reason.parse)
