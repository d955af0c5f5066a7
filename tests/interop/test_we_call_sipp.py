"""Our user agent calls SIPp: its own scenarios as they come, and ours.

And the other program that runs scenarios, our own, which must come to the same verdict.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio

from trio_sip.stack import Tokens
from trio_sip.ua import OutgoingCall

from .agents import OFFER, open_agent, until_ringing
from .sipp import Calls, Runner, Sipp, open_answering

pytestmark = pytest.mark.interop

CHALLENGE = (
    "-key",
    "challenge",
    'realm="here", nonce="dcd98b7102dd2f0e", qop="auth", algorithm=MD5',
)


class OneCallId(Tokens):
    """For SIPp whatever has the same Call-ID is one call, a REGISTER before it, too."""

    def call_id(self) -> str:
        return "branches"


During = Callable[[OutgoingCall], Awaitable[object]]


async def call_it(
    folder: Path,
    scenario: str,
    during: During,
    *options: str,
    runner: Runner,
    register: bool = False,
) -> Sipp:
    """Call a scenario, which has ended when this returns."""
    # The scenario that has to be registered with refuses everybody who is not called like this.
    name, tokens = ("ua2", OneCallId.random()) if register else ("alice", None)
    async with open_agent(name=name, password="wonderland", tokens=tokens) as agent:
        with open_answering(folder, scenario, *options, runner=runner) as (sipp, address):
            if register:
                await agent.send_request("REGISTER", f"sip:{address}")
            offer = None if scenario == "answer_late" else OFFER
            async with agent.call(f"sip:bob@{address}", offer) as call:
                await during(call)
            calls = await trio.to_thread.run_sync(sipp.wait)

    assert Calls.all_well(1) == calls
    return sipp


async def hang_up(call: OutgoingCall) -> None:
    await call.answered()


async def talk(call: OutgoingCall) -> None:
    await call.answered()
    await trio.sleep(0.3)


async def talk_for_longer(call: OutgoingCall) -> None:
    await call.answered()
    await trio.sleep(2.3)


async def hold_and_resume(call: OutgoingCall) -> None:
    await call.answered()
    await call.hold()
    await call.resume()


async def invite_again(call: OutgoingCall) -> None:
    await call.answered()
    await call.reinvite(call.local_sdp)


async def update_before_and_after(call: OutgoingCall) -> None:
    await until_ringing(call)
    await call.update()
    await call.answered()
    await call.update(call.local_sdp)


async def take_their_offer(call: OutgoingCall) -> None:
    answer = await call.answered()
    assert answer.sdp is not None
    call.acknowledge(answer.sdp.answer(4000))


@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["uas", "branchs"])
async def test_its_own_callees_are_content(scenario: str, runner: Runner, tmp_path: Path) -> None:
    # They stay for four seconds, to repeat what was lost.
    registers = scenario == "branchs"
    await call_it(tmp_path / "sipp", scenario, hang_up, runner=runner, register=registers)


@pytest.mark.parametrize(
    ("scenario", "during", "options"),
    [
        ("answer_401", hang_up, CHALLENGE),
        ("answer_brief", hang_up, ()),
        ("answer_cancel", until_ringing, ()),
        ("answer_glare", invite_again, ()),
        ("answer_held", hold_and_resume, ()),
        ("answer_hold", talk, ()),
        ("answer_late", take_their_offer, ()),
        ("answer_lost_ack", talk, ("-nr",)),
        ("answer_prack", hang_up, ()),
        ("answer_refresh", talk, ("-key", "expires", "1800")),
        ("answer_refreshed", talk_for_longer, ("-key", "expires", "4")),
        ("answer_update", talk, ()),
        ("answer_updated", update_before_and_after, ()),
    ],
)
async def test_our_callees_are_content(
    scenario: str, during: During, options: tuple[str, ...], runner: Runner, tmp_path: Path
) -> None:
    await call_it(tmp_path / "sipp", scenario, during, *options, runner=runner)


async def test_what_a_proxy_asks_for_is_proved(runner: Runner, tmp_path: Path) -> None:
    sipp = await call_it(tmp_path / "sipp", "answer_407", hang_up, *CHALLENGE, runner=runner)

    given = dict(re.findall(r'(\w+)="?([^",]*)', sipp.logged()["credentials"]))
    key = _md5("alice:here:wonderland")
    what = _md5(f"INVITE:{given['uri']}")
    expected = _md5(f"{key}:{given['nonce']}:{given['nc']}:{given['cnonce']}:{given['qop']}:{what}")
    assert "alice" == given["username"]
    assert "dcd98b7102dd2f0e" == given["nonce"]
    assert expected == given["response"]


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()
