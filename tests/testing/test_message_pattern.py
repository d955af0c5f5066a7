from __future__ import annotations

import re

import pytest

from trio_sip._errors import LocalProtocolError
from trio_sip.message import Request, Response, create_response, parse_message_untrusted
from trio_sip.testing import MessagePattern

INVITE = parse_message_untrusted(
    b"INVITE sip:bob@example.com;transport=tcp SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport\r\n"
    b'From: "Alice" <sip:alice@example.com>;tag=a\r\n'
    b"To: <sip:bob@example.com>\r\n"
    b"Call-ID: c1\r\nCSeq: 7 INVITE\r\n"
    b"Contact: <sip:alice@192.0.2.1:5070>;expires=60\r\n"
    b'Authorization: Digest username="alice", response="0123"\r\n'
    b"Content-Length: 5\r\n\r\nv=0\r\n"
)
assert isinstance(INVITE, Request)
RINGING = create_response(INVITE, 180, to_tag="b")


@pytest.mark.parametrize(
    "fields",
    [
        {"to__user": "bob"},
        {"from__tag": "a", "from__display_name": "Alice"},
        {"to__tag": None, "subject": None},
        {"cseq__number": 7},
        {"uri__transport": "tcp"},
        {"uri__host": "example.com"},
        {"via__rport": ..., "via__branch": re.compile("^z9hG4bK")},
        {"contact__port": 5070, "contact__expires": "60"},
        {"content_length": 5},
        {"body": "v=0\r\n"},
        {"body": re.compile("v=0")},
        {"cseq__number": range(1, 10), "to__user": {"bob", "carol"}},
        {"call_id": lambda text: text.startswith("c")},
        {"authorization": ...},
    ],
    ids=str,
)
def test_a_pattern_fits_what_agrees_with_every_field(fields: dict[str, object]) -> None:
    assert [] == MessagePattern("INVITE", **fields).differences(INVITE)


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        (MessagePattern("BYE"), "method: expected 'BYE', got 'INVITE'"),
        (MessagePattern(200), "it is no response"),
        (MessagePattern("INVITE", to__user="carol"), "to.user: expected 'carol', got 'bob'"),
        (MessagePattern("INVITE", to__tag=...), "to.tag: expected some, got none"),
        (MessagePattern("INVITE", subject="x"), "subject: expected 'x', got none"),
        (MessagePattern("INVITE", authorization=None), "authorization: expected none, got …"),
        (
            MessagePattern(cseq__number=range(1, 5)),
            "cseq.number: expected 1-4, got 7",
        ),
    ],
    ids=str,
)
def test_a_pattern_says_what_differs_without_secrets(pattern: MessagePattern, said: str) -> None:
    assert [said] == pattern.differences(INVITE)


def test_a_response_is_known_by_its_status_and_the_method_of_its_cseq() -> None:
    assert MessagePattern(180, method="INVITE").fits(RINGING)
    assert MessagePattern(range(100, 200)).fits(RINGING)
    assert MessagePattern((180, 183)).fits(RINGING)
    assert not MessagePattern(180, method="BYE").fits(RINGING)
    assert not MessagePattern(200).fits(RINGING)


def test_a_message_equals_the_patterns_that_it_fits() -> None:
    assert INVITE == MessagePattern("INVITE", to__user="bob")
    assert INVITE != MessagePattern("INVITE", to__user="carol")
    assert RINGING == MessagePattern(180)
    assert "INVITE" != MessagePattern("INVITE")


def test_patterns_can_be_narrowed() -> None:
    narrow = MessagePattern(MessagePattern("INVITE"), to__user="carol")

    assert ["to.user: expected 'carol', got 'bob'"] == narrow.differences(INVITE)
    assert "INVITE with to.user='carol'" == str(narrow)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (MessagePattern("INVITE"), "INVITE"),
        (MessagePattern(200, method="BYE"), "200 to BYE"),
        (MessagePattern(range(200, 300)), "200-299"),
        (MessagePattern(), "any message"),
        (
            MessagePattern("REGISTER", expires=re.compile("[0-9]+")),
            "REGISTER with expires=/[0-9]+/",
        ),
    ],
    ids=str,
)
def test_a_pattern_reads_like_a_sentence(pattern: MessagePattern, text: str) -> None:
    assert text == str(pattern)


def test_what_cannot_be_read_is_missing() -> None:
    broken = Response(200)

    assert ["cseq.number: expected 1, got none"] == MessagePattern(200, cseq__number=1).differences(
        broken
    )


def test_a_part_that_no_value_has_is_the_mistake_of_the_script() -> None:
    with pytest.raises(LocalProtocolError, match="'colour', which CSeq has not"):
        MessagePattern("INVITE", cseq__colour="red").fits(INVITE)
