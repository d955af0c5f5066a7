"""X: answers go to where the request came from, whatever it says."""

from __future__ import annotations

import errno
import os

import pytest
import trio

from tests.stack.scene import ALICE, BOB, Peer, request
from trio_sip._errors import TransportFailed
from trio_sip.testing import MemoryNetwork, Wire
from trio_sip.transport import Address

from .house import House, open_house

MALLORY = "198.51.100.66"


def sent_by_bob(house: House) -> list[Wire]:
    return [wire for wire in house.network.wires if wire.source.host == BOB.host]


@pytest.mark.parametrize(
    "via",
    [
        f"SIP/2.0/UDP {MALLORY}:5060;rport",
        f"SIP/2.0/UDP {MALLORY}:5060;rport=9;received={MALLORY}",
        f"SIP/2.0/UDP 192.0.2.1:5060;maddr={MALLORY}",
        f"SIP/2.0/UDP {MALLORY}:5060;RPORT;Received = {MALLORY};maddr={MALLORY};ttl=16",
        f"SIP/2.0/UDP victim.example.com:5060;rport;received={MALLORY}",
        f"SIP / 2.0 / UDP  [2001:db8::66]:5060 ; rport ; received=[{MALLORY}]",
        f'SIP/2.0/UDP 192.0.2.1;x=";received={MALLORY}";rport',
    ],
)
async def test_x01_x02_x03_no_via_sends_an_answer_to_somebody_else(
    via: str, sip_network: MemoryNetwork
) -> None:
    async with open_house(sip_network) as house:
        house.network.host("mallory", MALLORY)
        for number, data in enumerate(
            [
                request(uri="sip:192.0.2.2", via=via),
                request("TELEPORT", via=via),
                request(via=via).replace(b"1 OPTIONS", b"x OPTIONS"),
                request("BYE", via=via),
            ]
        ):
            answers = await house.exchange(data.replace(b"z9hG4bK1", b"z9hG4bK%d" % number))
            assert 1 == len(answers)
            assert "192.0.2.1" == (answers[0].via.received or answers[0].via.host)
        assert {ALICE} == {wire.destination for wire in sent_by_bob(house)}


async def test_x04_without_rport_the_answer_goes_to_the_port_of_the_via(
    sip_network: MemoryNetwork,
) -> None:
    async with open_house(sip_network) as house:
        data = request(uri="sip:192.0.2.2", via=f"SIP/2.0/UDP {MALLORY}:7777")
        (answer,) = await house.exchange(data)
        assert "192.0.2.1" == answer.via.received
        assert [Address("192.0.2.1", 7777)] == [one.destination for one in sent_by_bob(house)]


async def test_x05_on_a_connection_the_answer_stays_on_it(sip_network: MemoryNetwork) -> None:
    async with open_house(sip_network) as house:
        house.network.host("mallory", MALLORY)
        stream = await house.connect()
        for number in range(3):
            via = f"SIP/2.0/TCP {MALLORY}:5060;received={MALLORY};maddr={MALLORY}"
            data = request(uri="sip:192.0.2.2", via=via, branch=f"{number}", cseq=number + 1)
            assert 200 == (await stream.ask(data)).status
        assert {"192.0.2.1"} == {wire.destination.host for wire in sent_by_bob(house)}


async def test_x08_nobody_there_fails_the_one_transaction_and_the_socket_lives(
    sip_network: MemoryNetwork,
) -> None:
    async with open_house(sip_network) as house:
        house.network.host("deaf", "192.0.2.77")
        with pytest.raises(TransportFailed):
            await house.stack.send_request("OPTIONS", "sip:192.0.2.77")
        assert 1 == house.stack.statistics().transport.unreachable
        # Neither does it hurt that the one who asked has gone.
        house.alice.close()
        nobody = Peer(house.network.host("nobody", "192.0.2.78"), Address("192.0.2.78", 5060))
        nobody.send(request(uri="sip:192.0.2.2", via="SIP/2.0/UDP 192.0.2.78"))
        nobody.close()
        await trio.sleep(1)
        assert 2 == house.stack.statistics().transport.unreachable


async def test_x09_want_of_descriptors_and_buffers_passes(
    caplog: pytest.LogCaptureFixture, sip_network: MemoryNetwork
) -> None:
    async with open_house(sip_network) as house:
        bob = house.network.host("bob")
        listener, socket = bob.listener_at(BOB), bob.datagrams_at(BOB)
        assert listener is not None
        assert socket is not None
        for _ in range(3):
            listener.fail(OSError(errno.EMFILE, os.strerror(errno.EMFILE)))
        socket.fail(OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS)))
        assert [] == await house.exchange(request(uri="sip:192.0.2.2"))
        copy = await house.exchange(request(uri="sip:192.0.2.2"))
        assert [200] == [answer.status for answer in copy]
        stream = await house.connect()
        assert 200 == (await stream.ask(request(uri="sip:192.0.2.2", branch="2", cseq=2))).status
        one = house.stack.statistics().transport
        assert (3, 1) == (one.accepts_failed, one.sends_dropped)
        assert 1 == len(caplog.records)


async def test_x09_idle_strangers_that_hold_all_descriptors_make_room(
    sip_network: MemoryNetwork,
) -> None:
    async with open_house(sip_network) as house:
        listener = house.network.host("bob").listener_at(BOB)
        assert listener is not None
        idle = [await house.connect() for _ in range(3)]
        await trio.sleep(1)
        listener.fail(OSError(errno.EMFILE, os.strerror(errno.EMFILE)))
        began = trio.current_time()
        stream = await house.connect()
        assert 200 == (await stream.ask(request(uri="sip:192.0.2.2"))).status
        assert trio.current_time() - began < 0.1
        assert await idle[0].receive() is None
        assert 1 == house.stack.statistics().transport.connections_evicted


async def test_x10_a_request_too_large_for_a_datagram_goes_over_tcp(
    sip_network: MemoryNetwork,
) -> None:
    async with open_house(sip_network) as house:
        host = house.network.host("far", "192.0.2.79")
        listener = host.bind_connections(Address("192.0.2.79", 5060))
        seen = len(house.network.wires)
        with trio.move_on_after(1):
            await house.stack.send_request("MESSAGE", "sip:192.0.2.79", "x" * 1300)
        transports = {wire.transport for wire in house.network.wires[seen:]}
        assert {"TCP"} == transports
        with pytest.raises(TransportFailed):
            await house.stack.send_request(
                "MESSAGE", "sip:192.0.2.79;transport=udp", b"x" * 65_600, content_type="a/b"
            )
        listener.close()
        # The other host keeps its end of the connection; ours is closed for being idle.
        for stream in host.streams[:]:
            stream.close()
