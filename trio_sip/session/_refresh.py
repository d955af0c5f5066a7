"""The session timer: a session ends unless one end shows from time to time that it lives.

RFC 4028.  The interval and who refreshes are agreed in each 2xx to an INVITE or an UPDATE.  In
the headers the refresher is called by its role in that one transaction, uac or uas; here it is
this end or the other.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from trio_sip._errors import RemoteProtocolError
from trio_sip.message import (
    MIN_SE,
    SESSION_EXPIRES,
    Message,
    Refresher,
    Request,
    Response,
    SessionExpires,
)

from ._effects import SessionInterval, Side
from ._machine import Machine, Running
from ._reliable import supports
from ._settings import SessionSettings

__all__ = ["REFRESH", "DoRefresh", "OnRefresh", "Refresh", "SessionTimer"]

_EXTENSION = "timer"
_LEAST = 90
"""RFC 4028 section 5: the Min-SE of a message without one."""

_MOST_RAISES = 5
"""So many hops may each want a longer interval than the one before."""

Pairs = list[tuple[str, object]]


class Refresh(enum.Enum):
    """Who keeps the session alive."""

    if not TYPE_CHECKING:
        __hash__ = object.__hash__

    OFF = "Off"
    OURS = "Ours"
    REFRESHING = "Refreshing"
    """Our refresh is on its way."""
    THEIRS = "Theirs"


class OnRefresh(enum.Enum):
    """What can happen to a session timer."""

    if not TYPE_CHECKING:
        __hash__ = object.__hash__

    AGREED_OURS = "agreed: ours"
    AGREED_THEIRS = "agreed: theirs"
    AGREED_OFF = "agreed: none"
    REFRESH = "Refresh"
    """Half of the session interval."""
    EXPIRE = "Expire"
    """The session interval, less 32 s or a third of it, whichever is less."""


class DoRefresh(enum.Enum):
    """What is done when it runs out."""

    if not TYPE_CHECKING:
        __hash__ = object.__hash__

    REFRESH = "send refresh"
    EXPIRE = "end the session"


_R, _O, _D = Refresh, OnRefresh, DoRefresh

REFRESH: Machine[Refresh, OnRefresh, DoRefresh] = Machine(
    "Session timer",
    _R.OFF,
    timers={
        # RFC 4028 section 7.2: "It is RECOMMENDED that this refresh be sent once half the
        # session interval has elapsed."
        _R.OURS: {_O.REFRESH, _O.EXPIRE},
        _R.REFRESHING: {_O.EXPIRE},
        _R.THEIRS: {_O.EXPIRE},
    },
    steps={
        **{(state, _O.AGREED_OURS): (_R.OURS,) for state in Refresh},
        **{(state, _O.AGREED_THEIRS): (_R.THEIRS,) for state in Refresh},
        **{(state, _O.AGREED_OFF): (_R.OFF,) for state in Refresh},
        (_R.OURS, _O.REFRESH): (_R.REFRESHING, _D.REFRESH),
        # RFC 4028 section 10: "it SHOULD send a BYE to terminate the session, slightly before
        # the session expiration.  The minimum of 32 seconds and one third of the session
        # interval is RECOMMENDED."
        (_R.OURS, _O.EXPIRE): (_R.OFF, _D.EXPIRE),
        (_R.REFRESHING, _O.EXPIRE): (_R.OFF, _D.EXPIRE),
        (_R.THEIRS, _O.EXPIRE): (_R.OFF, _D.EXPIRE),
    },
    anew=frozenset({_O.AGREED_OURS, _O.AGREED_THEIRS}),
)


class SessionTimer:
    """What was agreed about refreshing, and what to say about it in the next message."""

    __slots__ = ("_min_se", "_raised", "_settings", "interval", "running")

    def __init__(self, settings: SessionSettings) -> None:
        self._settings = settings
        self._min_se = settings.min_se
        self._raised = 0
        self.running: Running[Refresh, OnRefresh, DoRefresh] | None = None
        """There from when a session timer is first agreed upon."""
        self.interval: SessionInterval | None = None

    # -- in requests of ours

    def request_headers(self, *, first: bool) -> Pairs:
        """The headers for an INVITE or an UPDATE of ours.  RFC 4028 section 7.1."""
        interval = self.interval
        asked = self._settings.session_expires
        if interval is not None:
            # RFC 4028 section 7.4: who refreshes stays the same, told by the role it has here.
            ours = interval.refresher is Side.LOCAL
            refresher = Refresher.UAC if ours else Refresher.UAS
            seconds = max(interval.seconds, self._min_se)
            pairs: Pairs = [("Session-Expires", _expires(seconds, refresher))]
        elif first and asked is not None:
            seconds = max(asked, self._min_se)
            pairs = [("Session-Expires", _expires(seconds, self._settings.refresher))]
        else:
            pairs = []
        if self._min_se > _LEAST and (pairs or first):
            pairs.append(("Min-SE", self._min_se))
        return pairs

    def receive_422(self, response: Response) -> bool:
        """Their Min-SE is higher than what we asked for; whether asking again makes sense.

        RFC 4028 section 7.3.
        """
        least = _read_min_se(response)
        if least is None or least <= self._min_se or self._raised >= _MOST_RAISES:
            return False
        self._min_se = least
        self._raised += 1
        return True

    def receive_2xx(self, response: Response, now: float) -> bool:
        """A 2xx to an INVITE or UPDATE of ours; whether the timer is agreed upon anew."""
        expires = _read_expires(response)
        if expires is None or expires.seconds == 0:
            # RFC 4028 section 7.2: "there is no session expiration".  Nor does a session end
            # before it begins.
            return self._agree(None, Side.LOCAL, now)
        # It always says who; from those that forget it, the caller refreshes.
        ours = expires.refresher is not Refresher.UAS
        return self._agree(expires.seconds, Side.LOCAL if ours else Side.REMOTE, now)

    # -- in requests of theirs

    def too_small(self, request: Request) -> int | None:
        """The Min-SE of the 422 that *request* is owed; ``None`` if its interval will do.

        RFC 4028 section 9: only a caller that supports the timer can do something about it.
        """
        expires = _read_expires(request)
        if expires is None or not supports(request, _EXTENSION):
            return None
        return self._settings.min_se if expires.seconds < self._settings.min_se else None

    def answer(self, request: Request, now: float) -> tuple[Pairs, bool]:
        """The headers for our 2xx to *request*, and whether the timer is agreed upon anew.

        RFC 4028 section 9, with its table 2.
        """
        expires = _read_expires(request)
        asked = self._settings.session_expires
        if expires is None and asked is None:
            return [], self._agree(None, Side.LOCAL, now)
        theirs = supports(request, _EXTENSION)
        if expires is None and not theirs:
            return [], self._agree(None, Side.LOCAL, now)
        least = max(_read_min_se(request) or _LEAST, self._settings.min_se)
        if expires is None:
            assert asked is not None
            seconds = max(asked, least)
        else:
            # "MAY lower its value", but not below what either end puts up with.
            seconds = max(min(expires.seconds, asked or expires.seconds), least)
            seconds = min(seconds, max(expires.seconds, _LEAST))
        chosen = None if expires is None else expires.refresher
        if not theirs:
            # A proxy asked for it; the caller knows nothing of it.
            chosen = Refresher.UAS
        chosen = chosen or self._settings.refresher or Refresher.UAC
        pairs: Pairs = [("Session-Expires", _expires(seconds, chosen))]
        if chosen is Refresher.UAC:
            # "If the refresher parameter is set to 'uac', the UAS MUST place a Require".
            pairs.append(("Require", _EXTENSION))
        ours = chosen is Refresher.UAS
        return pairs, self._agree(seconds, Side.LOCAL if ours else Side.REMOTE, now)

    # -- what was agreed

    @property
    def is_refreshing(self) -> bool:
        """Whether a refresh of ours is due, and has not come about yet."""
        return self.running is not None and self.running.state is Refresh.REFRESHING

    def stop(self, now: float) -> None:
        """The session ends."""
        self._agree(None, Side.LOCAL, now)

    def _agree(self, seconds: int | None, refresher: Side, now: float) -> bool:
        if seconds is None:
            if self.running is None or self.interval is None:
                return False
            self.interval = None
            self.running.take(OnRefresh.AGREED_OFF, now)
            return True
        self.interval = SessionInterval(
            seconds=seconds, refresher=refresher, expires_at=now + seconds
        )
        if self.running is None:
            self.running = Running(REFRESH, {}, now)
        self.running.durations = {
            OnRefresh.REFRESH: seconds / 2,
            OnRefresh.EXPIRE: seconds - min(32, seconds / 3),
        }
        on = OnRefresh.AGREED_OURS if refresher is Side.LOCAL else OnRefresh.AGREED_THEIRS
        self.running.take(on, now)
        return True


def _expires(seconds: int, refresher: Refresher | None) -> SessionExpires:
    return SessionExpires(seconds, None if refresher is None else {"refresher": refresher.value})


def _read_expires(message: Message) -> SessionExpires | None:
    if "Session-Expires" not in message.headers:
        return None
    try:
        return message.headers[SESSION_EXPIRES]
    except RemoteProtocolError:
        return None


def _read_min_se(message: Message) -> int | None:
    try:
        return message.headers.get(MIN_SE)
    except RemoteProtocolError:
        return None
