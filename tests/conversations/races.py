"""The races of RFC 5407, each between two user agents; the network decides who comes too late.

What they assert holds on any network.  On a good one the ladder says the rest.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

import trio

from tests.ua.calls import BOB, OFFER, agent, alice_and_bob, nothing_is_left
from trio_sip._errors import CallRejected
from trio_sip.session import OutgoingSession, SessionState, Side
from trio_sip.testing import MemoryNetwork, first
from trio_sip.ua import CallHandler, IncomingCall, OutgoingCall, UserAgent

from .golden import Conversation, by_name
from .proxies import Proxy

__all__ = ["RACES"]

_FAR = 0.3
_NEAR = 0.02


def ringing_for(seconds: float) -> CallHandler:
    """A handler that rings for so long, answers and waits."""

    async def handle(call: IncomingCall) -> None:
        await call.ring()
        await trio.sleep(seconds)
        await call.answer(OFFER)
        await trio.sleep_forever()

    return handle


async def take_at_once(call: IncomingCall) -> None:
    await call.answer(OFFER)
    await trio.sleep_forever()


async def hear_it_ring(call: OutgoingCall) -> None:
    async for _ in call.progress():
        return


@asynccontextmanager
async def talking(
    network: MemoryNetwork, handler: CallHandler = take_at_once
) -> AsyncIterator[OutgoingCall]:
    """A call that Bob has answered, a second ago."""
    async with (
        alice_and_bob(network, handler) as (alice, _),
        alice.call(BOB, OFFER) as call,
    ):
        await call.answered()
        await trio.sleep(1)
        yield call


async def rfc5407_2_2_states_of_a_dialog(network: MemoryNetwork) -> None:
    """The states of a call when nothing meets anything."""
    states: list[SessionState] = []
    async with alice_and_bob(network, ringing_for(1)) as (alice, _):
        async with alice.call(BOB, OFFER) as call:
            states.append(call.state)
            await hear_it_ring(call)
            states.append(call.state)
            await call.answered()
            states.append(call.state)
            await trio.sleep(1)
        states.append(call.state)
    assert SessionState.CALLING is states[0]
    assert SessionState.CONFIRMED is states[2]
    assert states[3] in {SessionState.CLOSING, SessionState.TERMINATED}


async def rfc5407_3_1_1_retransmitted_invite_meets_200(network: MemoryNetwork) -> None:
    """The 180 is lost, so the INVITE is repeated, and meets the 200."""
    network.drop(first(method="INVITE", status=180))
    async with (
        alice_and_bob(network, ringing_for(0.475)) as (alice, _),
        alice.call(BOB, OFFER) as call,
    ):
        await call.answered()
        await trio.sleep(1)


async def rfc5407_3_1_2_cancel_meets_200(network: MemoryNetwork) -> None:
    """The CANCEL meets the 200, so it comes too late, and a BYE has to end the call."""
    async with alice_and_bob(network, ringing_for(1)) as (alice, _):
        async with alice.call(BOB, OFFER) as call:
            await hear_it_ring(call)
            await trio.sleep(0.99)
        assert Side.LOCAL is call.ended_by


async def rfc5407_3_1_3_early_bye_meets_200(network: MemoryNetwork) -> None:
    """A BYE for the early dialog meets the 200, which is acknowledged all the same."""
    async with (
        alice_and_bob(network, ringing_for(1)) as (alice, _),
        alice.call(BOB, OFFER) as call,
    ):
        await hear_it_ring(call)
        await trio.sleep(0.99)
        end_early_dialog(call)
        await trio.sleep(5)


def end_early_dialog(call: OutgoingCall) -> None:
    """Say BYE to the phone that rings, as RFC 3261 section 15 allows and hardly anybody does."""
    session = call.session
    assert isinstance(session, OutgoingSession)
    if session.dialog is not None or session.ended is not None:
        # On a bad network it is too late for that.
        return
    for dialog in session.dialogs:
        session.end_early_dialog(dialog, call.stack.now())
    call._leg.perform()


async def rfc5407_3_1_4_re_invite_before_ack(network: MemoryNetwork) -> None:
    """A re-INVITE comes and the ACK does not; offer and answer were through, so it is answered."""
    network.drop(first(method="ACK"))
    async with (
        alice_and_bob(network, take_at_once) as (alice, _),
        alice.call(BOB, OFFER) as call,
    ):
        await call.answered()
        await call.hold()
        await trio.sleep(1)


async def rfc5407_3_1_5_re_invite_before_ack_with_the_answer(network: MemoryNetwork) -> None:
    """A re-INVITE comes and the ACK with the answer does not: 491, and once more later."""
    network.drop(first(method="ACK"))
    async with (
        alice_and_bob(network, take_at_once) as (alice, _),
        alice.call(BOB) as call,
    ):
        theirs = (await call.answered()).sdp
        assert theirs is not None
        call.acknowledge(theirs.answer(6000))
        await call.hold()
        await trio.sleep(1)


async def rfc5407_3_1_6_bye_before_ack(network: MemoryNetwork) -> None:
    """The BYE comes, and the ACK is lost: the 200 is repeated until another ACK comes."""
    network.drop(first(method="ACK"))
    async with (
        alice_and_bob(network, take_at_once) as (alice, _),
        alice.call(BOB, OFFER) as call,
    ):
        await call.answered()


async def rfc5407_3_2_1_bye_meets_bye(network: MemoryNetwork) -> None:
    """Both say BYE at once; each is answered."""

    async def leave(call: IncomingCall) -> None:
        await call.answer(OFFER)
        await trio.sleep(0.98)

    async with talking(network, leave) as call:
        pass
    assert call.ended is not None


async def rfc5407_3_2_2_re_invite_meets_bye(network: MemoryNetwork) -> None:
    """A re-INVITE meets a BYE: 481."""

    async def change(call: IncomingCall) -> None:
        await call.answer(OFFER)
        await trio.sleep(0.97)
        await call.hold()
        await trio.sleep_forever()

    async with talking(network, change):
        pass


async def rfc5407_3_2_3_bye_meets_200_for_re_invite(network: MemoryNetwork) -> None:
    """A BYE follows a re-INVITE, and meets its 200."""

    async def change(call: IncomingCall) -> None:
        await call.answer(OFFER)
        await trio.sleep(1)
        with trio.move_on_after(0.03):
            await call.hold()

    async with talking(network, change):
        await trio.sleep_forever()


async def rfc5407_3_2_4_bye_overtakes_ack(network: MemoryNetwork) -> None:
    """The BYE overtakes the ACK of its own sender."""
    async with (
        alice_and_bob(network, take_at_once) as (alice, _),
        alice.call(BOB, OFFER) as call,
    ):
        await trio.sleep(0.01)
        network.one_way("alice", "bob", latency=_FAR)
        await call.answered()
        await trio.sleep(0.01)
        network.one_way("alice", "bob", latency=_NEAR)


async def rfc5407_3_3_1_re_invite_meets_re_invite(network: MemoryNetwork) -> None:
    """Two re-INVITEs meet: 491 both ways, and each goes again when its time has come."""

    async def change(call: IncomingCall) -> None:
        await call.answer(OFFER)
        await trio.sleep(0.98)
        await call.hold()
        await trio.sleep_forever()

    async with talking(network, change) as call:
        await call.hold()
        await trio.sleep(6)


async def rfc5407_3_3_2_update_meets_re_invite(network: MemoryNetwork) -> None:
    """An UPDATE and a re-INVITE meet: 491 both ways."""

    async def change(call: IncomingCall) -> None:
        await call.answer(OFFER)
        await trio.sleep(0.98)
        await call.hold()
        await trio.sleep_forever()

    async with talking(network, change) as call:
        await call.update(OFFER)
        await trio.sleep(6)


async def rfc5407_3_3_3_refer_meets_bye(network: MemoryNetwork) -> None:
    """A REFER meets a BYE: 481."""

    async def leave(call: IncomingCall) -> None:
        await call.answer(OFFER)
        await trio.sleep(0.99)

    async with talking(network, leave) as call:
        await call.send_request("REFER", headers=[("Refer-To", "<sip:carol@192.0.2.3>")])


async def rfc5407_a_bye_in_an_early_dialog(network: MemoryNetwork) -> None:
    """A BYE in an early dialog: its INVITE is answered 487."""
    async with alice_and_bob(network, ringing_for(5)) as (alice, _):
        with suppress(CallRejected):
            async with alice.call(BOB, OFFER) as call:
                await hear_it_ring(call)
                end_early_dialog(call)
                await trio.sleep(60)


async def rfc5407_b_bye_overlaps_re_invite(network: MemoryNetwork) -> None:
    """A BYE while a re-INVITE waits for its answer, which is 487 then."""

    async def consider(call: IncomingCall) -> None:
        await call.answer(OFFER)
        async for _ in call.changes():
            await trio.sleep_forever()

    async with talking(network, consider) as call:
        call.session.send_reinvite(call.stack.now(), body=bytes(OFFER))
        call._leg.perform()
        await trio.sleep(0.1)


async def rfc5407_c_cancel_waits_for_a_provisional_response(network: MemoryNetwork) -> None:
    """Nothing has come back yet, so the CANCEL waits for a provisional response."""
    async with alice_and_bob(network, ringing_for(5)) as (alice, _):
        async with alice.call(BOB, OFFER) as call:
            await trio.sleep(0.01)
        assert Side.LOCAL is call.ended_by


async def rfc5407_c_cancel_meets_a_refusal(network: MemoryNetwork) -> None:
    """The CANCEL meets a refusal, which stands."""

    async def refuse(call: IncomingCall) -> None:
        await call.ring()
        await trio.sleep(1)
        await call.reject(486)

    async with alice_and_bob(network, refuse) as (alice, _):
        async with alice.call(BOB, OFFER) as call:
            await hear_it_ring(call)
            await trio.sleep(0.99)
        assert Side.LOCAL is call.ended_by


async def rfc5407_d_request_meets_bye(network: MemoryNetwork) -> None:
    """Any other request that meets a BYE is answered 481, and is over with the call."""

    async def leave(call: IncomingCall) -> None:
        await call.answer(OFFER)
        await trio.sleep(0.99)

    async with talking(network, leave) as call:
        await call.send_dtmf("1")


@asynccontextmanager
async def three_with_a_fork(
    network: MemoryNetwork, bob: CallHandler, carol: CallHandler
) -> AsyncIterator[UserAgent]:
    """Alice, whose proxy has every call of hers ring at Bob and Carol."""
    async with (
        Proxy.open(
            network, "proxy", ways={"example.com": ("sip:bob@192.0.2.3", "sip:carol@192.0.2.4")}
        ) as proxy,
        agent(network, "alice", outbound_proxy=(proxy.uri,)) as caller,
        agent(network, "bob") as one,
        agent(network, "carol") as other,
        trio.open_nursery() as nursery,
    ):
        await nursery.start(one.serve_calls, bob)
        await nursery.start(other.serve_calls, carol)
        try:
            yield caller
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(130)
            nothing_is_left(caller, one, other)
            nursery.cancel_scope.cancel()


async def rfc5407_e_forking_and_new_tags(network: MemoryNetwork) -> None:
    """A proxy forks, and both phones answer: one has the call, the other gets ACK and BYE."""
    async with (
        three_with_a_fork(network, ringing_for(1), ringing_for(1.01)) as alice,
        alice.call("sip:anybody@example.com", OFFER) as call,
    ):
        await call.answered()
        await trio.sleep(2)
        assert call.ended is None


RACES: Mapping[str, Conversation] = by_name(
    rfc5407_2_2_states_of_a_dialog,
    rfc5407_3_1_1_retransmitted_invite_meets_200,
    rfc5407_3_1_2_cancel_meets_200,
    rfc5407_3_1_3_early_bye_meets_200,
    rfc5407_3_1_4_re_invite_before_ack,
    rfc5407_3_1_5_re_invite_before_ack_with_the_answer,
    rfc5407_3_1_6_bye_before_ack,
    rfc5407_3_2_1_bye_meets_bye,
    rfc5407_3_2_2_re_invite_meets_bye,
    rfc5407_3_2_3_bye_meets_200_for_re_invite,
    rfc5407_3_2_4_bye_overtakes_ack,
    rfc5407_3_3_1_re_invite_meets_re_invite,
    rfc5407_3_3_2_update_meets_re_invite,
    rfc5407_3_3_3_refer_meets_bye,
    rfc5407_a_bye_in_an_early_dialog,
    rfc5407_b_bye_overlaps_re_invite,
    rfc5407_c_cancel_waits_for_a_provisional_response,
    rfc5407_c_cancel_meets_a_refusal,
    rfc5407_d_request_meets_bye,
    rfc5407_e_forking_and_new_tags,
)
