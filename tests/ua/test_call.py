"""Calls on a perfect network: how they begin, how they end, and what the code around them sees."""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable
from contextlib import nullcontext

import pytest
import trio
import trio.lowlevel

from trio_sip._errors import (
    CallEnded,
    CallRejected,
    LocalProtocolError,
    NoRoute,
    RemoteProtocolError,
    RequestRejected,
    RequestTimedOut,
    TransportFailed,
)
from trio_sip.message import Response, Uri
from trio_sip.sdp import Direction, SessionDescription
from trio_sip.session import SessionState, Side
from trio_sip.stack import IncomingRequest
from trio_sip.testing import MemoryNetwork, first
from trio_sip.ua import IncomingCall, Progress, UserAgent

from .calls import (
    ALICE,
    BOB,
    OFFER,
    agent,
    alice_and_bob,
    answer_and_wait,
    labels,
    nothing_is_left,
)

TAKEN = ["INVITE", "180 (INVITE)", "200 (INVITE)", "ACK"]
PARTED = ["BYE", "200 (BYE)"]
GIVEN_UP = ["CANCEL", "200 (CANCEL)", "487 (INVITE)", "ACK"]


async def wait_for_twenty_seconds(alice: UserAgent) -> None:
    async with alice.call(BOB, OFFER) as call:
        with trio.fail_after(20):
            await call.answered()


async def divide_by_zero(
    alice: UserAgent, task: Callable[[], Awaitable[None]] | None = None
) -> None:
    async with alice.call(BOB, OFFER) as call:
        await call.answered()
        if task is not None:
            call.start_soon(task)
            await trio.sleep(1)
        raise ZeroDivisionError


async def look_and_wait(alice: UserAgent) -> None:
    async with alice.call(BOB, OFFER) as call:
        seen = [one.status async for one in call.progress()]
        assert [180] == seen
        await call.answered()


async def look_once_and_wait(alice: UserAgent) -> None:
    async with alice.call(BOB, OFFER) as call:
        async for progress in call.progress():
            assert 180 == progress.status
            break
        assert 200 == (await call.answered()).response.status


async def talk_with_a_task(alice: UserAgent, task: Callable[[], Awaitable[None]]) -> None:
    async with alice.call(BOB, OFFER) as call:
        await call.answered()
        call.start_soon(task)
        await trio.sleep_forever()


async def test_who_has_seen_enough_of_the_progress_may_stop_looking(
    sip_network: MemoryNetwork,
) -> None:
    # Warnings are errors: nothing was left to be closed.
    async with alice_and_bob(sip_network, answer_and_wait) as (alice, _):
        await look_once_and_wait(alice)

        assert [*TAKEN, *PARTED] == labels(sip_network)


async def test_who_leaves_the_block_hangs_up(sip_network: MemoryNetwork) -> None:
    async with alice_and_bob(sip_network, answer_and_wait) as (alice, _):
        async with alice.call(BOB, OFFER) as call:
            answer = await call.answered()
            assert answer.sdp is not None
            assert 5000 == answer.sdp.media[0].port
            await trio.sleep(5)

        assert [*TAKEN, *PARTED] == labels(sip_network)
        assert Side.LOCAL is call.ended_by
        assert SessionState.TERMINATED is call.state


async def test_the_handler_of_a_call_that_is_hung_up_is_cancelled_quietly(
    sip_network: MemoryNetwork,
) -> None:
    seen: list[object] = []

    async def talk(call: IncomingCall) -> None:
        await call.answer(OFFER)
        try:
            await trio.sleep_forever()
        finally:
            seen.append(call.ended_by)

    async with alice_and_bob(sip_network, talk) as (alice, bob):
        async with alice.call(BOB, OFFER) as call:
            await call.answered()
            await trio.sleep(1)

        await trio.sleep(1)
        assert [Side.REMOTE] == seen
        assert 0 == bob.stack.statistics().handler_errors


async def test_a_block_whose_call_is_hung_up_is_left_quietly_and_knows_why(
    sip_network: MemoryNetwork,
) -> None:
    async def answer_for_ten_seconds(call: IncomingCall) -> None:
        await call.answer(OFFER)
        await trio.sleep(10)
        call.hang_up(reason='Q.850;cause=16;text="Terminated"')

    async with alice_and_bob(sip_network, answer_for_ten_seconds) as (alice, _):
        began = trio.current_time()
        async with alice.call(BOB, OFFER) as call:
            await call.answered()
            await trio.sleep_forever()

        assert 10 <= trio.current_time() - began <= 11
        assert Side.REMOTE is call.ended_by
        assert call.reason is not None
        assert ("Q.850", 16, "Terminated") == (
            call.reason.protocol,
            call.reason.cause,
            call.reason.text,
        )


async def test_a_handler_that_returns_hangs_up(sip_network: MemoryNetwork) -> None:
    async def answer_and_go(call: IncomingCall) -> None:
        await call.answer(OFFER)

    async with alice_and_bob(sip_network, answer_and_go) as (alice, _):
        async with alice.call(BOB, OFFER):
            await trio.sleep_forever()

        await trio.sleep(1)
        assert ["INVITE", "200 (INVITE)", "ACK", *PARTED] == labels(sip_network)


async def test_who_waits_long_enough_gives_up_with_cancel(sip_network: MemoryNetwork) -> None:
    async def ring(call: IncomingCall) -> None:
        await call.ring()
        await trio.sleep_forever()

    async with alice_and_bob(sip_network, ring) as (alice, _):
        with pytest.raises(trio.TooSlowError):
            await wait_for_twenty_seconds(alice)

        await trio.sleep(1)
        assert ["INVITE", "180 (INVITE)", *GIVEN_UP] == labels(sip_network)


async def test_the_handler_of_a_call_that_is_given_up_is_cancelled(
    sip_network: MemoryNetwork,
) -> None:
    ended: list[Side | None] = []

    async def ring(call: IncomingCall) -> None:
        await call.ring()
        try:
            await trio.sleep_forever()
        finally:
            ended.append(call.ended_by)

    async with alice_and_bob(sip_network, ring) as (alice, _):
        with trio.move_on_after(5):
            async with alice.call(BOB, OFFER):
                await trio.sleep_forever()

        await trio.sleep(1)
        assert [Side.REMOTE] == ended


@pytest.mark.parametrize("status", [302, 404, 486, 500, 603])
async def test_a_refusal_is_raised_bare(status: int, sip_network: MemoryNetwork) -> None:
    async def refuse(call: IncomingCall) -> None:
        if status == 302:
            await call.redirect(["<sip:carol@192.0.2.3>;q=0.5"])
        else:
            await call.reject(status)

    async with alice_and_bob(sip_network, refuse) as (alice, _):
        with pytest.raises(CallRejected) as caught:
            async with alice.call(BOB, OFFER) as call:
                await call.answered()

        await trio.sleep(1)
        assert status == caught.value.status
        assert ["INVITE", f"{status} (INVITE)", "ACK"] == labels(sip_network)
        assert Side.REMOTE is call.ended_by


async def test_a_refusal_that_nobody_waits_for_leaves_the_block(sip_network: MemoryNetwork) -> None:
    async def refuse(call: IncomingCall) -> None:
        await trio.sleep(1)
        await call.reject()

    async with alice_and_bob(sip_network, refuse) as (alice, _):
        began = trio.current_time()
        with pytest.raises(CallRejected, match="486"):
            async with alice.call(BOB, OFFER):
                await trio.sleep(60)

        assert trio.current_time() - began < 2


async def test_a_refusal_that_was_caught_is_not_raised_again(sip_network: MemoryNetwork) -> None:
    async def refuse(call: IncomingCall) -> None:
        await call.reject()

    async with alice_and_bob(sip_network, refuse) as (alice, _), alice.call(BOB, OFFER) as call:
        with pytest.raises(CallRejected):
            await call.answered()
        with pytest.raises(CallRejected):
            await call.answered()


@pytest.mark.parametrize("answers", [False, True])
async def test_a_handler_that_ends_without_answering_says_480(
    answers: bool, sip_network: MemoryNetwork
) -> None:
    async def do_nothing(call: IncomingCall) -> None:
        await call.ring()

    async with alice_and_bob(sip_network, do_nothing if answers else None) as (alice, _):
        with pytest.raises(CallRejected, match="480"):
            async with alice.call(BOB, OFFER) as call:
                await call.answered()


async def test_a_handler_that_fails_says_500_and_harms_nobody_else(
    sip_network: MemoryNetwork,
) -> None:
    async def fail(call: IncomingCall) -> None:
        await call.ring()
        if len(failed) == 0:
            failed.append(call)
            raise ZeroDivisionError
        await call.answer(OFFER)
        await trio.sleep_forever()

    failed: list[IncomingCall] = []
    async with alice_and_bob(sip_network, fail, strict=False) as (alice, bob):
        with pytest.raises(CallRejected, match="500"):
            async with alice.call(BOB, OFFER) as call:
                await call.answered()
        async with alice.call(BOB, OFFER) as call:
            await call.answered()

        assert 1 == bob.stack.statistics().handler_errors


async def test_in_a_strict_stack_the_error_of_a_handler_leaves_serve_calls_bare(
    sip_network: MemoryNetwork,
) -> None:
    async def fail(call: IncomingCall) -> None:
        raise ZeroDivisionError

    async with alice_and_bob(sip_network) as (alice, bob), trio.open_nursery() as nursery:

        @nursery.start_soon
        async def serve() -> None:
            with pytest.raises(ZeroDivisionError):
                await bob.serve_calls(fail)

        await trio.sleep(0.1)
        with pytest.raises(CallRejected, match="500"):
            async with alice.call(BOB, OFFER) as call:
                await call.answered()


async def test_an_error_in_the_block_leaves_it_bare_and_hangs_up(
    sip_network: MemoryNetwork,
) -> None:
    async with alice_and_bob(sip_network, answer_and_wait) as (alice, _):
        with pytest.raises(ZeroDivisionError):
            await divide_by_zero(alice)

        assert PARTED == labels(sip_network)[-2:]


async def test_nobody_there_is_a_time_out(sip_network: MemoryNetwork) -> None:
    async with alice_and_bob(sip_network) as (alice, _):
        sip_network.partition("bob")
        began = trio.current_time()
        with pytest.raises(RequestTimedOut):
            async with alice.call(BOB, OFFER) as call:
                await call.answered()

        assert 32 == pytest.approx(trio.current_time() - began)


async def test_progress_is_what_happens_before_the_answer(sip_network: MemoryNetwork) -> None:
    async def take_time(call: IncomingCall) -> None:
        await call.ring()
        await trio.sleep(1)
        await call.progress(182, reason="Queued")
        await trio.sleep(1)
        await call.progress(183, OFFER)
        await trio.sleep(1)
        await call.answer(OFFER)
        await trio.sleep_forever()

    async with alice_and_bob(sip_network, take_time) as (alice, _):
        async with alice.call(BOB, OFFER) as call:
            seen = [(one.status, one.sdp is not None) async for one in call.progress()]
            await call.answered()
            early = list(call.early_media.values())

        assert [(180, False), (182, False), (183, True)] == seen
        assert [183] == [one.status for one in early]


async def test_progress_ends_with_a_refusal_which_answered_raises(
    sip_network: MemoryNetwork,
) -> None:
    async def ring_and_refuse(call: IncomingCall) -> None:
        await call.ring()
        await trio.sleep(1)
        await call.reject(603)

    async with alice_and_bob(sip_network, ring_and_refuse) as (alice, _):
        with pytest.raises(CallRejected, match="603"):
            await look_and_wait(alice)


async def test_the_task_of_a_call_ends_with_it(sip_network: MemoryNetwork) -> None:
    ends: list[str] = []

    async def media(name: str) -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(1)
            ends.append(name)

    async def talk(call: IncomingCall) -> None:
        call.start_soon(media, "bob")
        await call.answer(OFFER)
        await trio.sleep(3)

    async with alice_and_bob(sip_network, talk) as (alice, _):
        async with alice.call(BOB, OFFER) as call:
            call.start_soon(media, "alice")
            await trio.sleep_forever()

        assert "alice" in ends
        await trio.sleep(2)
        assert {"alice", "bob"} == set(ends)


async def test_the_error_of_a_task_of_a_call_ends_it_and_leaves_the_block_bare(
    sip_network: MemoryNetwork,
) -> None:
    async def media() -> None:
        await trio.sleep(3)
        raise ZeroDivisionError

    async with alice_and_bob(sip_network, answer_and_wait) as (alice, _):
        with pytest.raises(ZeroDivisionError):
            await talk_with_a_task(alice, media)

        assert PARTED == labels(sip_network)[-2:]


async def test_who_offers_last_gets_the_answer_in_the_ack(sip_network: MemoryNetwork) -> None:
    answers: list[int] = []

    async def offer(call: IncomingCall) -> None:
        assert call.offer is None
        answer = await call.answer(OFFER)
        assert answer is not None
        answers.append(answer.media[0].port)
        await trio.sleep_forever()

    async with alice_and_bob(sip_network, offer) as (alice, _):
        async with alice.call(BOB) as call:
            theirs = (await call.answered()).sdp
            assert theirs is not None
            call.acknowledge(theirs.answer(6000))
            await trio.sleep(1)

        assert [6000] == answers


async def test_what_needs_an_answered_call_says_so(sip_network: MemoryNetwork) -> None:
    async def ring(call: IncomingCall) -> None:
        await call.ring()
        with pytest.raises(LocalProtocolError, match="hold needs a call that has been answered"):
            await call.hold()
        with pytest.raises(LocalProtocolError, match="200 is no refusal"):
            await call.reject(200)
        await call.answer(OFFER)
        with pytest.raises(LocalProtocolError, match="answered already"):
            await call.answer(OFFER)
        with pytest.raises(LocalProtocolError, match="answered already"):
            await call.reject()

    async with alice_and_bob(sip_network, ring) as (alice, _):
        async with alice.call(BOB, OFFER) as call:
            with pytest.raises(LocalProtocolError, match="reinvite needs a call that has been"):
                await call.reinvite(OFFER)
            with pytest.raises(LocalProtocolError, match="not keys"):
                await call.send_dtmf("hello")
            await call.answered()
            await trio.sleep_forever()

        with pytest.raises(CallEnded, match="ended by the remote side"):
            await call.hold()
        with pytest.raises(CallEnded):
            await call.answered()
        with pytest.raises(CallEnded):
            call.start_soon(trio.sleep, 1)


async def test_a_caller_is_who_from_says_and_calls_whom_the_uri_names(
    sip_network: MemoryNetwork,
) -> None:
    seen: list[tuple[Uri, Uri]] = []

    async def note(call: IncomingCall) -> None:
        seen.append((call.caller.uri, call.target))

    async with alice_and_bob(sip_network, note) as (alice, _):
        with pytest.raises(CallRejected):
            async with alice.call(BOB, OFFER) as call:
                await call.answered()

    assert [(Uri.parse(ALICE), Uri.parse(BOB))] == seen


async def test_while_a_user_agent_drains_new_calls_get_503_and_old_ones_go_on(
    sip_network: MemoryNetwork,
) -> None:
    async with (
        alice_and_bob(sip_network, answer_and_wait) as (alice, bob),
        trio.open_nursery() as nursery,
    ):
        async with alice.call(BOB, OFFER) as call:
            await call.answered()
            nursery.start_soon(bob.drain)
            await trio.sleep(1)
            with pytest.raises(CallRejected, match="503") as caught:
                async with alice.call(BOB, OFFER) as late:
                    await late.answered()
            assert isinstance(caught.value.response, Response)
            assert "5" == caught.value.response["Retry-After"]
            assert call.ended is None
        await trio.sleep(1)
        assert [] == list(nursery.child_tasks)


async def test_a_call_without_a_block_lives_until_it_is_closed(sip_network: MemoryNetwork) -> None:
    async with alice_and_bob(sip_network, answer_and_wait) as (alice, _):
        async with trio.open_nursery() as nursery:
            call = await alice.start_call(nursery, BOB, OFFER)
            await call.answered()
            await call.aclose()

        assert [*TAKEN, *PARTED] == labels(sip_network)


async def test_a_refusal_of_a_call_without_a_block_stays_with_it(
    sip_network: MemoryNetwork,
) -> None:
    async def refuse(call: IncomingCall) -> None:
        await call.reject()

    async with alice_and_bob(sip_network, refuse) as (alice, _), trio.open_nursery() as nursery:
        call = await alice.start_call(nursery, BOB, OFFER)
        with pytest.raises(CallRejected):
            await call.answered()


async def test_hold_and_resume_change_what_both_know(sip_network: MemoryNetwork) -> None:
    directions: list[Direction] = []

    async def talk(call: IncomingCall) -> None:
        await call.answer(call.offer.answer(5000) if call.offer else None)
        for _ in range(3):
            await trio.sleep(10)
            assert call.remote_sdp is not None
            assert call.local_sdp is not None
            directions.append(call.remote_sdp.media[0].direction)
            directions.append(call.local_sdp.media[0].direction)
        await trio.sleep_forever()

    async with alice_and_bob(sip_network, talk) as (alice, _), alice.call(BOB, OFFER) as call:
        await call.answered()
        await trio.sleep(12)
        await call.hold()
        await trio.sleep(10)
        await call.resume()
        await trio.sleep(10)

    both, out, in_ = Direction.SENDRECV, Direction.SENDONLY, Direction.RECVONLY
    assert [both, both, out, in_, both, both] == directions


async def test_changes_wait_for_the_word_of_who_asks_for_them(sip_network: MemoryNetwork) -> None:
    async def talk(call: IncomingCall) -> None:
        changes = call.changes()
        await call.answer(OFFER)
        async for change in changes:
            assert change.offer is not None
            if change.offer.is_on_hold:
                change.reject(488)
            else:
                change.accept(change.offer.answer(5002))

    async with alice_and_bob(sip_network, talk) as (alice, _):
        async with alice.call(BOB, OFFER) as call:
            await call.answered()
            with pytest.raises(Exception, match="488"):
                await call.hold()
            answer = await call.reinvite(OFFER)
            updated = await call.update(OFFER)

        assert answer.sdp is not None
        assert updated.sdp is not None
        assert [5002, 5002] == [answer.sdp.media[0].port, updated.sdp.media[0].port]


async def test_who_asks_late_for_changes_is_told_of_those_before(
    sip_network: MemoryNetwork,
) -> None:
    seen: list[tuple[bool, int]] = []

    async def talk(call: IncomingCall) -> None:
        assert call.offer is not None
        await call.answer(call.offer.answer(5000))
        await trio.sleep(10)
        async for change in call.changes():
            assert change.offer is not None
            seen.append((change.is_past, change.offer.media[0].port))
            # What has been answered already cannot be answered otherwise.
            with pytest.raises(LocalProtocolError) if change.is_past else nullcontext():
                change.reject(488)
            if change.is_past:
                change.accept()

    async with alice_and_bob(sip_network, talk) as (alice, _), alice.call(BOB, OFFER) as call:
        await call.answered()
        for port in range(4002, 4014, 2):
            await call.reinvite(SessionDescription.audio(port, "192.0.2.1"))
        await trio.sleep(10)
        with pytest.raises(RequestRejected, match="488"):
            await call.reinvite(SessionDescription.audio(4014, "192.0.2.1"))

    assert [(True, 4006), (True, 4008), (True, 4010), (True, 4012), (False, 4014)] == seen


async def test_a_reinvite_without_an_offer_gets_theirs_and_is_answered(
    sip_network: MemoryNetwork,
) -> None:
    async with alice_and_bob(sip_network, answer_and_wait) as (alice, _):
        async with alice.call(BOB, OFFER) as call:
            await call.answered()
            answer = await call.reinvite()
            await trio.sleep(1)

        assert answer.sdp is not None
        assert 5000 == answer.sdp.media[0].port
        assert ["INVITE", "200 (INVITE)", "ACK", *PARTED] == labels(sip_network)[-5:]


async def test_keys_are_pressed_by_info(sip_network: MemoryNetwork) -> None:
    keys: list[str] = []

    async def listen(call: IncomingCall) -> None:
        await call.answer(OFFER)
        async for key in call.dtmf():
            pressed = key
            keys.append(pressed)

    async with alice_and_bob(sip_network, listen) as (alice, _):
        async with alice.call(BOB, OFFER) as call:
            await call.answered()
            await call.send_dtmf("12#a")
            await call.info("Signal=11\r\nDuration=9\r\n", "application/dtmf-relay")
            await call.info("5", "application/dtmf")

        assert list("12#A#5") == keys
        assert 6 == labels(sip_network).count("INFO")


async def test_infos_and_texts_are_read_by_whoever_asks_for_them(
    sip_network: MemoryNetwork,
) -> None:
    seen: list[object] = []

    async def listen(call: IncomingCall) -> None:
        call.info_packages = ("weather",)
        call.start_soon(read_texts, call)
        await call.answer(OFFER)
        async for info in call.infos():
            told = info.body, info.content_type, info.package
            seen.append(told)

    async def read_texts(call: IncomingCall) -> None:
        async for text in call.texts():
            body = text.body
            seen.append(body)

    async with alice_and_bob(sip_network, listen) as (alice, _), alice.call(BOB, OFFER) as call:
        await call.answered()
        await call.info("fine", package="weather")
        await call.info("<x/>", "text/xml")
        await call.send_request("MESSAGE", b"hello", content_type="text/plain")
        with pytest.raises(Exception, match="469"):
            await call.info("?", package="unknown")
        options = await call.send_request("OPTIONS")
        assert "INVITE" in options["Allow"]

    assert [(b"fine", "text/plain", "weather"), (b"<x/>", "text/xml", None), b"hello"] == seen


@pytest.mark.parametrize(
    ("method", "status"), [("MESSAGE", 405), ("NOTIFY", 481), ("REFER", 603), ("SUBSCRIBE", 489)]
)
async def test_what_nobody_handles_within_a_call_is_answered(
    method: str, status: int, sip_network: MemoryNetwork
) -> None:
    async with (
        alice_and_bob(sip_network, answer_and_wait) as (alice, _),
        alice.call(BOB, OFFER) as call,
    ):
        await call.answered()
        with pytest.raises(Exception, match=str(status)):
            await call.send_request(method, headers=[("Event", "x")])
        assert call.ended is None


async def test_a_handler_for_a_method_answers_its_requests(sip_network: MemoryNetwork) -> None:
    async def talk(call: IncomingCall) -> None:
        async def take(request: object) -> None:
            await trio.sleep(0.1)
            request.respond(202)  # type: ignore[attr-defined]

        call.set_handler("REFER", take)
        await answer_and_wait(call)

    async with alice_and_bob(sip_network, talk) as (alice, _), alice.call(BOB, OFFER) as call:
        await call.answered()
        response = await call.send_request("REFER", headers=[("Refer-To", "<sip:carol@x>")])

    assert 202 == response.status


async def test_who_shuts_down_says_goodbye_to_everybody_first(sip_network: MemoryNetwork) -> None:
    ended: list[tuple[Side | None, int | None]] = []

    async def handle(call: IncomingCall) -> None:
        await call.ring()
        if call.target.params.get("answer") == "no":
            await trio.sleep_forever()
        await answer_and_wait(call)

    async def talk(alice: UserAgent, target: str) -> None:
        try:
            async with alice.call(target, OFFER) as call:
                await trio.sleep_forever()
        except CallRejected as refusal:
            ended.append((call.ended_by, refusal.status))
        else:
            ended.append((call.ended_by, None))

    async with agent(sip_network, "alice") as alice, trio.open_nursery() as nursery:
        sip_network.host("bob")
        for target in (BOB, BOB, f"{BOB};answer=no"):
            nursery.start_soon(talk, alice, target)
        with trio.move_on_after(10):
            async with agent(sip_network, "bob") as bob:
                await bob.serve_calls(handle)
        await trio.sleep(130)
        nothing_is_left(alice)

    assert {(Side.REMOTE, None), (Side.REMOTE, 503)} == set(ended)
    assert 3 == len(ended)


async def test_a_peer_that_does_not_answer_the_goodbye_holds_nobody_up_for_long(
    sip_network: MemoryNetwork,
) -> None:
    async with alice_and_bob(sip_network, answer_and_wait) as (alice, _):
        async with alice.call(BOB, OFFER, grace=2) as call:
            await call.answered()
            await trio.sleep(1)
            sip_network.partition("bob")
            began = trio.current_time()

        assert 2 == pytest.approx(trio.current_time() - began)
        assert Side.LOCAL is call.ended_by
        await trio.sleep(10)
        sip_network.heal()


async def test_an_error_in_the_block_and_one_in_a_task_leave_as_a_group(
    sip_network: MemoryNetwork,
) -> None:
    async def media() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise KeyError

    async with alice_and_bob(sip_network, answer_and_wait) as (alice, _):
        with pytest.raises(ExceptionGroup) as caught:
            await divide_by_zero(alice, media)

        assert [ZeroDivisionError, KeyError] == [type(one) for one in caught.value.exceptions]


async def test_a_task_whose_nursery_fails_leaves_what_failed_bare(
    sip_network: MemoryNetwork,
) -> None:
    async def fail() -> None:
        raise KeyError

    async def media() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail)
            await trio.sleep_forever()

    async with alice_and_bob(sip_network, answer_and_wait) as (alice, _):
        with pytest.raises(KeyError):
            await talk_with_a_task(alice, media)


async def test_tasks_that_fail_together_leave_as_a_group(sip_network: MemoryNetwork) -> None:
    async def media() -> None:
        await trio.sleep(1)
        raise KeyError

    async with alice_and_bob(sip_network, answer_and_wait) as (alice, _):
        with pytest.raises(ExceptionGroup) as caught:
            await _talk_with_two_tasks(alice, media)

        assert [KeyError, KeyError] == [type(one) for one in caught.value.exceptions]


async def _talk_with_two_tasks(alice: UserAgent, task: Callable[[], Awaitable[None]]) -> None:
    async with alice.call(BOB, OFFER) as call:
        await call.answered()
        for _ in range(2):
            call.start_soon(task, name="media")
        await trio.sleep_forever()


async def test_a_task_that_is_started_as_the_call_ends_hardly_begins(
    sip_network: MemoryNetwork,
) -> None:
    begun: list[int] = []

    async def media() -> None:
        await trio.lowlevel.checkpoint()
        begun.append(1)

    async with (
        alice_and_bob(sip_network, answer_and_wait) as (alice, _),
        alice.call(BOB, OFFER) as call,
    ):
        await call.answered()
        call.start_soon(media)

    assert [] == begun


async def test_the_error_of_a_task_of_a_call_that_came_is_contained(
    sip_network: MemoryNetwork,
) -> None:
    async def fail() -> None:
        await trio.sleep(1)
        raise KeyError

    async def talk(call: IncomingCall) -> None:
        await call.answer(OFFER)
        call.start_soon(fail)
        await trio.sleep_forever()

    async with alice_and_bob(sip_network, talk, strict=False) as (alice, bob):
        async with alice.call(BOB, OFFER) as call:
            await trio.sleep_forever()

        assert Side.REMOTE is call.ended_by
        await trio.sleep(1)
        assert 1 == bob.stack.statistics().handler_errors


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (RequestTimedOut("nobody"), 408),
        (NoRoute("nowhere"), 404),
        (TransportFailed("broken"), 500),
        (RemoteProtocolError("nonsense", 488), 488),
        (CallRejected(486, "Busy Here"), 486),
        (CallRejected(302, "Moved"), 500),
        (CallRejected(503, "Unavailable"), 500),
        (ExceptionGroup("legs", [CallRejected(603, "Decline")]), 603),
    ],
)
async def test_what_became_of_somebody_else_is_told_to_the_caller(
    error: Exception, status: int, sip_network: MemoryNetwork
) -> None:
    async def ask_somebody_else(call: IncomingCall) -> None:
        # A copy, because an error keeps its traceback and with it the call, and parameters live on.
        raise copy.copy(error)

    async with alice_and_bob(sip_network, ask_somebody_else) as (alice, bob):
        with pytest.raises(CallRejected, match=str(status)):
            await wait_for_twenty_seconds(alice)

        assert 0 == bob.stack.statistics().handler_errors


async def test_a_change_that_is_taken_back_needs_no_word_any_more(
    sip_network: MemoryNetwork,
) -> None:
    seen: list[int] = []

    async def talk(call: IncomingCall) -> None:
        changes = call.changes()
        await call.answer(OFFER)
        await trio.sleep(5)
        async for change in changes:
            seen.append(1)
            change.accept()
            with pytest.raises(LocalProtocolError):
                change.reject()

    async with alice_and_bob(sip_network, talk) as (alice, _), alice.call(BOB, OFFER) as call:
        await call.answered()
        with trio.move_on_after(1):
            await call.hold()
        await trio.sleep(10)
        answer = await call.update(OFFER)
        assert answer.sdp is not None

    assert [1] == seen


async def test_a_call_knows_what_was_said_about_media(sip_network: MemoryNetwork) -> None:
    async with alice_and_bob(sip_network, answer_and_wait) as (alice, _):
        async with alice.call(BOB, OFFER) as call:
            assert call.dialog is None
            assert (OFFER, None) == (call.local_sdp, call.remote_sdp)
            assert call.ended_by is None
            assert call.reason is None
            answer = await call.answered()
            assert call.remote_sdp == answer.sdp
            assert call.dialog is answer.dialog
            with pytest.raises(RequestRejected, match="488"):
                await call.reinvite("nonsense")
            with pytest.raises(LocalProtocolError):
                await call.send_request("BYE")
            with pytest.raises(LocalProtocolError, match="no PRACK"):
                Progress(answer.response, None, None).acknowledge()
        async with alice.call(BOB) as call:
            with pytest.raises(LocalProtocolError, match="hold"):
                await call.hold()


async def test_what_is_handled_and_not_answered_is_an_error_and_gets_500(
    sip_network: MemoryNetwork,
) -> None:
    async def talk(call: IncomingCall) -> None:
        async def forget(request: IncomingRequest) -> None:
            await trio.lowlevel.checkpoint()

        call.set_handler("INFO", forget)
        call.set_handler("REFER", forget)
        call.set_handler("REFER", None)
        await answer_and_wait(call)

    async with alice_and_bob(sip_network, talk) as (alice, bob), alice.call(BOB, OFFER) as call:
        await call.answered()
        with pytest.raises(RequestRejected, match="500"):
            await call.info("?")
        with pytest.raises(RequestRejected, match="603"):
            await call.send_request("REFER")

        async def take(request: IncomingRequest) -> None:
            request.respond(299)

        bob.calls.handlers["REFER"] = take
        assert 299 == (await call.send_request("REFER")).status


async def test_a_call_is_made_once(sip_network: MemoryNetwork) -> None:
    async with alice_and_bob(sip_network, answer_and_wait) as (alice, _):
        call = alice.call(BOB, OFFER)
        async with call:
            await call.answered()
        with pytest.raises(LocalProtocolError, match="made once"):
            await call.start()
        with pytest.raises(LocalProtocolError, match="URI"):
            alice.call("nonsense")


async def test_an_answer_waits_for_its_own_ack_and_not_for_that_of_a_reinvite(
    sip_network: MemoryNetwork,
) -> None:
    states: list[SessionState] = []

    async def look(call: IncomingCall) -> None:
        await call.answer(OFFER)
        states.append(call.state)
        await trio.sleep_forever()

    async with alice_and_bob(sip_network, look) as (alice, _):
        sip_network.drop(first(method="ACK"))
        async with alice.call(BOB, OFFER) as call:
            await call.answered()
            await call.hold()
            await trio.sleep(1)

    assert [SessionState.CONFIRMED] == states
