"""Calls that are cancelled at any moment, on either side: soon nobody has anything left of them.

Each kind of call goes through other states.  Whoever is cancelled, the other side has no dialog left
64*T1 later; and neither side's code ever finds a call halfway.

What is lost may double that.  An INVITE that comes through at last, when its sender has given it up,
is answered for 64*T1, and then ended by a BYE, which is repeated for 64*T1 itself.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import attrs
import pytest
import trio

from trio_sip._errors import CallEnded, SipError
from trio_sip.session import Reliable, SessionSettings, SessionState
from trio_sip.testing import MemoryNetwork
from trio_sip.ua import Call, CallHandler, IncomingCall, OutgoingCall, UserAgent

from .calls import BOB, OFFER, alice_and_bob

_MOMENTS = [(0, 0.2), (0.9, 1.3), (1.9, 2.3), (0, 12)]
"""When most happens, and any time."""

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


async def has_parted(end: float, other: UserAgent, longest: float) -> None:
    await trio.sleep_until(end + longest + _BRIEFLY)
    assert 0 == other.stack.statistics().dialogs


async def interrupt(
    network: MemoryNetwork, kind: Kind, caller: float, callee: float, *, longest: float = _LONGEST
) -> None:
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

    async with alice_and_bob(network, handle, call_settings=kind.settings) as (alice, bob):
        await conversation(alice)
        await has_parted(ends_of_alice[0], bob, longest)
        for end in ends_of_bob:
            await has_parted(end, alice, longest)


def moments(seed: int) -> tuple[float, float]:
    """When the caller is cancelled, and when the handler is."""
    dice = random.Random(seed)
    return dice.uniform(*dice.choice(_MOMENTS)), dice.uniform(*dice.choice(_MOMENTS))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(
    ("caller", "callee"),
    [(0.0, 60.0), (0.03, 60.0), (0.06, 60.0), (1.03, 60.0), (60.0, 0.03), (60.0, 1.04)],
)
@pytest.mark.sip(jitter=0.03)
async def test_a_call_that_is_cancelled_between_two_messages_leaves_nothing_on_either_side(
    name: str, caller: float, callee: float, sip_network: MemoryNetwork
) -> None:
    await interrupt(sip_network, KINDS[name], caller, callee)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.sip(seeds=15, jitter=0.03)
async def test_a_call_that_is_cancelled_anywhere_leaves_nothing_on_either_side(
    name: str, sip_network: MemoryNetwork, sip_seed: int
) -> None:
    await interrupt(sip_network, KINDS[name], *moments(sip_seed))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.sip(seeds=30, loss=0.3, jitter=0.03)
async def test_so_it_is_where_much_is_lost(
    name: str, sip_network: MemoryNetwork, sip_seed: int
) -> None:
    await interrupt(sip_network, KINDS[name], *moments(sip_seed), longest=2 * _LONGEST)
