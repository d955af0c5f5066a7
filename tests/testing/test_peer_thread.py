"""The peer in its thread: for programs that know nothing of trio."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest
import trio

from trio_sip.auth import PlainSecret
from trio_sip.testing import (
    MissingMessage,
    PeerThread,
    SipPeer,
    UnexpectedMessage,
    open_peer_thread,
)


class Telephone:
    """A program with a blocking socket."""

    def __init__(self, peer: PeerThread) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(5)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.connect(peer.address)
        self.port = self.socket.getsockname()[1]

    def send(self, method: str, cseq: int = 1) -> None:
        self.socket.send(
            f"{method} sip:peer@127.0.0.1 SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK{method}{cseq}\r\n"
            f"From: <sip:phone@example.com>;tag=1\r\nTo: <sip:peer@example.com>\r\n"
            f"Call-ID: phone\r\nCSeq: {cseq} {method}\r\n"
            f"Contact: <sip:phone@127.0.0.1:{self.port}>\r\nContent-Length: 0\r\n\r\n".encode()
        )

    def line(self) -> str:
        return self.socket.recv(65536).decode().partition("\r\n")[0]


@pytest.fixture
def phone(sip_peer_thread: PeerThread) -> Iterator[Telephone]:
    made = Telephone(sip_peer_thread)
    yield made
    made.socket.close()


def test_a_sync_test_has_a_peer_on_real_sockets(
    sip_peer_thread: PeerThread, phone: Telephone
) -> None:
    phone.send("INVITE")
    invite = sip_peer_thread.expect("INVITE", contact__port=phone.port)
    invite.respond(180)
    invite.respond(486)

    assert ["SIP/2.0 180 Ringing", "SIP/2.0 486 Busy Here"] == [phone.line(), phone.line()]
    phone.send("ACK")


def test_its_ports_are_free_ones_and_the_same_for_both_transports(
    sip_peer_thread: PeerThread,
) -> None:
    with open_peer_thread(name="other") as other:
        assert 0 not in {other.address.port, sip_peer_thread.address.port}
        assert other.address != sip_peer_thread.address
        assert f"sip:other@127.0.0.1:{other.address.port};transport=tcp" == str(other.tcp_uri)
        with socket.create_connection(other.address, timeout=5):
            pass


def test_two_peers_talk_from_a_sync_test(sip_peer_thread: PeerThread) -> None:
    with open_peer_thread(name="bob") as bob:
        bob.answer_automatically("OPTIONS")
        response = sip_peer_thread.request("OPTIONS", bob.uri)

    assert (200, b"") == (response.status, response.body)
    assert "OPTIONS" in sip_peer_thread.ladder()


def test_an_expectation_fails_in_the_thread_of_the_test(
    sip_peer_thread: PeerThread, phone: Telephone
) -> None:
    with pytest.raises(MissingMessage, match=r"nothing came in 0\.01 s"):
        sip_peer_thread.expect("INVITE", within=0.01)
    phone.send("MESSAGE")
    with pytest.raises(UnexpectedMessage, match="expected INVITE"):
        sip_peer_thread.expect("INVITE")
    sip_peer_thread.expect_nothing(within=0.01)


def test_what_was_not_expected_fails_at_the_end(phone: Telephone) -> None:
    with open_peer_thread() as peer:
        other = Telephone(peer)
        other.send("MESSAGE")
        other.send("OPTIONS")
        peer.expect("MESSAGE").challenge("example.com", PlainSecret("a", "b"))
        assert "SIP/2.0 401 Unauthorized" == other.line()
        other.socket.close()
        with pytest.raises(UnexpectedMessage, match="nobody expected what peer got: OPTIONS"):
            peer.check_nothing_is_left()


def test_a_whole_script_runs_in_the_thread(sip_peer_thread: PeerThread, phone: Telephone) -> None:
    async def script(peer: SipPeer, reason: str) -> float:
        message = await peer.expect("MESSAGE")
        await trio.lowlevel.checkpoint()
        await message.respond(200, reason)
        return message.time

    phone.send("MESSAGE")

    assert sip_peer_thread.run(script, "Fine") > 0
    assert "SIP/2.0 200 Fine" == phone.line()


def test_an_asyncio_test_asks_it_from_a_thread(
    sip_peer_thread: PeerThread, phone: Telephone
) -> None:
    async def main() -> str:
        loop = asyncio.get_running_loop()
        phone.socket.setblocking(False)
        phone.send("OPTIONS")
        options = await asyncio.to_thread(sip_peer_thread.expect, "OPTIONS")
        await asyncio.to_thread(options.respond, 200)
        return (await loop.sock_recv(phone.socket, 1000)).decode()[:11]

    assert "SIP/2.0 200" == asyncio.run(main())


def test_an_address_that_is_taken_is_an_error_at_once(sip_peer_thread: PeerThread) -> None:
    with (
        pytest.raises(OSError, match="in use"),
        open_peer_thread(port=sip_peer_thread.address.port),
    ):
        raise AssertionError("not reached")
