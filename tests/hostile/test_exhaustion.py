"""Z: too much of everything."""

from __future__ import annotations

import logging
import socket
import time
from pathlib import Path

import pytest
import trio

import trio_sip
from tests.stack.scene import invite, request
from trio_sip.services import OptionsService
from trio_sip.stack import IncomingRequest, StackSettings, open_stack
from trio_sip.testing import MemoryNetwork
from trio_sip.transport import TransportLimits

from .house import House, open_house, register


async def test_z01_after_a_burst_of_twenty_thousand_requests_it_answers_again() -> None:
    async with open_stack(
        "udp://127.0.0.1:0", services=[OptionsService()], strict=True, grace=0
    ) as stack:
        server = ("127.0.0.1", stack.listening[0].port)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flooder:
            # Back to back: the server does not run meanwhile, and the kernel drops most of them.
            flooder.connect(server)
            data = request(uri="sip:127.0.0.1", branch="NUMBER", call_id="NUMBER")
            for number in range(20_000):
                flooder.send(data.replace(b"NUMBER", b"z%d" % number))
        with trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as carol:
            await carol.connect(server)
            via = "SIP/2.0/UDP 127.0.0.1;rport"
            with trio.fail_after(20):  # It is answered at once; the machine may be busy.
                while True:
                    await carol.send(request(uri="sip:127.0.0.1", call_id="carol", via=via))
                    with trio.move_on_after(0.1):
                        assert (await carol.recv(2000)).startswith(b"SIP/2.0 200 ")
                        break
        one = stack.statistics()
        assert (0, 0) == (one.unanswered, one.handler_errors)
        # What came in was answered; the rest was dropped by the kernel, or counted as dropped.
        assert one.requests_received == one.works.done + one.overload_dropped + (
            one.transactions.absorbed
        )


async def test_z02_calls_that_ring_for_ever_fill_no_more_than_their_share(
    sip_network: MemoryNetwork,
) -> None:
    async def ring(incoming: IncomingRequest) -> None:
        incoming.respond(180)
        incoming.defer()

    settings = StackSettings(unanswered_limit=500, retry_after=9)
    async with open_house(sip_network, handle=ring, settings=settings) as house:
        for number in range(600):
            house.alice.send(invite(branch=f"r{number}", call_id=f"r{number}"))
        await trio.sleep(1)
        one = house.stack.statistics()
        assert (500, 100) == (one.unanswered, one.overload_dropped)
        stream = await house.connect()
        answer = await stream.ask(invite(branch="tcp", call_id="tcp"))
        assert (503, "9") == (answer.status, answer["Retry-After"])
        for number in range(600):
            house.alice.send(request("CANCEL", branch=f"r{number}", call_id=f"r{number}"))
        await trio.sleep(40)
        assert 0 == house.stack.statistics().unanswered


async def test_z05_a_reader_that_does_not_read_is_cut_off(sip_network: MemoryNetwork) -> None:
    limits = TransportLimits(send_queue_bytes=100_000)
    async with open_house(sip_network, settings=StackSettings(limits=limits)) as house:
        stream = await house.connect()
        with pytest.raises(OSError, match="reset"):  # noqa: PT012
            for number in range(5000):
                data = request(uri="sip:192.0.2.2", branch=f"{number}", cseq=number + 1)
                stream.connection.send_some_nowait(data)
                await trio.sleep(0.01)
        one = house.stack.statistics()
        assert (1, 0) == (one.transport.queue_overflows, one.transport.connections)
        # Some 64 KiB were on their way, some 100 KB waited, and no answer is larger than 500.
        assert one.requests_received < 1000


async def test_z06_a_slow_handler_holds_up_its_own_conversation_and_no_other(
    sip_network: MemoryNetwork,
) -> None:
    done: list[str] = []

    async def slow(incoming: IncomingRequest) -> None:
        await trio.sleep(10 if incoming.message.call_id == "slow" else 0)
        done.append(f"{incoming.message.call_id}{incoming.message.cseq.number}")
        incoming.respond(200)

    async with open_house(sip_network, handle=slow) as house:
        for number in (1, 2, 3):
            house.alice.send(request("INFO", branch=f"s{number}", call_id="slow", cseq=number))
        await trio.sleep(0.1)
        assert [200] == await house.statuses(request("INFO", branch="q", call_id="quick"))
        await trio.sleep(40)
        assert ["quick1", "slow1", "slow2", "slow3"] == done


async def _attack(house: House, count: int) -> None:
    for number in range(count):
        house.alice.send(
            register(user=f"scan{number}", call_id=f"s{number}\x1b[2J", branch=f"s{number}")
        )
        await trio.sleep(0.001)
    await trio.sleep(1)


async def test_z08_a_scan_fills_no_log_and_writes_nothing_of_its_own(
    caplog: pytest.LogCaptureFixture, sip_network: MemoryNetwork
) -> None:
    async with open_house(sip_network, guarded=True) as house:
        await _attack(house, 1000)
        assert 1000 == house.stack.statistics().security_events["no matching endpoint"]
        first = len(caplog.records)
        assert first <= 20
        await trio.sleep(60)
        await _attack(house, 1)
    lines = [record.getMessage() for record in caplog.records]
    assert all(line.startswith("192.0.2.1:5060 ") for line in lines)
    assert any(str(1000 - first) in line for line in lines[first:])
    assert "scan" not in caplog.text
    assert caplog.text.isprintable() or set(caplog.text) - {"\n"} == {
        one for one in caplog.text if one.isprintable()
    }


async def test_z08_garbage_is_not_logged_at_all(
    caplog: pytest.LogCaptureFixture, sip_network: MemoryNetwork
) -> None:
    caplog.set_level(logging.INFO)
    async with open_house(sip_network) as house:
        for number in range(500):
            house.alice.send(b"garbage \x1b[2J %d\r\n\r\n" % number)
            house.alice.send(request().replace(b"1 OPTIONS", b"x\x1b OPTIONS"))
        await trio.sleep(1)
        assert [] == caplog.records


def test_z09_no_timer_looks_at_the_wall_clock() -> None:
    """A clock that is set hurts nobody: only what is shown to people has a date."""
    root = Path(trio_sip.__file__).parent
    users = {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        if any(word in path.read_text("utf-8") for word in ("time.time", "datetime", "import time"))
    }

    timers = {"transaction", "transport", "stack", "work", "dialog", "registration", "auth"}
    assert set() == {user for user in users if user.partition("/")[0] in timers}


async def test_z09_a_wall_clock_that_jumps_ends_no_registration(
    monkeypatch: pytest.MonkeyPatch, sip_network: MemoryNetwork
) -> None:
    async with open_house(sip_network) as house:
        await house.exchange(register("Contact: <sip:a@b>;expires=600"))
        monkeypatch.setattr(time, "time", lambda: 4e9)
        await trio.sleep(100)
        (answer,) = await house.exchange(register(cseq=2))
        assert 495 <= int(answer["Contact"].rpartition("=")[2]) <= 500
