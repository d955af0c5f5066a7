"""Damaged messages against running servers: any bytes on any port, and no restart is needed.

What must hold: no exception leaves the stack; everything that came is counted as something; every
answer can be read, passes the checks, belongs to a request, and goes to its sender; memory is
bounded; a fresh OPTIONS is answered at the end.

The first part feeds 200,000 mutants and every prefix of every stored message to a server within
this process, the second one 5,000 mutants to a ``trio-sip serve`` of its own over UDP and TCP.
Together they take about ninety seconds of one core; run them alone with ``pytest -m fuzz``.  What
the parser makes of damaged messages is `test_parser_fuzz`.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import socket
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import trio

from tests.cli.program import open_serve
from tests.hostile.house import House, open_house
from tests.hostile.telephone import Telephone
from tests.stack.scene import BOB
from tools.fuzz.mutate import corpus, mutants
from trio_sip._errors import RemoteProtocolError
from trio_sip.message import MessageStream, Request, Response, StreamEvent, parse_message_untrusted
from trio_sip.registration import RegistrarPolicy
from trio_sip.testing import MemoryNetwork

from .live import LiveServer, check_balance, open_live_server

pytestmark = [
    pytest.mark.fuzz,
    pytest.mark.timeout(600),
    # So much damage takes weeks on the clock of the network.
    pytest.mark.sip(deadline=1e7),
]

MESSAGES = corpus()
SLICES = 20
# As many as a socket is read for in one go, and fewer than the stored messages have Call-IDs,
# so that most of them are no copies of each other.
BATCH = 60


def batches(messages: Iterable[bytes]) -> Iterator[list[bytes]]:
    iterator = iter(messages)
    while batch := list(itertools.islice(iterator, BATCH)):
        yield batch


async def shoot(server: LiveServer, messages: Iterable[bytes]) -> None:
    """Feed all of them, and see that it still stands."""
    for batch in batches(messages):
        await server.receive(batch)
    assert await server.is_answered()
    await server.receive([])
    one = server.stack.statistics()
    check_balance(one, server.acks)
    assert (0, 0) == (one.transactions.servers, one.transactions.clients)
    assert (0, 0) == (one.works.open, one.dialogs)


@pytest.mark.parametrize("seed", range(SLICES))
async def test_ten_thousand_damaged_messages_leave_a_server_standing(
    seed: int, sip_network: MemoryNetwork
) -> None:
    async with open_live_server(guarded=seed % 4 == 3) as server:
        await shoot(server, mutants(MESSAGES, 10_000, 1000 + seed))
        # Much damage leaves a request that is answered; otherwise too little would be tested.  A
        # guarded server answers less often: it challenges an INVITE once and repeats nothing.
        assert server.answers > (3000 if seed % 4 == 3 else 4000)


@pytest.mark.parametrize("part", range(8))
async def test_every_prefix_of_every_stored_message_leaves_a_server_standing(
    part: int, sip_network: MemoryNetwork
) -> None:
    async with open_live_server(guarded=False) as server:
        prefixes = [data[:end] for data in MESSAGES[part::8] for end in range(len(data))]
        # Those of one message are copies of each other, so they come far apart.
        prefixes.sort(key=len)
        await shoot(server, prefixes)
        assert server.answers > 0


def resident_bytes(process: int | str = "self") -> int:
    pages = Path(f"/proc/{process}/statm").read_text("ascii").split()[1]
    return int(pages) * 4096


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="Linux says how much is used")
async def test_damaged_messages_use_up_no_memory(sip_network: MemoryNetwork) -> None:
    async with open_live_server(guarded=True) as server:
        await shoot(server, mutants(MESSAGES, 3000, 2000))
        before = resident_bytes()
        for seed in range(3):
            await shoot(server, mutants(MESSAGES, 3000, 2001 + seed))
        assert resident_bytes() - before < 16 << 20


# -- streams


async def answers_on_a_stream(house: House, pieces: Iterable[bytes]) -> list[tuple[int, str]]:
    """Status and Call-ID of all answers until the other side has closed."""
    connection = await house.network.host("alice").connect(BOB)
    stream, answers = MessageStream(), []
    try:
        for piece in pieces:
            await connection.send_all(piece)
            await trio.sleep(0.05)
        connection.send_eof()
        while received := await connection.receive_some():
            stream.receive_data(received)
    except OSError:
        pass  # Refused, and closed before all of it was sent.
    connection.close()
    while (event := stream.next_event()) is not StreamEvent.NEED_DATA:
        if isinstance(event, Response):
            answers.append((event.status, event.headers.get("Call-ID", "")))
    return [answer for answer in answers if answer[0] != 100]


@pytest.mark.parametrize("seed", range(4))
async def test_wherever_a_damaged_stream_is_cut_the_answers_are_the_same(
    seed: int, sip_network: MemoryNetwork
) -> None:
    dice = random.Random(seed)
    # What is registered the first time has expired when it is registered again.
    policy = RegistrarPolicy(min_expires=1, default_expires=60, max_expires=60)
    async with open_house(sip_network, policy=policy) as house:
        for number in range(100):
            several = mutants(MESSAGES, dice.choice((1, 2, 5)), 4000 + 100 * seed + number)
            data = b"".join(several)
            cuts = sorted({0, len(data), *(dice.randint(0, len(data)) for _ in range(6))})
            whole = await answers_on_a_stream(house, [data])
            await trio.sleep(100)
            pieces = [data[start:end] for start, end in itertools.pairwise(cuts)]
            assert sorted(whole) == sorted(await answers_on_a_stream(house, pieces)), data
            await trio.sleep(100)
            house.network.wires.clear()


# -- a process of its own


def shoot_datagrams(address: str, messages: Iterable[bytes], telephone: Telephone) -> int:
    """Send them from one socket; how many answers came back to it."""
    host, _, port = address.rpartition(":")
    count = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gun:
        gun.setblocking(False)
        gun.connect((host, int(port)))
        for batch in batches(messages):
            for data in batch:
                try:
                    gun.send(data)
                except OSError:
                    continue  # The buffer is full, or the mutant is too large.
            # Once this is answered, all that came before it has been looked at.
            assert telephone.is_answered()
            while True:
                try:
                    answer = gun.recv(65536)
                except BlockingIOError:
                    break
                assert isinstance(parse_message_untrusted(answer), Response)
                count += 1
    return count


def shoot_stream(address: str, data: bytes) -> list[Response]:
    """Send it on a connection of its own, say that this was all, and read all answers."""
    host, _, port = address.rpartition(":")
    stream, answers = MessageStream(), []
    with socket.create_connection((host, int(port)), timeout=30) as gun:
        try:
            gun.sendall(data)
            gun.shutdown(socket.SHUT_WR)
            while received := gun.recv(65536):
                stream.receive_data(received)
        except ConnectionError:
            return []
    while (event := stream.next_event()) is not StreamEvent.NEED_DATA:
        if event is not StreamEvent.PING:
            assert isinstance(event, Response)
            answers.append(event)
    return answers


def call_ids(data: bytes) -> set[str | None]:
    """Of the requests that a stream of *data* holds, the one that cannot be framed included."""
    stream = MessageStream()
    stream.receive_data(data)
    found: set[str | None] = set()
    try:
        while (event := stream.next_event()) is not StreamEvent.NEED_DATA:
            if isinstance(event, Request):
                found.add(event.headers.get("Call-ID"))
    except RemoteProtocolError:
        with contextlib.suppress(RemoteProtocolError):
            found.add(parse_message_untrusted(stream.refused).headers.get("Call-ID"))
    return found


def test_five_thousand_damaged_messages_leave_the_program_standing() -> None:
    with open_serve(
        "--listen", "udp://127.0.0.1:0", "--listen", "tcp://127.0.0.1:0", "--user", "alice:x"
    ) as serving:
        tcp = next(one for one in serving.listening if one.startswith("tcp://"))[6:]
        with Telephone(serving.address) as telephone:
            shoot_datagrams(serving.address, mutants(MESSAGES, 500, 3000), telephone)
            before = resident_bytes(serving.process.pid)
            assert shoot_datagrams(serving.address, mutants(MESSAGES, 3500, 3001), telephone) > 0
            answered = 0
            damaged = list(mutants(MESSAGES, 1000, 3002))
            # Side by side: a connection whose last request is a copy, which is answered where the
            # first one came from, is waited for until it is clear that nothing comes.  By their
            # Vias all of them are one client's, so one may get the answer of another that is closed.
            asked = set().union(*map(call_ids, damaged))
            with ThreadPoolExecutor(64) as guns:
                volleys = list(guns.map(shoot_stream, [tcp] * len(damaged), damaged))
            for answers in volleys:
                answered += len(answers)
                assert {one.headers.get("Call-ID") for one in answers} <= asked
            assert answered > 100
            assert telephone.is_answered()
            assert resident_bytes(serving.process.pid) - before < 32 << 20
        outcome = serving.end()
        assert 0 == outcome.status
        # Strangers are warned about, so many lines a second; nothing else has happened.
        assert {"trio_sip.security:"} == {line.split()[3] for line in outcome.errors.splitlines()}
