"""What every part of a session stands on: the main table at work, and what it makes happen."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, ClassVar

import attrs

from trio_sip._errors import RemoteProtocolError
from trio_sip.dialog import Dialog, DialogState
from trio_sip.message import (
    ALLOW,
    REASON,
    CheckedHeaders,
    Headers,
    Message,
    Reason,
    Request,
    Response,
    create_response,
)

from ._effects import (
    Description,
    DialogBegun,
    Effect,
    Ended,
    Forget,
    How,
    Progressed,
    RepeatResponse,
    SendAck,
    SendResponse,
    Side,
    Terminated,
    UsageEnded,
)
from ._exchange import Exchange
from ._glare import LANE, PAUSE, Dice, DoLane, DoPause, Lane, OnLane, OnPause, Pause
from ._leg import Leg
from ._machine import Machine, Running
from ._refresh import SessionTimer
from ._settings import SessionSettings
from ._tables import Do, On, SessionState
from ._two_hundred import ACK_KEPT, DoKept, Kept, OnKept, Repetition

__all__ = ["Actions", "Core", "Given", "reasons_of"]

TERMINATED = SessionState.TERMINATED

Pairs = tuple[tuple[str, object], ...]
_NOTHING: frozenset[str] = frozenset()


@attrs.define(kw_only=True)
class Given:
    """What came with an input of the main table, for its actions."""

    request: Request | None = None
    response: Response | None = None
    leg: Leg | None = None
    description: Description | None = None
    progress: Progressed | None = None
    by: Side = Side.LOCAL
    how: How = How.BYE
    status: int | None = None
    reason: str | None = None
    headers: Pairs = ()
    body: bytes = b""
    content_type: str | None = None


# Any: the methods are those of the class that has the table.
Actions = Mapping[Do, Callable[[Any, Given, float], None]]


class Core:
    """The state of a session, and the actions that both ends share."""

    _actions: ClassVar[Actions] = {}
    """What performs each action of the main table."""

    def __init__(
        self,
        invite: Request,
        machine: Machine[SessionState, On, Do],
        lane: Lane,
        now: float,
        *,
        contact: str | None,
        settings: SessionSettings,
        dice: Dice,
    ) -> None:
        self.invite: Request = invite
        """The INVITE that began it; a caller's is the one that was sent last."""
        self.settings: SessionSettings = settings
        self.ended: Ended | None = None
        """How it ended, once it has."""
        self._dice = dice
        self._contact = contact
        self._main = Running(machine, _durations(settings.timers.t1), now)
        self._lane: Running[Lane, OnLane, DoLane] = Running(LANE, _TIMELESS, now, state=lane)
        self._pause: Running[Pause, OnPause, DoPause] | None = None
        self._timer = SessionTimer(settings)
        self._kept: Running[Kept, OnKept, DoKept] | None = None
        self._legs: dict[str, Leg] = {}
        self._leg: Leg | None = None
        # These are mostly empty, and an empty tuple is shared by all sessions that are held.
        self._acks: tuple[SendAck, ...] = ()
        self._repetitions: tuple[Repetition, ...] = ()
        self._peer_allow: Message | None = None
        self._exchanges: tuple[Exchange, ...] = ()
        self._queue: tuple[Exchange, ...] = ()
        self._effects: list[Effect] = []

    # -- what anybody may ask

    @property
    def state(self) -> SessionState:
        """How far it has come."""
        return self._main.state

    @property
    def dialog(self) -> Dialog | None:
        """The dialog of the call; ``None`` for a caller until the first 2xx."""
        return None if self._leg is None else self._leg.dialog

    @property
    def dialogs(self) -> tuple[Dialog, ...]:
        """All of its dialogs: a caller has an early one for each phone that rings."""
        return tuple(leg.dialog for leg in self._legs.values())

    def peer_allows(self, method: str) -> bool:
        """Whether the last Allow of theirs names *method*; false if they have sent none."""
        if self._peer_allow is None:
            return False
        try:
            return method in self._peer_allow.headers[ALLOW]
        except RemoteProtocolError:
            return False

    # -- the main table

    def _take(self, on: On, given: Given, now: float) -> bool:
        """Take the step of the main table for *on*; false if there is none."""
        before = self._main.state
        actions = self._main.take(on, now)
        if actions is None:
            return False
        self._perform(actions, given, before, now)
        return True

    def _perform(
        self, actions: tuple[Do, ...], given: Given, before: SessionState, now: float
    ) -> None:
        for do in actions:
            self._actions[do](self, given, now)
        if self._main.state is TERMINATED and before is not TERMINATED:
            self._finish(now)

    def _conclude(self, ended: Ended) -> None:
        self.ended = ended

    def _replace_invite(self, again: Request) -> None:
        self.invite = again

    def _finish(self, now: float) -> None:
        """The main table has come to its end."""
        self._timer.stop(now)
        self._repetitions = self._queue = ()
        for tag in tuple(self._legs):
            self._drop(tag)
        self._effects.append(Terminated())
        if self._kept is None or self._kept.state is Kept.OVER:
            self._effects.append(Forget())

    def _forget_copies(self) -> None:
        """No copy of a 2xx comes any more, and no other fork of the INVITE."""
        self._acks = ()
        for tag, leg in tuple(self._legs.items()):
            if leg is not self._leg:
                self._drop(tag)
        if self._main.state is TERMINATED:
            self._effects.append(Forget())

    def _wait(self, seconds: float, now: float) -> None:
        """After glare nothing that was delayed goes for a while."""
        self._pause = Running(PAUSE, {OnPause.RETRY: seconds}, now)
        self._pause.take(OnPause.GLARE, now)

    # -- dialogs

    def _begin(self, dialog: Dialog) -> Leg:
        leg = self._legs[dialog.id.remote_tag] = Leg(dialog)
        dialog.begin_usage(self)
        self._effects.append(DialogBegun(dialog))
        return leg

    def _drop(self, tag: str) -> None:
        leg = self._legs.pop(tag, None)
        if leg is not None:
            leg.dialog.end_usage(self)
            self._effects.append(UsageEnded(leg.dialog))

    def _leg_of(self, request: Request) -> Leg | None:
        return self._legs.get(request.from_.tag or "")

    def _is_confirmed(self, leg: Leg) -> bool:
        return leg.dialog.state is DialogState.CONFIRMED

    # -- responses of ours

    def _create_response(
        self,
        request: Request,
        status: int,
        *,
        reason: str | None = None,
        headers: Pairs = (),
        body: bytes = b"",
        content_type: str | None = None,
    ) -> Response:
        tag = None if status == 100 else self._local_tag(request)
        # The headers of a response that was just made have no index yet, and get none by being
        # added to: what is there already is asked of what was given.
        named = {name.lower() for name, _ in headers} if headers else _NOTHING
        if not body or "content-type" in named:
            content_type = None
        response = create_response(
            request, status, reason, to_tag=tag, body=body, content_type=content_type
        )
        for name, value in headers:
            response.add_header(name, value)
        if 100 < status < 300 and request.method in ("INVITE", "UPDATE"):
            self._introduce(response.headers, named, final=status >= 200)
        return response

    def _local_tag(self, request: Request) -> str | None:
        return request.to.tag

    def _introduce(self, headers: Headers, named: AbstractSet[str], *, final: bool = True) -> None:
        """Say where we are and what we understand, unless it is *named* already."""
        contact, settings = self._contact, self.settings
        if named is _NOTHING and contact is not None:
            supported = settings.supported_text if final else ""
            headers.add_checked(_introduction(contact, settings.allow_text, supported))
            return
        if contact is not None and "contact" not in named:
            headers.add("Contact", contact)
        if "allow" not in named:
            headers.add("Allow", settings.allow_text)
        if final and "supported" not in named:
            headers.add("Supported", settings.supported_text)

    def _respond(
        self, request: Request, status: int, headers: Pairs = (), reason: str | None = None
    ) -> None:
        response = self._create_response(request, status, reason=reason, headers=headers)
        self._effects.append(SendResponse(request, response))

    def _repeat(self, repetition: Repetition) -> None:
        self._effects.append(RepeatResponse(repetition.request, repetition.response))

    # -- ACKs of ours

    def _send_ack(self, invite: Request, leg: Leg, given: Given, now: float) -> None:
        headers: Pairs = given.headers
        if given.body and given.content_type is not None:
            headers = (*headers, ("Content-Type", given.content_type))
        ack = leg.dialog.create_ack(invite, headers=headers, body=given.body)
        effect = SendAck(ack, leg.dialog)
        self._acks = (*self._acks, effect)
        self._effects.append(effect)
        if self._kept is None:
            self._kept = Running(ACK_KEPT, _kept_durations(self.settings.timers.t1), now)
        else:
            self._kept.take(OnKept.RECV_2XX, now)

    def _repeat_ack(self, response: Response) -> bool:
        """Answer a copy of a 2xx with the ACK again; false if there is none."""
        key = response.cseq.number, response.to.tag
        for effect in self._acks:
            ack = effect.request
            if key == (ack.cseq.number, ack.to.tag):
                self._effects.append(effect)
                return True
        return False

    # -- what the other end says about itself

    def _note_response(self, leg: Leg, response: Response) -> None:
        """Let a final response confirm its dialog and move its target."""
        try:
            leg.dialog.receive_response(response)
        except RemoteProtocolError:
            # A Contact that cannot be read moves no target, but the call was answered.
            if response.cseq.method == "INVITE":
                leg.dialog.state = DialogState.CONFIRMED
        self._note(response)

    def _note(self, message: Message) -> None:
        if "Allow" in message.headers:
            self._peer_allow = message


_TIMELESS: dict[OnLane, float] = {}


@functools.lru_cache(maxsize=16)
def _durations(t1: float) -> Mapping[On, float]:
    waits = dict.fromkeys((On.CANCEL_WAIT, On.ACK_WAIT, On.BYE_WAIT), 64 * t1)
    return {**waits, On.EXTEND: 60.0}


@functools.lru_cache(maxsize=16)
def _kept_durations(t1: float) -> Mapping[OnKept, float]:
    return {OnKept.FORGET: 64 * t1}


@functools.lru_cache(maxsize=256)
def _introduction(contact: str, allow: str, supported: str) -> CheckedHeaders:
    """What nearly every response of ours says; there are few of them, and many responses."""
    pairs = (("Contact", contact), ("Allow", allow), ("Supported", supported))
    return CheckedHeaders(pair for pair in pairs if pair[1])


def reasons_of(message: Message | None) -> tuple[Reason, ...]:
    """The Reason values of a message, if they can be read."""
    if message is None or "Reason" not in message.headers:
        return ()
    try:
        return tuple(message.headers[REASON])
    except RemoteProtocolError:
        return ()
