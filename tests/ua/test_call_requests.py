"""Keys in an INFO, in the spellings that telephones use."""

from __future__ import annotations

import pytest

from trio_sip.message import Request
from trio_sip.ua._call_requests import dtmf_body, read_digit


def info(content_type: str, body: bytes) -> Request:
    request = Request("INFO", "sip:bob@example.com")
    request.add_body(body, content_type)
    return request


@pytest.mark.parametrize(
    ("content_type", "body", "key"),
    [
        ("application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n", "5"),
        ("application/dtmf-relay", b"Duration=160\r\nsignal = *\r\n", "*"),
        ("Application/DTMF-Relay;x=y", b"Signal=#", "#"),
        ("application/dtmf-relay", b"Signal=10\nDuration=5", "*"),
        ("application/dtmf-relay", b"Signal=11", "#"),
        ("application/dtmf-relay", b"Signal=12", "A"),
        ("application/dtmf-relay", b"Signal=16", "!"),
        ("application/dtmf-relay", b"Signal=d", "D"),
        ("application/dtmf-relay", b"Signal=hf", "!"),
        ("application/dtmf-relay", b"Signal=17", None),
        ("application/dtmf-relay", b"nothing", None),
        ("application/dtmf", b" 7 ", "7"),
        ("application/dtmf", b"\xff", None),
        ("text/plain", b"Signal=5", None),
    ],
)
def test_a_key_is_understood(content_type: str, body: bytes, key: str | None) -> None:
    assert key == read_digit(info(content_type, body))


def test_what_we_send_is_what_we_understand() -> None:
    for key in "0123456789*#ABCD":
        assert key == read_digit(info("application/dtmf-relay", dtmf_body(key, 100)))
