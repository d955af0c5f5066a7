"""Calls between our user agent and telephones of others."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from trio_sip.session import Side
from trio_sip.ua import IncomingCall

from .agents import OFFER, address_of_agent, answer, open_agent, talk
from .baresip import open_baresip
from .linphone import open_linphone

pytestmark = pytest.mark.interop

in_thread = trio.to_thread.run_sync
transports = pytest.mark.parametrize("transport", ["udp", "tcp"])


class Taken:
    """A handler of calls, and how the one that it got has ended."""

    def __init__(self) -> None:
        self.ended_by: Side | None = None
        self.is_over = trio.Event()

    async def __call__(self, call: IncomingCall) -> None:
        try:
            await talk(call)
        finally:
            self.ended_by = call.ended_by
            self.is_over.set()


@transports
async def test_baresip_calls_us_and_hangs_up(transport: str, tmp_path: Path) -> None:
    taken = Taken()
    async with open_agent(taken) as agent:
        with open_baresip(tmp_path / "phone") as phone:
            phone.dial(f"sip:bob@{address_of_agent(agent, transport)};transport={transport}")
            await in_thread(phone.wait_for_event, "CALL_ESTABLISHED")
            phone.hang_up()
            await in_thread(phone.wait_for_event, "CALL_CLOSED")
            await taken.is_over.wait()

    assert Side.REMOTE is taken.ended_by


async def test_we_hang_up_on_baresip(tmp_path: Path) -> None:
    async def be_brief(call: IncomingCall) -> None:
        await call.ring()
        await answer(call)

    async with open_agent(be_brief) as agent:
        with open_baresip(tmp_path / "phone") as phone:
            phone.dial(f"sip:bob@{address_of_agent(agent)}")
            await in_thread(phone.wait_for_event, "CALL_ESTABLISHED")
            await in_thread(phone.wait_for_event, "CALL_CLOSED")


@transports
async def test_we_call_baresip(transport: str, tmp_path: Path) -> None:
    async with open_agent() as agent:
        with open_baresip(tmp_path / "phone") as phone:
            async with agent.call(
                f"sip:alice@{phone.address};transport={transport}", OFFER
            ) as call:
                await call.answered()
                await in_thread(phone.wait_for_event, "CALL_ESTABLISHED")
                await call.hold()
                await call.resume()
            await in_thread(phone.wait_for_event, "CALL_CLOSED")


async def test_baresip_hangs_up_on_us(tmp_path: Path) -> None:
    async with open_agent() as agent:
        with open_baresip(tmp_path / "phone") as phone:
            async with agent.call(f"sip:alice@{phone.address}", OFFER) as call:
                await call.answered()
                await in_thread(phone.wait_for_event, "CALL_ESTABLISHED")
                phone.hang_up()
                await trio.sleep_forever()

    assert Side.REMOTE is call.ended_by


async def test_linphone_calls_us_and_hangs_up(tmp_path: Path) -> None:
    taken = Taken()
    async with open_agent(taken) as agent:
        with open_linphone(tmp_path / "phone") as phone:
            phone.dial(f"sip:bob@{address_of_agent(agent)}")
            await in_thread(phone.wait_for, "Media streams established")
            phone.hang_up()
            await in_thread(phone.wait_for, "ended (")
            await taken.is_over.wait()

    assert Side.REMOTE is taken.ended_by


async def test_we_call_linphone(tmp_path: Path) -> None:
    async with open_agent() as agent:
        with open_linphone(tmp_path / "phone") as phone:
            async with agent.call(f"sip:carol@{phone.address}", OFFER) as call:
                await call.answered()
                await in_thread(phone.wait_for, "Media streams established")
                await call.hold()
                await call.resume()
            await in_thread(phone.wait_for, "ended (")


async def test_linphone_hangs_up_on_us(tmp_path: Path) -> None:
    async with open_agent() as agent:
        with open_linphone(tmp_path / "phone") as phone:
            async with agent.call(f"sip:carol@{phone.address}", OFFER) as call:
                await call.answered()
                await in_thread(phone.wait_for, "Media streams established")
                phone.hang_up()
                await trio.sleep_forever()

    assert Side.REMOTE is call.ended_by
