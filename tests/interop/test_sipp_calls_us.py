"""SIPp calls our user agent: with its own scenarios as they come, and with ours.

So does the other program that runs scenarios, our own, which must come to the same verdict.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import trio

from trio_sip.auth import PlainSecret
from trio_sip.services import DigestAuthenticator, IdentifyByUser, MemoryLocation, Registrar
from trio_sip.stack import Endpoint
from trio_sip.ua import CallHandler, IncomingCall, UserAgent

from .agents import address_of_agent, answer, open_agent, talk
from .sipp import Calls, Runner, call, open_calling

pytestmark = pytest.mark.interop

ROW = "alice;[authentication username=alice password=wonderland]"


async def call_us(
    agent: UserAgent,
    folder: Path,
    scenario: str,
    *options: str,
    runner: Runner,
    calls: int = 1,
) -> Calls:
    """All that from its beginning to its end, while the agent runs."""
    rows = [ROW] * calls
    address = address_of_agent(agent)
    run = partial(call, folder, scenario, address, rows, "-s", "bob", *options, runner=runner)
    return await trio.to_thread.run_sync(run)


async def ring_for_a_while(call: IncomingCall) -> None:
    await call.ring()
    await trio.sleep(0.2)
    await answer(call)
    await trio.sleep_forever()


async def ring_for_ever(call: IncomingCall) -> None:
    await call.ring()
    await trio.sleep_forever()


async def update_before_and_after(call: IncomingCall) -> None:
    await call.ring()
    await call.update()
    await answer(call)
    await call.update(call.local_sdp)
    await trio.sleep_forever()


async def hold_and_resume(call: IncomingCall) -> None:
    await answer(call)
    await call.hold()
    await call.resume()
    await trio.sleep_forever()


async def invite_again(call: IncomingCall) -> None:
    await answer(call)
    await call.reinvite(call.local_sdp)
    await trio.sleep_forever()


@pytest.mark.parametrize("scenario", ["uac", "regexp"])
@pytest.mark.parametrize("mode", ["u1", "t1", "tn"])
async def test_its_own_callers_are_content(
    scenario: str, mode: str, runner: Runner, tmp_path: Path
) -> None:
    if runner is Runner.OURS and mode == "tn":
        pytest.skip("a connection for each call is not supported")
    options = ("-s", "bob", "-d", "100", "-t", mode)
    transport = "udp" if mode == "u1" else "tcp"
    async with open_agent(talk) as agent:
        run = partial(
            call, tmp_path / "sipp", scenario, address_of_agent(agent, transport), ["-"] * 50,
            *options, runner=runner,
        )  # fmt: skip
        calls = await trio.to_thread.run_sync(run)

    assert Calls.all_well(50) == calls


@pytest.mark.slow
async def test_its_own_caller_who_registers_before_is_content(
    runner: Runner, tmp_path: Path
) -> None:
    # The scenario talks for five seconds, and stays for four more.
    registrar = Registrar(MemoryLocation(), domains=["CA.cym.com", "nnl.cym"])
    async with open_agent(talk, address="sip:ua2@CA.cym.com", services=[registrar]) as agent:
        calls = await call_us(agent, tmp_path / "sipp", "branchc", runner=runner, calls=3)

    assert Calls.all_well(3) == calls


@pytest.mark.parametrize(
    ("scenario", "handler", "options"),
    [
        ("call_brief", talk, ["-key", "brief", "30"]),
        ("call_cancel", ring_for_ever, []),
        ("call_glare", invite_again, []),
        ("call_held", hold_and_resume, []),
        ("call_hold", talk, []),
        ("call_late", talk, []),
        ("call_prack", ring_for_a_while, []),
        ("call_update", ring_for_a_while, []),
        ("call_updated", update_before_and_after, []),
    ],
)
async def test_our_callers_are_content(
    scenario: str, handler: CallHandler, options: list[str], runner: Runner, tmp_path: Path
) -> None:
    async with open_agent(handler) as agent:
        calls = await call_us(agent, tmp_path / "sipp", scenario, *options, runner=runner)

    assert Calls.all_well(1) == calls


async def test_a_200_is_repeated_until_an_ack_arrives(runner: Runner, tmp_path: Path) -> None:
    async with open_agent(talk) as agent:
        with open_calling(
            tmp_path / "sipp", "call_lost_ack", address_of_agent(agent), ["-"], "-s", "bob", "-nr",
            runner=runner,
        ) as sipp:  # fmt: skip
            calls = await trio.to_thread.run_sync(sipp.wait)

    assert Calls.all_well(1) == calls
    assert {"first", "second", "third"} == sipp.logged().keys()
    assert 1 == len(set(sipp.logged().values()))


async def test_a_caller_proves_who_it_is(runner: Runner, tmp_path: Path) -> None:
    secrets = {"alice": PlainSecret("alice", "wonderland")}
    async with open_agent(talk) as agent:
        agent.stack.register_endpoint_identifier(IdentifyByUser({"alice": Endpoint(name="alice")}))
        agent.stack.register_authenticator(DigestAuthenticator("here", secrets))
        calls = await call_us(agent, tmp_path / "sipp", "call_auth", runner=runner)

    assert Calls.all_well(1) == calls


async def refuse(call: IncomingCall) -> None:
    await call.reject(486)


@pytest.mark.parametrize(
    ("scenario", "handler"),
    [
        ("uac", refuse),
        ("call_cancel", talk),
        ("call_held", talk),
        ("call_late", refuse),
        ("call_prack", talk),
        ("call_update", refuse),
        ("call_updated", refuse),
    ],
)
async def test_a_caller_who_wanted_something_else_is_not_content(
    scenario: str, handler: CallHandler, runner: Runner, tmp_path: Path
) -> None:
    options = ["-recv_timeout", "2000"]
    async with open_agent(handler) as agent:
        calls = await call_us(agent, tmp_path / "sipp", scenario, *options, runner=runner)

    assert (1, 0, 1) == (calls.status, calls.succeeded, calls.failed)
