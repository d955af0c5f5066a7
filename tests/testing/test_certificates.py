"""Certificates for tests: OpenSSL takes them, and takes them for what they say."""

from __future__ import annotations

import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from tests.conftest import PLUGIN
from trio_sip._errors import TransportFailed
from trio_sip.stack import open_stack
from trio_sip.testing import (
    CertificateAuthority,
    FindingKind,
    MakeSipPeer,
    MemoryNetwork,
    explain,
    read_capture,
    write_pcapng,
)
from trio_sip.transport import PeerIdentity


@pytest.fixture(scope="module")
def authority() -> Iterator[CertificateAuthority]:
    made = CertificateAuthority("of these tests")
    yield made
    made.close()


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext, name: str | None) -> ssl.SSLObject:
    """The client's end of a TLS connection in memory."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(down, up, server_hostname=name)
    far = server.wrap_bio(up, down, server_side=True)
    done: set[ssl.SSLObject] = set()
    while len(done) < 2:
        for one in (near, far):
            try:
                one.do_handshake()
                done.add(one)
            except ssl.SSLWantReadError:
                continue
    return near


def test_openssl_takes_them_by_its_own_rules(authority: CertificateAuthority) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(authority.issue("example.com", "192.0.2.1").path)
    client = ssl.create_default_context(cadata=authority.pem.decode())
    # As Python 3.13 does by itself: RFC 5280 to the letter.
    client.verify_flags |= ssl.VERIFY_X509_STRICT

    for name in ("example.com", "192.0.2.1"):
        assert shake_hands(client, server, name).cipher()
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shake_hands(client, server, "example.org")


def test_each_name_is_of_the_kind_that_it_looks_like(authority: CertificateAuthority) -> None:
    settings = authority.settings("sip:example.com", "a.example.com", "192.0.2.1", "2001:db8::1")
    near = shake_hands(settings.for_client, settings.for_server, None)
    certificate = near.getpeercert()
    assert certificate is not None

    assert (
        ("URI", "sip:example.com"),
        ("DNS", "a.example.com"),
        ("IP Address", "192.0.2.1"),
        ("IP Address", "2001:DB8:0:0:0:0:0:1"),
    ) == certificate["subjectAltName"]
    identity = PeerIdentity.of_certificate(certificate)
    assert ("commonName=sip:example.com", ("example.com",)) == (identity.subject, identity.domains)


def test_one_whose_time_is_over_is_refused(authority: CertificateAuthority) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(authority.issue("example.com", expired=True).path)
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        shake_hands(authority.settings().for_client, server, None)


def test_an_authority_trusts_no_other(authority: CertificateAuthority) -> None:
    other = CertificateAuthority("another")
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(other.settings().for_client, authority.settings("a").for_server, None)
    other.close()


def test_the_same_names_give_the_same_certificate_and_the_files_go_with_the_authority() -> None:
    one, two = CertificateAuthority(), CertificateAuthority()
    first, second = one.issue("example.com"), two.issue("example.com")
    one.close()

    assert first is one.issue("example.com")
    assert not one.path.exists()
    assert not first.path.exists()
    assert second.path.stat().st_mode & 0o077 == 0
    two.close()


def test_no_certificate_is_taken_for_another(authority: CertificateAuthority) -> None:
    plain = authority.issue("a")
    other = authority.issue("a", common_name="somebody else")
    third = authority.issue("b")

    assert 3 == len({plain.path, other.path, third.path})
    assert plain is authority.issue("a")
    assert other is authority.issue("a", common_name="somebody else")
    assert third.path.read_bytes() == third.key_pem + third.pem


def test_without_the_package_the_fixture_says_in_one_line_what_to_install(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where None stands, an import finds no module.
    monkeypatch.setitem(sys.modules, "cryptography", None)
    monkeypatch.delitem(sys.modules, "trio_sip.testing._issuer", raising=False)
    pytester.makepyfile("async def test_it(sip_tls): pass")
    result = pytester.runpytest(*[word for name in PLUGIN for word in ("-p", name)])

    result.assert_outcomes(errors=1)
    said = [line for line in result.outlines if "trio-sip[test-tls]" in line]
    assert (
        "certificates for tests need cryptography, which is not installed: "
        "pip install trio-sip[test-tls]"
    ) == said[0]


async def test_peers_of_a_test_talk_over_tls_by_themselves(
    sip_tls: CertificateAuthority, sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    alice = make_sip_peer("alice", transports=("UDP", "TLS"))
    bob = make_sip_peer("bob", transports=("TLS",))
    sent = await alice.request("OPTIONS", bob.tls_uri)
    await (await bob.expect("OPTIONS")).respond(200)
    response = await sent.expect(200)

    assert "TLS" == response.message.via.transport
    assert ["TLS", "TLS"] == [wire.transport for wire in sip_network.wires]
    assert ["TLS", "TLS"] == [wire.transport for wire in alice.wires]
    assert "OPTIONS" in sip_network.ladder()


async def test_a_peer_can_break_its_connections_with_an_alert(
    sip_tls: CertificateAuthority, sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    peer = make_sip_peer("peer", transports=("TLS",))
    async with open_stack(
        network=sip_network.host("stack"), tls=sip_tls.settings(), strict=True
    ) as stack:

        async def ask() -> None:
            with pytest.raises(TransportFailed, match="alert"):
                await stack.send_request("OPTIONS", peer.tls_uri)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await peer.expect("OPTIONS")
            peer.alert_streams()

        assert 1 == stack.statistics().transport.connections_broken


async def test_a_capture_shows_what_was_encrypted(
    sip_tls: CertificateAuthority,
    sip_network: MemoryNetwork,
    make_sip_peer: MakeSipPeer,
    tmp_path: Path,
) -> None:
    alice = make_sip_peer("alice", transports=("UDP", "TLS"))
    bob = make_sip_peer("bob", transports=("TLS", "WS"))
    for uri in (bob.tls_uri, bob.ws_uri):
        sent = await alice.request("OPTIONS", uri)
        await (await bob.expect("OPTIONS")).respond(200)
        await sent.expect(200)
    file = tmp_path / "seen.pcapng"
    write_pcapng(file, sip_network.wires)
    found = read_capture(file).wires

    assert [wire.data for wire in sip_network.wires] == [wire.data for wire in found]
    assert {5060} == {wire.destination.port for wire in found[::2]}
    assert b"192.0.2.2:5061: OPTIONS over TLS" in file.read_bytes()


async def test_messages_over_a_websocket_are_understood_without_their_length(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    alice, bob = make_sip_peer("alice"), make_sip_peer("bob", transports=("WS",))
    for number in range(2):
        sent = await alice.request(
            "OPTIONS", bob.ws_uri, headers=[("Subject", number)], rude="no Content-Length"
        )
        await (await bob.expect("OPTIONS")).respond(200)
        await sent.expect(200)

    assert b"Content-Length" not in sip_network.wires[0].data
    assert [] == [one for one in explain(sip_network.wires) if one.kind is FindingKind.FAULT]
