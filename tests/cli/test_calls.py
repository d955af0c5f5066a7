"""``call`` and ``answer``: what they do and say, on a network in memory."""

from __future__ import annotations

import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from trio_sip.cli._agent import ending
from trio_sip.cli._answer import AnswerPlan, take_calls
from trio_sip.cli._call import CallPlan, CallReport, place_call
from trio_sip.cli._client import parse_target
from trio_sip.cli._errors import CommandFailed
from trio_sip.cli._goodbye import hanging_up_on_ctrl_c
from trio_sip.cli._recording import RecordingNetwork
from trio_sip.cli._rows import LadderRows
from trio_sip.cli._user import parse_user
from trio_sip.message import Reason
from trio_sip.sdp import SessionDescription
from trio_sip.session import Ended, How, Side
from trio_sip.testing import MemoryNetwork, every
from trio_sip.transport import Address
from trio_sip.ua import CallHandler, IncomingCall, UserAgent, open_user_agent

ALICE, BOB = "sip:alice@192.0.2.1", "sip:bob@192.0.2.2"


@attrs.define
class Notes:
    """A `Show` that keeps what it is told."""

    said: list[str] = attrs.field(factory=list)
    states: list[str] = attrs.field(factory=list)
    drawn: list[str] = attrs.field(factory=list)

    def say_nowait(self, line: str) -> None:
        self.said.append(line)

    spell_out_nowait = say_nowait

    def state_nowait(self, text: str, since: float | None = None, hint: str = "") -> None:
        self.states.append(text)

    def head_nowait(self, line: str) -> None:
        self.drawn.append(line)

    def row_nowait(self, line: str, style: str) -> None:
        self.drawn.append(line)


@attrs.define
class Scene:
    """Alice, who uses ``call``, and Bob."""

    alice: UserAgent
    bob: UserAgent
    calling: Notes
    answering: Notes
    report: CallReport

    async def call(self, target: str = BOB, user: str = "", **settings: float | None) -> None:
        """What the command does."""
        plan = {"wait": 60.0, "seconds": None, **settings}
        wait = plan["wait"]
        assert wait is not None
        await place_call(
            self.alice,
            CallPlan(
                target=parse_target(target),
                wait=wait,
                seconds=plan["seconds"],
                login=parse_user(user) if user else None,
            ),
            self.report,
            self.calling,
        )


@asynccontextmanager
async def scene(
    network: MemoryNetwork, plan: AnswerPlan | CallHandler | None = None
) -> AsyncIterator[Scene]:
    """Both of them; Bob does what *plan* says."""
    calling, answering = Notes(), Notes()
    ours, theirs = LadderRows(calling, True), LadderRows(answering, False)
    networks = [
        RecordingNetwork(ours, network.host("alice")),
        RecordingNetwork(theirs, network.host("bob")),
    ]
    async with (
        open_user_agent(ALICE, listen="udp://192.0.2.1:5060", network=networks[0]) as alice,
        open_user_agent(
            "sip:trio-sip@localhost",
            listen="udp://192.0.2.2:5060",
            network=networks[1],
        ) as bob,
        trio.open_nursery() as nursery,
    ):
        if isinstance(plan, AnswerPlan):
            nursery.start_soon(take_calls, bob, plan, answering)
        elif plan is not None:
            nursery.start_soon(bob.serve_calls, plan)
        await wait_all_tasks_blocked()
        report = CallReport(parse_target(BOB), ours)
        yield Scene(alice, bob, calling, answering, report)
        nursery.cancel_scope.cancel()


async def test_a_call_that_we_end_is_shown_at_both_ends(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network, AnswerPlan(after=2)) as stage:
        await stage.call(seconds=3.0)

    assert [
        "calling sip:bob@192.0.2.2 as sip:alice@192.0.2.1",
        "180 Ringing after 0.0 s",
        "200 OK after 2.0 s from udp://192.0.2.2:5060",
        "hung up after 3.0 s",
    ] == stage.calling.said
    assert ["calling", "ringing", "talking", ""] == stage.calling.states
    assert [
        "ready",
        "<sip:alice@192.0.2.1> calls sip:bob@192.0.2.2 from udp://192.0.2.1:5060",
        "sip:alice@192.0.2.1: the other side hung up after 3.0 s",
    ] == stage.answering.said
    waiting = "waiting for calls"
    assert [waiting, "ringing", "talking", waiting] == stage.answering.states


async def test_each_end_draws_itself_on_its_own_side(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network, AnswerPlan(after=1, seconds=1)) as stage:
        await stage.call()

    assert [
        "          192.0.2.1:5060            udp://192.0.2.2:5060",
        "   0.000  |----------INVITE-------->|",
        "   0.040  |<------180 (INVITE)------|",
        "   1.040  |<------200 (INVITE)------|",
        "   1.040  |-----------ACK---------->|",
        "   2.080  |<----------BYE-----------|",
        "   2.080  |--------200 (BYE)------->|",
    ] == stage.calling.drawn
    assert [
        "          udp://192.0.2.1:5060      192.0.2.2:5060",
        "   0.000  |----------INVITE-------->|",
        "   0.000  |<------180 (INVITE)------|",
        "   1.000  |<------200 (INVITE)------|",
        "   1.040  |-----------ACK---------->|",
        "   2.040  |<----------BYE-----------|",
        "   2.080  |--------200 (BYE)------->|",
    ] == stage.answering.drawn


async def test_a_call_that_they_end_is_no_failure_and_says_so(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network, AnswerPlan(after=0, seconds=5)) as stage:
        await stage.call()

    assert "the other side hung up after 5.0 s" == stage.calling.said[-1]
    assert f"{ALICE}: hung up after 5.0 s" == stage.answering.said[-1]
    assert {
        "target": "sip:bob@192.0.2.2",
        "status": 200,
        "reason": "OK",
        "answered_after": 0.04,
        "seconds": 5.04,
        "ended_by": "remote",
        "how": "BYE",
    } == json.loads(stage.report.as_json())


async def test_a_refusal_says_who_refused_and_with_what(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network, AnswerPlan(after=0, reject=486)) as stage:
        with pytest.raises(CommandFailed) as caught:
            await stage.call()

    assert f"call {BOB}: 486 Busy Here from udp://192.0.2.2:5060" == str(caught.value)
    assert f"{ALICE}: refused with 486" == stage.answering.said[-1]
    assert (486, None) == (
        json.loads(stage.report.as_json())["status"],
        json.loads(stage.report.as_json())["seconds"],
    )


@pytest.mark.parametrize(
    ("user", "why"),
    [
        ("", "401 Unauthorized from udp://192.0.2.2:5060 (say --user NAME:PASSWORD)"),
        ("alice:wonderland", "401 Unauthorized from udp://192.0.2.2:5060"),
    ],
)
async def test_a_refusal_for_want_of_a_password_says_what_may_help(
    user: str, why: str, sip_network: MemoryNetwork
) -> None:
    async def challenge(call: IncomingCall) -> None:
        await call.reject(401)

    async with scene(sip_network, challenge) as stage:
        with pytest.raises(CommandFailed) as caught:
            await stage.call(user=user)

    assert f"call {BOB}: {why}" == str(caught.value)


async def test_nobody_answers_in_time_and_the_call_is_given_up(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network, AnswerPlan(after=100)) as stage:
        with pytest.raises(CommandFailed, match=r"no answer within 20 s$"):
            await stage.call(wait=20.0)

    assert "given up" == stage.calling.said[-1]
    assert f"{ALICE}: the caller gave up" == stage.answering.said[-1]


async def test_ctrl_c_gives_up_while_it_rings_and_hangs_up_while_they_talk(
    sip_network: MemoryNetwork,
) -> None:
    async with scene(sip_network, AnswerPlan(after=5)) as stage:
        for moment in (3, 8):
            with trio.move_on_after(moment):
                await stage.call()

    ours = [one for one in stage.calling.said if one in {"given up", "hung up after 3.0 s"}]
    assert ["given up", "hung up after 3.0 s"] == ours
    assert 1 == len([one for one in stage.calling.drawn if "CANCEL--" in one])
    assert 1 == len([one for one in stage.calling.drawn if "-BYE-" in one])


async def test_a_call_that_breaks_off_is_a_failure(sip_network: MemoryNetwork) -> None:
    async def change(call: IncomingCall) -> None:
        assert call.offer is not None
        await call.answer(call.offer.answer(5000))
        await trio.sleep(1)
        sip_network.drop(every(destination="bob"))
        await trio.sleep_forever()

    async with scene(sip_network, change) as stage, trio.open_nursery() as nursery:
        nursery.start_soon(_expect_broken, stage)


async def _expect_broken(stage: Scene) -> None:
    with pytest.raises(CommandFailed, match="broken off, because"):
        await stage.call()


async def test_answer_ends_after_so_many_calls(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network) as stage, trio.open_nursery() as nursery:
        nursery.start_soon(take_calls, stage.bob, AnswerPlan(after=0, count=2), stage.answering)
        await wait_all_tasks_blocked()
        await stage.call(seconds=1.0)
        await stage.call(seconds=1.0)

    assert 2 == stage.answering.said.count(f"{ALICE}: the other side hung up after 1.0 s")


async def test_answer_shows_how_many_there_are_at_once(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network, AnswerPlan(after=0)) as stage, trio.open_nursery() as nursery:
        nursery.start_soon(stage.call, BOB)
        await trio.sleep(1)
        with trio.move_on_after(1):
            await stage.call("sip:192.0.2.2")
        nursery.cancel_scope.cancel()

    assert "2 calls" in stage.answering.states


@pytest.mark.parametrize(
    ("offer", "status"),
    [
        ("v=0", 400),
        (bytes(SessionDescription.audio(4000)).replace(b"RTP/AVP", b"RTP/SAVP"), 488),
    ],
)
async def test_answer_refuses_what_it_cannot_take(
    offer: bytes | str, status: int, sip_network: MemoryNetwork
) -> None:
    async with (
        scene(sip_network, AnswerPlan(after=0)) as stage,
        stage.alice.call(BOB, offer) as call,
    ):
        with pytest.raises(Exception, match=str(status)):
            await call.answered()

    assert f"{ALICE}: refused with {status}" == stage.answering.said[-1]


async def test_answer_makes_an_offer_to_who_wants_one(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network, AnswerPlan(after=0)) as stage, stage.alice.call(BOB) as call:
        answer = await call.answered()
        assert answer.sdp is not None
        call.acknowledge(answer.sdp.answer(4000))
        await trio.sleep(1)

    assert f"{ALICE}: the other side hung up after 1.0 s" == stage.answering.said[-1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_cancels_the_block_and_then_ends_the_program(
    number: signal.Signals,
) -> None:
    said = []

    async def talk() -> None:
        async with hanging_up_on_ctrl_c():
            try:
                signal.raise_signal(number)
                await trio.sleep_forever()
            finally:
                said.append("goodbye")

    with pytest.raises(KeyboardInterrupt):
        await talk()

    assert ["goodbye"] == said


async def test_a_ladder_of_many_conversations_remembers_the_latest(
    sip_network: MemoryNetwork,
) -> None:
    notes = Notes()
    rows = LadderRows(notes, we_are_left=True)
    here, there = Address("192.0.2.1", 5060), Address("192.0.2.2", 5060)
    for number in [*range(100), 99, 0]:
        rows.sent(here, there, "UDP", b"BYE sip:bob SIP/2.0\r\nCall-ID: %d\r\n\r\n" % number)
        await trio.sleep(1)

    times = [row.split()[0] for row in notes.drawn if "BYE" in row]
    assert ["0.000", "1.000", "0.000"] == times[-3:]


def test_an_ending_has_the_reason_that_they_give() -> None:
    elsewhere = Reason.parse('SIP;cause=200;text="Call completed elsewhere"')

    assert "the caller gave up (Call completed elsewhere)" == ending(
        Ended(Side.REMOTE, How.CANCEL, reasons=(elsewhere,)), None
    )


@pytest.mark.parametrize("how", list(How))
@pytest.mark.parametrize("by", list(Side))
def test_every_ending_has_words(how: How, by: Side) -> None:
    assert ending(Ended(by, how, 500), 1.0).endswith(" after 1.0 s")
