"""Reliable provisional responses, from the side that sends them: RFC 3262 section 3."""

from __future__ import annotations

import enum
from collections import deque

from trio_sip._errors import LocalProtocolError, RemoteProtocolError
from trio_sip.message import RACK, REQUIRE, RSEQ, SUPPORTED, Message, RAck, Request, Response
from trio_sip.transaction import TimerSettings

from ._glare import Dice
from ._machine import Machine, Repeat
from ._settings import Reliable
from ._two_hundred import DoRepeat, OnRepeat, Repetition, Unacknowledged

__all__ = [
    "RELIABLE",
    "Heard",
    "Provisionals",
    "chosen_reliability",
    "is_reliable",
    "rack_of",
    "requires",
    "supports",
]

_U, _O = Unacknowledged, OnRepeat

# "retransmitted … at intervals that start at T1 seconds and double for each retransmission", with
# no T2 to stop at.
RELIABLE: Machine[Unacknowledged, OnRepeat, DoRepeat] = Machine(
    "1xx until PRACK",
    _U.REPEATING,
    timers={_U.REPEATING: {_O.REPEAT, _O.GIVE_UP}},
    steps={
        (_U.REPEATING, _O.REPEAT): (_U.REPEATING, DoRepeat.SEND_AGAIN),
        (_U.REPEATING, _O.HEARD): (_U.OVER,),
        # "it SHOULD NOT continue to retransmit the unacknowledged reliable provisional
        # responses, but it MUST be prepared to process PRACK requests for those".
        (_U.REPEATING, _O.FINAL): (_U.OVER,),
        (_U.REPEATING, _O.GIVE_UP): (_U.OVER, DoRepeat.TELL),
    },
    repeats={(_U.REPEATING, _O.REPEAT): Repeat.DOUBLED},
)

_EXTENSION = "100rel"
_FIRST_NUMBERS = 2**31 - 1
_Key = tuple[int, int]


class Heard(enum.Enum):
    """What kind of provisional response a PRACK is for."""

    DESCRIBED = "with a session description"
    PLAIN = "without one"


class Provisionals:
    """The reliable provisional responses to INVITEs of theirs: one at a time, in order."""

    def __init__(self, timers: TimerSettings, dice: Dice) -> None:
        self._timers = timers
        # "The value of the header field for the first … is chosen uniformly between 1 and
        # 2**31 - 1", and then goes up by one.
        self._first = self._rseq = 1 + dice.randrange(_FIRST_NUMBERS)
        self._unheard: dict[_Key, Heard] = {}
        self._waiting: deque[tuple[Request, Response, bool]] = deque()
        self.repetition: Repetition | None = None
        """The one that is out."""

    @property
    def is_heard(self) -> bool:
        """Whether one was sent, and each that was sent was heard."""
        return self._rseq > self._first and not self._unheard

    def send(
        self, request: Request, response: Response, described: bool, now: float
    ) -> Response | None:
        """Take one in; it is returned if it may go now, and goes later otherwise.

        Args:
          described: it carries a session description.
        """
        if self.repetition is not None:
            # "MUST NOT send a second reliable provisional response until the first is
            # acknowledged".
            self._waiting.append((request, response, described))
            return None
        response.headers.set("RSeq", self._rseq)
        kind = Heard.DESCRIBED if described else Heard.PLAIN
        self._unheard[self._rseq, request.cseq.number] = kind
        self._rseq += 1
        self.repetition = Repetition(RELIABLE, request, response, self._timers, now)
        return response

    def holds_back(self, request: Request) -> bool:
        """Whether a 2xx to *request* has to wait for a PRACK."""
        number = request.cseq.number
        out = any(
            cseq == number and kind is Heard.DESCRIBED for (_, cseq), kind in self._unheard.items()
        )
        return out or any(described for invite, _, described in self._waiting if invite is request)

    def receive_prack(self, rack: RAck, now: float) -> Heard | None:
        """A PRACK came; ``None`` if it is for nothing that was sent."""
        if rack.method != "INVITE":
            return None
        heard = self._unheard.pop((rack.rseq, rack.cseq), None)
        repetition = self.repetition
        if repetition is not None and repetition.response.headers[RSEQ] == rack.rseq:
            repetition.running.take(OnRepeat.HEARD, now)
            self.repetition = None
        return heard

    def next(self, now: float) -> tuple[Request, Response] | None:
        """The next one that waited and may go now."""
        if self.repetition is not None or not self._waiting:
            return None
        request, response, described = self._waiting.popleft()
        self.send(request, response, described, now)
        return request, response

    def receive_final(self, now: float) -> None:
        """A final response goes out: no provisional one is sent any more."""
        self._waiting.clear()
        if self.repetition is not None:
            self.repetition.running.take(OnRepeat.FINAL, now)
            self.repetition = None


def chosen_reliability(
    reliable: Reliable, request: Request, described: bool, wanted: bool | None
) -> bool:
    """Whether a provisional response to *request* goes reliably.

    Args:
      described: it carries a session description.
      wanted: what the user says; ``None`` for nothing.

    Raises:
      LocalProtocolError: what the user wants cannot be.
    """
    required = reliable is Reliable.REQUIRED or requires(request, _EXTENSION)
    if not (described or required if wanted is None else wanted or required):
        return False
    # RFC 3262 section 3: only if the request has 100rel in Supported or Require.
    supported = reliable is not Reliable.NEVER and supports(request, _EXTENSION)
    if wanted and not supported:
        raise LocalProtocolError("the other end does not support 100rel")
    if wanted is False and supported:
        raise LocalProtocolError("100rel is required")
    return supported


def rack_of(request: Request) -> RAck | None:
    """The RAck of a PRACK, if it can be read."""
    try:
        return request.headers.get(RACK)
    except RemoteProtocolError:
        return None


def is_reliable(response: Response) -> int | None:
    """The RSeq of a provisional response that wants a PRACK; else ``None``."""
    if not 100 < response.status < 200 or not requires(response, _EXTENSION):
        return None
    try:
        return response.headers.get(RSEQ)
    except RemoteProtocolError:
        return None


def supports(message: Message, extension: str) -> bool:
    """Whether its sender says that it supports *extension*, or wants it."""
    try:
        supported = [tag.lower() for tag in message.headers[SUPPORTED]]
    except RemoteProtocolError:
        return False
    return extension in supported or requires(message, extension)


def requires(message: Message, extension: str) -> bool:
    """Whether its sender requires *extension*."""
    if "Require" not in message.headers:
        return False
    try:
        return extension in [tag.lower() for tag in message.headers[REQUIRE]]
    except RemoteProtocolError:
        return False
