"""INVITEs that want to take the place of a call: RFC 3891 section 3."""

from __future__ import annotations

import pytest
import trio

from trio_sip._errors import CallRejected, RequestRejected
from trio_sip.dialog import DialogId
from trio_sip.message import Replaces
from trio_sip.session import Side
from trio_sip.testing import MemoryNetwork
from trio_sip.ua import Call, IncomingCall, OutgoingCall

from .calls import BOB, OFFER, answer_and_wait, labels
from .transfers import CAROL, Three, dialogs, drawing, golden, talking, three


def dialog_of(call: Call) -> DialogId:
    assert call.dialog is not None
    return call.dialog.id


def taking_the_place_of(call: Call, *, early_only: bool = False) -> list[tuple[str, object]]:
    """What somebody says to the other side of *call* who wants to have it."""
    return [("Replaces", dialog_of(call).replaced_by(early_only=early_only))]


async def _status_of(scene: Three, headers: list[tuple[str, object]]) -> int:
    """How Bob answers Carol, who says so; 200 if he takes the call."""
    try:
        async with scene.carol.call(BOB, OFFER, headers=headers) as call:
            await call.answered()
            await trio.sleep(0.5)
    except CallRejected as rejected:
        return rejected.status
    return 200


async def test_a_call_takes_the_place_of_another_when_it_is_answered(
    sip_network: MemoryNetwork,
) -> None:
    calls: list[IncomingCall] = []

    async def talk(call: IncomingCall) -> None:
        calls.append(call)
        if call.replaces is not None:
            await call.ring()
            await trio.sleep(1)
            assert call.replaces.ended is None
        assert call.offer is not None
        await call.answer(call.offer.answer(5000))
        await trio.sleep_forever()

    async with three(sip_network, bob=talk) as scene:
        async with scene.alice.call(BOB, OFFER) as first:
            await first.answered()
            async with scene.carol.call(BOB, OFFER, headers=taking_the_place_of(first)) as second:
                await second.answered()
                await trio.sleep(2)
        drawn = drawing(sip_network)

    assert Side.REMOTE is first.ended_by
    assert [None, calls[0]] == [call.replaces for call in calls]
    assert [calls[1], None] == [call.replaced_by for call in calls]
    assert golden("invite_with_replaces") == drawn


async def test_a_call_that_is_refused_takes_no_place(sip_network: MemoryNetwork) -> None:
    async def talk(call: IncomingCall) -> None:
        if call.replaces is not None:
            await call.reject(403)
        else:
            await call.answer(OFFER)
            await trio.sleep_forever()

    async with three(sip_network, bob=talk) as scene, talking(scene.alice) as call:
        assert 403 == await _status_of(scene, taking_the_place_of(call))
        await trio.sleep(1)

    assert Side.LOCAL is call.ended_by


async def test_no_such_call_is_a_481(sip_network: MemoryNetwork) -> None:
    async with three(sip_network) as scene, talking(scene.alice) as call:
        known = dialog_of(call)
        wrong = [
            Replaces("another", known.remote_tag, known.local_tag),
            # RFC 3891 section 3: the tags are as the receiver has them.
            Replaces(known.call_id, known.local_tag, known.remote_tag),
        ]
        statuses = [await _status_of(scene, [("Replaces", one)]) for one in wrong]

    assert [481, 481] == statuses


async def test_what_is_answered_is_not_early(sip_network: MemoryNetwork) -> None:
    statuses: list[int] = []
    async with three(sip_network) as scene, talking(scene.alice) as call:
        statuses.append(await _status_of(scene, taking_the_place_of(call, early_only=True)))

    # Whoever is replaced does not come as far as an assertion within the block of the call.
    assert [486] == statuses
    assert Side.LOCAL is call.ended_by


@pytest.mark.parametrize(
    "headers",
    [
        [("Replaces", "nonsense")],
        [("Replaces", "a;to-tag=b;from-tag=c"), ("Join", "a;to-tag=b;from-tag=c")],
    ],
)
async def test_a_bad_request_is_a_400(
    headers: list[tuple[str, object]], sip_network: MemoryNetwork
) -> None:
    async with three(sip_network) as scene:
        assert 400 == await _status_of(scene, headers)


async def test_join_is_not_understood(sip_network: MemoryNetwork) -> None:
    """RFC 3911: who insists on it is told so, and who does not gets a call of its own."""
    join = ("Join", "a;to-tag=b;from-tag=c")
    async with three(sip_network) as scene:
        assert 420 == await _status_of(scene, [join, ("Require", "join")])
        assert 200 == await _status_of(scene, [join, ("Require", "replaces")])


async def test_what_rings_here_cannot_be_taken_over(sip_network: MemoryNetwork) -> None:
    """RFC 3891 section 3: "an early dialog that was not initiated by this UA" is a 481."""

    async def ring(call: IncomingCall) -> None:
        await call.ring()
        await trio.sleep(3)

    statuses: list[int] = []
    async with three(sip_network, bob=ring) as scene:
        with pytest.raises(CallRejected, match="480"):
            await _call_while_somebody_tries(scene, statuses)

    assert [481] == statuses


async def _call_while_somebody_tries(scene: Three, statuses: list[int]) -> None:
    async with scene.alice.call(BOB, OFFER) as call:
        await trio.sleep(1)
        (early,) = call.session.dialogs
        statuses.append(await _status_of(scene, [("Replaces", early.id.replaced_by())]))
        await call.answered()


async def test_a_call_of_ours_that_rings_can_be_picked_up(sip_network: MemoryNetwork) -> None:
    """The callee rings; somebody else takes the call, and the callee gets a CANCEL."""
    ringing: list[IncomingCall] = []

    async def ring(call: IncomingCall) -> None:
        ringing.append(call)
        await call.ring()
        await trio.sleep_forever()

    async with three(sip_network, carol=ring) as scene, trio.open_nursery() as nursery:
        nursery.start_soon(_call_and_wait, scene.bob.call(CAROL, OFFER))
        await trio.sleep(1)
        assert ringing[0].dialog is not None
        replaces = ringing[0].dialog.id.replaced_by(early_only=True)
        async with scene.alice.call(BOB, OFFER, headers=[("Replaces", replaces)]) as call:
            await call.answered()
            await trio.sleep(1)

    assert Side.REMOTE is ringing[0].ended_by
    assert "CANCEL" in labels(sip_network)


async def _call_and_wait(call: OutgoingCall) -> None:
    async with call:
        await call.answered()
        raise AssertionError
    assert call.replaced_by is not None


async def test_what_has_ended_is_declined(sip_network: MemoryNetwork) -> None:
    """The dialog is there still, because there is a subscription in it: RFC 5057."""
    async with three(sip_network) as scene, trio.open_nursery() as nursery:
        call = await scene.alice.start_call(nursery, BOB, OFFER)
        await call.answered()
        headers = taking_the_place_of(call)
        async with call.refer(CAROL) as referral:
            await call.aclose()
            assert 603 == await _status_of(scene, headers)
            await referral.outcome()
        await trio.sleep(10)
        assert [0, 0, 0] == dialogs(scene.alice, scene.bob, scene.carol)
        assert 481 == await _status_of(scene, headers)


async def test_no_call_of_somebody_else_can_be_taken_over(sip_network: MemoryNetwork) -> None:
    """Carol is called, and says that she wants Bob's call."""
    async with three(sip_network) as scene, talking(scene.alice) as call:
        with pytest.raises(CallRejected, match="481"):
            async with scene.alice.call(CAROL, OFFER, headers=taking_the_place_of(call)) as other:
                await other.answered()

    assert Side.LOCAL is call.ended_by


async def test_only_what_begins_a_call_can_replace_one(sip_network: MemoryNetwork) -> None:
    async with three(sip_network) as scene, talking(scene.alice) as call:
        with pytest.raises(RequestRejected, match="400"):
            await call.reinvite(OFFER, headers=taking_the_place_of(call))
        await trio.sleep(1)

    assert Side.LOCAL is call.ended_by


async def test_the_dialog_of_a_referral_is_no_call(sip_network: MemoryNetwork) -> None:
    async with three(sip_network) as scene, scene.alice.refer(BOB, CAROL) as referral:
        response = referral.response
        replaces = Replaces(response.call_id, response.to.tag or "", response.from_.tag or "")
        assert 481 == await _status_of(scene, [("Replaces", replaces)])


async def test_who_replaces_is_known_before_the_call_is_answered_in_full(
    sip_network: MemoryNetwork,
) -> None:
    """A 200 that waits for a PRACK ends nothing before it is sent."""
    states: list[bool] = []

    async def talk(call: IncomingCall) -> None:
        if call.replaces is None:
            await answer_and_wait(call)
        assert call.replaces is not None
        await call.progress(183, OFFER, reliable=True)
        await call.answer()
        states.append(call.replaces.ended is not None)
        await trio.sleep_forever()

    async with three(sip_network, bob=talk) as scene, scene.alice.call(BOB, OFFER) as call:
        await call.answered()
        await _status_of(scene, taking_the_place_of(call))

    assert [True] == states
    assert Side.REMOTE is call.ended_by
