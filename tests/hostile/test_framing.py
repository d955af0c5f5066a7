"""F: streams that cannot be followed, and those that go on for ever."""

from __future__ import annotations

import random

import pytest
import trio

from tests.stack.scene import StreamPeer, invite, request
from trio_sip.message import Response
from trio_sip.stack import IncomingRequest, StackSettings
from trio_sip.testing import MemoryNetwork
from trio_sip.transport import TransportLimits

from .house import House, open_house

VIA = "SIP/2.0/TCP 192.0.2.1:5060"


def options(number: int = 1, body: bytes = b"") -> bytes:
    return request(uri="sip:192.0.2.2", via=VIA, branch=f"o{number}", cseq=number, body=body)


async def until_closed(stream: StreamPeer) -> list[int]:
    """The statuses that come before the other side closes, which it must."""
    statuses = []
    with trio.fail_after(5):
        while (message := await stream.receive()) is not None:
            assert isinstance(message, Response)
            statuses.append(message.status)
    return statuses


async def following(house: House, stream: StreamPeer, number: int) -> int:
    """The status of one more request on the same connection."""
    with trio.fail_after(1):
        return (await stream.ask(options(number))).status


@pytest.mark.parametrize("seed", range(5))
async def test_f01_it_does_not_matter_where_a_stream_is_cut(
    seed: int, sip_network: MemoryNetwork
) -> None:
    dice = random.Random(seed)
    data = options(1, b"hello") + b"\r\n" + options(2) + options(3, b"\r\n\r\nOPTIONS ")
    async with open_house(sip_network) as house:
        stream = await house.connect()
        start = 0
        while start < len(data):
            size = 1 if seed == 0 else dice.randint(1, 90)
            stream.send(data[start : start + size])
            start += size
            await trio.sleep(0.001)
        assert [200, 200, 200] == [(await stream.receive()).status for _ in range(3)]  # type: ignore[union-attr]


async def test_f02_a_hundred_messages_in_a_segment_are_answered_in_order(
    sip_network: MemoryNetwork,
) -> None:
    async with open_house(sip_network) as house:
        stream = await house.connect()
        stream.send(b"".join(options(number) for number in range(1, 101)))
        numbers = []
        for _ in range(100):
            message = await stream.receive()
            assert message is not None
            numbers.append(message.cseq.number)
        assert list(range(1, 101)) == numbers


async def test_f03_blank_lines_between_messages_are_ignored_and_pings_answered(
    sip_network: MemoryNetwork,
) -> None:
    async with open_house(sip_network) as house:
        stream = await house.connect()
        stream.send(b"\r\n" + options(1))
        assert isinstance(await stream.receive(), Response)
        stream.send(b"\r\n\r\n")
        assert b"\r\n" == await stream.connection.receive_some()
        assert 200 == await following(house, stream, 2)


async def slowly(incoming: IncomingRequest) -> None:
    await trio.sleep(1)
    incoming.respond(200)


SMUGGLED = request("MESSAGE", via=VIA, call_id="smuggled", headers=["Content-Type: text/plain"])


@pytest.mark.parametrize(
    "lines",
    [
        "X: no length", "Content-Length: -1", "l: five", "Content-Length: 4294967297",
        "Content-Length: 0 0", "l: +0", "l: 0\r\nContent-Length: 9", "l: 0\r\nl: 0",
        "Content-Length: 0, 0", "l: ", "l: 0x0", "l: ٠", "Content-Length: " + "9" * 5000,
    ],
)  # fmt: skip
async def test_f04_f05_f06_without_a_length_to_trust_nothing_after_it_is_read(
    lines: str, sip_network: MemoryNetwork
) -> None:
    async with open_house(sip_network) as house:
        stream = await house.connect()
        stream.send(options().replace(b"Content-Length: 0", lines.encode()) + SMUGGLED)
        (status,) = await until_closed(stream)
        assert status in {400, 413}
        assert [] == house.texts
        assert 1 == house.stack.statistics().requests_received + house.stack.statistics().garbage


async def test_f05_what_came_before_it_is_answered_all_the_same(sip_network: MemoryNetwork) -> None:
    async with open_house(sip_network, handle=slowly) as house:
        stream = await house.connect()
        good = request("INFO", via=VIA, call_id="good")
        bad = options().replace(b"Content-Length: 0", b"l: x")
        stream.send(good + bad[:100])
        await trio.sleep(0.2)
        stream.send(bad[100:] + SMUGGLED)
        assert [400, 200] == await until_closed(stream)
        assert [] == house.texts


async def test_f07_a_body_beyond_the_limit_is_refused_before_it_comes(
    sip_network: MemoryNetwork,
) -> None:
    async with open_house(sip_network) as house:
        stream = await house.connect()
        stream.send(options().replace(b"Content-Length: 0", b"Content-Length: 2147483648"))
        assert [413] == await until_closed(stream)


@pytest.mark.parametrize("data", [b"X: y\r\n" * 20_000, b"X: " + b"y" * 100_000])
async def test_f08_a_head_without_end_closes_the_connection(
    data: bytes, sip_network: MemoryNetwork
) -> None:
    async with open_house(sip_network) as house:
        stream = await house.connect()
        whole = options()[:-2] + data
        with trio.move_on_after(5):
            while whole:
                sent = stream.connection.send_some_nowait(whole[:20_000])
                whole = whole[sent:]
                await trio.sleep(0.01)
        assert set(await until_closed(stream)) <= {513}


OTHERS = {
    "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    "ssh": b"SSH-2.0-OpenSSH_9.2\r\n",
    "zeros": bytes(1000),
    "lf only": options().replace(b"\r\n", b"\n"),
    "lone cr": b"\r" * 10 + options(),
}


@pytest.mark.parametrize("name", OTHERS)
async def test_f09_other_protocols_are_shown_the_door(
    name: str, sip_network: MemoryNetwork
) -> None:
    async with open_house(sip_network) as house:
        stream = await house.connect()
        stream.send(OTHERS[name])
        assert [] == await until_closed(stream)
        assert 1 == house.stack.statistics().garbage


async def test_f10_a_body_whose_end_never_comes_is_dropped(sip_network: MemoryNetwork) -> None:
    async with open_house(sip_network) as house:
        stream = await house.connect()
        stream.send(options(1, b"hello")[:-1])
        stream.connection.send_eof()
        assert [] == await until_closed(stream)
        assert (0, 1) == (
            house.stack.statistics().requests_received,
            house.stack.statistics().transport.partial_messages,
        )


async def test_f11_what_is_only_wrong_leaves_the_connection_open(
    sip_network: MemoryNetwork,
) -> None:
    async with open_house(sip_network) as house:
        stream = await house.connect()
        answer = await stream.ask(options().replace(b"1 OPTIONS", b"one OPTIONS"))
        assert 400 == answer.status
        assert 200 == await following(house, stream, 2)


async def test_f12_callers_that_vanish_leave_nothing_behind(sip_network: MemoryNetwork) -> None:
    async def ring(incoming: IncomingRequest) -> None:
        incoming.respond(180)
        await trio.sleep(1)
        incoming.respond(486)

    async with open_house(sip_network, handle=ring) as house:
        for number in range(300):
            stream = await house.connect()
            stream.send(invite(via=VIA, branch=f"v{number}", call_id=f"v{number}"))
            await trio.sleep(0.1)
            stream.connection.reset()
        await trio.sleep(3)
        one = house.stack.statistics()
        assert (300, 0) == (len(house.application.seen), one.unanswered)
        assert (300, 0) == (one.transport.connections_accepted, one.transport.connections)


async def test_f13_a_message_may_take_32_seconds_and_no_more(sip_network: MemoryNetwork) -> None:
    async with open_house(sip_network) as house:
        stream = await house.connect()
        begun = trio.current_time()
        with pytest.raises(OSError, match="reset"):  # noqa: PT012
            for octet in options():
                stream.send(bytes([octet]))
                await trio.sleep(1)
        assert 32 <= trio.current_time() - begun <= 34
        assert 1 == house.stack.statistics().transport.slow_messages


async def test_f14_idle_connections_keep_nobody_out(sip_network: MemoryNetwork) -> None:
    limits = TransportLimits(max_connections=300, idle_seconds=60)
    async with open_house(sip_network, settings=StackSettings(limits=limits)) as house:
        for _ in range(400):
            await house.connect()
        last = house.streams[-1]
        assert 200 == await following(house, last, 1)
        one = house.stack.statistics().transport
        assert (300, 100) == (one.connections, one.connections_evicted)
        await trio.sleep(61)
        assert 0 == house.stack.statistics().transport.connections
