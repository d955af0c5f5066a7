"""Whole calls, on a perfect network and on thirty that lose a third of everything.

They assert what must hold on any network: that each side comes to an end, and that nothing is
left of the call on either, whatever was lost.  What a network may do is end a call early.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio
from trio.testing import MockClock

from trio_sip._errors import CallEnded, CallRejected, RequestTimedOut
from trio_sip.session import Reliable, SessionSettings, Side
from trio_sip.testing import MemoryNetwork
from trio_sip.ua import IncomingCall, UserAgent

from .calls import BOB, HOUR, OFFER, agent, alice_and_bob, answer_and_wait, nothing_is_left

SEEDS = range(30)

Talk = Callable[[MemoryNetwork], Awaitable[None]]

_MISFORTUNES = (CallEnded, CallRejected, RequestTimedOut)


async def hung_up_by_the_caller(network: MemoryNetwork) -> None:
    """Hold, keys, resume, and goodbye."""
    async with (
        alice_and_bob(answer_and_wait, network=network) as (alice, _, _net),
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

    async with alice_and_bob(talk, network=network) as (alice, _, _net):
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
        alice_and_bob(talk, network=network) as (alice, _, _net),
        alice.call(BOB, OFFER) as call,
    ):
        await call.answered()
        await trio.sleep(5)


async def given_up(network: MemoryNetwork) -> None:
    """Nobody answers, and the caller has enough."""

    async def ring(call: IncomingCall) -> None:
        await call.ring()
        await trio.sleep_forever()

    async with alice_and_bob(ring, network=network) as (alice, _, _net):
        with trio.move_on_after(10):
            async with alice.call(BOB, OFFER) as call:
                await call.answered()


async def answered_as_it_is_given_up(network: MemoryNetwork) -> None:
    """The 200 and the CANCEL cross: RFC 5407 section 3.1.2."""
    async with alice_and_bob(answer_and_wait, network=network) as (alice, _, _net):
        with trio.move_on_after(1.03):
            async with alice.call(BOB, OFFER):
                await trio.sleep_forever()


async def refused(network: MemoryNetwork) -> None:
    """Busy."""

    async def refuse(call: IncomingCall) -> None:
        await call.ring()
        await trio.sleep(1)
        await call.reject(486)

    async with alice_and_bob(refuse, network=network) as (alice, _, _net):
        with pytest.raises(_MISFORTUNES):
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
        alice_and_bob(offer, network=network) as (alice, _, _net),
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
        alice_and_bob(play, network=network, call_settings=settings) as (alice, _, _net),
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


TALKS: dict[str, Talk] = {
    talk.__name__: talk
    for talk in (
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
}


@pytest.mark.parametrize("name", TALKS)
async def test_on_a_perfect_network_every_call_goes_as_it_should(
    name: str, sip_network: MemoryNetwork
) -> None:
    await TALKS[name](sip_network)


@pytest.mark.parametrize("name", TALKS)
async def test_on_terrible_networks_nothing_is_left_of_a_call(
    name: str, autojump_clock: MockClock
) -> None:
    whole = 0
    for seed in SEEDS:
        try:
            with trio.fail_after(HOUR):
                async with MemoryNetwork.open(
                    seed=seed, loss=0.3, duplication=0.05, reordering=0.1, jitter=0.03
                ) as network:
                    await TALKS[name](network)
            whole += 1
        except _MISFORTUNES:
            pass
        except BaseException as error:
            error.add_note(f"{name} with seed {seed}")
            raise

    assert whole >= len(SEEDS) * 2 // 3


async def test_a_bridge_hangs_up_on_the_one_when_the_other_hangs_up(
    autojump_clock: MockClock,
) -> None:
    ended: list[Side | None] = []

    async def talk(call: IncomingCall) -> None:
        await call.answer(OFFER)
        await trio.sleep(5)

    async with (
        MemoryNetwork.open() as network,
        agent(network, "alice") as switch,
        agent(network, "bob") as bob,
        agent(network, "carol") as carol,
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
