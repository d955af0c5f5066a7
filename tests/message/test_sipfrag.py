"""Pieces of messages."""

from __future__ import annotations

import pytest

from trio_sip._errors import RemoteProtocolError
from trio_sip.message import Request, parse_sipfrag_untrusted


@pytest.mark.parametrize(
    "content", [b"SIP/2.0 200 OK", b"SIP/2.0 200 OK\r\n", b"SIP/2.0 200 OK\r\n\r\n"]
)
def test_a_status_line_alone_is_a_fragment(content: bytes) -> None:
    fragment = parse_sipfrag_untrusted(content)

    assert (200, "OK") == (fragment.status, fragment.reason)
    assert len(fragment.headers) == 0


def test_a_fragment_of_a_request_has_no_status() -> None:
    fragment = parse_sipfrag_untrusted(b"INVITE sip:a@b SIP/2.0\r\nFrom: <sip:c@d>\r\n")

    assert isinstance(fragment.message, Request)
    assert fragment.status is None
    assert fragment.reason is None
    assert fragment.headers["f"] == "<sip:c@d>"


def test_headers_alone_are_a_fragment() -> None:
    fragment = parse_sipfrag_untrusted(b"From: <sip:a@b>\r\nContent-Length: 3\r\n\r\nabc")

    assert fragment.message is None
    assert [("From", "<sip:a@b>"), ("Content-Length", "3")] == list(fragment.headers)
    assert fragment.body == b"abc"


@pytest.mark.parametrize(
    "content",
    [b"", b"\r\n", b"hello", b"SIP/2.0", b"SIP/2.0 99 x", b"A B: c", b"SIP/2.0 200 OK\r\nx"],
)
def test_what_is_no_fragment_is_refused(content: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_sipfrag_untrusted(content)
