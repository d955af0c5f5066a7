"""SIP over WebSockets on the simulated network: RFC 7118, and those who do not obey it."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing
import wsproto
import wsproto.connection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Message,
    Ping,
    Pong,
    RejectConnection,
    Request,
    TextMessage,
)

from trio_sip._errors import LocalProtocolError, NoRoute, TransportFailed
from trio_sip.message import Limits
from trio_sip.testing import CertificateAuthority, MemoryConnection, MemoryNetwork
from trio_sip.transport import (
    Address,
    Listen,
    TransportLayer,
    TransportLimits,
)

from .recorder import Recorder, open_layer, options

VIA = "SIP/2.0/WS df7jal23ls0d.invalid;branch=z9hG4bK1"
LISTEN = "ws://192.0.2.1:80"
SERVER = Address("192.0.2.1", 80)
UNFRAMED = options(VIA).replace(b"Content-Length: 0\r\n", b"")


class Browser:
    """A WebSocket client that is not ours: wsproto, and a stream."""

    def __init__(self, stream: MemoryConnection) -> None:
        self.stream = stream
        self.socket = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)

    async def upgrade(self, *subprotocols: str, origin: str | None = None) -> Event:
        headers = [] if origin is None else [(b"Origin", origin.encode())]
        await self.send(
            Request("example.com", "/", subprotocols=list(subprotocols), extra_headers=headers)
        )
        return await self.next()

    async def send(self, event: Event) -> None:
        await self.stream.send_all(self.socket.send(event))

    async def next(self) -> Event:
        with trio.fail_after(60):
            while (event := next(self.socket.events(), None)) is None:
                data = await self.stream.receive_some()
                if not data:
                    raise EOFError
                self.socket.receive_data(data)
        return event

    async def answer(self) -> bytes:
        event = await self.next()
        assert isinstance(event, Message)
        return event.data.encode() if isinstance(event, TextMessage) else bytes(event.data)

    async def code(self) -> int:
        """That of the goodbye, which is followed by the end."""
        event = await self.next()
        assert isinstance(event, CloseConnection), event
        with trio.fail_after(60):
            assert b"" == await self.stream.receive_some()
        return int(event.code)


@asynccontextmanager
async def serving(
    limits: TransportLimits | None = None,
) -> AsyncIterator[tuple[MemoryNetwork, TransportLayer, Recorder]]:
    async with (
        MemoryNetwork.open() as network,
        open_layer(network.host("server"), LISTEN, limits=limits) as (layer, recorder, _),
    ):
        yield network, layer, recorder
        for stream in list(network.host("browser").streams):
            stream.close()


async def open_browser(network: MemoryNetwork) -> Browser:
    browser = Browser(await network.host("browser").connect(SERVER))
    accepted = await browser.upgrade("chat", "sip")
    assert isinstance(accepted, AcceptConnection)
    assert "sip" == accepted.subprotocol
    return browser


@pytest.fixture(scope="module")
def authority() -> Iterator[CertificateAuthority]:
    made = CertificateAuthority()
    yield made
    made.close()


@pytest.mark.parametrize("kind", [TextMessage, BytesMessage])
async def test_a_websocket_message_is_a_sip_message_and_its_length_need_not_be_said(
    kind: type[TextMessage | BytesMessage], autojump_clock: trio.testing.MockClock
) -> None:
    async with serving() as (network, _, recorder):
        browser = await open_browser(network)
        data = UNFRAMED + b"whole body"
        await browser.send(kind(data.decode() if kind is TextMessage else data))  # type: ignore[arg-type]  # one or the other
        answer = await browser.answer()

        assert [b"whole body"] == [message.body for message, _ in recorder.messages]
        flow = recorder.messages[0][1]
        assert ("WS", SERVER, False) == (flow.transport, flow.local, flow.secure)
        assert answer.startswith(b"SIP/2.0 200 ")
        assert b"Via: SIP/2.0/WS df7jal23ls0d.invalid" in answer


async def test_it_comes_in_fragments_and_octets_all_the_same(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with serving() as (network, _, recorder):
        browser = await open_browser(network)
        text = UNFRAMED.decode()
        frames = b"".join(
            browser.socket.send(TextMessage(text[start : start + 40], message_finished=False))
            for start in range(0, len(text), 40)
        ) + browser.socket.send(TextMessage("body"))
        for octet in frames:
            await browser.stream.send_all(bytes([octet]))
        await browser.answer()

        assert [b"body"] == [message.body for message, _ in recorder.messages]


async def test_pings_of_both_kinds_are_answered(autojump_clock: trio.testing.MockClock) -> None:
    async with serving() as (network, layer, recorder):
        browser = await open_browser(network)
        await browser.send(Ping(b"hello"))
        assert Pong(b"hello") == await browser.next()
        await browser.send(TextMessage("\r\n\r\n"))
        assert b"\r\n" == await browser.answer()
        await browser.send(TextMessage("\r\n"))
        await browser.send(TextMessage(""))
        await browser.send(Pong(b"unasked"))
        await browser.send(TextMessage(UNFRAMED.decode()))

        assert (await browser.answer()).startswith(b"SIP/2.0 200 ")
        assert [] == recorder.garbage
        assert 1 == layer.statistics().keepalives


async def test_who_pings_is_not_idle(autojump_clock: trio.testing.MockClock) -> None:
    async with serving(TransportLimits(idle_seconds=10)) as (network, layer, _):
        browser = await open_browser(network)
        for _ in range(5):
            await trio.sleep(8)
            await browser.send(Ping())
            assert Pong() == await browser.next()
        assert 1 == layer.statistics().connections
        await trio.sleep(11)

        assert 1001 == await browser.code(), "going away"
        assert 1 == layer.statistics().connections_idle


async def test_a_goodbye_is_answered_and_ends_it(autojump_clock: trio.testing.MockClock) -> None:
    async with serving() as (network, layer, recorder):
        browser = await open_browser(network)
        await browser.send(CloseConnection(1000))

        assert 1000 == await browser.code()
        await recorder.event("closed")
        assert [None] == [error for _, error in recorder.closed]
        assert 0 == layer.statistics().connections


# -- names that lead nowhere else


async def test_requests_to_a_client_go_over_the_connection_that_it_has_opened(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with serving() as (network, layer, recorder):
        browser = await open_browser(network)
        contact = b"Contact: <sip:a@DF7jal23ls0d.invalid;transport=ws>\r\nMax-Forwards"
        await browser.send(TextMessage(UNFRAMED.replace(b"Max-Forwards", contact).decode()))
        await browser.answer()
        flow = recorder.messages[0][1]
        (server,) = await layer.locate("df7jal23ls0d.invalid", None, "WS")
        assert ("WS", flow.remote) == server
        assert flow == layer.flow_nowait("WS", flow.remote, "df7jal23ls0d.invalid")
        with pytest.raises(NoRoute, match="nobody of that name"):
            await layer.locate("df7jal23ls0d.invalid", None, None, secure=True)
        browser.stream.close()
        await recorder.event("message")
        await recorder.event("closed")

        with pytest.raises(NoRoute, match="nobody of that name"):
            await layer.locate("df7jal23ls0d.invalid", None, "WS")


async def test_a_name_stays_with_the_host_that_had_it_first(
    autojump_clock: trio.testing.MockClock,
) -> None:
    contact = b"Contact: <sip:a@name.invalid;transport=ws>\r\nMax-Forwards"
    claim = TextMessage(UNFRAMED.replace(b"Max-Forwards", contact).decode())
    async with serving() as (network, layer, recorder):
        first = await open_browser(network)
        await first.send(claim)
        await first.answer()
        thief = Browser(await network.host("thief").connect(SERVER))
        await thief.upgrade("sip")
        await thief.send(claim)
        await thief.answer()
        owner = recorder.messages[0][1]
        assert [("WS", owner.remote)] == layer.locate_nowait("name.invalid", None, None)
        again = await open_browser(network)
        await again.send(claim)
        await again.answer()

        newest = recorder.messages[2][1]
        assert [("WS", newest.remote)] == layer.locate_nowait("name.invalid", None, None)
        thief.stream.close()


async def test_one_client_does_not_get_any_number_of_names(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with serving() as (network, layer, _):
        browser = await open_browser(network)
        contacts = ", ".join(f"<sip:a@n{number}.invalid>" for number in range(100))
        lines = f"Contact: {contacts}\r\nMax-Forwards".encode()
        await browser.send(TextMessage(UNFRAMED.replace(b"Max-Forwards", lines).decode()))
        await browser.answer()
        found = 0
        for number in range(100):
            try:
                found += len(layer.locate_nowait(f"n{number}.invalid", None, None) or ())
            except NoRoute:
                break

        assert 16 == found


# -- the beginning

GOOD = {
    "Host": "example.com",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Protocol": "sip",
}


def upgrade(changes: dict[str, str | None], method: str = "GET") -> bytes:
    lines = {**GOOD, **changes}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value is not None)
    return f"{method} / HTTP/1.1\r\n{head}\r\n".encode()


REFUSED = {
    "no subprotocol": (400, upgrade({"Sec-WebSocket-Protocol": None})),
    "another subprotocol": (400, upgrade({"Sec-WebSocket-Protocol": "chat, xmpp"})),
    "no version": (400, upgrade({"Sec-WebSocket-Version": None})),
    "an old version": (426, upgrade({"Sec-WebSocket-Version": "8"})),
    "no key": (400, upgrade({"Sec-WebSocket-Key": None})),
    "no upgrade": (400, upgrade({"Upgrade": None, "Connection": None})),
    "another upgrade": (400, upgrade({"Upgrade": "h2c"})),
    "no host": (400, upgrade({"Host": None})),
    "a host that is no name": (400, upgrade({"Host": "xn--\xfc" + "a" * 80})),
    "a body": (400, upgrade({"Content-Length": "4"}) + b"body"),
    "POST": (405, upgrade({}, "POST")),
    "a page": (400, b"GET /index.html HTTP/1.1\r\nHost: example.com\r\n\r\n"),
    "a huge head": (431, b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n"),
    "sip": (400, options(VIA)),
    "noise": (400, bytes(range(256)) * 8),
    "a TLS hello": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32)),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_whoever_asks_for_something_else_gets_a_status_of_http_and_the_end(
    name: str, autojump_clock: trio.testing.MockClock
) -> None:
    status, data = REFUSED[name]
    async with serving() as (network, layer, recorder):
        stream = await network.host("browser").connect(SERVER)
        await stream.send_all(data)
        seen = b""
        while more := await stream.receive_some():
            seen += more
        stream.close()
        await trio.sleep(5)

        assert [b"HTTP/1.1", str(status).encode()] == seen.split(maxsplit=2)[:2]
        assert 1 == layer.statistics().handshakes_failed
        assert (0, []) == (layer.statistics().connections, recorder.messages)


async def test_who_dawdles_or_leaves_in_the_handshake_hurts_nobody(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with serving() as (network, layer, _):
        host = network.host("browser")
        dawdler, leaver, breaker = [await host.connect(SERVER) for _ in range(3)]
        for stream in (dawdler, leaver, breaker):
            await stream.send_all(upgrade({})[:50])
        await trio.sleep(1)
        leaver.close()
        breaker.reset()
        browser = await open_browser(network)
        await browser.send(TextMessage(UNFRAMED.decode()))
        await browser.answer()
        await trio.sleep(15)

        assert b"" == await dawdler.receive_some()
        assert 3 == layer.statistics().handshakes_failed
        assert 1 == layer.statistics().connections


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [("https://example.com", True), (None, True), ("https://evil.example", False), ("null", False)],
)
async def test_only_scripts_of_our_pages_may_connect_if_we_say_which_they_are(
    origin: str | None, allowed: bool, autojump_clock: trio.testing.MockClock
) -> None:
    limits = TransportLimits(web_origins=frozenset({"https://example.com"}))
    async with serving(limits) as (network, _, _):
        browser = Browser(await network.host("browser").connect(SERVER))
        answer = await browser.upgrade("sip", origin=origin)

        if allowed:
            assert isinstance(answer, AcceptConnection)
        else:
            assert isinstance(answer, RejectConnection)
            assert 403 == answer.status_code


async def test_what_comes_right_behind_the_handshake_is_not_lost(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with serving() as (network, _, recorder):
        stream = await network.host("browser").connect(SERVER)
        other = wsproto.connection.Connection(wsproto.ConnectionType.CLIENT)
        await stream.send_all(upgrade({}) + other.send(TextMessage(UNFRAMED.decode())))
        await recorder.event("message")


# -- the middle


def masked(opcode: int, payload: bytes, *, final: bool = True, mask: bool = True) -> bytes:
    """A frame, by hand."""
    first = (0x80 if final else 0) | opcode
    size = len(payload)
    length = bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2, "big")
    if not mask:
        return bytes([first]) + length + payload
    return bytes([first, length[0] | 0x80]) + length[1:] + bytes(4) + payload


BROKEN = {
    "unmasked": (1002, masked(1, UNFRAMED, mask=False)),
    "an unknown opcode": (1002, masked(3, b"x")),
    "a reserved bit": (1002, bytes([0xF1, 0x80]) + bytes(4)),
    "a long ping": (1002, masked(9, b"x" * 126)),
    "a ping in pieces": (1002, masked(9, b"x", final=False)),
    "a continuation of nothing": (1002, masked(0, b"x")),
    "a new message within another": (1002, masked(1, b"x", final=False) + masked(1, b"y")),
    "no UTF-8": (1007, masked(1, b"\xff\xfe")),
    "a bad goodbye": (1002, masked(8, b"\x00")),
    "a goodbye with a number that is none": (1002, masked(8, b"\x00\x01")),
    "no SIP": (1003, masked(1, b"hello")),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_what_cannot_be_followed_ends_the_connection_with_a_reason(
    name: str, autojump_clock: trio.testing.MockClock
) -> None:
    code, data = BROKEN[name]
    async with serving() as (network, layer, recorder):
        recorder.layer = None
        browser = await open_browser(network)
        await browser.stream.send_all(data + masked(1, UNFRAMED))

        assert code == await browser.code()
        assert [] == recorder.messages, "nothing after it is read"
        browser.stream.close()
        await trio.sleep(5)
        assert (0, 1) == (layer.statistics().connections, layer.statistics().unparsable)


async def test_a_message_that_can_be_answered_is_answered_before_the_end(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with serving() as (network, _, recorder):
        browser = await open_browser(network)
        await browser.send(TextMessage("hello"))

        assert (await browser.answer()).startswith(b"SIP/2.0 400 ")
        assert 1003 == await browser.code()
        assert b"hello" == recorder.garbage[0][1]


@pytest.mark.parametrize("pieces", [1, 50])
async def test_a_message_that_is_too_large_is_not_collected(
    pieces: int, autojump_clock: trio.testing.MockClock
) -> None:
    limits = TransportLimits(message=Limits(message_bytes=10_000))
    async with serving(limits) as (network, layer, recorder):
        recorder.layer = None
        browser = await open_browser(network)
        for _ in range(pieces):
            await browser.send(TextMessage("x" * (20_000 // pieces), message_finished=False))

        assert 1009 == await browser.code()
        assert 1 == layer.statistics().unparsable


async def test_a_message_that_never_ends_has_its_time(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with serving() as (network, layer, _):
        browser = await open_browser(network)
        for _ in range(30):
            await browser.send(TextMessage("x", message_finished=False))
            await trio.sleep(1)
        assert 1 == layer.statistics().connections
        await trio.sleep(3)

        assert 1 == layer.statistics().slow_messages
        assert 1001 == await browser.code()


@pytest.mark.parametrize("between", [Ping(), Pong()], ids=["ping", "pong"])
@pytest.mark.parametrize("text", ["x", ""])
async def test_neither_pings_nor_pongs_nor_emptiness_give_a_message_more_time(
    between: Event, text: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with serving() as (network, layer, _):
        browser = await open_browser(network)
        for _ in range(33):
            await browser.send(TextMessage(text, message_finished=False))
            await browser.send(between)
            await trio.sleep(1)

        assert 1 == layer.statistics().slow_messages
        assert 0 == layer.statistics().connections


async def test_a_flood_of_pings_with_deaf_ears_ends_the_connection(
    autojump_clock: trio.testing.MockClock,
) -> None:
    limits = TransportLimits(send_queue_bytes=10_000)
    async with serving(limits) as (network, layer, recorder):
        browser = await open_browser(network)
        ping = browser.socket.send(Ping(b"x" * 125))
        with pytest.raises(OSError, match="reset"):
            await browser.stream.send_all(ping * 2000)
        await recorder.event("closed")

        assert 1 == layer.statistics().queue_overflows


async def test_a_thousand_that_say_nothing_keep_nobody_out(
    autojump_clock: trio.testing.MockClock,
) -> None:
    limits = TransportLimits(max_connections=50)
    async with serving(limits) as (network, layer, _):
        browser = await open_browser(network)
        crowd = network.host("crowd")
        for _ in range(10):
            async with trio.open_nursery() as nursery:
                for _ in range(100):
                    nursery.start_soon(crowd.connect, SERVER)
            assert 50 >= layer.statistics().connections
        await browser.send(TextMessage(UNFRAMED.decode()))

        assert (await browser.answer()).startswith(b"SIP/2.0 200 ")
        for stream in list(crowd.streams):
            stream.close()


# -- our own clients, and TLS below


@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_we_can_be_the_client(
    scheme: str, authority: CertificateAuthority, autojump_clock: trio.testing.MockClock
) -> None:
    transport = scheme.upper()
    async with (
        MemoryNetwork.open() as network,
        open_layer(
            network.host("server"),
            f"{scheme}://192.0.2.1:8080",
            tls=authority.settings("example.com"),
        ) as (_, heard, _),
        open_layer(network.host("client"), tls=authority.settings(), answering=False) as (
            client,
            answered,
            _,
        ),
    ):
        flow = await client.flow_for(transport, Address("192.0.2.1", 8080), "example.com")
        client.send_nowait(UNFRAMED.replace(b"/WS", b"/" + transport.encode()), flow)
        await heard.event("message")
        await answered.event("message")

        assert transport == heard.messages[0][1].transport
        assert [transport] * 2 == [wire.transport for wire in network.wires]
        assert [b"OPTIONS", b"SIP/2.0"] == [wire.data.split()[0] for wire in network.wires]
        with pytest.raises(TransportFailed):
            await client.flow_for(
                {"WS": "WSS", "WSS": "WS"}[transport], Address("192.0.2.1", 8080), "example.com"
            )


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", "status 403"),
        (b"HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", "accept token"),
        (b"SIP/2.0 400 Bad Request\r\n\r\n", "no WebSocket"),
        (b"", "hung up"),
    ],
)
async def test_a_server_that_has_no_websocket_for_us_is_none(
    answer: bytes, why: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with (
        MemoryNetwork.open() as network,
        open_layer(network.host("client")) as (client, _, _),
        trio.open_nursery() as nursery,
    ):
        listener = network.host("server", "192.0.2.1").bind_connections(SERVER)

        async def serve() -> None:
            stream = await listener.accept()
            assert isinstance(stream, MemoryConnection)
            await stream.receive_some()
            await stream.send_all(answer)
            stream.close()

        nursery.start_soon(serve)
        with pytest.raises(TransportFailed, match=why):
            await client.flow_for("WS", SERVER)
        listener.close()


async def test_a_server_that_chooses_no_subprotocol_is_not_for_sip(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with (
        MemoryNetwork.open() as network,
        open_layer(network.host("client")) as (client, _, _),
        trio.open_nursery() as nursery,
    ):
        listener = network.host("server", "192.0.2.1").bind_connections(SERVER)

        async def serve() -> None:
            stream = await listener.accept()
            assert isinstance(stream, MemoryConnection)
            socket = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
            socket.receive_data(await stream.receive_some())
            assert isinstance(next(socket.events()), Request)
            await stream.send_all(socket.send(AcceptConnection()))
            stream.close()

        nursery.start_soon(serve)
        with pytest.raises(TransportFailed, match="not for SIP"):
            await client.flow_for("WS", SERVER)
        listener.close()


async def test_without_wsproto_one_line_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    async with MemoryNetwork.open() as network, open_layer(network.host("server"), LISTEN):
        monkeypatch.setitem(sys.modules, "wsproto", None)
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        layer = TransportLayer(network.host("other"), Recorder())
        with pytest.raises(LocalProtocolError, match=r"pip install 'trio-sip\[ws\]'"):
            await layer.bind(Listen.parse("ws://192.0.2.2"))
        async with open_layer(network.host("client")) as (client, _, _):
            with pytest.raises(TransportFailed, match="need wsproto"):
                await client.flow_for("WS", SERVER)
