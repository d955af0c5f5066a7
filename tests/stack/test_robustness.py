"""Whatever comes, nothing is raised into the server, and whoever can be answered is."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from trio_sip.message import parse_message_untrusted
from trio_sip.testing import MemoryNetwork
from trio_sip.testing.suite import cases

from .scene import Application, Peer, accept, invite, request, scene

DATA = Path(__file__).parent.parent / "data"
CORPUS = {path.stem: path.read_bytes() for path in sorted((DATA / "rfc3665").glob("*.*"))} | {
    case.name.partition(".")[0]: case.data for case in cases()
}


@pytest.mark.parametrize("name", CORPUS)
async def test_the_messages_of_the_rfcs_do_no_harm(name: str, sip_network: MemoryNetwork) -> None:
    async with scene(sip_network, Application()) as here:
        here.alice.send(CORPUS[name])
        await trio.sleep(0.1)
        here.alice.send(request(branch="afterwards", call_id="afterwards"))
        await trio.sleep(0.1)

        last = here.network.wires[-1]
        assert here.alice.remote == last.source
        assert b"Call-ID: afterwards" in last.data
        assert 0 == here.stack.statistics().handler_errors
        assert 0 == here.stack.statistics().unanswered


def mutations(dice: random.Random) -> Iterator[bytes]:
    """Messages with something broken in them."""
    seeds = [
        request(headers=["Require: a", "Authorization: Digest x", "Contact: <sip:a@b>"]),
        invite(headers=["Record-Route: <sip:p;lr>", "Supported: x"]),
        request("CANCEL"),
        request("ACK", to_tag="b1"),
        b"SIP/2.0 200 OK\r\n" + request().partition(b"\r\n")[2],
    ]
    pieces = [
        b"\r\n",
        b",",
        b";",
        b'"',
        b"<",
        b"\0",
        b"\xff",
        b" ",
        b":",
        b"",
        b"%",
        b"999999999999",
    ]
    while True:
        data = bytearray(dice.choice(seeds))
        for _ in range(dice.randint(1, 3)):
            start = dice.randrange(len(data))
            data[start : start + dice.randint(0, 4)] = dice.choice(pieces)
        yield bytes(data)


@pytest.mark.parametrize("seed", range(4))
async def test_broken_messages_do_no_harm(seed: int, sip_network: MemoryNetwork) -> None:
    async with scene(sip_network, Application()) as here:
        for data, _ in zip(mutations(random.Random(seed)), range(300), strict=False):
            here.alice.send(data)
        await trio.sleep(70)
        statistics = here.stack.statistics()

        assert 300 == statistics.transport.datagrams_received
        assert (0, 0) == (statistics.handler_errors, statistics.unanswered)
        assert (0, 0) == (statistics.transactions.servers, statistics.transactions.clients)
        answers = [wire.data for wire in here.network.wires if wire.source == here.alice.remote]
        for data in answers:
            parse_message_untrusted(data)


async def test_a_response_with_a_second_via_that_is_broken_is_dropped(
    sip_network: MemoryNetwork,
) -> None:
    async with scene(sip_network) as here:
        data = b"SIP/2.0 200 OK\r\n" + request(headers=["Via: broken"]).partition(b"\r\n")[2]
        here.alice.send(data)
        await trio.sleep(1)

        assert 1 == here.stack.statistics().faulty_responses


async def test_a_flood_of_new_conversations_leaves_nothing_behind(
    sip_network: MemoryNetwork,
) -> None:
    async with scene(sip_network, Application(accept)) as here:
        for number in range(500):
            here.alice.send(request(branch=str(number), call_id=f"flood{number}"))
        await trio.sleep(1)
        assert 500 == here.stack.statistics().transactions.servers
        await trio.sleep(33)

        statistics = here.stack.statistics()
        assert (0, 0) == (statistics.transactions.servers, statistics.works.open)


async def test_nobody_waits_for_somebody_slow(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network, Application()) as here:
        other = Peer(here.network.host("carol"), here.alice.local._replace(host="192.0.2.3"))
        stream = await here.connect()
        stream.send(request().partition(b"Call-ID")[0])
        began = trio.current_time()
        assert [200] == await other.answers(request(via="SIP/2.0/UDP 192.0.2.3:5060"), 0.1)
        assert began + 0.2 > trio.current_time()
        stream.close()
        other.close()
