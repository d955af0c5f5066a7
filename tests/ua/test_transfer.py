"""Attended transfers, on perfect networks and on those that lose a third of everything."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio

from trio_sip._errors import (
    LocalProtocolError,
)
from trio_sip.sdp import Direction
from trio_sip.session import Side
from trio_sip.subscription import ReferProgress
from trio_sip.testing import MemoryNetwork
from trio_sip.ua import IncomingCall, IncomingReferral

from .calls import BOB, OFFER, answer_and_wait, on_terrible_networks
from .transfers import CAROL, drawing, golden, talking, three

DONE = ReferProgress(200, "OK")

Talk = Callable[[MemoryNetwork], Awaitable[None]]


async def test_an_attended_transfer_connects_the_other_sides_of_two_calls(
    sip_network: MemoryNetwork,
) -> None:
    replaced: list[IncomingCall] = []
    outcomes = []

    async def be_called(call: IncomingCall) -> None:
        replaced.append(call)
        await answer_and_wait(call)

    async with three(sip_network, carol=be_called) as scene:
        async with scene.alice.call(BOB, OFFER) as to_bob:
            await to_bob.answered()
            await to_bob.hold()
            async with scene.alice.call(CAROL, OFFER) as to_carol:
                await to_carol.answered()
                await trio.sleep(1)
                outcomes.append(await to_bob.transfer_to(to_carol))
                await trio.sleep_forever()
        await trio.sleep(10)
        drawn = drawing(sip_network)

    assert [DONE] == outcomes
    assert [Side.LOCAL, Side.REMOTE] == [to_bob.ended_by, to_carol.ended_by]
    assert [None, replaced[0]] == [call.replaces for call in replaced]
    assert "<sip:alice@192.0.2.1>" == replaced[1].request.message.headers.get("Referred-By")
    assert golden("attended_transfer") == drawn


async def test_an_attended_transfer_that_fails_leaves_both_calls(
    sip_network: MemoryNetwork,
) -> None:
    async def be_called(call: IncomingCall) -> None:
        if call.replaces is not None:
            await call.reject(403)
        await answer_and_wait(call)

    async with (
        three(sip_network, carol=be_called, strict=False) as scene,
        talking(scene.alice) as to_bob,
        talking(scene.alice, CAROL) as to_carol,
    ):
        assert ReferProgress(403, "Forbidden") == await to_bob.transfer_to(to_carol)
        await trio.sleep(1)

        assert [None, None] == [to_bob.ended, to_carol.ended]


async def test_a_transfer_between_calls_of_ours_is_seen_as_one(sip_network: MemoryNetwork) -> None:
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
        three(sip_network, bob=talk, referred=connect) as scene,
        talking(scene.alice) as one,
        talking(scene.alice) as two,
    ):
        assert DONE == await one.transfer_to(two)
        assert DONE == await one.transfer(CAROL)

    assert [(calls[0], calls[1]), (calls[0], None)] == seen


async def test_two_calls_can_be_connected_here(sip_network: MemoryNetwork) -> None:
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

    async with three(sip_network, bob=talk, carol=talk) as scene, talking(scene.alice) as to_bob:
        await to_bob.hold()
        async with talking(scene.alice, CAROL) as to_carol:
            await to_carol.connect(to_bob)
            await trio.sleep(1)

    held, connected = heard["bob"]
    assert (4000, Direction.SENDONLY) == held[:2]
    assert (6000, Direction.SENDRECV, held[2] + 1) == connected
    assert [(5000, Direction.SENDRECV)] == [one[:2] for one in heard["carol"]]


async def test_calls_that_do_not_match_cannot_be_connected(sip_network: MemoryNetwork) -> None:
    video = OFFER.add_media(OFFER.media[0])

    async with (
        three(sip_network) as scene,
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
    async with three(network) as scene, scene.alice.call(BOB, OFFER) as call:
        await call.answered()
        await call.transfer(CAROL)


async def blind_and_gone(network: MemoryNetwork) -> None:
    """She does not wait for what becomes of it."""
    async with three(network) as scene, scene.alice.call(BOB, OFFER) as call:
        await call.answered()
        async with call.refer(CAROL):
            pass


async def attended(network: MemoryNetwork) -> None:
    async with three(network) as scene, scene.alice.call(BOB, OFFER) as to_bob:
        await to_bob.answered()
        async with scene.alice.call(CAROL, OFFER) as to_carol:
            await to_carol.answered()
            await to_bob.transfer_to(to_carol)


async def outside(network: MemoryNetwork) -> None:
    async with three(network) as scene, scene.alice.refer(BOB, CAROL) as referral:
        await referral.outcome()


async def given_up(network: MemoryNetwork) -> None:
    async with three(network) as scene:
        with trio.move_on_after(2.5):
            async with scene.alice.call(BOB, OFFER) as call:
                await call.answered()
                await call.transfer(CAROL)


@pytest.mark.parametrize("talk", [blind, attended])
@on_terrible_networks
async def test_on_terrible_networks_a_transfer_goes_as_it_should(
    talk: Talk, sip_network: MemoryNetwork
) -> None:
    await talk(sip_network)


@pytest.mark.parametrize("talk", [blind_and_gone, outside, given_up])
@on_terrible_networks
@pytest.mark.sip(seeds=range(30, 40))
async def test_on_terrible_networks_nothing_is_left_of_what_was_not_finished(
    talk: Talk, sip_network: MemoryNetwork
) -> None:
    await talk(sip_network)
