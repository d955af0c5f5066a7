from __future__ import annotations

import functools
import re

import pytest
import trio

from trio_sip._errors import LocalProtocolError, RemoteProtocolError
from trio_sip.message import parse_message_untrusted
from trio_sip.services import OptionsService
from trio_sip.stack import Stack, open_stack
from trio_sip.testing import (
    MISBEHAVIOURS,
    PROFILES,
    CertificateAuthority,
    Fate,
    MakeSipPeer,
    MemoryNetwork,
    MessagePattern,
    Misbehaviour,
    Outgoing,
    PeerProfile,
    PeerRequest,
)
from trio_sip.transport import Address, ConnectionListener

REQUEST = (
    b"BYE sip:bob@192.0.2.2 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport\r\n"
    b"Max-Forwards: 70\r\nFrom: <sip:a@b>;tag=fff\r\nTo: <sip:c@d>;tag=ttttt\r\n"
    b"Call-ID: c1\r\nCSeq: 3 BYE\r\nContact: <sip:a@192.0.2.1:5060>\r\nRoute: <sip:p;lr>\r\n"
    b"Content-Length: 20\r\n\r\n" + 20 * b"x"
)
RESPONSE = (
    b"SIP/2.0 200 OK\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport\r\nRecord-Route: <sip:p;lr>\r\n"
    b"From: <sip:a@b>;tag=fff\r\nTo: <sip:c@d>;tag=ttttt\r\n"
    b"Call-ID: c1\r\nCSeq: 3 INVITE\r\nContact: <sip:a@192.0.2.1:5060>\r\n"
    b"Content-Length: 20\r\n\r\n" + 20 * b"x"
)
ACK = REQUEST.replace(b"BYE", b"ACK")


def spoiled(name: str, data: bytes) -> bytes:
    one = MISBEHAVIOURS[name]
    assert one.fits(data)
    (outgoing,) = one.alter(Outgoing(data))
    return outgoing.data


@pytest.mark.parametrize("name", MISBEHAVIOURS)
def test_a_misbehaviour_changes_what_it_fits(name: str) -> None:
    one = MISBEHAVIOURS[name]
    data = next(data for data in (REQUEST, RESPONSE, ACK) if one.fits(data))

    assert [Outgoing(data)] != one.alter(Outgoing(data))


@pytest.mark.parametrize(
    ("name", "data", "line"),
    [
        ("wrong CSeq", REQUEST, b"CSeq: 10 BYE"),
        ("old CSeq", REQUEST, b"CSeq: 0 BYE"),
        ("wrong CSeq method", REQUEST, b"CSeq: 3 NOTHING"),
        ("swapped tags", REQUEST, b"From: <sip:a@b>;tag=ttttt\r\nTo: <sip:c@d>;tag=fff\r\n"),
        ("wrong To tag", RESPONSE, b"To: <sip:c@d>;tag=nobody"),
        ("no To tag", RESPONSE, b"To: <sip:c@d>\r\n"),
        ("long Content-Length", REQUEST, b"Content-Length: 30\r\n"),
        ("short Content-Length", REQUEST, b"Content-Length: 10\r\n"),
        ("unroutable Contact", RESPONSE, b"Contact: <sip:a@10.255.255.1>"),
        ("wrong branch", REQUEST, b";branch=z9hG4bKx1;"),
        ("no branch", REQUEST, b"Via: SIP/2.0/UDP 192.0.2.1:5060;rport\r\n"),
        ("lower case method", REQUEST, b"bye sip:bob@"),
        ("other version", RESPONSE, b"SIP/3.0 200 OK"),
        ("two Call-IDs", REQUEST, b"Call-ID: another\r\n"),
        ("wrong From tag", REQUEST, b"From: <sip:a@b>;tag=nobody\r\nTo: <sip:c@d>;tag=ttttt\r\n"),
        ("no colon", REQUEST, b" SIP/2.0\r\nWhat is this\r\nVia: "),
        ("huge", RESPONSE, b" OK\r\nSubject: " + 70_000 * b"x" + b"\r\nVia: "),
    ],
)
def test_a_misbehaviour_does_what_its_name_says(name: str, data: bytes, line: bytes) -> None:
    assert line in spoiled(name, data)


@pytest.mark.parametrize(
    ("name", "data", "header"),
    [
        ("no Record-Route", RESPONSE, b"Record-Route"),
        ("no Route", REQUEST, b"\r\nRoute"),
        ("no Contact", RESPONSE, b"Contact"),
        ("no Max-Forwards", REQUEST, b"Max-Forwards"),
        ("no Content-Length", REQUEST, b"Content-Length"),
    ],
)
def test_a_misbehaviour_leaves_out_what_its_name_says(
    name: str, data: bytes, header: bytes
) -> None:
    assert header in data
    assert header not in spoiled(name, data)


@pytest.mark.parametrize("data", [REQUEST, RESPONSE], ids=["request", "response"])
def test_what_breaks_a_message_breaks_nothing_else_of_it(data: bytes) -> None:
    corrupt = spoiled("corrupt octet", data)
    turned = [(a ^ b).bit_count() for a, b in zip(data, corrupt, strict=True) if a != b]

    assert [1] == turned
    assert data.split(b"\r\n") == spoiled("bare LF", data).split(b"\n")
    assert b"\r" not in spoiled("bare LF", data)
    assert data[: len(data) * 2 // 3] == spoiled("truncated", data)
    assert data == spoiled("huge", data).replace(b"Subject: " + 70_000 * b"x" + b"\r\n", b"")
    assert data == spoiled("no colon", data).replace(b"What is this\r\n", b"")


async def test_what_is_never_said_is_not_on_the_wire(make_sip_peer: MakeSipPeer) -> None:
    alice, bob = make_sip_peer("alice"), make_sip_peer("bob", retransmits=False)

    async def answer() -> None:
        invite = await bob.expect("INVITE")
        await invite.respond(200)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(answer)
        call = await alice.invite(bob.uri, rude=["no ACK"])
    await call.send("BYE", rude=["no BYE"])
    await trio.sleep(40)

    assert {"INVITE"} == {one.label.method for one in bob.wires}
    unsaid = {one.label.method: one.fate for one in alice.wires if one.label.method != "INVITE"}
    assert {"ACK": Fate.LOST, "BYE": Fate.LOST} == unsaid


async def test_what_is_too_late_comes_when_the_transaction_is_over(
    make_sip_peer: MakeSipPeer,
) -> None:
    alice, bob = make_sip_peer("alice"), make_sip_peer("bob", patience=100)
    alice.patience = 100
    sent = await alice.request("MESSAGE", bob.uri)
    message = await bob.expect("MESSAGE")
    began = trio.current_time()
    await message.respond(200, rude=["too late"])
    response = await sent.expect(200)

    # RFC 3261 section 17.1.2.2: Timer F is 32 seconds.
    assert 40 == pytest.approx(response.time - began, abs=0.1)


async def _octets_until_the_end(listener: ConnectionListener) -> bytes:
    connection = await listener.accept()
    octets = b""
    while more := await connection.receive_some():
        octets += more
    connection.close()
    return octets


async def test_a_connection_is_closed_when_half_of_a_message_has_arrived(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    rude, server = make_sip_peer("rude"), sip_network.host("server")
    listener = server.bind_connections(Address(server.addresses[0], 5060))
    target = f"sip:{listener.local.host};transport=tcp"
    request = rude.create_request("OPTIONS", target, body="x" * 500)
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(functools.partial(rude.send, request, rude=["closed in the middle"]))
            came = await _octets_until_the_end(listener)
    listener.close()

    assert bytes(request)[: len(bytes(request)) // 2] == came
    assert [came] == [one.data for one in rude.wires]


async def test_a_stack_survives_who_closes_in_the_middle_and_hears_who_begins_again(
    sip_stack: Stack, make_sip_peer: MakeSipPeer
) -> None:
    await sip_stack.add_service(OptionsService())
    target = f"sip:{sip_stack.listening[0].host};transport=tcp"
    rude = make_sip_peer("rude")
    await rude.request("OPTIONS", target, rude=["closed in the middle"])
    await trio.sleep(1)
    options = await rude.request("OPTIONS", target)

    assert 200 == (await options.final()).status
    assert 2 == sip_stack.statistics().transport.connections_accepted


async def test_over_tls_the_end_is_an_alert_behind_the_message(
    sip_tls: CertificateAuthority, sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    rude, host = make_sip_peer("rude", transports=("TLS",)), sip_network.host("stack")
    async with open_stack(
        f"tls://{host.addresses[0]}",
        services=[OptionsService()],
        network=host,
        tls=sip_tls.settings(host.addresses[0]),
        strict=True,
    ) as stack:
        target = f"sip:{host.addresses[0]};transport=tls"
        await rude.request("OPTIONS", target, rude=["TLS alert"])
        await trio.sleep(1)
        broken = stack.statistics().transport.connections_broken
        options = await rude.request("OPTIONS", target)

        assert 1 == broken
        assert 200 == (await options.final()).status
        methods = [one.label.method for one in sip_network.wires if one.label.status is None]
        assert ["OPTIONS", "OPTIONS"] == methods


def test_all_of_them_leave_the_parser_standing() -> None:
    for one in MISBEHAVIOURS.values():
        for data in (REQUEST, RESPONSE, ACK):
            for outgoing in one.alter(Outgoing(data)) if one.fits(data) else ():
                try:
                    parse_message_untrusted(outgoing.data)
                except RemoteProtocolError:
                    continue


async def test_a_peer_is_rude_for_one_message(make_sip_peer: MakeSipPeer) -> None:
    alice, bob = make_sip_peer("alice"), make_sip_peer("bob")
    sent = await alice.request("MESSAGE", bob.uri, rude=["wrong Call-ID", "late"])
    message = await bob.expect("MESSAGE", call_id=f"x{sent.request.call_id}")
    await message.respond(200, rude=["lost"])

    assert 5.02 == pytest.approx(message.time)
    assert Fate.LOST is bob.wires[-1].fate


async def test_a_peer_can_be_rude_all_the_time(make_sip_peer: MakeSipPeer) -> None:
    alice, bob = make_sip_peer("alice", retransmits=False), make_sip_peer("bob")
    alice.rude = ["duplicate"]
    await alice.request("MESSAGE", bob.uri)
    message = await bob.expect("MESSAGE")
    await trio.sleep(1)

    assert 1 == len(message.copies)
    await message.respond(200)
    await alice.expect(200)


async def test_an_unknown_rudeness_names_the_known_ones(make_sip_peer: MakeSipPeer) -> None:
    alice = make_sip_peer("alice")
    with pytest.raises(LocalProtocolError, match=r"no misbehaviour 'friendly'; there are: .*late"):
        await alice.request("MESSAGE", alice.uri, rude=["friendly"])


@pytest.mark.parametrize("name", ["no ACK", "lost", "duplicate", "bare LF", "truncated", "huge"])
async def test_a_strict_stack_survives_rude_peers(
    name: str, sip_stack: Stack, make_sip_peer: MakeSipPeer
) -> None:
    await sip_stack.add_service(OptionsService())
    target = f"sip:{sip_stack.listening[0].host}"
    rude, polite = make_sip_peer("rude", retransmits=False), make_sip_peer("polite")
    rude.ignore(range(100, 700))
    for method in ("OPTIONS", "ACK", "MESSAGE"):
        await rude.request(method, target, rude=[name])
    options = await polite.request("OPTIONS", target)

    assert 200 == (await options.final()).status


@pytest.mark.parametrize("name", PROFILES)
async def test_telephones_of_every_kind_get_their_calls_through(
    name: str, make_sip_peer: MakeSipPeer
) -> None:
    alice, bob = make_sip_peer("alice", profile=name), make_sip_peer("bob")
    sent = await alice.request("OPTIONS", bob.uri)
    options = await bob.expect("OPTIONS")
    await options.respond(200)
    await sent.expect(200)

    assert PROFILES[name].compact == (b"\r\nv:" in options.wire.data)
    assert PROFILES[name].rport == (b";rport" in options.wire.data)


async def test_a_strict_stack_survives_a_connection_closed_in_the_middle_of_a_message(
    sip_stack: Stack, make_sip_peer: MakeSipPeer
) -> None:
    await sip_stack.add_service(OptionsService())
    target = f"sip:{sip_stack.listening[0].host};transport=tcp"
    rude = make_sip_peer("rude")
    whole = bytes(rude.create_request("OPTIONS", target, body="x" * 500))
    await rude.send_raw(whole[: len(whole) // 2], target, transport="TCP")
    await trio.sleep(1)
    rude.close_streams()
    options = await rude.request("OPTIONS", target)

    assert 200 == (await options.final()).status


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("no UPDATE", {"allow": lambda one: "UPDATE" not in str(one)}),
        ("early media", {"supported": re.compile("100rel")}),
        ("behind a NAT", {"contact__host": "10.0.0.5", "via__host": "10.0.0.5"}),
        ("behind an old NAT", {"contact__host": "10.0.0.5", "via__host": "10.0.0.5"}),
        ("RFC 2543", {"via__branch": None, "max_forwards": None}),
        ("desk phone", {"user_agent": re.compile("Cisco")}),
        ("plain", {"max_forwards": 70, "user_agent": None}),
    ],
)
async def test_a_profile_does_on_the_wire_what_its_name_says(
    name: str, fields: dict[str, object], make_sip_peer: MakeSipPeer
) -> None:
    alice, bob = make_sip_peer("alice", profile=name), make_sip_peer("bob")
    await alice.request("INVITE", bob.uri)
    invite = await bob.expect(MessagePattern("INVITE", **fields))

    assert isinstance(invite, PeerRequest)
    await invite.respond(603)
    await (await alice.expect(603)).ack()


async def test_a_profile_of_ones_own_is_as_good(make_sip_peer: MakeSipPeer) -> None:
    mine = PeerProfile(user_agent="Mine/1", contact_host="10.1.1.1", rude=("no Max-Forwards",))
    alice, bob = make_sip_peer("alice", profile=mine), make_sip_peer("bob")
    await alice.request("INVITE", bob.uri)
    invite = await bob.expect(
        "INVITE", user_agent="Mine/1", contact__host="10.1.1.1", max_forwards=None
    )
    await invite.respond(603)
    await (await alice.expect(603)).ack()


async def test_what_one_message_has_wrong_need_not_have_a_name(make_sip_peer: MakeSipPeer) -> None:
    peer, other = make_sip_peer(), make_sip_peer("other")
    await peer.request("OPTIONS", other.uri, rude=[Misbehaviour.replacing(b": 70", b": many")])
    options = await other.expect("OPTIONS")

    assert "many" == options["Max-Forwards"]


def test_a_misbehaviour_of_ones_own_is_a_value() -> None:
    shout = Misbehaviour(name="shout", says="shouts", alter=lambda one: [one, one], responses=False)

    assert shout.fits(REQUEST)
    assert not shout.fits(RESPONSE)
