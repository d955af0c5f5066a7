"""Legal call flows: what a caller may do, in an order in which it may be done.

The machine is small: a call is new, rings, stands, is held, and is over; each state has the
steps that RFC 3261, RFC 3264 and RFC 3311 allow there.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

import attrs
import trio
from hypothesis import strategies as st

from trio_sip.message import Uri
from trio_sip.testing import (
    MessagePattern,
    PeerCall,
    PeerResponse,
    SentRequest,
    SipPeer,
)

__all__ = ["CallFlow", "CallStep", "legal_call_flows"]


class CallStep(enum.Enum):
    """What a caller does next."""

    INVITE = "INVITE with an offer"
    INVITE_WITHOUT_OFFER = "INVITE without an offer"
    WAIT = "wait"
    CANCEL = "CANCEL"
    LATE_ACK = "ACK when the 2xx has come again"
    ACK = "ACK"
    HOLD = "re-INVITE with sendonly"
    RESUME = "re-INVITE with sendrecv"
    REFRESH = "re-INVITE with the same description"
    ASK_FOR_OFFER = "re-INVITE without an offer"
    UPDATE = "UPDATE"
    INFO = "INFO"
    OPTIONS = "OPTIONS"
    BYE = "BYE"


class _State(enum.Enum):
    NEW = "new"
    CALLING = "calling"
    TALKING = "talking"
    HELD = "held"
    OVER = "over"


_S, _C = _State, CallStep

# What may be done where, and what it leads to.
_STEPS: Mapping[_State, Mapping[CallStep, _State]] = {
    _S.NEW: {_C.INVITE: _S.CALLING, _C.INVITE_WITHOUT_OFFER: _S.CALLING},
    # A call that is answered meanwhile ends when it is cancelled, too: with a BYE.
    _S.CALLING: {_C.CANCEL: _S.OVER, _C.ACK: _S.TALKING, _C.LATE_ACK: _S.TALKING},
    _S.TALKING: {
        **dict.fromkeys(
            (_C.WAIT, _C.RESUME, _C.REFRESH, _C.ASK_FOR_OFFER, _C.UPDATE, _C.INFO, _C.OPTIONS),
            _S.TALKING,
        ),
        _C.HOLD: _S.HELD,
        _C.BYE: _S.OVER,
    },
    _S.HELD: {
        **dict.fromkeys((_C.WAIT, _C.HOLD, _C.UPDATE, _C.INFO, _C.OPTIONS), _S.HELD),
        _C.RESUME: _S.TALKING,
        _C.BYE: _S.OVER,
    },
}
_LONGEST = 8
_PATIENCE = 30.0
_PROVISIONAL = MessagePattern(range(100, 200))
# What says that the other side does not do such a thing, which is legal.
_NOT_DONE = frozenset({405, 415, 420, 469, 488, 491, 501})
_SPELLINGS = ("plain", "compact", "no rport", "desk phone", "early media")


@attrs.frozen
class CallFlow:
    """One call, from its INVITE to its end."""

    steps: tuple[CallStep, ...]
    profile: str
    """How it is spelled: one of `trio_sip.testing.PROFILES`."""

    waits: tuple[float, ...]
    """Seconds before each step."""

    async def perform(self, peer: SipPeer, target: Uri | str) -> None:
        """Have *peer* call *target* in this way.

        Args:
          peer: made with ``profile=flow.profile``, so that it spells as the flow has it.

        Raises:
          ScriptFailed: the other side did what it may not do.
        """
        await _Caller(peer, Uri.parse(target)).perform(self)

    def __str__(self) -> str:
        return ", ".join(step.value for step in self.steps) + f" ({self.profile})"


@st.composite
def legal_call_flows(draw: st.DrawFn) -> CallFlow:
    """What a legal caller may do in one call, in any legal order and spelling; always to its end."""
    state, steps = _S.NEW, list[CallStep]()
    while state is not _S.OVER:
        choices = list(_STEPS[state])
        if len(steps) >= _LONGEST and _C.BYE in choices:
            choices = [_C.BYE]
        step = draw(st.sampled_from(choices))
        steps.append(step)
        state = _STEPS[state][step]
    waits = st.sampled_from([0.0, 0.0, 0.05, 0.3, 2.0])
    return CallFlow(
        tuple(steps),
        draw(st.sampled_from(_SPELLINGS)),
        tuple(draw(waits) for _ in steps),
    )


class _Caller:
    def __init__(self, peer: SipPeer, target: Uri) -> None:
        self._peer = peer
        self._target = target
        self._sent: SentRequest | None = None
        self._call: PeerCall | None = None
        self._version = 1
        self._direction = b"sendrecv"

    async def perform(self, flow: CallFlow) -> None:
        for wait, step in zip(flow.waits, flow.steps, strict=True):
            await trio.sleep(wait)
            if self._sent is not None and self._call is None and step is not _C.CANCEL:
                await self._answered(late=step is _C.LATE_ACK)
                if self._call is None:
                    return
            elif step is _C.CANCEL:
                await self._cancel()
            else:
                await self._step(step)

    async def _step(self, step: CallStep) -> None:
        match step:
            case _C.INVITE | _C.INVITE_WITHOUT_OFFER:
                body = self._peer.sdp if step is _C.INVITE else b""
                self._sent = await self._peer.request("INVITE", self._target, body=body)
            case _C.HOLD | _C.RESUME | _C.REFRESH | _C.ASK_FOR_OFFER:
                await self._reinvite(step)
            case _C.UPDATE | _C.INFO | _C.OPTIONS:
                await self._ask(step.name)
            case _C.BYE:
                assert self._call is not None
                await self._call.bye()
            case _:
                pass

    async def _answered(self, *, late: bool) -> None:
        assert self._sent is not None
        response = await self._sent.final(within=_PATIENCE)
        if response.status >= 300:
            return
        self._call = self._peer.call_of(response)
        if late:
            await trio.sleep(0.7)
        await self._acknowledge(response, self._sent.request.body)

    async def _cancel(self) -> None:
        assert self._sent is not None
        # RFC 3261 section 9.1: only a provisional response allows the CANCEL.
        response = await self._sent.expect(range(100, 700), within=_PATIENCE)
        if response.status < 200:
            cancel = await self._sent.cancel()
            await cancel.expect([200, 481], within=_PATIENCE)
            response = await self._sent.expect(
                range(200, 700), within=_PATIENCE, optional=[_PROVISIONAL]
            )
        if response.status >= 300:
            await response.ack()
            return
        await self._acknowledge(response, self._sent.request.body)
        await self._peer.call_of(response).bye()

    async def _acknowledge(self, response: PeerResponse, offer: bytes) -> None:
        await response.ack(body=b"" if offer else self._description(self._direction))

    async def _reinvite(self, step: CallStep) -> None:
        assert self._call is not None
        wanted = {_C.HOLD: b"sendonly", _C.RESUME: b"sendrecv"}.get(step, self._direction)
        if wanted != self._direction:
            self._version += 1
        body = b"" if step is _C.ASK_FOR_OFFER else self._description(wanted)
        sent = await self._call.send("INVITE", body=body)
        response = await sent.expect(
            [*range(200, 300), *_NOT_DONE], within=_PATIENCE, optional=[_PROVISIONAL]
        )
        if response.status >= 300:
            await response.ack()
            return
        self._direction = wanted
        await self._acknowledge(response, body)

    async def _ask(self, method: str) -> None:
        assert self._call is not None
        sent = await self._call.send(method)
        await sent.expect([*range(200, 300), *_NOT_DONE], within=_PATIENCE)

    def _description(self, direction: bytes) -> bytes:
        made = self._peer.sdp.replace(b"- 1 1 ", b"- 1 %d " % self._version, 1)
        return made.replace(b"sendrecv", direction)
