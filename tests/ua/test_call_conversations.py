"""Whole calls, on a perfect network and on thirty that lose a third of everything.

They assert what must hold on any network: that the call goes as both sides want it, that each
comes to an end, and that nothing is left of it on either, whatever was lost.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio

from trio_sip._errors import CallRejected
from trio_sip.session import Reliable, SessionSettings, Side
from trio_sip.testing import MemoryNetwork
from trio_sip.ua import IncomingCall, UserAgent

from .calls import (
    BOB,
    OFFER,
    agent,
    alice_and_bob,
    answer_and_wait,
    nothing_is_left,
    on_terrible_networks,
)

Talk = Callable[[MemoryNetwork], Awaitable[None]]


async def hung_up_by_the_caller(network: MemoryNetwork) -> None:
    """Hold, keys, resume, and goodbye."""
    async with (
        alice_and_bob(network, answer_and_wait) as (alice, _),
        alice.call(BOB, OFFER) as call,
    ):
        await call.answered()
        await call.hold()
        await call.send_dtmf("12")
        await trio.sleep(1)
        await call.resume()


async def hung_up_by_the_callee(network: MemoryNetwork) -> None:
    """He talks for five seconds and changes the call meanwhile."""

    async def talk(call: IncomingCall) -> None:
        await call.ring()
        await call.answer(OFFER)
        await trio.sleep(2)
        await call.reinvite(OFFER)
        await trio.sleep(3)

    async with alice_and_bob(network, talk) as (alice, _):
        async with alice.call(BOB, OFFER) as call:
            await call.answered()
            await trio.sleep_forever()
        assert call.ended is not None


async def both_hang_up(network: MemoryNetwork) -> None:
    """At the same moment."""

    async def talk(call: IncomingCall) -> None:
        await call.answer(OFFER)
        await trio.sleep(5)

    async with (
        alice_and_bob(network, talk) as (alice, _),
        alice.call(BOB, OFFER) as call,
    ):
        await call.answered()
        await trio.sleep(5)


async def given_up(network: MemoryNetwork) -> None:
    """Nobody answers, and the caller has enough."""

    async def ring(call: IncomingCall) -> None:
        await call.ring()
        await trio.sleep_forever()

    async with alice_and_bob(network, ring) as (alice, _):
        with trio.move_on_after(10):
            async with alice.call(BOB, OFFER) as call:
                await call.answered()


async def answered_as_it_is_given_up(network: MemoryNetwork) -> None:
    """The 200 and the CANCEL cross: RFC 5407 section 3.1.2."""
    async with alice_and_bob(network, answer_and_wait) as (alice, _):
        with trio.move_on_after(1.03):
            async with alice.call(BOB, OFFER):
                await trio.sleep_forever()


async def refused(network: MemoryNetwork) -> None:
    """Busy."""

    async def refuse(call: IncomingCall) -> None:
        await call.ring()
        await trio.sleep(1)
        await call.reject(486)

    async with alice_and_bob(network, refuse) as (alice, _):
        with pytest.raises(CallRejected, match="486"):
            await _call(alice)


async def _call(alice: UserAgent) -> None:
    async with alice.call(BOB, OFFER) as call:
        await call.answered()


async def offered_late(network: MemoryNetwork) -> None:
    """The offer is in the 200, and the answer in the ACK."""

    async def offer(call: IncomingCall) -> None:
        assert await call.answer(OFFER) is not None
        await trio.sleep_forever()

    async with (
        alice_and_bob(network, offer) as (alice, _),
        alice.call(BOB) as call,
    ):
        theirs = (await call.answered()).sdp
        assert theirs is not None
        call.acknowledge(theirs.answer(6000))
        await trio.sleep(3)


async def heard_early(network: MemoryNetwork) -> None:
    """Early media, acknowledged, and changed before the answer."""

    async def play(call: IncomingCall) -> None:
        await call.progress(183, OFFER)
        await trio.sleep(3)
        await call.update(OFFER)
        await call.answer()
        await trio.sleep_forever()

    settings = SessionSettings(reliable=Reliable.REQUIRED)
    async with (
        alice_and_bob(network, play, call_settings=settings) as (alice, _),
        alice.call(BOB, OFFER) as call,
    ):
        async for progress in call.progress():
            assert progress.sdp is not None
        await call.answered()
        await trio.sleep(1)


async def through_a_bridge(network: MemoryNetwork) -> None:
    """Carol calls Bob by way of a switch, which is twenty lines of somebody's program."""
    async with (
        agent(network, "alice") as switch,
        agent(network, "bob") as bob,
        agent(network, "carol") as carol,
        trio.open_nursery() as nursery,
    ):

        async def bridge(leg_a: IncomingCall) -> None:
            async with switch.call(BOB, leg_a.offer) as leg_b:
                async for progress in leg_b.progress():
                    await leg_a.progress(progress.status, sdp=progress.sdp)
                answer = await leg_b.answered()
                await leg_a.answer(sdp=answer.sdp)
                await trio.sleep_forever()

        await nursery.start(switch.serve_calls, bridge)
        await nursery.start(bob.serve_calls, answer_and_wait)
        try:
            async with carol.call(switch.uri, OFFER) as call:
                answer = await call.answered()
                assert answer.sdp is not None
                assert 5000 == answer.sdp.media[0].port
                await trio.sleep(5)
        finally:
            await trio.sleep(130)
            nothing_is_left(switch, bob, carol)
            nursery.cancel_scope.cancel()


TALKS: tuple[Talk, ...] = (
    hung_up_by_the_caller,
    hung_up_by_the_callee,
    both_hang_up,
    given_up,
    answered_as_it_is_given_up,
    refused,
    offered_late,
    heard_early,
    through_a_bridge,
)


@pytest.mark.parametrize("talk", TALKS)
async def test_on_a_perfect_network_every_call_goes_as_it_should(
    talk: Talk, sip_network: MemoryNetwork
) -> None:
    await talk(sip_network)


@pytest.mark.parametrize("talk", TALKS)
@on_terrible_networks
async def test_on_terrible_networks_every_call_goes_as_it_should_too(
    talk: Talk, sip_network: MemoryNetwork
) -> None:
    await talk(sip_network)


async def test_a_bridge_hangs_up_on_the_one_when_the_other_hangs_up(
    sip_network: MemoryNetwork,
) -> None:
    ended: list[Side | None] = []

    async def talk(call: IncomingCall) -> None:
        await call.answer(OFFER)
        await trio.sleep(5)

    async with (
        agent(sip_network, "alice") as switch,
        agent(sip_network, "bob") as bob,
        agent(sip_network, "carol") as carol,
        trio.open_nursery() as nursery,
    ):

        async def bridge(leg_a: IncomingCall) -> None:
            async with switch.call(BOB, leg_a.offer) as leg_b:
                answer = await leg_b.answered()
                await leg_a.answer(sdp=answer.sdp)
                await trio.sleep_forever()

        await nursery.start(switch.serve_calls, bridge)
        await nursery.start(bob.serve_calls, talk)
        async with carol.call(switch.uri, OFFER) as call:
            await trio.sleep_forever()
        ended.append(call.ended_by)
        nursery.cancel_scope.cancel()

    assert [Side.REMOTE] == ended
