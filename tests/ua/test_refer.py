"""Sending somebody elsewhere, and being sent: REFER within calls and outside of them."""

from __future__ import annotations

import pytest
import trio

from trio_sip._errors import (
    AuthenticationRejected,
    CallEnded,
    LocalProtocolError,
    RequestRejected,
    RequestTimedOut,
)
from trio_sip.message import Request
from trio_sip.session import Side
from trio_sip.subscription import ReferProgress, SubscriberState
from trio_sip.testing import MakeSipPeer, MemoryNetwork, Misbehaviour
from trio_sip.ua import Call, IncomingCall, IncomingReferral, Referral, open_user_agent

from .calls import ALICE, BOB, OFFER, agent, alice_and_peer, labels
from .transfers import CAROL, dialogs, drawing, go, golden, notify, talking, three

RINGING = ReferProgress(180, "Ringing")
DONE = ReferProgress(200, "OK")
TO_CAROL = [("Refer-To", f"<{CAROL}>")]


# -- within a call


async def test_a_blind_transfer_is_followed_until_the_new_call_is_answered(
    sip_network: MemoryNetwork,
) -> None:
    heard = []
    async with three(sip_network) as scene:
        async with talking(scene.alice) as call:
            async with call.refer(CAROL) as referral:
                heard = [progress async for progress in referral]
            assert call.ended is None
        await trio.sleep(10)
        drawn = drawing(sip_network)

    assert [ReferProgress(100, "Trying"), RINGING, DONE] == heard
    assert golden("blind_transfer") == drawn


async def test_who_is_sent_says_by_whom(sip_network: MemoryNetwork) -> None:
    seen: list[Request] = []

    async def look(call: IncomingCall) -> None:
        seen.append(call.request.message)
        await call.reject(486)

    async with three(sip_network, carol=look) as scene, talking(scene.alice) as call:
        outcome = await call.transfer(CAROL)

    assert ReferProgress(486, "Busy Here") == outcome
    assert ["<sip:alice@192.0.2.1>"] == seen[0].headers.get_all("Referred-By")


async def test_a_transfer_tells_its_outcome_although_they_hang_up_first(
    sip_network: MemoryNetwork,
) -> None:
    async def go_and_leave(referral: IncomingReferral) -> None:
        assert referral.within is not None
        referral.accept()
        referral.within.hang_up()
        await go(referral)

    outcomes = []
    async with (
        three(sip_network, referred=go_and_leave) as scene,
        scene.alice.call(BOB, OFFER) as call,
    ):
        await call.answered()
        outcomes.append(await call.transfer(CAROL))
        await trio.sleep_forever()

    assert [DONE] == outcomes
    assert Side.REMOTE is call.ended_by


async def test_the_end_of_the_call_ends_the_block_of_a_referral(sip_network: MemoryNetwork) -> None:
    async def accept_and_leave(referral: IncomingReferral) -> None:
        assert referral.within is not None
        referral.accept()
        referral.within.hang_up()
        await trio.sleep(60)

    async with three(sip_network, referred=accept_and_leave) as scene:
        async with scene.alice.call(BOB, OFFER) as call:
            await call.answered()
            async with call.refer(CAROL) as referral:
                await referral.outcome()
            raise AssertionError

        assert SubscriberState.TERMINATED is referral.state


async def test_a_dialog_lives_until_its_last_usage_has_left_it(sip_network: MemoryNetwork) -> None:
    """RFC 5057: the BYE ends the call, and the NOTIFYs go on."""
    async with three(sip_network) as scene, trio.open_nursery() as nursery:
        call = await scene.alice.start_call(nursery, BOB, OFFER)
        await call.answered()
        async with call.refer(CAROL) as referral:
            assert 100 == (await referral.receive()).status
            await call.aclose()
            assert [1, 2] == dialogs(scene.alice, scene.bob)
            assert DONE == await referral.outcome()
            await trio.sleep(1)

            assert [0, 1] == dialogs(scene.alice, scene.bob)

    assert (len(labels(sip_network)) - 1) > labels(sip_network).index("BYE")


async def test_leaving_early_unsubscribes_and_stops_nothing(sip_network: MemoryNetwork) -> None:
    async with three(sip_network) as scene, talking(scene.alice) as call:
        async with call.refer(CAROL) as referral:
            await referral.receive()
        assert SubscriberState.TERMINATED is referral.state
        await trio.sleep(3)

        # Bob talks to Carol all the same.
        assert [2, 1] == dialogs(scene.bob, scene.carol)

    assert Side.LOCAL is call.ended_by
    assert 1 == labels(sip_network).count("SUBSCRIBE")
    assert "200 (SUBSCRIBE)" in labels(sip_network)


async def test_nobody_is_told_anything_who_does_not_want_to_be(sip_network: MemoryNetwork) -> None:
    """RFC 4488."""
    async with three(sip_network) as scene, talking(scene.alice) as call:
        async with call.refer(CAROL, follow=False) as referral:
            assert await referral.outcome() is None
            assert ["false"] == referral.response.headers.get_all("Refer-Sub")
        await trio.sleep(3)
        assert 2 == dialogs(scene.bob)[0]

    assert Side.LOCAL is call.ended_by
    assert "NOTIFY" not in labels(sip_network)


async def test_a_refusal_is_raised_and_the_call_goes_on(sip_network: MemoryNetwork) -> None:
    async with three(sip_network, referred=None) as scene, talking(scene.alice) as call:
        with pytest.raises(RequestRejected, match="603"):
            await call.transfer(CAROL)
        await trio.sleep(1)

        assert call.ended is None
        assert [1, 1] == dialogs(scene.alice, scene.bob)

    assert Side.LOCAL is call.ended_by


async def test_several_referrals_of_one_dialog_are_told_apart(sip_network: MemoryNetwork) -> None:
    async def by_target(referral: IncomingReferral) -> None:
        referral.accept()
        await trio.sleep(1)
        referral.notify(486 if referral.target.user == "carol" else 404)

    outcomes = {}

    async with three(sip_network, referred=by_target) as scene, talking(scene.alice) as call:

        async def send(target: str) -> None:
            async with call.refer(target) as referral:
                outcomes[target] = await referral.outcome()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send, CAROL)
            nursery.start_soon(send, "sip:dave@192.0.2.3")

    assert ReferProgress(486, "Busy Here") == outcomes[CAROL]
    assert ReferProgress(404, "Not Found") == outcomes["sip:dave@192.0.2.3"]


async def test_only_an_answered_call_can_be_sent_elsewhere(sip_network: MemoryNetwork) -> None:
    async with three(sip_network) as scene:
        async with scene.alice.call(BOB, OFFER) as call:
            with pytest.raises(LocalProtocolError, match="answered"):
                await call.transfer(CAROL)
            with pytest.raises(LocalProtocolError, match="answered"):
                await call.transfer_to(call)
            await call.answered()
            with pytest.raises(LocalProtocolError, match="SIP URI"):
                await call.transfer("tel:+1234", replaces=call)
            with pytest.raises(LocalProtocolError, match="refer"):
                await call.transfer("carol at home")
        with pytest.raises(CallEnded):
            await call.transfer(CAROL)


# -- being sent


async def test_a_call_may_read_the_referrals_itself(sip_network: MemoryNetwork) -> None:
    seen: list[IncomingReferral] = []

    async def talk(call: IncomingCall) -> None:
        # They may send us elsewhere in the moment in which we are told that we talk.
        referrals = call.referrals()
        await call.answer(OFFER)
        async for referral in referrals:
            seen.append(referral)
            if len(seen) == 1:
                referral.reject(486)
            else:
                await trio.sleep_forever()

    async with (
        three(sip_network, bob=talk, referred=None) as scene,
        scene.alice.call(BOB, OFFER) as call,
    ):
        await call.answered()
        with pytest.raises(RequestRejected, match="486"):
            await call.transfer(CAROL)
        async with trio.open_nursery() as nursery:
            for _ in range(2):
                nursery.start_soon(_transferred_in_vain, call)
            await trio.sleep(1)
            call_of_bob = seen[0].within
            assert call_of_bob is not None
            call_of_bob.hang_up()
            await trio.sleep(1)

    assert Side.REMOTE is call.ended_by
    # One that was read and not answered, and one that nobody has read.
    assert 2 == len(seen)
    assert 2 == labels(sip_network).count("603 (REFER)")


async def test_a_referral_waits_a_while_for_who_asks_late(sip_network: MemoryNetwork) -> None:
    async def talk(call: IncomingCall) -> None:
        await call.answer(OFFER)
        await trio.sleep(1.5)
        async for referral in call.referrals():
            referral.reject(486)

    async with (
        three(sip_network, bob=talk, referred=None) as scene,
        scene.alice.call(BOB, OFFER) as call,
    ):
        await call.answered()
        with pytest.raises(RequestRejected, match="486"):
            await call.transfer(CAROL)
        await trio.sleep(5)
        # From now on it does not have to wait.
        with pytest.raises(RequestRejected, match="486"), trio.fail_after(0.1):
            await call.transfer(CAROL)


async def test_a_referral_that_nobody_asks_for_is_refused_after_two_seconds(
    sip_network: MemoryNetwork,
) -> None:
    async def talk(call: IncomingCall) -> None:
        await call.answer(OFFER)
        await trio.sleep_forever()

    async with (
        three(sip_network, bob=talk, referred=None) as scene,
        scene.alice.call(BOB, OFFER) as call,
    ):
        await call.answered()
        refused: list[float] = []
        began = trio.current_time()

        async def transfer() -> None:
            with pytest.raises(RequestRejected, match="603"):
                await call.transfer(CAROL)
            refused.append(trio.current_time() - began)

        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(transfer)

    # The fifth finds no room to wait in.
    assert [0, 2, 2, 2, 2] == [round(after) for after in refused]


async def test_a_referral_that_waits_is_refused_when_the_call_ends(
    sip_network: MemoryNetwork,
) -> None:
    async def talk(call: IncomingCall) -> None:
        await call.answer(OFFER)
        await trio.sleep(1)

    async with three(sip_network, bob=talk, referred=None) as scene:
        async with scene.alice.call(BOB, OFFER) as call:
            await call.answered()
            await _transferred_in_vain(call)
        await trio.sleep(5)

    assert 1 == labels(sip_network).count("603 (REFER)")


async def _transferred_in_vain(call: Call) -> None:
    with pytest.raises(CallEnded):
        await call.transfer(CAROL)


@pytest.mark.parametrize(
    "refer_to",
    [
        None,
        "<sip:carol@192.0.2.3?Replaces=no%3Bdialog>",
        "<sip:carol@192.0.2.3?Replaces=a%3Bto-tag%3D1%3Bfrom-tag%3D2&replaces=b>",
    ],
)
async def test_where_to_has_to_be_clear(refer_to: str | None, sip_network: MemoryNetwork) -> None:
    headers = [] if refer_to is None else [("Refer-To", refer_to)]
    async with three(sip_network) as scene, talking(scene.alice) as call:
        with pytest.raises(RequestRejected, match="400"):
            await call.send_request("REFER", headers=headers)


async def test_explicit_subscriptions_are_not_understood(sip_network: MemoryNetwork) -> None:
    """RFC 7614 is off: who insists on it gets 420."""
    async with three(sip_network) as scene, talking(scene.alice) as call:
        with pytest.raises(RequestRejected, match="420"):
            async with call.refer(CAROL, headers=[("Require", "explicitsub")]):
                raise AssertionError


async def test_a_handler_that_does_not_answer_refuses(sip_network: MemoryNetwork) -> None:
    async def nothing(referral: IncomingReferral) -> None:
        assert "carol" in repr(referral)
        with pytest.raises(LocalProtocolError, match="accepted"):
            referral.notify(200)
        with pytest.raises(LocalProtocolError, match="no refusal"):
            referral.reject(200)

    async with three(sip_network, referred=nothing) as scene, talking(scene.alice) as call:
        with pytest.raises(RequestRejected, match="603"):
            await call.transfer(CAROL)


async def test_a_handler_that_fails_is_told_as_a_500(sip_network: MemoryNetwork) -> None:
    async def fail(referral: IncomingReferral) -> None:
        if referral.target.user == "carol":
            referral.accept()
        raise ZeroDivisionError

    async with (
        three(sip_network, referred=fail, strict=False) as scene,
        talking(scene.alice) as call,
    ):
        assert ReferProgress(500, "Server Internal Error") == await call.transfer(CAROL)
        with pytest.raises(RequestRejected, match="500"):
            await call.transfer("sip:dave@192.0.2.3")

    assert 2 == scene.bob.stack.statistics().handler_errors


async def test_a_handler_that_thinks_for_too_long_answers_nobody(
    sip_network: MemoryNetwork,
) -> None:
    async def think(referral: IncomingReferral) -> None:
        await trio.sleep(40)

    async with three(sip_network, referred=think) as scene, talking(scene.alice) as call:
        with pytest.raises(RequestTimedOut):
            await call.transfer(CAROL)
        await trio.sleep(20)


async def test_what_is_no_call_is_for_the_handler_to_do(sip_network: MemoryNetwork) -> None:
    async def do(referral: IncomingReferral) -> None:
        assert "BYE" == referral.method
        assert CAROL == str(referral.target)
        with pytest.raises(LocalProtocolError, match="BYE"):
            referral.call()
        referral.reject(405)

    async with three(sip_network, referred=do) as scene, talking(scene.alice) as call:
        with pytest.raises(RequestRejected, match="405"):
            await call.transfer(f"<{CAROL};method=BYE>")


async def test_a_call_that_is_given_up_or_cannot_be_made_is_told(
    sip_network: MemoryNetwork,
) -> None:
    async def give_up(referral: IncomingReferral) -> None:
        with trio.move_on_after(0.5):
            async with referral.call(OFFER) as call:
                await call.answered()

    async with three(sip_network, referred=give_up) as scene, talking(scene.alice) as call:
        assert ReferProgress(487, "Request Terminated") == await call.transfer(CAROL)
        outcome = await call.transfer("sip:carol@nowhere.invalid")
        assert outcome is not None
        assert 404 == outcome.status


# -- outside of calls


async def test_somebody_can_be_sent_who_is_in_no_call(sip_network: MemoryNetwork) -> None:
    heard = []
    async with three(sip_network) as scene:
        async with scene.alice.refer(BOB, CAROL) as referral:
            heard = [progress async for progress in referral]
        await trio.sleep(10)
        drawn = drawing(sip_network)

    assert [ReferProgress(100, "Trying"), RINGING, DONE] == heard
    assert golden("refer_outside_of_dialogs") == drawn


async def test_who_serves_no_referrals_takes_none(sip_network: MemoryNetwork) -> None:
    async with three(sip_network, referred=None) as scene:
        with pytest.raises(RequestRejected, match="405"):
            async with scene.alice.refer(BOB, CAROL):
                raise AssertionError
        with pytest.raises(RequestTimedOut):
            async with scene.alice.refer("sip:nobody@192.0.2.9", CAROL):
                raise AssertionError


async def test_no_more_referrals_than_the_limit_are_followed(sip_network: MemoryNetwork) -> None:
    async with three(sip_network) as scene, talking(scene.alice) as call:
        scene.bob.referrals.limit = 1
        async with call.refer(CAROL):
            with pytest.raises(RequestRejected, match="503"):
                await call.transfer(CAROL)
        assert 1 == scene.bob.referrals.running
        await trio.sleep(10)
        assert 0 == scene.bob.referrals.running


async def test_referrals_are_served_once(sip_network: MemoryNetwork) -> None:
    async with three(sip_network) as scene:
        with pytest.raises(LocalProtocolError, match="served already"):
            await scene.bob.serve_referrals(go)


async def test_outside_of_calls_nobody_need_be_told_either(sip_network: MemoryNetwork) -> None:
    async with (
        three(sip_network) as scene,
        scene.alice.refer(BOB, CAROL, follow=False, referred_by=BOB) as referral,
    ):
        assert await referral.outcome() is None
        assert [0] == dialogs(scene.alice)


# -- peers that follow a script


async def test_a_notify_may_be_faster_than_the_202(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    async with alice_and_peer(sip_network, make_sip_peer) as (alice, bob, nursery):

        async def play() -> None:
            dialog = await bob.answer()
            refer = await dialog.expect("REFER")
            assert 200 == await notify(
                dialog, f"refer;id={refer.message.cseq.number}", "active;expires=60", "100 Trying"
            )
            # RFC 3515 section 2.4.6: about the first REFER the id may be left out.
            assert 200 == await notify(dialog, "refer", "terminated;reason=noresource", "200 Fine")
            await refer.respond(202)
            await dialog.expect_bye()

        nursery.start_soon(play)
        async with talking(alice) as call:
            assert ReferProgress(200, "Fine") == await call.transfer(CAROL)


async def test_outside_of_dialogs_a_notify_may_be_faster_too(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    async with alice_and_peer(sip_network, make_sip_peer) as (alice, bob, nursery):

        async def play() -> None:
            refer = await bob.expect("REFER")
            dialog = bob.call_of(refer)
            assert 200 == await notify(dialog, "refer", "active;expires=60", "180 Ringing")
            await refer.respond(202)
            names = dialog.dialog
            ack = bob.create_request(
                "ACK", ALICE, from_=names.local, to=names.remote, call_id=refer.message.call_id
            )
            await bob.send(ack)
            info = await dialog.send("INFO")
            assert 405 == (await info.final()).status
            subscribe = await dialog.send("SUBSCRIBE", headers=[("Event", "refer")])
            assert 481 == (await subscribe.final()).status
            assert 200 == await notify(
                dialog, "refer;id=1", "terminated;reason=noresource", "486 Busy"
            )

        nursery.start_soon(play)
        async with alice.refer(BOB, CAROL) as referral:
            assert ReferProgress(486, "Busy") == await referral.outcome()


async def test_a_202_makes_the_dialog_that_notifies_come_in(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    async with alice_and_peer(sip_network, make_sip_peer) as (alice, bob, nursery):

        async def play() -> None:
            refer = await bob.expect("REFER")
            dialog = bob.call_of(refer)
            await refer.respond(202)
            await trio.sleep(1)
            assert 200 == await notify(dialog, "refer", "active;expires=60", "100 Trying")
            leaving = await dialog.expect("SUBSCRIBE")
            assert "0" == leaving["Expires"]
            assert leaving.message.contact is not None
            assert refer.message.cseq.number + 1 == leaving.message.cseq.number
            await leaving.respond(200, headers=[("Expires", "0")])
            assert 200 == await notify(dialog, "refer", "terminated;reason=timeout", "100 Trying")

        nursery.start_soon(play)
        async with alice.refer(BOB, CAROL) as referral:
            assert "refer" in repr(referral).lower()
            assert referral.last is None
            assert 100 == (await referral.receive()).status
            assert [1] == dialogs(alice)
        assert [0] == dialogs(alice)
        assert referral.ended is not None
        assert "timeout" == referral.ended.reason


async def test_only_the_first_of_several_notifiers_is_heard(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    """A proxy has forked the REFER: RFC 6665 section 4.4.1, and RFC 3515 wants but one."""
    async with alice_and_peer(sip_network, make_sip_peer) as (alice, bob, nursery):

        async def play() -> None:
            refer = await bob.expect("REFER")
            dialog = bob.call_of(refer)
            assert 200 == await notify(dialog, "refer", "active;expires=60", "100 Trying")
            assert 481 == await notify(
                dialog, "refer", "active;expires=60", "100 Trying", tag="other"
            )
            await refer.respond(202)
            assert 200 == await notify(dialog, "refer", "terminated;reason=noresource", "200 OK")

        nursery.start_soon(play)
        async with alice.refer(BOB, CAROL) as referral:
            assert DONE == await referral.outcome()


async def test_whoever_leaves_is_done_although_nobody_answers(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    async with alice_and_peer(sip_network, make_sip_peer) as (alice, bob, nursery):

        async def play() -> None:
            refer = await bob.expect("REFER")
            dialog = bob.call_of(refer)
            await refer.respond(202)
            assert 200 == await notify(dialog, "refer", "active;expires=60", "100 Trying")
            leaving = await dialog.expect("SUBSCRIBE")
            await leaving.respond(100)

        nursery.start_soon(play)
        async with alice.refer(BOB, CAROL) as referral:
            await referral.receive()
        left, states = trio.current_time(), [referral.state]
        await trio.sleep(64)
        states.append(referral.state)
        assert referral.ended is not None
        assert isinstance(referral.ended.error, RequestTimedOut)

    assert left < 6
    assert [SubscriberState.LEAVING, SubscriberState.TERMINATED] == states


async def test_what_outlives_its_stack_does_nothing(sip_network: MemoryNetwork) -> None:
    kept: list[IncomingReferral] = []

    async def keep(referral: IncomingReferral) -> None:
        kept.append(referral)
        referral.accept()
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        async with agent(sip_network, "alice") as alice, agent(sip_network, "bob") as bob:
            nursery.start_soon(bob.serve_referrals, keep)
            block = alice.refer(BOB, CAROL)
            referral = await block.__aenter__()
            await referral.receive()
            await trio.sleep(1)
        kept[0].notify(180)
        await block.__aexit__(None, None, None)
        nursery.cancel_scope.cancel()

    assert SubscriberState.TERMINATED is referral.state


async def test_users_of_one_stack_have_their_own_referrals(sip_network: MemoryNetwork) -> None:
    async with three(sip_network) as scene:
        bobs = scene.bob.stack
        async with (
            open_user_agent("sip:dave@192.0.2.2", stack=bobs) as dave,
            trio.open_nursery() as nursery,
        ):
            bobs.unregister_service(scene.bob.referrals)
            await nursery.start(dave.serve_referrals, go)
            with pytest.raises(RequestRejected, match="404"):
                async with scene.alice.refer(BOB, CAROL):
                    raise AssertionError
            async with scene.alice.refer("sip:dave@192.0.2.2", CAROL) as referral:
                assert DONE == await referral.outcome()
            await trio.sleep(6)
            nursery.cancel_scope.cancel()


async def test_a_202_may_have_a_contact_that_cannot_be_read(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    async with alice_and_peer(sip_network, make_sip_peer) as (alice, bob, nursery):

        async def play() -> None:
            dialog = await bob.answer()
            refer = await dialog.expect("REFER")
            await refer.respond(202, headers=[("Contact", "<nobody")])
            assert 200 == await notify(dialog, "refer", "terminated;reason=noresource", "200 OK")
            await dialog.expect_bye()

        nursery.start_soon(play)
        async with talking(alice) as call:
            assert DONE == await call.transfer(CAROL)


async def test_a_promise_that_is_not_kept_is_a_timeout(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    async with alice_and_peer(sip_network, make_sip_peer) as (alice, bob, nursery):

        async def play() -> None:
            dialog = await bob.answer()
            refer = await dialog.expect("REFER")
            await refer.respond(202)
            await dialog.expect_bye(within=40)

        nursery.start_soon(play)
        async with talking(alice) as call:
            began = trio.current_time()
            with pytest.raises(RequestTimedOut, match="NOTIFY"):
                await call.transfer(CAROL)
            assert 31 < trio.current_time() - began < 33


async def test_what_cannot_be_read_tells_nothing(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    async with alice_and_peer(sip_network, make_sip_peer) as (alice, bob, nursery):

        async def play() -> None:
            dialog = await bob.answer()
            refer = await dialog.expect("REFER")
            await refer.respond(202)
            number = refer.message.cseq.number
            for event in ("refer;id=99", "presence", ""):
                status = await notify(dialog, event, "active;expires=60", "100 Trying")
                assert status in (400, 481)
            assert 200 == await notify(
                dialog, f"refer;id={number}", "active;expires=60", "or is it?"
            )
            assert 200 == await notify(
                dialog, f"refer;id={number}", "terminated;reason=noresource", ""
            )
            await dialog.expect_bye()

        nursery.start_soon(play)
        async with talking(alice) as call:
            assert await call.transfer(CAROL) is None


async def test_a_challenge_moves_the_number_that_notifies_name(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    challenge = ("WWW-Authenticate", 'Digest realm="b", nonce="n", algorithm=MD5')
    people = alice_and_peer(sip_network, make_sip_peer, password="s3cret")
    async with people as (alice, bob, nursery):
        alice.account = alice.account.trusting("192.0.2.2")

        async def play() -> None:
            dialog = await bob.answer()
            refer = await dialog.expect("REFER")
            await refer.respond(401, headers=[challenge])
            again = await dialog.expect("REFER")
            assert refer.message.cseq.number + 1 == again.message.cseq.number
            event = f"refer;id={again.message.cseq.number}"
            assert 200 == await notify(dialog, event, "active;expires=60", "100 Trying")
            await again.respond(202)
            assert 200 == await notify(dialog, event, "terminated;reason=noresource", "200 OK")
            await dialog.expect_bye()

        nursery.start_soon(play)
        async with talking(alice) as call:
            assert DONE == await call.transfer(CAROL)


async def test_a_481_to_the_refer_ends_no_more_than_the_referral(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    async with alice_and_peer(sip_network, make_sip_peer) as (alice, bob, nursery):

        async def play() -> None:
            dialog = await bob.answer()
            refer = await dialog.expect("REFER")
            await refer.respond(481)
            await dialog.expect_bye()

        nursery.start_soon(play)
        async with talking(alice) as call:
            with pytest.raises(RequestRejected, match="481"):
                await call.transfer(CAROL)
            await trio.sleep(5)


async def test_a_481_to_a_notify_ends_no_more_than_its_subscription(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    """RFC 5057 section 5.1."""
    seen: list[Referral | IncomingReferral] = []

    async def accept(referral: IncomingReferral) -> None:
        seen.append(referral)
        referral.accept()
        await trio.sleep(5)
        referral.notify(200)

    async with alice_and_peer(sip_network, make_sip_peer) as (alice, bob, nursery):
        await nursery.start(alice.serve_referrals, accept)

        async def play() -> None:
            dialog = await bob.answer()
            refer = await dialog.send("REFER", headers=TO_CAROL)
            assert 202 == (await refer.final()).status
            told = await dialog.expect("NOTIFY")
            number = refer.request.cseq.number
            assert [f"refer;id={number}"] == told.message.headers.get_all("Event")
            assert b"SIP/2.0 100 Trying\r\n" == told.body
            await told.respond(481)
            await trio.sleep(10)
            await dialog.bye()

        nursery.start_soon(play)
        async with alice.call(BOB, OFFER) as call:
            await call.answered()
            await trio.sleep(8)
            assert call.ended is None
            await trio.sleep_forever()

    assert 1 == len(seen)


async def test_who_does_not_answer_is_told_nothing_more(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    async def accept(referral: IncomingReferral) -> None:
        referral.accept()
        await trio.sleep(40)
        referral.notify(180)

    async with alice_and_peer(sip_network, make_sip_peer) as (alice, bob, nursery):
        await nursery.start(alice.serve_referrals, accept)

        async def play() -> None:
            dialog = await bob.answer()
            refer = await dialog.send("REFER", headers=TO_CAROL)
            assert 202 == (await refer.final()).status
            told = await dialog.expect("NOTIFY")
            assert b"SIP/2.0 100 Trying\r\n" == told.body
            await dialog.expect_bye(within=100)

        nursery.start_soon(play)
        async with talking(alice):
            await trio.sleep(60)
        await trio.sleep(1)

    assert 11 == labels(sip_network).count("NOTIFY")


async def test_what_is_out_of_date_is_not_told(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    """Only one NOTIFY is on its way at a time, and the next one says how things stand then."""

    async def hurry(referral: IncomingReferral) -> None:
        referral.accept()
        for status in (180, 183, 200, 486):
            referral.notify(status)

    fragments: list[bytes] = []
    async with alice_and_peer(sip_network, make_sip_peer) as (alice, bob, nursery):
        await nursery.start(alice.serve_referrals, hurry)

        async def play() -> None:
            dialog = await bob.answer()
            refer = await dialog.send("REFER", headers=TO_CAROL)
            assert 202 == (await refer.final()).status
            subscribe = await dialog.send("SUBSCRIBE", headers=[("Event", ";;"), ("Expires", 100)])
            for _ in range(2):
                told = await dialog.expect("NOTIFY")
                fragments.append(told.body)
                await told.respond(200)
            assert (await subscribe.final()).status in (400, 489)
            await dialog.expect_bye()

        nursery.start_soon(play)
        async with talking(alice):
            await trio.sleep(5)
        await trio.sleep(1)

    assert [b"SIP/2.0 100 Trying\r\n", b"SIP/2.0 200 OK\r\n"] == fragments


async def test_a_subscription_runs_out_when_nothing_becomes_of_the_referral(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    async def accept(referral: IncomingReferral) -> None:
        referral.accept()
        await trio.sleep(1000)

    async with alice_and_peer(sip_network, make_sip_peer) as (alice, bob, nursery):
        await nursery.start(alice.serve_referrals, accept)
        async with alice.call(BOB, OFFER) as call:
            dialog = await bob.answer()
            await call.answered()
            two = Misbehaviour.replacing(b"Refer-To:", b"Refer-To: <sip:dave@d>\r\nRefer-To:")
            to_two = await dialog.send("REFER", headers=TO_CAROL, rude=[two])
            assert 400 == (await to_two.final()).status
            refer = await dialog.send("REFER", headers=[*TO_CAROL, ("Refer-Sub", "true")])
            assert 202 == (await refer.final()).status
            await (await dialog.expect("NOTIFY")).respond(200)
            event = f"refer;id={refer.request.cseq.number}"
            subscribe = await dialog.send("SUBSCRIBE", headers=[("Event", event), ("Expires", 100)])
            assert 200 == (await subscribe.final()).status
            await (await dialog.expect("NOTIFY")).respond(200)
            last = await dialog.expect("NOTIFY", within=101)
            assert ["terminated;reason=timeout"] == last.message.headers.get_all(
                "Subscription-State"
            )
            await last.respond(200)
            bye = await dialog.send("BYE")
            await trio.sleep_forever()
        await bye.expect(200)


async def test_credentials_that_are_refused_refuse_the_refer(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    challenge = ("WWW-Authenticate", 'Digest realm="b", nonce="n", algorithm=MD5')
    async with alice_and_peer(sip_network, make_sip_peer) as (alice, bob, nursery):

        async def play() -> None:
            refer = await bob.expect("REFER")
            await refer.respond(401, headers=[challenge])

        nursery.start_soon(play)
        with pytest.raises((AuthenticationRejected, RequestRejected), match="401"):
            async with alice.refer(BOB, CAROL):
                raise AssertionError
