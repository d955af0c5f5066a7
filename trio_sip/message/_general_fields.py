"""Dates, delays, warnings and words: what any message may carry."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal

import attrs

from trio_sip._errors import LocalProtocolError, RemoteProtocolError

from ._core_fields import MAX_SECONDS, delta_seconds, token
from ._field import Field, ListField
from ._grammar import checked_text, is_token, quote, unquote
from ._params import NO_PARAMS, Params
from ._token_value import LooseListField, as_params, read_as

__all__ = [
    "DATE", "IN_REPLY_TO", "ORGANIZATION", "PRIORITY", "RETRY_AFTER", "SERVER", "SUBJECT",
    "TIMESTAMP", "USER_AGENT", "USER_TO_USER", "WARNING", "Date", "RetryAfter", "Timestamp",
    "UserToUser", "WarningValue",
]  # fmt: skip

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip
# rfc1123-date, GMT only (RFC 3261 section 20.17).
_DATE = re.compile(
    rf"(?:{'|'.join(_DAYS)}), ([0-9]{{2}}) ({'|'.join(_MONTHS)}) ([0-9]{{4}}) "
    r"([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT"
)
_SECONDS = re.compile(r"([0-9]++)[ \t]*+")
_COMMENT_PIECE = re.compile(r"[^()\\]++|\\.|[()]", re.DOTALL)
# warning-value = warn-code SP warn-agent SP warn-text
_WARNING = re.compile(r"([0-9]{3})[ \t]++([^\s\x00-\x20\",<>]++)[ \t]++(\".*\")", re.DOTALL)
_AGENT = re.compile(r"[^\s\x00-\x20\",<>]++")
_DECIMAL = r"(?:[0-9]{1,20}+(?:\.[0-9]{0,20}+)?|\.[0-9]{1,20}+)"
_TIMESTAMP = re.compile(rf"({_DECIMAL})(?:[ \t]++({_DECIMAL}))?")
_QUOTED_FIRST = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)


def _moment(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise LocalProtocolError("a date needs a time zone")
    try:
        return moment.astimezone(UTC).replace(microsecond=0)
    except OverflowError:
        raise LocalProtocolError(f"no such date in GMT: {moment!r}") from None


@attrs.frozen
class Date:
    """A point in time, to the second: ``Sat, 13 Nov 2010 23:29:00 GMT``."""

    moment: datetime = attrs.field(converter=_moment)
    """With its time zone, which is GMT once it is in here."""

    @classmethod
    def parse(cls, text: str) -> Date:
        """Parse an RFC 1123 date in GMT; no other zone is allowed (RFC 3261 section 20.17)."""
        match = _DATE.fullmatch(text)
        if match is None:
            raise RemoteProtocolError(f"not a date in GMT: {text[:60]!r}")
        day, month, year, hour, minute, second = match.groups()
        try:
            moment = datetime(
                int(year), _MONTHS.index(month) + 1, int(day),
                int(hour), int(minute), int(second), tzinfo=UTC,
            )  # fmt: skip
        except ValueError:
            raise RemoteProtocolError(f"no such date: {text[:60]!r}") from None
        return cls(moment)

    def __str__(self) -> str:
        # Not strftime, which speaks the language of the machine.
        at = self.moment
        day = f"{_DAYS[at.weekday()]}, {at.day:02} {_MONTHS[at.month - 1]} {at.year:04}"
        return f"{day} {at.hour:02}:{at.minute:02}:{at.second:02} GMT"


def _comment_end(text: str) -> int:
    """Where the comment that *text* begins with ends; -1 if it does not."""
    depth = 0
    for piece in _COMMENT_PIECE.finditer(text):
        depth += {"(": 1, ")": -1}.get(piece[0], 0)
        if depth == 0:
            return piece.end()
    return -1


def _comment(text: str | None) -> str | None:
    if text is not None:
        checked_text(text, "a comment")
        if _comment_end(f"({text})") != len(text) + 2:
            raise LocalProtocolError(f"unbalanced brackets in a comment: {text!r}")
    return text


def _seconds(value: int) -> int:
    if not 0 <= value <= MAX_SECONDS:
        raise LocalProtocolError(f"seconds out of range: {value}")
    return value


@attrs.frozen
class RetryAfter:
    """How long to stay away: ``120 (in a meeting);duration=3600``.  RFC 3261 section 20.33."""

    seconds: int = attrs.field(converter=_seconds)
    comment: str | None = attrs.field(default=None, converter=_comment)
    """Without the outer brackets; inner ones must balance."""

    params: Params = attrs.field(default=NO_PARAMS, converter=as_params)

    @classmethod
    def parse(cls, text: str) -> RetryAfter:
        """Parse the seconds, the comment if there is one, and the parameters."""
        match = _SECONDS.match(text)
        if match is None:
            raise RemoteProtocolError(f"not a number of seconds: {text[:40]!r}")
        rest, comment = text[match.end() :], None
        if rest[:1] == "(":
            end = _comment_end(rest)
            if end < 0:
                raise RemoteProtocolError(f"comment without an end: {rest[:40]!r}")
            comment, rest = rest[1 : end - 1], rest[end:].lstrip(" \t")
        params = Params.parse(rest) if rest else NO_PARAMS
        return read_as(cls, delta_seconds(match[1]), comment, params)

    @property
    def duration(self) -> int | None:
        """How long one may be reached after that, in seconds."""
        text = self.params.get("duration")
        return None if text is None else delta_seconds(text)

    def __str__(self) -> str:
        comment = "" if self.comment is None else f" ({self.comment})"
        return f"{self.seconds}{comment}{self.params}"


def _code(code: int) -> int:
    if not 100 <= code <= 999:
        raise LocalProtocolError(f"no warning code: {code}")
    return code


def _agent(agent: str) -> str:
    if _AGENT.fullmatch(agent) is None:
        raise LocalProtocolError(f"bad warning agent: {agent!r}")
    return agent


def _warning_text(text: str) -> str:
    return checked_text(text, "a warning")


@attrs.frozen
class WarningValue:
    """A remark about a response: ``307 isi.edu "parameter 'foo' not understood"``.

    RFC 3261 section 20.43.
    """

    code: int = attrs.field(converter=_code)
    agent: str = attrs.field(converter=_agent)
    """Who says so: a host, or any name."""

    text: str = attrs.field(converter=_warning_text)

    @classmethod
    def parse(cls, text: str) -> WarningValue:
        """Parse one warning-value."""
        match = _WARNING.fullmatch(text)
        if match is None:
            raise RemoteProtocolError(f"bad warning: {text[:60]!r}")
        return read_as(cls, int(match[1]), match[2], unquote(match[3]))

    def __str__(self) -> str:
        return f"{self.code} {self.agent} {quote(self.text)}"


def _decimal(value: Decimal | int | None) -> Decimal | None:
    if value is None:
        return None
    value = Decimal(value)
    if not value.is_finite() or re.fullmatch(_DECIMAL, f"{value:f}") is None:
        raise LocalProtocolError(f"not a time that SIP can write: {value}")
    return value


def _sent(value: Decimal | int) -> Decimal:
    made = _decimal(value)
    assert made is not None
    return made


@attrs.frozen
class Timestamp:
    """When a request was sent by its sender's clock, and how long its receiver held it.

    Seconds with decimals.  RFC 3261 section 20.38.
    """

    sent: Decimal = attrs.field(converter=_sent)
    delay: Decimal | None = attrs.field(default=None, converter=_decimal)

    @classmethod
    def parse(cls, text: str) -> Timestamp:
        """Parse ``54.21 0.3``."""
        match = _TIMESTAMP.fullmatch(text)
        if match is None:
            raise RemoteProtocolError(f"bad timestamp: {text[:40]!r}")
        return cls(Decimal(match[1]), None if match[2] is None else Decimal(match[2]))

    def __str__(self) -> str:
        return f"{self.sent:f}" if self.delay is None else f"{self.sent:f} {self.delay:f}"


def _data(text: str) -> str:
    return checked_text(text, "user-to-user data")


@attrs.frozen
class UserToUser:
    """Data that one user agent hands to the other.  RFC 7433 section 4.1."""

    data: str = attrs.field(converter=_data)
    """As encoded: ``params["encoding"]`` says how, hex mostly."""

    params: Params = attrs.field(default=NO_PARAMS, converter=as_params)

    @classmethod
    def parse(cls, text: str) -> UserToUser:
        """Parse ``56a390f3d2b7310023a2;encoding=hex``; the data may stand in quotes."""
        quoted = _QUOTED_FIRST.match(text)
        data, rest = (text.partition(";")[0], text) if quoted is None else (quoted[0], text)
        rest = rest[len(data) :].lstrip(" \t")
        params = Params.parse(rest) if rest else NO_PARAMS
        data = unquote(data.strip(" \t"))
        if quoted is None and not is_token(data):
            raise RemoteProtocolError(f"bad user-to-user data: {text[:40]!r}")
        return read_as(cls, data, params)

    def __str__(self) -> str:
        return f"{self.data if is_token(self.data) else quote(self.data)}{self.params}"


def _call_id(text: str) -> str:
    if not text or " " in text or "\t" in text:
        raise RemoteProtocolError(f"bad Call-ID: {text[:60]!r}")
    return text


DATE = Field("Date", Date.parse)
RETRY_AFTER = Field("Retry-After", RetryAfter.parse)
WARNING = ListField("Warning", WarningValue.parse)
TIMESTAMP = Field("Timestamp", Timestamp.parse)
USER_TO_USER = ListField("User-to-User", UserToUser.parse)
IN_REPLY_TO = LooseListField("In-Reply-To", _call_id)
PRIORITY = Field("Priority", token)
SUBJECT = Field("Subject", str)
USER_AGENT = Field("User-Agent", str)
SERVER = Field("Server", str)
ORGANIZATION = Field("Organization", str)
