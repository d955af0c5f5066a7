"""Back to back: two calls that a switch has linked, in thirty lines of somebody's program."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import attrs
import pytest
import trio

from trio_sip._errors import CallRejected, RequestRejected
from trio_sip.sdp import Direction, SessionDescription
from trio_sip.session import Reliable, SessionSettings, SessionState, Side
from trio_sip.testing import MemoryNetwork
from trio_sip.ua import Call, CallHandler, Change, IncomingCall, UserAgent

from .calls import (
    OFFER,
    agent,
    answer_and_wait,
    labels,
    nothing_is_left,
    on_terrible_networks,
)

SWITCH = "sip:switch@192.0.2.2"
BOB = "sip:bob@192.0.2.3"
NEVER = SessionSettings(reliable=Reliable.NEVER)


class Switch:
    """As in the tutorial."""

    def __init__(self, user_agent: UserAgent) -> None:
        self._user_agent = user_agent

    async def bridge(self, leg_a: IncomingCall) -> None:
        async with self._user_agent.call(BOB, leg_a.offer) as leg_b:
            async for progress in leg_b.progress():
                await leg_a.progress(progress.status, progress.sdp, reason=progress.reason)
            await leg_b.answered()
            leg_a.start_soon(self.relay, leg_a.changes(), leg_b)
            leg_b.start_soon(self.relay, leg_b.changes(), leg_a)
            theirs = await leg_a.answer(leg_b.remote_sdp)
            if theirs is not None:
                leg_b.acknowledge(theirs)
            await trio.sleep_forever()

    async def relay(self, changes: AsyncIterator[Change], other: Call) -> None:
        async for change in changes:
            if not other.session.may_offer():
                change.reject(491)
                continue
            try:
                answer = await other.reinvite(change.offer)
            except RequestRejected as refusal:
                change.reject(refusal.status)
            else:
                change.accept(answer.sdp)


@attrs.frozen
class Scene:
    alice: UserAgent
    bob: UserAgent


@asynccontextmanager
async def bridged(
    network: MemoryNetwork,
    handler: CallHandler = answer_and_wait,
    *,
    alice: SessionSettings | None = None,
    bob: SessionSettings | None = None,
) -> AsyncIterator[Scene]:
    """Alice, who calls Bob by way of a switch.  Afterwards nothing may be left."""
    async with AsyncExitStack() as blocks:
        agents = [
            await blocks.enter_async_context(agent(network, name, call_settings=settings))
            for name, settings in (("alice", alice), ("switch", None), ("bob", bob))
        ]
        caller, switch, callee = agents
        nursery = await blocks.enter_async_context(trio.open_nursery())
        await nursery.start(switch.serve_calls, Switch(switch).bridge)
        await nursery.start(callee.serve_calls, handler)
        try:
            yield Scene(caller, callee)
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(160)
            nothing_is_left(*agents)
            nursery.cancel_scope.cancel()


def said(description: SessionDescription | None) -> tuple[int, Direction]:
    assert description is not None
    return description.media[0].port, description.media[0].direction


async def test_each_side_hears_the_other_and_a_change_goes_through(
    sip_network: MemoryNetwork,
) -> None:
    heard: list[tuple[int, Direction]] = []

    async def talk(call: IncomingCall) -> None:
        await call.ring()
        assert call.offer is not None
        await call.answer(call.offer.answer(5000))
        async for change in call.changes():
            assert change.offer is not None
            heard.append(said(change.offer))
            change.accept(change.offer.answer(5002))

    async with bridged(sip_network, talk) as scene, scene.alice.call(SWITCH, OFFER) as call:
        assert (5000, Direction.SENDRECV) == said((await call.answered()).sdp)
        await trio.sleep(1)
        answer = await call.hold()

        assert (5002, Direction.RECVONLY) == said(answer.sdp)

    assert [(4000, Direction.SENDONLY)] == heard
    assert Side.LOCAL is call.ended_by


async def test_a_change_may_come_from_either_side_and_be_refused(
    sip_network: MemoryNetwork,
) -> None:
    async def talk(call: IncomingCall) -> None:
        assert call.offer is not None
        await call.answer(call.offer.answer(5000))
        await trio.sleep(1)
        await call.hold()
        await trio.sleep(1)
        with pytest.raises(RequestRejected, match="415"):
            await call.resume()

    async with bridged(sip_network, talk) as scene:
        async with scene.alice.call(SWITCH, OFFER) as call:
            changes = call.changes()
            await call.answered()
            first = await anext(changes)
            assert (5000, Direction.SENDONLY) == said(first.offer)
            assert first.offer is not None
            first.accept(first.offer.answer(4000))
            (await anext(changes)).reject(415)
            await trio.sleep_forever()

        assert Side.REMOTE is call.ended_by


async def test_changes_that_meet_in_the_switch_do_not_wait_for_each_other(
    sip_network: MemoryNetwork,
) -> None:
    held: list[bool] = []

    async def talk(call: IncomingCall) -> None:
        assert call.offer is not None
        await call.answer(call.offer.answer(5000))
        await trio.sleep(0.96)
        await call.hold()
        held.append(True)
        await trio.sleep(60)

    async with bridged(sip_network, talk) as scene, scene.alice.call(SWITCH, OFFER) as call:
        await call.answered()
        with trio.fail_after(20):
            await trio.sleep(0.98)
            await call.hold()
        await trio.sleep(5)

    assert [True] == held
    assert Side.LOCAL is call.ended_by
    assert "491 (INVITE)" in labels(sip_network)


@pytest.mark.parametrize("alice", [None, NEVER], ids=["reliable", "not"])
@pytest.mark.parametrize("bob", [None, NEVER], ids=["reliable", "not"])
async def test_early_media_comes_through(
    alice: SessionSettings | None, bob: SessionSettings | None, sip_network: MemoryNetwork
) -> None:
    async def play(call: IncomingCall) -> None:
        assert call.offer is not None
        answer = call.offer.answer(5000)
        await call.progress(183, answer)
        await trio.sleep(2)
        await call.answer(answer if bob else None)
        await trio.sleep(2)

    heard: list[tuple[int, Direction]] = []
    async with (
        bridged(sip_network, play, alice=alice, bob=bob) as scene,
        scene.alice.call(SWITCH, OFFER) as call,
    ):
        heard = [said(progress.sdp) async for progress in call.progress()]
        await call.answered()
        heard.append(said(call.remote_sdp))
        await trio.sleep_forever()

    assert [(5000, Direction.SENDRECV)] * 2 == heard


async def test_a_refusal_and_a_change_of_mind_come_through(sip_network: MemoryNetwork) -> None:
    async def busy(call: IncomingCall) -> None:
        await call.ring()
        await trio.sleep(1)
        await call.reject(486)

    async with bridged(sip_network, busy) as scene:
        with pytest.raises(CallRejected, match="486"):
            async with scene.alice.call(SWITCH, OFFER) as call:
                await call.answered()
        with trio.move_on_after(0.5):
            async with scene.alice.call(SWITCH, OFFER) as call:
                await call.answered()

    assert 2 == labels(sip_network).count("CANCEL")


async def test_an_offer_may_come_late(sip_network: MemoryNetwork) -> None:
    theirs: list[tuple[int, Direction]] = []

    async def offer(call: IncomingCall) -> None:
        theirs.append(said(await call.answer(OFFER)))
        await trio.sleep_forever()

    async with bridged(sip_network, offer) as scene, scene.alice.call(SWITCH) as call:
        answer = await call.answered()
        assert answer.sdp is not None
        call.acknowledge(answer.sdp.answer(6000))
        await trio.sleep(3)
        assert SessionState.CONFIRMED is call.state

    assert [(6000, Direction.SENDRECV)] == theirs


@on_terrible_networks
async def test_on_terrible_networks_a_bridge_does_what_it_should(
    sip_network: MemoryNetwork,
) -> None:
    async with bridged(sip_network) as scene, scene.alice.call(SWITCH, OFFER) as call:
        await call.answered()
        await call.hold()
        await trio.sleep(2)
