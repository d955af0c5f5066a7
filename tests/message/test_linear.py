"""Work grows as its input does, for the worst inputs there are: RFC 3261 sets no limits."""

from __future__ import annotations

import sys

import pytest

from tests.message.worst_cases import CHARACTERS, PIECES, message_with, seconds
from tools.fuzz.invariant import FIELDS
from trio_sip.message import (
    Field,
    ListField,
    MediaType,
    MessageStream,
    NameAddr,
    Request,
    Via,
    check_request,
    check_response,
    parse_message_untrusted,
    parse_multipart_untrusted,
    redacted,
)

SIZE = 60_000
BOUND = 0.05 if sys.gettrace() is None else 0.5
"""Seconds of CPU for 60 kB; quadratic work would be a hundred times that.

Measuring coverage multiplies the time that loops in Python take.
"""


def judge(data: bytes) -> None:
    message = parse_message_untrusted(data)
    if isinstance(message, Request):
        check_request(message)
    else:
        check_response(message)
    dict(message.headers)


def judged_in(data: bytes) -> float:
    return seconds(lambda: judge(data), enough=BOUND)


# A test for each of the fields would be a thousand tests, and cost more than what they measure.
BEGINNINGS = [
    ("Via", ""), ("From", ""), ("Contact", ""), ("X", ""),
    ("Via", "SIP/2.0/UDP h"), ("Via", "SIP/2.0/UDP h;branch="), ("Via", 'SIP/2.0/UDP h;x="'),
    ("From", "<sip:a@b>"), ("From", "<sip:a@b>;tag="), ("From", '"'), ("From", "sip:"),
    ("From", "sip:a@b;x="), ("To", "<sip:a"), ("To", "<sip:a@b;"), ("CSeq", "1 "),
]  # fmt: skip


@pytest.mark.parametrize("piece", [*CHARACTERS, *PIECES])
def test_a_long_value_of_anything_costs_little_however_well_it_begins(piece: str) -> None:
    filling = piece * (SIZE // len(piece))

    for name, start in BEGINNINGS:
        data = message_with(name, start + filling)
        assert judged_in(data) < BOUND, (name, start)


@pytest.mark.parametrize(
    "head",
    [
        "X: y\r\n" * 10_000,
        "Via: SIP/2.0/UDP h\r\n" * 3000,
        "Via: " + "SIP/2.0/UDP h," * 1200 + "SIP/2.0/UDP h\r\n",
        "X: y\r\n z\r\n" * 5000,
        "X: y" + "\r\n z" * 15_000 + "\r\n",
        "X: y" + "\r\n " * 20_000 + "\r\n",
        "X: " + " " * SIZE + "z\r\n y\r\n",
        "X: a\r\n" + " " * SIZE + "\r\n",
        " " * SIZE + "\r\n",
        "a" * SIZE + "\r\n",
        "\r" * SIZE,
        "\n" * SIZE,
        ":" * SIZE + "\r\n",
        "X\t\t" * 15_000 + ": y\r\n",
        '"\\\0' * 20_000,
    ],
    ids=range(15),
)
def test_a_head_of_anything_costs_little(head: str) -> None:
    data = f"OPTIONS sip:a SIP/2.0\r\n{head}From: <sip:a@b>\r\n\r\n".encode()

    assert judged_in(data) < 2 * BOUND


@pytest.mark.parametrize("piece", [*CHARACTERS, *PIECES])
def test_a_long_start_line_costs_little(piece: str) -> None:
    filling = piece.replace("\r\n", "") * (SIZE // len(piece))
    for line in (f"OPTIONS sip:{filling} SIP/2.0", f"SIP/2.0 200 {filling}", filling):
        data = f"{line}\r\nTo: <sip:a@b>\r\n\r\n".encode()
        assert judged_in(data) < BOUND


@pytest.mark.parametrize("piece", [*CHARACTERS, *PIECES])
def test_showing_a_message_costs_little(piece: str) -> None:
    message = Request("OPTIONS", "sip:a", body=(piece * (SIZE // len(piece))).encode())

    assert seconds(lambda: redacted(message), enough=BOUND) < 4 * BOUND


@pytest.mark.parametrize(
    "piece", [b"--b\r\n", b"\r\n--", b"\r\n--b", b"\r\n--b ", b"-", b"\r\n", b"\r"]
)
def test_a_multipart_of_anything_costs_little(piece: bytes) -> None:
    content = b"--b\r\n\r\n" + piece * (SIZE // len(piece))
    media_type = MediaType("multipart", "mixed", {"boundary": "b"})

    assert seconds(lambda: parse_multipart_untrusted(content, media_type), enough=BOUND) < BOUND


def test_a_stream_fed_octet_by_octet_costs_in_proportion() -> None:
    def feed(size: int) -> None:
        stream = MessageStream()
        stream.receive_data(b"OPTIONS sip:a SIP/2.0\r\nX: ")
        for _ in range(size):
            stream.receive_data(b"y")
            stream.next_event()
            assert stream.partial

    small, large = seconds(lambda: feed(5000)), seconds(lambda: feed(20_000))

    assert large < 8 * small + 0.02


def test_four_times_the_values_cost_four_times_the_work() -> None:
    def work(count: int) -> float:
        text = ";".join(["<sip:a@b>", *(f"p{number}=x" for number in range(count))])
        via = ";".join(["SIP/2.0/UDP h", *(f"p{number}=x" for number in range(count))])
        return seconds(lambda: (str(NameAddr.parse(text).params), str(Via.parse(via))), 9)

    assert work(160) < 12 * work(40) + 0.001


@pytest.mark.parametrize("field", FIELDS, ids=repr)
def test_no_field_is_slow_to_read_anything(field: Field[object] | ListField[object]) -> None:
    for piece in ('"', "\\", ",", ";a=", "(", "<a", " ", "1 ", "a", "/", "sip:", '";'):
        for start in ("", '"', "1 (", "a;info=<x>;", '100 a "', "a/b;c=", "<sip:a@b>;c="):
            text = start + piece * (SIZE // len(piece) // 4)
            assert seconds(lambda text=text: field.read([text]), enough=BOUND) < BOUND  # type: ignore[misc]
