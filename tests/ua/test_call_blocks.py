"""How blocks and handlers are left, and calls that are used in a way that nobody meant."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio

from trio_sip._errors import CallEnded, CallRejected, LocalProtocolError
from trio_sip.message import Response
from trio_sip.session import Side
from trio_sip.stack import IncomingRequest
from trio_sip.testing import MemoryNetwork
from trio_sip.ua import Call, IncomingCall, OutgoingCall, UserAgent

from .calls import BOB, OFFER, alice_and_bob, answer_and_wait

NOT_BEGUN = "has not begun"


async def send_infos(call: Call) -> None:
    while True:
        await call.info("x")


async def talk_briefly(call: IncomingCall) -> None:
    await call.answer(OFFER)
    await trio.sleep(1)


async def test_tasks_in_a_block_that_hear_that_the_call_is_over_leave_it_quietly(
    sip_network: MemoryNetwork,
) -> None:
    async with alice_and_bob(sip_network, talk_briefly) as (alice, _):
        async with alice.call(BOB, OFFER) as call:
            await call.answered()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(send_infos, call)
                nursery.start_soon(send_infos, call)

        assert Side.REMOTE is call.ended_by


async def test_who_hangs_up_leaves_the_block_quietly_whatever_is_waited_for_in_it(
    sip_network: MemoryNetwork,
) -> None:
    async with alice_and_bob(sip_network, answer_and_wait) as (alice, _):

        async def hang_up() -> None:
            await trio.sleep(0.03)
            call.hang_up()

        async with alice.call(BOB, OFFER) as call:
            await call.answered()
            call.start_soon(hang_up)
            await send_infos(call)

        assert Side.LOCAL is call.ended_by


async def use_within_another_call(alice: UserAgent, over: OutgoingCall) -> None:
    async with alice.call(BOB, OFFER) as call:
        await call.answered()
        await over.info("x")


async def test_that_another_call_is_over_is_no_secret(sip_network: MemoryNetwork) -> None:
    async with alice_and_bob(sip_network, answer_and_wait) as (alice, _):
        async with alice.call(BOB, OFFER) as over:
            await over.answered()
        with pytest.raises(CallEnded):
            await use_within_another_call(alice, over)


async def test_tasks_of_a_handler_that_hear_that_the_call_is_over_are_no_bug(
    sip_network: MemoryNetwork,
) -> None:
    async def talk(call: IncomingCall) -> None:
        await call.answer(OFFER)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send_infos, call)
            nursery.start_soon(send_infos, call)

    async with alice_and_bob(sip_network, talk) as (alice, bob):
        async with alice.call(BOB, OFFER) as call:
            await call.answered()
            await trio.sleep(1)
        await trio.sleep(1)

        assert 0 == bob.stack.statistics().handler_errors


@pytest.mark.parametrize(
    "use",
    [
        OutgoingCall.answered,
        OutgoingCall.hold,
        OutgoingCall.aclose,
        lambda call: anext(call.progress()),
    ],
)
async def test_a_call_whose_block_was_not_entered_says_so(
    use: Callable[[OutgoingCall], Awaitable[object]], sip_network: MemoryNetwork
) -> None:
    async with alice_and_bob(sip_network) as (alice, _):
        with pytest.raises(LocalProtocolError, match=NOT_BEGUN):
            await use(alice.call(BOB, OFFER))
        with pytest.raises(LocalProtocolError, match=NOT_BEGUN):
            _ = alice.call(BOB, OFFER).state


async def test_progress_is_provisional_and_a_redirection_may_have_one_target(
    sip_network: MemoryNetwork,
) -> None:
    async def send_on(call: IncomingCall) -> None:
        for status in (100, 200, 486):
            with pytest.raises(LocalProtocolError, match="no provisional"):
                await call.progress(status, OFFER)
        with pytest.raises(LocalProtocolError, match="own"):
            call.set_handler("BYE", say_yes)
        await call.redirect("sip:carol@192.0.2.3")

    async def say_yes(request: IncomingRequest) -> None:
        request.respond(200)

    async with alice_and_bob(sip_network, send_on) as (alice, _):
        with pytest.raises(CallRejected) as caught:
            async with alice.call(BOB, OFFER) as call:
                await call.answered()

        assert isinstance(caught.value.response, Response)
        assert "<sip:carol@192.0.2.3>" == caught.value.response["Contact"]


async def test_a_caller_knows_the_answer_to_its_own_late_offer(sip_network: MemoryNetwork) -> None:
    async def ask(call: IncomingCall) -> None:
        await call.answer(OFFER)
        answer = await call.reinvite()
        assert answer.sdp is not None
        await trio.sleep_forever()

    async with alice_and_bob(sip_network, ask) as (alice, _), alice.call(BOB, OFFER.hold()) as call:
        await call.answered()
        before = call.remote_sdp
        await trio.sleep(1)

        assert before is not None
        assert call.remote_sdp is not None
        assert before != call.remote_sdp


async def test_phones_that_are_not_there_are_waited_for_together(
    sip_network: MemoryNetwork,
) -> None:
    async with alice_and_bob(sip_network, answer_and_wait) as (alice, _):
        nowhere = [f"sip:bob@192.0.2.{number}" for number in range(50, 60)]
        async with alice.fork([*nowhere, BOB], OFFER):
            begun = trio.current_time()

        assert 5.0 > trio.current_time() - begun
