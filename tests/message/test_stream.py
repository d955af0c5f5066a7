"""Messages out of a byte stream, wherever it is cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_sip._errors import RemoteProtocolError
from trio_sip.message import Limits, Message, MessageStream, StreamEvent, parse_message_untrusted

OPTIONS = b"OPTIONS sip:c SIP/2.0\r\nCall-ID: %d\r\nContent-Length: %d\r\n\r\n"


def message(number: int, body: bytes = b"") -> bytes:
    return OPTIONS % (number, len(body)) + body


STREAM = (
    message(1)
    + b"\r\n"
    + message(2, b"body\r\n\r\nOPTIONS sip:smuggled SIP/2.0\r\n\r\n")
    + b"\r\n\r\n\r\n\r\n\r\n"
    + message(3, b"\0" * 10)
    + b"SIP/2.0 200 OK\r\nl: 0\r\n\r\n"
    + b"\r\n\r\n"
)


def drain(stream: MessageStream, events: list[object]) -> None:
    while (event := stream.next_event()) is not StreamEvent.NEED_DATA:
        events.append(bytes(event) if isinstance(event, Message) else event)


def read(chunks: list[bytes], limits: Limits | None = None) -> list[object]:
    """All events, and at the end the status of the error there was, if there was one."""
    stream = MessageStream() if limits is None else MessageStream(limits)
    events: list[object] = []
    try:
        for chunk in chunks:
            stream.receive_data(chunk)
            drain(stream, events)
    except RemoteProtocolError as error:
        events.append(error.status_hint)
    return events


WHOLE = read([STREAM])


def test_messages_and_pings_come_out_in_order() -> None:
    calls = [
        parse_message_untrusted(event).headers.get("Call-ID")
        for event in WHOLE
        if isinstance(event, bytes)
    ]

    assert ["1", "2", "3", None] == calls
    assert [2, 3, 6] == [place for place, event in enumerate(WHOLE) if event is StreamEvent.PING]


def test_one_octet_at_a_time_gives_the_same() -> None:
    assert WHOLE == read([STREAM[place : place + 1] for place in range(len(STREAM))])


def test_a_cut_at_any_point_gives_the_same() -> None:
    for cut in range(1, len(STREAM)):
        assert WHOLE == read([STREAM[:cut], STREAM[cut:]]), cut


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_any_cuts_give_the_same(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]

    assert WHOLE == read([STREAM[a:b] for a, b in itertools.pairwise(edges)])


@settings(max_examples=200)
@given(
    st.lists(
        st.sampled_from(
            [b"\r\n", b"\r", b"\n", b"\r\n\r\n", message(1), message(2, b"x\r\n\r\n"), b"OPTIONS "]
        ),
        max_size=6,
    ),
    st.integers(1, 7),
)
def test_even_a_broken_stream_gives_the_same_wherever_it_is_cut(
    pieces: list[bytes], size: int
) -> None:
    data = b"".join(pieces)

    assert read([data]) == read([data[at : at + size] for at in range(0, len(data), size)])


def test_a_hundred_messages_in_one_piece_come_out_in_order() -> None:
    data = [message(number, b"x" * number) for number in range(100)]

    assert data == read([b"".join(data)])


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"X: y", 400),
        (b"Content-Length: -1", 400),
        (b"Content-Length: five", 400),
        (b"Content-Length: 0 0", 400),
        (b"Content-Length: 5, 5", 400),
        (b"Content-Length: 99999999999", 400),
        (b"Content-Length: 4294967297", 413),
        (b"Content-Length: 2000000000", 413),
        (b"Content-Length: 1\r\nl: 2", 400),
        (b"Content-Length: 1\r\nl: 1", 400),
        (b"Content-Length:", 400),
    ],
)
def test_a_stream_whose_next_message_cannot_be_found_is_given_up(head: bytes, status: int) -> None:
    data = b"OPTIONS sip:c SIP/2.0\r\n" + head + b"\r\n\r\n" + message(1)

    assert [status] == read([data])


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"SSH-2.0-OpenSSH_9.6\r\n", b"\0" * 20, b"hello\n", b"OPTIONS sip:c\nd SIP/2.0\r\nl: 0\r\n\r\n", b"\n" + message(1), b"\r" + message(1),
        message(1).replace(b"\r\n", b"\n"),
    ],
)  # fmt: skip
def test_what_is_not_sip_is_given_up_without_waiting_for_more(data: bytes) -> None:
    assert [400] == read([data])


def test_a_head_without_an_end_is_given_up_at_the_limit() -> None:
    limits = Limits(head_bytes=1000)
    endless = b"OPTIONS sip:c SIP/2.0\r\nX: " + b"y" * 2000

    assert [513] == read([endless], limits)
    assert [513] == read([endless[at : at + 7] for at in range(0, 2000, 7)], limits)


def test_a_head_of_exactly_the_limit_passes_wherever_it_is_cut() -> None:
    data = message(1)
    limits = Limits(head_bytes=len(data) - 4)

    for cut in range(1, len(data)):
        assert [data] == read([data[:cut], data[cut:]], limits)
    assert [513] == read([data], Limits(head_bytes=len(data) - 5))


def test_a_fault_that_leaves_the_framing_alone_does_not_end_the_stream() -> None:
    bad = b"OPTIONS sip:c SIP/2.0\r\nCSeq: nonsense\r\nContent-Length: 0\r\n\r\n"

    assert [bad, message(1)] == read([bad + message(1)])


def test_a_message_that_has_begun_is_partial() -> None:
    stream = MessageStream()
    states = []
    for chunk in (b"", b"\r\n", b"\r", b"\nOPT", b"IONS sip:c SIP/2.0\r\nl: 2\r\n\r\n", b"x", b"y"):
        stream.receive_data(chunk)
        if chunk != b"y":
            drain(stream, [])
        states.append(stream.partial)
    last = stream.next_event()

    assert [False, False, False, True, True, True, True] == states
    assert isinstance(last, Message)
    assert not stream.partial
    assert stream.buffered == 0


def test_the_answer_to_a_ping_is_half_of_one() -> None:
    stream = MessageStream()
    assert b"\r\n\r\n" == stream.ping()
    stream.receive_data(b"\r\n")
    assert StreamEvent.PONG is stream.next_event()
    stream.ping()
    # Their ping has met ours, and then comes their answer.
    stream.receive_data(b"\r\n\r\n" + b"\r\n")

    assert [StreamEvent.PONG, StreamEvent.PING] == [stream.next_event() for _ in range(2)]
    assert StreamEvent.NEED_DATA is stream.next_event()


def test_without_a_ping_there_is_no_pong() -> None:
    stream = MessageStream()
    stream.receive_data(b"\r\n")
    assert StreamEvent.NEED_DATA is stream.next_event()
    stream.receive_data(b"\r\n")

    assert StreamEvent.PING is stream.next_event()


def test_pings_that_nobody_answers_are_not_counted_for_ever() -> None:
    stream = MessageStream()
    for _ in range(100):
        stream.ping()
    stream.receive_data(4 * b"\r\n")

    assert [StreamEvent.PONG, StreamEvent.PONG, StreamEvent.PING] == [
        stream.next_event() for _ in range(3)
    ]
