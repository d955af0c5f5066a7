"""What a WebSocket brings, cut anywhere and spoiled anyhow: messages, or one verdict."""

from __future__ import annotations

import random
import tracemalloc

import pytest
import wsproto
import wsproto.connection
import wsproto.events
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_sip._errors import RemoteProtocolError
from trio_sip.message import Limits, Request, Response, StreamEvent
from trio_sip.transport._websocket import WebSocketFraming

from .recorder import options

TEXT = options("SIP/2.0/WS a.invalid;branch=z9hG4bK1", body="body").decode()
LIMITS = Limits(message_bytes=5000)


def framing() -> WebSocketFraming:
    """That of a server, right behind the handshake."""
    connection = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
    connection.initiate_upgrade_connection(
        [
            (b"Host", b"a"), (b"Upgrade", b"websocket"), (b"Connection", b"upgrade"),
            (b"Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ=="), (b"Sec-WebSocket-Version", b"13"),
        ],
        "/",
    )  # fmt: skip
    assert list(connection.events())
    connection.send(wsproto.events.AcceptConnection())
    return WebSocketFraming(connection, LIMITS)


def client(*events: wsproto.events.Event) -> bytes:
    other = wsproto.connection.Connection(wsproto.ConnectionType.CLIENT)
    return b"".join(other.send(event) for event in events)


def everything(server: WebSocketFraming, pieces: list[bytes]) -> tuple[list[str], bytes]:
    """What comes of these octets, in words, and what is sent back by itself."""
    seen: list[str] = []
    replies = b""
    for piece in pieces:
        server.receive_data(piece)
        try:
            while (event := server.next_event()) is not StreamEvent.NEED_DATA:
                kind = "ping" if event is StreamEvent.PING else "message"
                assert isinstance(event, Request | Response) == (kind == "message")
                seen.append(kind)
        except RemoteProtocolError as error:
            seen.append(f"{type(error).__name__} {error}")
        replies += server.take_replies()
        assert server.buffered <= LIMITS.message_bytes
    return seen, replies + server.goodbye()


def cut(data: bytes, dice: random.Random) -> list[bytes]:
    places = sorted(dice.choices(range(len(data) + 1), k=dice.randrange(1, 20)))
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


@pytest.mark.parametrize("seed", range(10))
def test_it_does_not_matter_where_it_is_cut(seed: int) -> None:
    events = wsproto.events
    data = client(
        events.TextMessage(TEXT),
        events.Ping(b"1"),
        events.BytesMessage(TEXT.encode()[:50], message_finished=False),
        events.Ping(b"2"),
        events.BytesMessage(TEXT.encode()[50:]),
        events.TextMessage("\r\n\r\n"),
        events.CloseConnection(1000),
    )
    whole = everything(framing(), [data])

    assert ["message", "message", "ping"] == whole[0]
    assert b"\x8a\x011\x8a\x012\x88\x02\x03\xe8" == whole[1]
    assert whole == everything(framing(), cut(data, random.Random(seed)))
    assert whole == everything(framing(), [bytes([one]) for one in data])


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_comes_it_is_followed_or_given_up(data: st.DataObject) -> None:
    good = client(wsproto.events.TextMessage(TEXT), wsproto.events.Ping(b"x" * 20))
    spoiled = bytearray(good)
    for _ in range(data.draw(st.integers(0, 4))):
        place = data.draw(st.integers(0, len(spoiled) - 1))
        spoiled[place] = data.draw(st.integers(0, 255))
    start = data.draw(st.binary(max_size=8))
    octets = start + bytes(spoiled) + data.draw(st.binary(max_size=40)) + good
    dice = random.Random(data.draw(st.integers(0, 9)))
    server = framing()
    seen, _ = everything(server, cut(octets, dice))

    errors = [one for one in seen if one.startswith("RemoteProtocolError")]
    assert len(errors) <= 1
    assert errors == [] or server.ended
    assert seen[len(seen) - len(errors) :] == errors, "nothing comes after a verdict"
    assert everything(server, [good])[0] == [] if server.ended else True


def test_empty_fragments_without_end_are_a_message_that_takes_no_room() -> None:
    server = framing()
    empty = client(*[wsproto.events.TextMessage("", message_finished=False) for _ in range(10_000)])
    tracemalloc.start()
    server.receive_data(empty)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert server.partial
    assert 0 == server.buffered
    assert 20_000 > kept


def test_an_end_is_said_once_and_nothing_after_it() -> None:
    server = framing()

    assert b"\x88\x02\x03\xe9" == server.goodbye()
    assert b"" == server.goodbye()
    assert b"" == server.frame(b"too late")
    server.receive_data(client(wsproto.events.CloseConnection(1001)))
    assert server.ended


def test_octets_that_are_no_text_go_as_octets() -> None:
    server = framing()

    assert b"\x81\x02hi" == server.frame(b"hi")
    assert b"\x82\x01\xff" == server.frame(b"\xff")
