"""Calls that are cancelled at any moment, on either side: soon nobody has anything left of them.

Each kind of call goes through other states.  Whoever is cancelled, the other side has no dialog left
64*T1 later; and neither side's code ever finds a call halfway.

What is lost may double that.  An INVITE that comes through at last, when its sender has given it up,
is answered for 64*T1, and then ended by a BYE, which is repeated for 64*T1 itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import attrs
import pytest
import trio
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from trio_sip._errors import CallEnded, SipError
from trio_sip.session import Reliable, SessionSettings, SessionState
from trio_sip.testing import MemoryNetwork
from trio_sip.ua import Call, CallHandler, IncomingCall, OutgoingCall, UserAgent

from .calls import BOB, HOUR, OFFER, alice_and_bob

_MOMENTS = st.one_of(st.floats(0, 0.2), st.floats(0.9, 1.3), st.floats(1.9, 2.3), st.floats(0, 12))
_LONGEST = 32.0
_BRIEFLY = 0.2
"""A few ways through the network."""

_TALKING = {SessionState.ANSWERED, SessionState.CONFIRMED}


@attrs.frozen
class Kind:
    """What both sides do if nobody interrupts them."""

    caller: Callable[[OutgoingCall], Awaitable[None]]
    callee: CallHandler
    offered: bool = True
    settings: SessionSettings | None = None


def is_whole(call: Call) -> None:
    """Assert that what a call says about itself goes together."""
    over = call.state in {SessionState.TERMINATED, SessionState.CLOSING}
    assert over <= (call.ended is not None)
    assert (call.ended is None) == (call.ended_by is None)


async def talk(call: OutgoingCall) -> None:
    await call.answered()
    assert call.state in _TALKING
    await trio.sleep(1)
    await call.send_dtmf("1")
    await call.reinvite(OFFER)
    await trio.sleep_forever()


async def answer_and_hold(call: IncomingCall) -> None:
    await call.ring()
    await trio.sleep(1)
    await call.answer(OFFER)
    assert SessionState.CONFIRMED is call.state
    await trio.sleep(1)
    await call.hold()
    await trio.sleep_forever()


async def answer_their_offer(call: OutgoingCall) -> None:
    theirs = (await call.answered()).sdp
    assert theirs is not None
    await trio.sleep(1)
    call.acknowledge(theirs.answer(6000))
    await trio.sleep(0.5)
    await call.hold()
    await trio.sleep_forever()


async def offer_late(call: IncomingCall) -> None:
    await trio.sleep(0.1)
    await call.answer(OFFER)
    await trio.sleep_forever()


async def listen_early(call: OutgoingCall) -> None:
    async for progress in call.progress():
        assert progress.dialog is not None
    await talk(call)


async def play_early(call: IncomingCall) -> None:
    await call.progress(183, OFFER)
    await trio.sleep(1)
    await call.update(OFFER)
    await call.answer()
    await trio.sleep_forever()


KINDS = {
    "answered": Kind(talk, answer_and_hold),
    "offered late": Kind(answer_their_offer, offer_late, offered=False),
    "heard early": Kind(
        listen_early, play_early, settings=SessionSettings(reliable=Reliable.REQUIRED)
    ),
}


@asynccontextmanager
async def interrupted(ends: list[float], seconds: float, call: Call) -> AsyncIterator[None]:
    """Cancel the block after so many seconds, and note when it ended."""
    try:
        with trio.move_on_after(seconds):
            yield
    except trio.Cancelled:
        # The other side was faster, and the call knows it.
        assert call.ended is not None
        raise
    except SipError:
        # So it was, or the network has lost too much.
        is_whole(call)
    finally:
        ends.append(trio.current_time())


async def has_parted(end: float, other: UserAgent, loss: float) -> None:
    await trio.sleep_until(end + (2 * _LONGEST if loss else _LONGEST) + _BRIEFLY)
    assert 0 == other.stack.statistics().dialogs


def run(kind: Kind, seed: int, loss: float, caller: float, callee: float) -> None:
    """A call whose caller is cancelled at one moment and whose handler at another."""
    ends_of_alice: list[float] = []
    ends_of_bob: list[float] = []

    async def handle(call: IncomingCall) -> None:
        async with interrupted(ends_of_bob, callee, call):
            await kind.callee(call)
        is_whole(call)

    async def conversation(alice: UserAgent) -> None:
        offer = OFFER if kind.offered else None
        try:
            async with alice.call(BOB, offer) as call, interrupted(ends_of_alice, caller, call):
                await kind.caller(call)
        except SipError:
            pass
        assert call.ended is not None
        is_whole(call)
        with pytest.raises(SipError):
            await call.answered()
        with pytest.raises(CallEnded):
            await call.info()

    async def main() -> None:
        with trio.fail_after(HOUR):
            async with (
                MemoryNetwork.open(seed=seed, loss=loss, jitter=0.03) as network,
                alice_and_bob(handle, network=network, call_settings=kind.settings) as (
                    alice,
                    bob,
                    _,
                ),
            ):
                await conversation(alice)
                await has_parted(ends_of_alice[0], bob, loss)
                for end in ends_of_bob:
                    await has_parted(end, alice, loss)

    trio.run(main, clock=MockClock(autojump_threshold=0))


@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**16),
    loss=st.sampled_from([0.0, 0.3]),
    caller=_MOMENTS,
    callee=_MOMENTS,
)
@example(seed=0, loss=0.0, caller=0.0, callee=60.0)
@example(seed=0, loss=0.0, caller=0.03, callee=60.0)
@example(seed=0, loss=0.0, caller=0.06, callee=60.0)
@example(seed=0, loss=0.0, caller=1.03, callee=60.0)
@example(seed=0, loss=0.0, caller=60.0, callee=0.03)
@example(seed=0, loss=0.0, caller=60.0, callee=1.04)
def test_a_call_that_is_cancelled_anywhere_leaves_nothing_on_either_side(
    name: str, seed: int, loss: float, caller: float, callee: float
) -> None:
    run(KINDS[name], seed, loss, caller, callee)
