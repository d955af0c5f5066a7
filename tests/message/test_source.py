"""RFC 3261 section 18.2.1, section 18.2.2 and RFC 3581 section 4."""

from __future__ import annotations

import pytest

from trio_sip._errors import RemoteProtocolError
from trio_sip.message import Via, fill_via, sent_by

HOST, PORT = "192.0.2.9", 40000
B = ";branch=z9hG4bK1"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        # The sender is where it says it is: nothing is added, and the answer goes to sent-by.
        (f"SIP/2.0/UDP 192.0.2.9:5062{B}", (f"SIP/2.0/UDP 192.0.2.9:5062{B}", 5062)),
        (f"SIP/2.0/UDP 192.0.2.9{B}", (f"SIP/2.0/UDP 192.0.2.9{B}", 5060)),
        (f"SIP/2.0/TLS 192.0.2.9{B}", (f"SIP/2.0/TLS 192.0.2.9{B}", 5061)),
        # It is not.
        (f"SIP/2.0/UDP h:5062{B}", (f"SIP/2.0/UDP h:5062{B};received={HOST}", 5062)),
        # It asks for rport, which brings received as well.
        (
            f"SIP/2.0/UDP 192.0.2.9:40000{B};rport",
            (f"SIP/2.0/UDP 192.0.2.9:40000{B};received={HOST};rport={PORT}", PORT),
        ),
        (
            f"SIP/2.0/UDP h;rport{B}",
            (f"SIP/2.0/UDP h{B};received={HOST};rport={PORT}", PORT),
        ),
        (
            f"SIP/2.0/UDP h ; RPort = {B}",
            (f"SIP/2.0/UDP h {B};received={HOST};rport={PORT}", PORT),
        ),
        # What the sender says about its own source is overwritten.
        (
            f"SIP/2.0/UDP h{B};received=198.51.100.1;rport=9",
            (f"SIP/2.0/UDP h{B};received={HOST};rport={PORT}", PORT),
        ),
        (
            f"SIP/2.0/UDP {HOST}{B};Received=198.51.100.1",
            (f"SIP/2.0/UDP {HOST}{B}", 5060),
        ),
        # maddr is kept as text and never followed.
        (
            f"SIP/2.0/UDP h;maddr=198.51.100.1;ttl=1{B}",
            (f"SIP/2.0/UDP h;maddr=198.51.100.1;ttl=1{B};received={HOST}", 5060),
        ),
        # A quoted string may look like anything.
        (
            f'SIP/2.0/UDP h;x=";rport,\\";received=1"{B}',
            (f'SIP/2.0/UDP h;x=";rport,\\";received=1"{B};received={HOST}', 5060),
        ),
        # More Vias behind a comma belong to others.
        (
            f"SIP/2.0/UDP h{B};rport, SIP/2.0/UDP p;rport;received=1.2.3.4",
            (
                f"SIP/2.0/UDP h{B};received={HOST};rport={PORT}, SIP/2.0/UDP p;rport;received=1.2.3.4",
                PORT,
            ),
        ),
        # A letter that is two in lower case, in front of rport and of what only begins so.
        (
            f"SIP/2.0/UDP h{B};x=\u0130;rport",
            (f"SIP/2.0/UDP h{B};x=\u0130;received={HOST};rport={PORT}", PORT),
        ),
        (
            f"SIP/2.0/UDP h:5062{B};x=\u0130;rportx",
            (f"SIP/2.0/UDP h:5062{B};x=\u0130;rportx;received={HOST}", 5062),
        ),
        # Asked for twice, it is answered once.
        (
            f"SIP/2.0/UDP h{B}; rport;rport",
            (f"SIP/2.0/UDP h{B};received={HOST};rport={PORT}", PORT),
        ),
        # RFC 4475 section 3.1.1.1: white space.
        (
            "SIP / 2.0 / UDP  192.0.2.9 : 5070 ;branch=z9hG4bK1",
            ("SIP / 2.0 / UDP  192.0.2.9 : 5070 ;branch=z9hG4bK1", 5070),
        ),
    ],
)
def test_received_and_rport_are_what_was_seen(raw: str, expected: tuple[str, int]) -> None:
    assert expected == fill_via(raw, HOST, PORT)


@pytest.mark.parametrize("sent_by", ["[2001:DB8::1]", "[2001:db8::1]:5060", "[2001:db8::1] : 5060"])
def test_an_ipv6_sender_may_write_its_address_in_capitals(sent_by: str) -> None:
    raw = f"SIP/2.0/UDP {sent_by}{B}"

    assert (raw, 5060) == fill_via(raw, "2001:db8::1", 7)


def test_received_carries_ipv6_without_brackets() -> None:
    filled, port = fill_via(f"SIP/2.0/UDP [2001:db8::2]:5062{B}", "2001:db8::1", 7)

    assert f"SIP/2.0/UDP [2001:db8::2]:5062{B};received=2001:db8::1" == filled
    assert port == 5062


def test_rport_can_be_forced_upon_a_sender_that_did_not_ask() -> None:
    filled, port = fill_via(f"SIP/2.0/UDP h:5062{B}", HOST, PORT, force_rport=True)

    assert f"SIP/2.0/UDP h:5062{B};received={HOST};rport={PORT}" == filled
    assert port == PORT


def test_what_is_filled_in_can_be_read_back() -> None:
    filled, _ = fill_via(f"SIP/2.0/UDP h{B};rport", HOST, PORT)
    via = Via.parse(filled)

    assert (via.received, via.rport, via.branch) == (HOST, PORT, "z9hG4bK1")


@pytest.mark.parametrize(
    "raw",
    [
        "", ";", "UDP h", "SIP/2.0/UDP", "SIP/2.0/UDP ", "SIP/2.0/UDP h:0", "SIP/2.0/UDP h:65536",
        "SIP/2.0/UDP h:x", "SIP/2.0/UDP h:-1", "SIP/2.0/UDP h:", "SIP/2.0/UDP [::1",
        "SIP/2.0/UDP [::1]x", "SIP/2.0/UDP h:٣", "SIP/2.0/UDP h:" + "9" * 5000,
    ],
)  # fmt: skip
def test_a_broken_via_is_a_remote_protocol_error(raw: str) -> None:
    with pytest.raises(RemoteProtocolError):
        fill_via(raw, HOST, PORT)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (f"SIP/2.0/TCP h:5062{B};rport=7;received=192.0.2.1", ("h", 5062)),
        ("SIP/2.0/TLS [2001:DB8::1], SIP/2.0/TCP p:7", ("2001:db8::1", 5061)),
        ("SIP/2.0/TCP " + "h" * 200, ("h" * 200, 5060)),
    ],
)
def test_sent_by_is_what_the_sender_calls_itself(raw: str, expected: tuple[str, int]) -> None:
    assert expected == sent_by(raw)
