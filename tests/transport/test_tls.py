"""TLS on the simulated network: who is talked to, what strangers may do, and how it ends."""

from __future__ import annotations

import datetime as dt
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
import trio.testing
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtensionOID

from trio_sip._errors import LocalProtocolError, TransportFailed
from trio_sip.message import Request, create_response
from trio_sip.testing import CertificateAuthority, MemoryNetwork
from trio_sip.transport import (
    Address,
    ClientCertificates,
    Flow,
    Listen,
    TlsConnection,
    TlsSettings,
    TransportLayer,
    TransportLimits,
    Verify,
)

from .recorder import Recorder, open_layer, options

VIA = "SIP/2.0/TLS 192.0.2.2:5061;branch=z9hG4bK1"
LISTEN = "tls://192.0.2.1:5061"
SERVER = Address("192.0.2.1", 5061)


@pytest.fixture(scope="module")
def authority() -> Iterator[CertificateAuthority]:
    made = CertificateAuthority()
    yield made
    made.close()


@pytest.fixture
def server(authority: CertificateAuthority) -> TlsSettings:
    return authority.settings("sip:example.com", "192.0.2.1")


async def test_a_request_goes_there_and_its_answer_back(
    authority: CertificateAuthority, server: TlsSettings, autojump_clock: trio.testing.MockClock
) -> None:
    async with (
        MemoryNetwork.open() as network,
        open_layer(network.host("server"), LISTEN, tls=server) as (_, heard, _),
        open_layer(network.host("client"), tls=authority.settings(), answering=False) as (
            layer,
            answered,
            _,
        ),
    ):
        flow = await layer.flow_for("TLS", SERVER, "example.com")
        layer.send_nowait(options(VIA, body="secret"), flow)
        await heard.event("message")
        await answered.event("message")

        assert ("TLS", SERVER, True) == (flow.transport, flow.remote, flow.secure)
        assert [b"secret"] == [message.body for message, _ in heard.messages]
        assert layer.identity(flow).domains == ("example.com",)  # type: ignore[union-attr]
        assert ["TLS", "TLS"] == [wire.transport for wire in network.wires]
        assert [True, False] == [b"secret" in wire.data for wire in network.wires]


@pytest.mark.parametrize("size", [1, 100_000, 300_000])
async def test_a_message_of_any_size_arrives_whole(
    size: int,
    authority: CertificateAuthority,
    server: TlsSettings,
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with (
        MemoryNetwork.open() as network,
        open_layer(network.host("server"), LISTEN, tls=server) as (_, heard, _),
        open_layer(network.host("client"), tls=authority.settings(), answering=False) as (c, _, _),
    ):
        flow = await c.flow_for("TLS", SERVER)
        for number in (1, 2, 3):
            c.send_nowait(options(VIA, number, "x" * size), flow)
        for _ in range(3):
            await heard.event("message")

        assert [size] * 3 == [len(message.body) for message, _ in heard.messages]


async def test_who_stops_waiting_at_any_moment_loses_nothing(
    authority: CertificateAuthority, server: TlsSettings, autojump_clock: trio.testing.MockClock
) -> None:
    async with MemoryNetwork.open() as network:
        listener = network.host("server").bind_connections(SERVER)
        pipe = await network.host("client").connect(SERVER)
        near = TlsConnection(
            pipe, authority.settings().for_client, server_side=False, name="example.com"
        )
        far = TlsConnection(await listener.accept(), server.for_server, server_side=True)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(near.handshake)
            nursery.start_soon(far.handshake)
        near.send_some_nowait(b"one")
        near.send_some_nowait(b"two")
        await trio.sleep(1)
        heard = await far.receive_some()
        with trio.CancelScope() as scope:
            scope.cancel()
            heard += await far.receive_some()
        with trio.move_on_after(1):
            heard += await far.receive_some()

        assert scope.cancelled_caught
        assert b"onetwo" == heard
        for one in (near, far, listener):
            one.close()


async def test_a_certificate_with_names_that_are_no_text_is_refused(
    autojump_clock: trio.testing.MockClock, tmp_path: Path
) -> None:
    # A URI of subjectAltName: RFC 5280 section 4.2.1.6, but for its last octet.
    names = x509.UnrecognizedExtension(
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME, b"\x30\x08\x86\x06sip:a\xff"
    )
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a")])
    begins = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(begins)
        .not_valid_after(begins.replace(year=2100))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "odd.pem"
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    file.write_bytes(
        key.private_bytes(pem, pkcs8, serialization.NoEncryption()) + certificate.public_bytes(pem)
    )
    tls = TlsSettings(certificate=file, authorities=file)
    async with (
        MemoryNetwork.open() as network,
        open_layer(network.host("server"), LISTEN, tls=tls),
        open_layer(network.host("client"), tls=tls) as (layer, _, _),
    ):
        with pytest.raises(TransportFailed, match="its certificate cannot be read"):
            await layer.flow_for("TLS", SERVER, "a")


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("example.com", True),
        ("EXAMPLE.COM", True),
        (None, True),
        ("192.0.2.1", True),
        ("sub.example.com", False),
        ("example.org", False),
        ("192.0.2.9", False),
    ],
)
async def test_the_certificate_must_be_that_of_the_name_that_was_asked_for(
    name: str | None,
    allowed: bool,
    authority: CertificateAuthority,
    server: TlsSettings,
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with (
        MemoryNetwork.open() as network,
        open_layer(network.host("server"), LISTEN, tls=server),
        open_layer(network.host("client"), tls=authority.settings()) as (layer, _, _),
    ):
        if allowed:
            assert "TLS" == (await layer.flow_for("TLS", SERVER, name)).transport
        else:
            with pytest.raises(TransportFailed, match=r"that of example\.com.*, not of"):
                await layer.flow_for("TLS", SERVER, name)

        assert (0 if allowed else 1) == layer.statistics().connects_failed


async def test_an_open_connection_serves_those_names_only_that_its_certificate_has(
    authority: CertificateAuthority, autojump_clock: trio.testing.MockClock
) -> None:
    tls = authority.settings("one.example", "two.example")
    async with (
        MemoryNetwork.open() as network,
        open_layer(network.host("server"), LISTEN, tls=tls),
        open_layer(network.host("client"), tls=authority.settings()) as (layer, _, _),
    ):
        flow = await layer.flow_for("TLS", SERVER, "one.example")

        assert flow == layer.flow_nowait("TLS", SERVER, "TWO.example")
        assert layer.flow_nowait("TLS", SERVER, "three.example") is None
        assert layer.flow_nowait("TLS", SERVER) is None
        assert layer.flow_nowait("TCP", SERVER) is None


@pytest.mark.parametrize("kind", ["unknown authority", "expired", "wildcard", "system"])
async def test_who_cannot_prove_who_he_is_gets_nothing(
    kind: str, authority: CertificateAuthority, autojump_clock: trio.testing.MockClock
) -> None:
    trusting: TlsSettings | None = authority.settings()
    match kind:
        case "unknown authority":
            other = CertificateAuthority("another")
            tls = other.settings("example.com")
        case "expired":
            tls = TlsSettings(certificate=authority.issue("example.com", expired=True).path)
        case "wildcard":
            tls = authority.settings("*.com")
        case _:
            tls, trusting = authority.settings("example.com"), None
    async with (
        MemoryNetwork.open() as network,
        open_layer(network.host("server"), LISTEN, tls=tls) as (server, heard, _),
        open_layer(network.host("client"), tls=trusting) as (layer, _, _),
    ):
        with pytest.raises(TransportFailed, match="certificate") as caught:
            await layer.flow_for("TLS", SERVER, "example.com")
        await trio.sleep(1)

        assert isinstance(caught.value.__cause__, ssl.SSLError)
        assert [] == heard.messages
        assert 0 == server.statistics().connections


@pytest.mark.parametrize("verify", [Verify.AUTHORITY, Verify.NOTHING])
async def test_less_may_be_asked_for_but_only_aloud(
    verify: Verify, authority: CertificateAuthority, autojump_clock: trio.testing.MockClock
) -> None:
    other = CertificateAuthority("another")
    tls = (authority if verify is Verify.AUTHORITY else other).settings("somebody.else")
    async with (
        MemoryNetwork.open() as network,
        open_layer(network.host("server"), LISTEN, tls=tls),
        open_layer(network.host("client"), tls=authority.settings(verify=verify)) as (c, _, _),
    ):
        flow = await c.flow_for("TLS", SERVER, "example.com")

        assert "TLS" == flow.transport
        assert flow == c.flow_nowait("TLS", SERVER, "example.com")


def test_a_context_that_checks_nothing_is_refused_unless_it_is_said_aloud() -> None:
    careless = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    careless.check_hostname = False
    careless.verify_mode = ssl.CERT_NONE
    with pytest.raises(LocalProtocolError, match="it checks nothing"):
        TlsSettings(client_context=careless)

    assert careless is TlsSettings(client_context=careless, verify=Verify.NOTHING).for_client


def test_a_context_that_compares_names_by_the_rules_of_http_is_refused() -> None:
    with pytest.raises(LocalProtocolError, match="check_hostname"):
        TlsSettings(client_context=ssl.create_default_context())


def test_a_file_that_is_no_certificate_is_named(authority: CertificateAuthority) -> None:
    with pytest.raises(LocalProtocolError, match=r"TLS: cannot use /nowhere\.pem: No such file"):
        TlsSettings(certificate="/nowhere.pem")
    with pytest.raises(LocalProtocolError, match=f"cannot use {authority.path}"):
        TlsSettings(certificate=authority.path)


@pytest.mark.parametrize("tls", [None, TlsSettings()])
async def test_without_a_certificate_there_is_nothing_to_listen_with(
    tls: TlsSettings | None, autojump_clock: trio.testing.MockClock
) -> None:
    async with MemoryNetwork.open() as network:
        layer = TransportLayer(network.host("server"), Recorder(), tls=tls)
        with pytest.raises(LocalProtocolError, match="no certificate"):
            await layer.bind(Listen.parse("tcp://192.0.2.1"), Listen.parse(LISTEN))

        assert 0 == network.open_sockets


# -- certificates of clients


@pytest.mark.parametrize("wanted", list(ClientCertificates))
@pytest.mark.parametrize("client", ["none", "ours", "another's"])
async def test_clients_can_be_asked_for_certificates(
    wanted: ClientCertificates,
    client: str,
    authority: CertificateAuthority,
    autojump_clock: trio.testing.MockClock,
) -> None:
    tls = authority.settings("example.com", client_certificates=wanted)
    other = CertificateAuthority("another")
    shown = {
        "none": authority.settings(),
        "ours": authority.settings("client.example"),
        "another's": TlsSettings(
            certificate=other.issue("client.example").path, authorities=authority.path
        ),
    }[client]
    refused = (client == "none" and wanted is ClientCertificates.REQUIRED) or (
        client == "another's" and wanted is not ClientCertificates.IGNORED
    )
    async with (
        MemoryNetwork.open() as network,
        open_layer(network.host("server"), LISTEN, tls=tls) as (server, heard, _),
        open_layer(network.host("client"), tls=shown) as (layer, told, _),
    ):
        # With TLS 1.3 the client learns what is wrong with it only afterwards.
        flow = await layer.flow_for("TLS", SERVER, "example.com")
        if not refused:
            layer.send_nowait(options(VIA), flow)
            await heard.event("message")
            proved = server.identity(heard.messages[0][1])
            expected = client == "ours" and wanted is not ClientCertificates.IGNORED
            assert expected == (proved is not None and proved.is_of("client.example"))
        else:
            await told.event("closed")
            assert isinstance(told.closed[0][1], ssl.SSLError)
            assert 1 == server.statistics().handshakes_failed
            assert [] == heard.messages


async def test_a_connection_of_a_client_is_used_for_its_own_address_alone(
    authority: CertificateAuthority, server: TlsSettings, autojump_clock: trio.testing.MockClock
) -> None:
    async with (
        MemoryNetwork.open() as network,
        open_layer(network.host("server"), LISTEN, tls=server) as (layer, heard, _),
        open_layer(network.host("client"), tls=authority.settings(), answering=False) as (c, _, _),
    ):
        c.send_nowait(options(VIA), await c.flow_for("TLS", SERVER))
        await heard.event("message")
        back: Flow = heard.messages[0][1]

        assert back == layer.flow_nowait("TLS", back.remote)
        assert back == layer.flow_nowait("TLS", back.remote, back.remote.host)
        assert layer.flow_nowait("TLS", back.remote, "example.com") is None, "it proved no name"
        assert layer.flow_nowait("TCP", back.remote) is None


async def test_an_answer_is_not_for_somebody_who_only_calls_himself_the_same(
    authority: CertificateAuthority, server: TlsSettings, autojump_clock: trio.testing.MockClock
) -> None:
    async with (
        MemoryNetwork.open() as network,
        open_layer(network.host("server"), LISTEN, tls=server, answering=False) as (
            layer,
            heard,
            _,
        ),
        open_layer(network.host("client"), tls=authority.settings()) as (asker, _, _),
        open_layer(network.host("client"), tls=authority.settings()) as (other, told, _),
    ):
        asker.send_nowait(options(VIA), await asker.flow_for("TLS", SERVER))
        await heard.event("message")
        await asker.aclose()
        await heard.event("closed")
        other.send_nowait(options(VIA), await other.flow_for("TLS", SERVER))
        await heard.event("message")
        (request, gone), _ = heard.messages
        assert isinstance(request, Request)
        with pytest.raises(TransportFailed, match="closed"):
            layer.send_nowait(bytes(create_response(request, 200, to_tag="t")), gone)
        await trio.sleep(1)

        assert [] == told.messages


# -- strangers

RUBBISH = {
    "sip": options(VIA),
    "http": b"GET / HTTP/1.1\r\n\r\n",
    "noise": bytes(range(256)) * 8,
    "half a hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32),
    "empty records": b"\x16\x03\x01\x00\x00" * 100,
    "a huge record": b"\x16\x03\x01\xff\xff" + bytes(66_000),
    "an alert": b"\x15\x03\x01\x00\x02\x02\x28",
}


@pytest.mark.parametrize("name", RUBBISH)
@pytest.mark.parametrize("end", ["close", "reset", "wait"])
async def test_who_does_not_speak_tls_is_shown_the_door_and_hurts_nobody(
    name: str,
    end: str,
    authority: CertificateAuthority,
    server: TlsSettings,
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with (
        MemoryNetwork.open() as network,
        open_layer(network.host("server"), LISTEN, tls=server) as (layer, heard, _),
        open_layer(network.host("client"), tls=authority.settings(), answering=False) as (c, _, _),
    ):
        stranger = await network.host("stranger").connect(SERVER)
        await stranger.send_all(RUBBISH[name])
        if end != "wait":
            (stranger.close if end == "close" else stranger.reset)()
        flow = await c.flow_for("TLS", SERVER)
        c.send_nowait(options(VIA), flow)
        await heard.event("message")
        await trio.sleep(20)
        stranger.close()
        await trio.sleep(1)

        statistics = layer.statistics()
        assert (1, 1) == (statistics.handshakes_failed, statistics.connections)
        assert 1 == len(network.host("server").streams)
        assert [] == heard.garbage


async def test_a_thousand_that_say_nothing_keep_nobody_out(
    authority: CertificateAuthority, server: TlsSettings, autojump_clock: trio.testing.MockClock
) -> None:
    limits = TransportLimits(max_connections=50)
    async with (
        MemoryNetwork.open() as network,
        open_layer(network.host("server"), LISTEN, tls=server, limits=limits) as (layer, heard, _),
        open_layer(network.host("client"), tls=authority.settings(), answering=False) as (c, _, _),
    ):
        flow = await c.flow_for("TLS", SERVER)
        crowd = network.host("crowd")
        for _ in range(10):
            async with trio.open_nursery() as nursery:
                for _ in range(100):
                    nursery.start_soon(crowd.connect, SERVER)
            assert 50 >= layer.statistics().connections
        c.send_nowait(options(VIA), flow)
        await heard.event("message")
        again = await c.flow_for("TLS", SERVER, "example.com")
        assert again == flow, "it was not the one that was closed to make room"
        await trio.sleep(limits.connect_seconds)

        assert 1 == layer.statistics().connections
        assert 1000 == layer.statistics().handshakes_failed
        for stream in list(crowd.streams):
            stream.close()


async def test_a_connection_to_nobody_and_one_to_a_silent_server_fail_in_time(
    authority: CertificateAuthority, autojump_clock: trio.testing.MockClock
) -> None:
    async with (
        MemoryNetwork.open() as network,
        open_layer(network.host("client"), tls=authority.settings()) as (layer, _, _),
    ):
        listener = network.host("server", "192.0.2.1").bind_connections(SERVER)
        started = trio.current_time()
        with pytest.raises(TransportFailed, match=r"TLS 192\.0\.2\.1:5061: .*in time"):
            await layer.flow_for("TLS", SERVER)

        assert TransportLimits().connect_seconds == pytest.approx(trio.current_time() - started)
        listener.close()


async def test_a_server_that_speaks_plainly_is_none(
    authority: CertificateAuthority, autojump_clock: trio.testing.MockClock
) -> None:
    async with (
        MemoryNetwork.open() as network,
        open_layer(network.host("server", "192.0.2.1"), "tcp://192.0.2.1:5061") as (_, heard, _),
        open_layer(network.host("client"), tls=authority.settings()) as (layer, _, _),
    ):
        with pytest.raises(TransportFailed, match="TLS"):
            await layer.flow_for("TLS", SERVER)

        assert [] == heard.messages


# -- the end


async def raw_client(
    network: MemoryNetwork, authority: CertificateAuthority
) -> tuple[TlsConnection, trio.abc.HalfCloseableStream]:
    pipe = await network.host("client").connect(SERVER)
    connection = TlsConnection(pipe, authority.settings().for_client, server_side=False)
    await connection.handshake()
    return connection, pipe


async def test_an_orderly_end_and_an_abrupt_one_are_both_an_end(
    authority: CertificateAuthority, server: TlsSettings, autojump_clock: trio.testing.MockClock
) -> None:
    async with (
        MemoryNetwork.open() as network,
        open_layer(network.host("server"), LISTEN, tls=server) as (layer, told, _),
    ):
        orderly, _ = await raw_client(network, authority)
        orderly.close()
        await told.event("closed")
        _, pipe = await raw_client(network, authority)
        await pipe.aclose()
        await told.event("closed")

        assert [None, None] == [error for _, error in told.closed]
        assert 0 == layer.statistics().connections_broken


async def test_answers_still_go_to_who_says_no_more(
    authority: CertificateAuthority, server: TlsSettings, autojump_clock: trio.testing.MockClock
) -> None:
    async with (
        MemoryNetwork.open() as network,
        open_layer(network.host("server"), LISTEN, tls=server),
    ):
        client, _ = await raw_client(network, authority)
        client.send_some_nowait(options(VIA))
        client.send_eof()
        seen = b""
        while data := await client.receive_some():
            seen += data

        assert seen.startswith(b"SIP/2.0 200 ")
        client.close()


async def test_damage_on_the_way_ends_the_connection(
    authority: CertificateAuthority, server: TlsSettings, autojump_clock: trio.testing.MockClock
) -> None:
    async with (
        MemoryNetwork.open() as network,
        open_layer(network.host("server"), LISTEN, tls=server) as (_, told, _),
    ):
        _, pipe = await raw_client(network, authority)
        await pipe.send_all(b"\x17\x03\x03\x00\x20" + bytes(32))
        await told.event("closed")

        assert isinstance(told.closed[0][1], ssl.SSLError)
        assert [] == told.garbage
        await pipe.aclose()


async def test_when_the_layer_ends_nothing_is_left(
    authority: CertificateAuthority, server: TlsSettings, autojump_clock: trio.testing.MockClock
) -> None:
    async with MemoryNetwork.open() as network:
        async with open_layer(network.host("server"), LISTEN, tls=server):
            client, _ = await raw_client(network, authority)
            stranger = await network.host("stranger").connect(SERVER)
            await trio.sleep(1)
        assert b"" == await client.receive_some()
        assert b"" == await stranger.receive_some()
        client.close()
        stranger.close()

        assert 0 == network.open_sockets


@pytest.mark.parametrize("transport", ["TLS", "WS", "WSS"])
@pytest.mark.parametrize("name", ["", ".", ".com", "a..b", "x" * 300, "ä.example", "a b", "a\r\nb"])
async def test_a_name_that_nobody_can_have_fails_and_hurts_nobody(
    name: str,
    transport: str,
    authority: CertificateAuthority,
    autojump_clock: trio.testing.MockClock,
) -> None:
    tls = authority.settings("example.com")
    async with (
        MemoryNetwork.open() as network,
        open_layer(network.host("server"), f"{transport.lower()}://192.0.2.1:5061", tls=tls),
        open_layer(network.host("client"), tls=authority.settings()) as (layer, _, _),
    ):
        try:
            flow = await layer.flow_for(transport, SERVER, name)
        except TransportFailed:
            assert 1 == layer.statistics().connects_failed
        else:
            assert "WS" == flow.transport, "it may be somebody to HTTP"
