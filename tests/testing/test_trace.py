"""Conversations as text, and what must not stand in them."""

from __future__ import annotations

import pytest

from trio_sip.testing import Cause, Fate, Wire, trace
from trio_sip.testing.recordings._masking import masked

from .test_ladder import ALICE, BOB, NAMES, request, wire

SECRETS = [
    (b'Authorization: Digest username="a", response="s3cret", nc=1', b'response="xxxxxx", nc=1'),
    (
        b'Proxy-Authorization:Digest a="b",\r\n response = "s3cret"',
        b'a="b",\r\n response = "xxxxxx"',
    ),
    (b"Authorization: Basic s3cret==", b"Basic xxxxxxxx"),
    (b"author1zation: x\r\nAuthorization : Bearer s3cret", b"Bearer xxxxxx"),
    (b'Authentication-Info: nextnonce="1", rspauth="s3cret"', b'nextnonce="1", rspauth="xxxxxx"'),
    (b"To: <sip:bob:s3cret@example.com>", b"<sip:bob:xxxxxx@example.com>"),
    (b"a: b\r\n\r\na=crypto:1 AES inline:s3cret\r\nk=s3cret\r\n", b"inline:xxxxxx\r\nk=xxxxxx\r\n"),
    (b'name="x", response="s3cret"', b'response="xxxxxx"'),
]


@pytest.mark.parametrize(("data", "shown"), SECRETS)
def test_secrets_are_overwritten_in_their_length(data: bytes, shown: bytes) -> None:
    assert shown in masked(data)
    assert b"s3cret" not in masked(data)
    assert len(data) == len(masked(data))


def test_what_is_no_secret_stays() -> None:
    data = b'INVITE sip:b@c SIP/2.0\r\nWWW-Authenticate: Digest nonce="n"\r\n\r\nk = v\r\na=b'

    assert data == masked(data)


def test_each_message_stands_under_its_time_and_ends() -> None:
    blocked = Wire(
        time=9.5,
        source=BOB,
        destination=ALICE,
        transport="TCP",
        data=b"-- \x1b[1m\xff",
        fate=Fate.LOST,
        cause=Cause.NAT,
    )

    assert trace([wire(9, ALICE, BOB, request("BYE")), blocked], NAMES) == (
        "-- 0.000000 alice 192.0.2.1:5060 > bob 192.0.2.2:5060 UDP 48 bytes\n"
        "BYE sip:bob@example.com SIP/2.0\n"
        "CSeq: 1 BYE\n"
        "\n"
        "-- 0.500000 bob 192.0.2.2:5060 > alice 192.0.2.1:5060 TCP 8 bytes (blocked)"
        " by a NAT box that has no mapping for it\n"
        "--- \\x1b[1m\\xff\n"
    )
