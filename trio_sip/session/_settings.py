"""What a session asks for and puts up with."""

from __future__ import annotations

import enum
from collections.abc import Iterable

import attrs

from trio_sip._errors import LocalProtocolError
from trio_sip.message import Refresher
from trio_sip.transaction import TimerSettings

__all__ = ["Pracks", "Reliable", "SessionSettings"]


class Reliable(enum.Enum):
    """Whether provisional responses are acknowledged.  RFC 3262."""

    NEVER = "never"
    SUPPORTED = "supported"
    REQUIRED = "required"


class Pracks(enum.Enum):
    """Who sends the PRACK for a reliable provisional response without an offer."""

    AT_ONCE = "at once"
    """The session, as soon as the response is here."""

    BY_USER = "by user"
    """The user, who may want to put an offer into it."""


_METHODS = (
    "INVITE", "ACK", "CANCEL", "BYE", "PRACK", "UPDATE",
    "INFO", "NOTIFY", "OPTIONS", "REFER",
)  # fmt: skip


def _interval(seconds: int) -> int:
    # RFC 4028 sections 4 and 5: 90 seconds is the least there is.
    if not 90 <= seconds < 2**31:
        raise LocalProtocolError(f"a session interval is 90 seconds or more, not {seconds}")
    return seconds


_DEFAULT_TIMERS = TimerSettings()


@attrs.frozen(kw_only=True)
class SessionSettings:
    """How sessions behave, for all of an application's or for one.

    Raises:
      LocalProtocolError: an interval is shorter than RFC 4028 allows.
    """

    timers: TimerSettings = _DEFAULT_TIMERS
    """T1 and T2 are used."""

    reliable: Reliable = Reliable.SUPPORTED

    pracks: Pracks = Pracks.AT_ONCE

    session_expires: int | None = attrs.field(
        default=1800, converter=attrs.converters.optional(_interval)
    )
    """The session interval to ask for, in seconds.

    ``None`` asks for none; one that the other end asks for is kept all the same.
    """

    min_se: int = attrs.field(default=90, converter=_interval)
    """The shortest session interval to put up with, in seconds."""

    refresher: Refresher | None = None
    """Who should refresh: the end that sends the request (UAC) or the one that answers it."""

    allow: tuple[str, ...] = _METHODS
    """The Allow header of what is sent, unless the message has one.

    A MESSAGE is not in it as long as nobody is there to read one: see `allowing`.
    """

    extensions: tuple[str, ...] = ("replaces", "norefersub")
    """What else Supported names, because the user of the sessions understands it."""

    accept: tuple[str, ...] = ("application/sdp",)
    """The types of bodies that an INVITE or UPDATE may have without a session description.

    In lower case.  Others are refused with 415, unless they say that they are optional.
    """

    allow_text: str = attrs.field(init=False, repr=False, eq=False)

    supported_text: str = attrs.field(init=False, repr=False, eq=False)

    def allowing(self, methods: Iterable[str]) -> SessionSettings:
        """The same with *methods* in `allow`, too."""
        more = tuple(dict.fromkeys(method for method in methods if method not in self.allow))
        return attrs.evolve(self, allow=(*self.allow, *more)) if more else self

    @supported_text.default
    def _supported_text(self) -> str:
        own = ("timer",) if self.reliable is Reliable.NEVER else ("100rel", "timer")
        return ", ".join((*own, *self.extensions))

    @allow_text.default
    def _allow_text(self) -> str:
        return ", ".join(self.allow)
