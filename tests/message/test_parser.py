"""From bytes to a message."""

from __future__ import annotations

import pytest

from tools.fuzz.mutate import corpus
from trio_sip._errors import RemoteProtocolError
from trio_sip.message import (
    Limits,
    Request,
    Response,
    check_request,
    check_response,
    parse_message_untrusted,
)

HEAD = (
    b"Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\n"
    b"Call-ID: x\r\nCSeq: 1 OPTIONS\r\n"
)
START = b"OPTIONS sip:c@d SIP/2.0\r\n"


def request(data: bytes) -> Request:
    message = parse_message_untrusted(data)
    assert isinstance(message, Request)
    return message


def response(data: bytes) -> Response:
    message = parse_message_untrusted(data)
    assert isinstance(message, Response)
    return message


def test_a_request_is_its_start_line_its_headers_and_its_body() -> None:
    message = request(START + HEAD + b"Content-Length: 3\r\n\r\nabc")

    assert ("OPTIONS", "sip:c@d", b"abc") == (message.method, message.target, message.body)
    assert message.uri.host == "d"
    assert message.fault is None
    assert len(message.headers) == 6


def test_methods_have_case_and_the_version_has_none() -> None:
    assert request(b"options sip:c SIP/2.0\r\n\r\n").method == "options"
    assert request(b"OPTIONS sip:c sip/2.0\r\n\r\n").fault is None
    assert response(b"sip/2.0 200 OK\r\n\r\n").fault is None


@pytest.mark.parametrize(
    ("line", "status", "reason"),
    [
        (b"SIP/2.0 200 OK", 200, "OK"),
        (b"SIP/2.0 180 ", 180, ""),
        (b"SIP/2.0 100", 100, ""),
        (b"SIP/2.0 699 \xc3\xa4 b", 699, "ä b"),
    ],
)
def test_a_reason_phrase_may_be_anything(line: bytes, status: int, reason: str) -> None:
    message = response(line + b"\r\n\r\n")

    assert (status, reason) == (message.status, message.reason)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\0", b"\0\0\0\0", b"\r\n", b"\r\n\r\n", b"\r\n\r\n\r\n\r\n", b"\n\n", b"\xff" * 65507,
        b"\0\1\0\0!\x12\xa4B" + b"x" * 12, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\0",
        b"SSH-2.0-OpenSSH_9.6\r\n", b"INVITE sip:a", b"INVITE sip:a SIP/2", b"INVITE  SIP/2.0\r\n\r\n",
        b" SIP/2.0\r\n\r\n", b"IN VITE sip:a SIP/2.0x\r\n\r\n", b"INVITE: sip:a SIP/2.0\r\n\r\n",
        b"SIP/2.0 0 x\r\n\r\n", b"SIP/2.0 99 x\r\n\r\n", b"SIP/2.0 099 x\r\n\r\n",
        b"SIP/2.0 700 x\r\n\r\n", b"SIP/2.0 4294967301 x\r\n\r\n", b"SIP/2.0  200 OK\r\n\r\n",
        b"SIP/2.0 200OK\r\n\r\n", b"SIP/2.0 \xd9\xa2\xd9\xa0\xd9\xa0 x\r\n\r\n",
        START.replace(b"\r", b"") + HEAD.replace(b"\r", b"") + b"\n",
    ],
)  # fmt: skip
def test_what_is_not_sip_is_refused_and_never_answered(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_message_untrusted(data)


def test_line_breaks_before_the_start_line_are_skipped() -> None:
    assert request(b"\r\n\r\n\r\n" + START + HEAD + b"\r\n").fault is None
    assert request(b"\r\n" + START + HEAD).fault is None


def test_the_end_of_a_datagram_is_the_end_of_its_head() -> None:
    assert request(START + HEAD).cseq.number == 1
    assert request(START + HEAD[:-2]).cseq.number == 1


def test_without_content_length_the_rest_of_the_datagram_is_the_body() -> None:
    assert request(START + HEAD + b"\r\nabc\0\r\n").body == b"abc\0\r\n"


def test_octets_behind_the_body_are_ignored() -> None:
    assert request(START + HEAD + b"l: 2\r\n\r\nabc").body == b"ab"
    assert request(START + HEAD + b"Content-Length: 0\r\n\r\nabc").body == b""


@pytest.mark.parametrize(
    "length",
    [
        b"-1", b"+3", b"0x3", b"3.0", b"", b"three", b"4294967297", b"9" * 5000, b"3, 3", b"3 3",
        b"\xd9\xa3", b"4", b"10000000000000000000000", b"\xc2\xb3",
    ],
)  # fmt: skip
def test_a_content_length_that_is_no_length_is_answered_400(length: bytes) -> None:
    message = request(START + HEAD + b"Content-Length: " + length + b"\r\n\r\nabc")
    fault = check_request(message)

    assert fault is not None
    assert fault.status == 400


@pytest.mark.parametrize(
    "line",
    [
        b"Subject: a\nb", b"Subject: a\rb", b"Subject: a\r\r\n b", b"Subject: a\0b", b"no colon",
        b"a b: c", b": x", b"X\x0b: y", b"X\xc2\xa0: y", b"\xc3\xa4: y", b"Subject: a\rVia: evil",
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_a_header_is_answered_400(line: bytes) -> None:
    message = request(START + HEAD + line + b"\r\nContent-Length: 0\r\n\r\n")
    fault = check_request(message)

    assert fault is not None
    assert fault.status == 400


def test_a_lone_line_break_never_becomes_one() -> None:
    message = request(START + HEAD + b"Subject: a\rb\nc\r\n\r\n")

    assert message["Subject"] == "a b c"
    assert bytes(message).count(b"\n") == bytes(message).count(b"\r\n")


@pytest.mark.parametrize("octets", [b"a\x0bb", b"a\x0cb", b"a\xc2\x85b", b"a\xe2\x80\xa8b"])
def test_other_line_ends_of_unicode_are_ordinary_characters(octets: bytes) -> None:
    message = request(START + HEAD + b"Subject: " + octets + b"\r\n\r\n")

    assert message.fault is None
    assert message["Subject"].encode() == octets


@pytest.mark.parametrize(
    "octets",
    [b"\xff\xfe", b"\xc0\x80", b"\xed\xa0\x80", b"\xef\xbb\xbfx", b"\xe2\x80\xaex", b"\x80" * 9],
)
def test_octets_that_are_no_utf_8_go_out_as_they_came(octets: bytes) -> None:
    data = START + HEAD + b"Subject: " + octets + b"\r\n\r\n"

    assert data == bytes(request(data))
    assert request(data)["Subject"].encode("utf-8", "surrogateescape") == octets


def test_a_quoted_nul_is_allowed_in_a_header_and_kept() -> None:
    data = START + HEAD + b'X: "\\\0"\r\n\r\n'

    assert request(data).fault is None
    assert data == bytes(request(data))


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"OPTIONS sip:c SIP/3.0", 505),
        (b"OPTIONS sip:c SIP/7.0", 505),
        (b"OPTIONS  sip:c SIP/2.0", 400),
        (b"OPTIONS sip:c  SIP/2.0", 400),
        (b"OPTIONS sip:c SIP/2.0 ", 400),
        (b"OPTIONS sip:c d SIP/2.0", 400),
        (b"OPTIONS sip:c\td SIP/2.0", 400),
        (b"OPTIONS sip:" + b"c" * 8200 + b" SIP/2.0", 414),
        (b"OPTIONS <sip:c> SIP/2.0", 400),
        (b"OPTIONS sip:c?Route=x SIP/2.0", 400),
        (b"OPTIONS http://c SIP/2.0", 416),
        (b"OPTIONS nothing SIP/2.0", 400),
        (b"OPTIONS sip: SIP/2.0", 400),
        (b"OPTIONS sip:c:0 SIP/2.0", 400),
        (b"OPTIONS sip:c:65536 SIP/2.0", 400),
        (b"OPTIONS sip:c:-1 SIP/2.0", 400),
        (b"OPTIONS sip:[::1 SIP/2.0", 400),
        (b"OPTIONS sip:%zz@c SIP/2.0", 400),
        (b"OPTIONS sip:@c SIP/2.0", 400),
        (b"INVITE sip:c SIP/2.0", 400),
        (b"FOO sip:c SIP/2.0", 501),
    ],
)
def test_a_request_line_at_fault_is_answered(line: bytes, status: int) -> None:
    fault = check_request(request(line + b"\r\n" + HEAD + b"\r\n"))

    assert fault is not None
    assert status == fault.status


def test_a_response_of_another_version_is_at_fault() -> None:
    assert check_response(response(b"SIP/7.0 200 OK\r\n" + HEAD + b"\r\n")) is not None


def test_a_folded_start_line_is_no_start_line() -> None:
    assert request(b"OPTIONS sip:c SIP/2.0\r\n x\r\n" + HEAD + b"\r\n").fault is not None


def test_limits_are_kept() -> None:
    small = Limits(message_bytes=200, head_bytes=100, header_count=2)

    with pytest.raises(RemoteProtocolError) as caught:
        parse_message_untrusted(START + b"x" * 200, small)
    assert caught.value.status_hint == 513
    with pytest.raises(RemoteProtocolError) as caught:
        parse_message_untrusted(START + b"X: " + b"y" * 100 + b"\r\n\r\n", small)
    assert caught.value.status_hint == 513
    many = parse_message_untrusted(START + b"X: y\r\n" * 3 + b"\r\n", small)
    assert many.fault is not None
    assert many.fault.status == 513


def test_a_parsed_message_that_is_changed_stays_well_framed() -> None:
    message = request(START + HEAD + b"l : 3\r\n\r\nabc")
    message.target = "sip:elsewhere"
    message.body = b"taller"
    again = request(bytes(message))

    assert ("sip:elsewhere", b"taller") == (again.target, again.body)
    assert bytes(message).lower().count(b"\r\ncontent-length") == 1
    assert b"\r\nl" not in bytes(message)


@pytest.mark.parametrize("data", [data for data in corpus() if len(data) < 2000][::9])
def test_every_prefix_of_a_message_is_parsed_or_refused(data: bytes) -> None:
    # All prefixes of all messages: tests/fuzz.
    for end in range(len(data)):
        try:
            message = parse_message_untrusted(data[:end])
        except RemoteProtocolError:
            continue
        fault = check_request(message) if isinstance(message, Request) else check_response(message)
        assert fault is None or 400 <= fault.status <= 699
