"""Attended transfers, on perfect networks and on those that lose a third of everything."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio
from trio.testing import MockClock

from trio_sip._errors import (
    CallEnded,
    CallRejected,
    LocalProtocolError,
    RequestRejected,
    RequestTimedOut,
)
from trio_sip.sdp import Direction
from trio_sip.session import Side
from trio_sip.subscription import ReferProgress
from trio_sip.testing import MemoryNetwork
from trio_sip.ua import IncomingCall, IncomingReferral

from .calls import BOB, HOUR, OFFER, answer_and_wait
from .transfers import CAROL, golden, talking, three

SEEDS = range(30)
FEW = range(30, 40)
DONE = ReferProgress(200, "OK")

Talk = Callable[[MemoryNetwork], Awaitable[None]]

_MISFORTUNES = (CallEnded, CallRejected, RequestRejected, RequestTimedOut)


async def test_an_attended_transfer_connects_the_other_sides_of_two_calls(
    autojump_clock: MockClock,
) -> None:
    replaced: list[IncomingCall] = []
    outcomes = []

    async def be_called(call: IncomingCall) -> None:
        replaced.append(call)
        await answer_and_wait(call)

    async with three(carol=be_called) as scene:
        async with scene.alice.call(BOB, OFFER) as to_bob:
            await to_bob.answered()
            await to_bob.hold()
            async with scene.alice.call(CAROL, OFFER) as to_carol:
                await to_carol.answered()
                await trio.sleep(1)
                outcomes.append(await to_bob.transfer_to(to_carol))
                await trio.sleep_forever()
        await trio.sleep(10)
        drawn = scene.network.ladder()

    assert [DONE] == outcomes
    assert [Side.LOCAL, Side.REMOTE] == [to_bob.ended_by, to_carol.ended_by]
    assert [None, replaced[0]] == [call.replaces for call in replaced]
    assert "<sip:alice@192.0.2.1>" == replaced[1].request.message.headers.get("Referred-By")
    assert golden("attended_transfer") == drawn


async def test_an_attended_transfer_that_fails_leaves_both_calls(autojump_clock: MockClock) -> None:
    async def be_called(call: IncomingCall) -> None:
        if call.replaces is not None:
            await call.reject(403)
        await answer_and_wait(call)

    async with (
        three(carol=be_called, strict=False) as scene,
        talking(scene.alice) as to_bob,
        talking(scene.alice, CAROL) as to_carol,
    ):
        assert ReferProgress(403, "Forbidden") == await to_bob.transfer_to(to_carol)
        await trio.sleep(1)

        assert [None, None] == [to_bob.ended, to_carol.ended]


async def test_a_transfer_between_calls_of_ours_is_seen_as_one(autojump_clock: MockClock) -> None:
    """Alice transfers one call to the other, and both are Bob's: he connects them himself."""
    seen: list[tuple[object, object]] = []

    async def connect(referral: IncomingReferral) -> None:
        seen.append((referral.within, referral.replaced))
        referral.accept()
        referral.notify(200)

    calls: list[IncomingCall] = []

    async def talk(call: IncomingCall) -> None:
        calls.append(call)
        await answer_and_wait(call)

    async with (
        three(bob=talk, referred=connect) as scene,
        scene.alice.call(BOB, OFFER) as one,
        scene.alice.call(BOB, OFFER) as two,
    ):
        await one.answered()
        await two.answered()
        assert DONE == await one.transfer_to(two)
        assert DONE == await one.transfer(CAROL)

    assert [(calls[0], calls[1]), (calls[0], None)] == seen


async def test_two_calls_can_be_connected_here(autojump_clock: MockClock) -> None:
    """RFC 3725: without any REFER."""
    heard: dict[str, list[tuple[int, Direction, int]]] = {}

    async def talk(call: IncomingCall) -> None:
        port = 5000 if call.target.user == "bob" else 6000
        assert call.offer is not None
        changes = call.changes()
        await call.answer(call.offer.answer(port))
        async for change in changes:
            offer = change.offer
            assert offer is not None
            media = offer.media[0]
            said = media.port, media.direction, offer.origin.version
            heard.setdefault(call.target.user or "", []).append(said)
            change.accept(offer.answer(port))

    async with three(bob=talk, carol=talk) as scene, talking(scene.alice) as to_bob:
        await to_bob.hold()
        async with talking(scene.alice, CAROL) as to_carol:
            await to_carol.connect(to_bob)
            await trio.sleep(1)

    held, connected = heard["bob"]
    assert (4000, Direction.SENDONLY) == held[:2]
    assert (6000, Direction.SENDRECV, held[2] + 1) == connected
    assert [(5000, Direction.SENDRECV)] == [one[:2] for one in heard["carol"]]


async def test_calls_that_do_not_match_cannot_be_connected(autojump_clock: MockClock) -> None:
    video = OFFER.add_media(OFFER.media[0])

    async with (
        three() as scene,
        talking(scene.alice) as to_bob,
        scene.alice.call(CAROL, video) as to_carol,
    ):
        with pytest.raises(LocalProtocolError, match="no media"):
            await to_bob.connect(to_carol)
        await to_carol.answered()
        with pytest.raises(LocalProtocolError, match="fewer"):
            await to_carol.connect(to_bob)


# -- on bad networks


async def blind(network: MemoryNetwork) -> None:
    async with three(network=network) as scene, scene.alice.call(BOB, OFFER) as call:
        await call.answered()
        await call.transfer(CAROL)


async def blind_and_gone(network: MemoryNetwork) -> None:
    """She does not wait for what becomes of it."""
    async with three(network=network) as scene, scene.alice.call(BOB, OFFER) as call:
        await call.answered()
        async with call.refer(CAROL):
            pass


async def attended(network: MemoryNetwork) -> None:
    async with three(network=network) as scene, scene.alice.call(BOB, OFFER) as to_bob:
        await to_bob.answered()
        async with scene.alice.call(CAROL, OFFER) as to_carol:
            await to_carol.answered()
            await to_bob.transfer_to(to_carol)


async def outside(network: MemoryNetwork) -> None:
    async with three(network=network) as scene, scene.alice.refer(BOB, CAROL) as referral:
        await referral.outcome()


async def given_up(network: MemoryNetwork) -> None:
    async with three(network=network) as scene:
        with trio.move_on_after(2.5):
            async with scene.alice.call(BOB, OFFER) as call:
                await call.answered()
                await call.transfer(CAROL)


TALKS: dict[str, tuple[Talk, range]] = {
    "blind": (blind, SEEDS),
    "attended": (attended, SEEDS),
    "blind_and_gone": (blind_and_gone, FEW),
    "outside": (outside, FEW),
    "given_up": (given_up, FEW),
}


@pytest.mark.parametrize("name", TALKS)
async def test_on_terrible_networks_nothing_is_left_of_a_transfer(
    name: str, autojump_clock: MockClock
) -> None:
    whole = 0
    talk, seeds = TALKS[name]
    for seed in seeds:
        try:
            with trio.fail_after(HOUR):
                async with MemoryNetwork.open(
                    seed=seed, loss=0.3, duplication=0.05, reordering=0.1, jitter=0.03
                ) as network:
                    await talk(network)
            whole += 1
        except _MISFORTUNES:
            pass
        except BaseException as error:
            error.add_note(f"{name} with seed {seed}")
            raise

    assert whole >= len(seeds) // 2
