from __future__ import annotations

from collections.abc import Callable

import pytest

from trio_sip._errors import LocalProtocolError, RemoteProtocolError
from trio_sip.sdp import (
    G722,
    OPEN_HOST,
    PCMU,
    Bandwidth,
    Codec,
    Connection,
    Direction,
    Media,
    Origin,
    SessionDescription,
    create_answer,
)

from .examples import RFC_8866, bodies, described

BODIES = bodies()


@pytest.mark.parametrize("name", BODIES)
def test_what_came_is_written_with_the_bytes_it_came_from(name: str) -> None:
    parsed = SessionDescription.parse(BODIES[name])

    assert BODIES[name] == bytes(parsed)
    # And from its lines, too: nothing is lost when something is changed.
    assert BODIES[name] == bytes(parsed.with_origin(parsed.origin))
    assert parsed == SessionDescription.parse(str(parsed))


def test_the_example_of_rfc_8866_is_read() -> None:
    parsed = SessionDescription.parse(RFC_8866)

    assert Origin("198.51.100.1", 3724394400, 3724394405, "jdoe") == parsed.origin
    assert "Call to John Smith" == parsed.session_name
    assert [49170, 49180, 51372] == [media.port for media in parsed.media]
    assert [PCMU] == list(parsed.media[0].codecs)
    assert [Codec("h263-1998", 90000, payload_type=99)] == list(parsed.media[2].codecs)
    assert Connection("198.51.100.1") == parsed.connection == parsed.media[1].connection
    assert Connection("2001:db8::2") == parsed.media[2].connection


SLOPPY = {
    "LF alone": b"v=0\no=- 1 1 IN IP4 h\ns=-\nt=0 0\nm=audio 1 RTP/AVP 0\n",
    "no last line end": b"v=0\r\no=- 1 1 IN IP4 h\r\ns=-\r\nt=0 0\r\nm=audio 1 RTP/AVP 0",
    "both line ends": b"v=0\no=- 1 1 IN IP4 h\r\ns=-\nt=0 0\r\nm=audio 1 RTP/AVP 0\r\n",
    "no s= and no t=": b"v=0\r\no=- 1 1 IN IP4 h\r\nm=audio 1 RTP/AVP 0\r\n",
    "blanks at the end": b"v=0 \r\no=- 1 1 IN IP4 h \r\ns=-\r\nt=0 0\t\r\nm=audio 1 RTP/AVP 0  \r\n",
    "empty lines": b"\r\nv=0\r\n\r\no=- 1 1 IN IP4 h\r\n \r\nm=audio 1 RTP/AVP 0\r\n\r\n\r\n",
    "unknown lines": b"v=0\r\nX=y\r\no=- 1 1 IN IP4 h\r\nm=audio 1 RTP/AVP 0\r\nQ=\r\n",
    "b=TIAS": b"v=0\r\no=- 1 1 IN IP4 h\r\nb=TIAS:64000\r\nm=audio 1 RTP/AVP 0\r\nb=TIAS:x\r\n",
    "no UTF-8": b"v=0\r\no=- 1 1 IN IP4 h\r\ns=\xff\xe9\r\nm=audio 1 RTP/AVP 0\r\n",
    "another order": b"v=0\r\ns=-\r\nt=0 0\r\nc=IN IP4 h\r\no=- 1 1 IN IP4 h\r\nm=audio 1 RTP/AVP 0\r\n",
}  # fmt: skip


@pytest.mark.parametrize("name", SLOPPY)
def test_sloppy_descriptions_are_understood_and_kept(name: str) -> None:
    parsed = SessionDescription.parse(SLOPPY[name])

    assert [("audio", 1)] == [(media.kind, media.port) for media in parsed.media]
    assert SLOPPY[name] == bytes(parsed)
    assert parsed == SessionDescription.parse(str(parsed))
    assert parsed.has_same_content(
        SessionDescription.parse(bytes(parsed.with_origin(parsed.origin)))
    )


HEAD = b"v=0\r\no=- 1 1 IN IP4 h\r\n"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n",
        b"hello",
        b"v=1\r\no=- 1 1 IN IP4 h\r\n",
        b"v=0\r\ns=-\r\n",
        b"v=0\r\nm=audio 1 RTP/AVP 0\r\no=- 1 1 IN IP4 h\r\n",
        b"v=0\r\no=- 1 1 IN IP4\r\n",
        HEAD + b"c=IN IP4\r\n",
        HEAD + b"folded\r\n",
        HEAD + b"a=x\ry\r\n",
        HEAD + b"a=x\0y\r\n",
        HEAD + b"m=audio 1 RTP/AVP\r\n",
        HEAD + b"m=audio x RTP/AVP 0\r\n",
        HEAD + b"m=audio 65536 RTP/AVP 0\r\n",
        HEAD + b"m=audio 1/0 RTP/AVP 0\r\n",
        HEAD + b"m=audio 1/x RTP/AVP 0\r\n",
        HEAD + b"m=audio 1/70000 RTP/AVP 0\r\n",
        HEAD + b"m=audio 1 RTP/AVP 0\r\nc=IN IP4\r\n",
        HEAD + b"a=x\r\n" * 1999,
        HEAD + b"m=audio 1 RTP/AVP 0\r\n" * 101,
        "v=0\r\no=- 1 1 IN IP4 h\r\ns=\ud800\r\n",
    ],
)
def test_what_nothing_can_be_made_of_is_refused(data: bytes | str) -> None:
    with pytest.raises(RemoteProtocolError):
        SessionDescription.parse(data)


def test_many_lines_and_many_sections_are_still_read() -> None:
    assert 2000 == len(SessionDescription.parse(HEAD + b"a=x\r\n" * 1998).lines)
    assert 100 == len(SessionDescription.parse(HEAD + b"m=audio 1 RTP/AVP 0\r\n" * 100).media)


def test_text_and_bytes_of_any_spelling_are_the_same_description() -> None:
    data = HEAD + "s=Zoë\r\n".encode()

    assert SessionDescription.parse(data) == SessionDescription.parse(data.decode())
    assert SessionDescription.parse(data) == SessionDescription.parse(
        data.decode("ascii", "surrogateescape")
    )


def test_the_session_has_attributes_and_bandwidth_of_its_own() -> None:
    parsed = described(session="b=AS:64|b=x|a=group:BUNDLE 0 1|a=ice-lite|a=recvonly")

    assert "BUNDLE 0 1" == parsed.attribute("group")
    assert ("",) == parsed.attribute_values("ice-lite")
    assert (Bandwidth("AS", 64),) == parsed.bandwidth
    assert Direction.RECVONLY is parsed.direction
    assert parsed.connection is None


def test_a_description_is_made_of_values() -> None:
    made = SessionDescription.create(
        [Media("audio", 4000, [PCMU])],
        "2001:db8::1",
        session_id=7,
        version=8,
        username="alice",
        session_name="a call",
        attributes=["ice-lite"],
    )

    assert (
        "v=0\r\no=alice 7 8 IN IP6 2001:db8::1\r\ns=a call\r\nc=IN IP6 2001:db8::1\r\nt=0 0\r\n"
        "a=ice-lite\r\nm=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
    ) == str(made)
    assert "<SessionDescription alice 7 8 IN IP6 2001:db8::1: audio 4000 RTP/AVP 0>" == repr(made)
    assert made == SessionDescription.parse(bytes(made))
    assert Connection("2001:db8::1") == made.media[0].connection


@pytest.mark.parametrize(
    "make",
    [
        lambda: SessionDescription.audio(4000, "h", session_id=2**63),
        lambda: SessionDescription.audio(4000, "h", session_id=-1),
        lambda: SessionDescription.create([], "h", version=2**63),
        lambda: SessionDescription.create([], "a b"),
        lambda: SessionDescription.create([], "h", username="a b"),
        lambda: SessionDescription.create([], "h", session_name=""),
        lambda: SessionDescription.create([], "h", session_name="a\r\na=b"),
        lambda: SessionDescription.create([], "h", attributes=["x\ny"]),
        lambda: SessionDescription(["v=0"]),
        lambda: SessionDescription(["v=0", "o=- 1 1 IN IP4 h", "m=audio 1 RTP/AVP 0"]),
        lambda: SessionDescription(["v=0", "o=- 1 1 IN IP4 h", "c=IN"]),
        lambda: SessionDescription(["v=0", "o=- 1 1 IN IP4 h", "hello"]),
        lambda: SessionDescription(["v=0", "o=- 1 1 IN IP4 h", "a=\0"]),
        lambda: SessionDescription.create([Media("audio", 1, [PCMU])] * 101),
        lambda: SessionDescription.create([], attributes=["x"] * 2000),
    ],
)
def test_a_description_that_could_not_be_read_is_not_made(
    make: Callable[[], SessionDescription],
) -> None:
    with pytest.raises(LocalProtocolError):
        make()


def test_a_session_id_that_nobody_gives_fits_63_bits_and_differs_by_port() -> None:
    ids = {SessionDescription.audio(port, "h").origin.session_id for port in range(1000)}

    assert 1000 == len(ids)
    assert all(0 <= one < 2**63 for one in ids)
    assert SessionDescription.audio(1, "h") == SessionDescription.audio(1, "h")


def test_an_open_description_gets_its_host_later() -> None:
    made = SessionDescription.create(
        [
            Media("audio", 4000, [PCMU]),
            Media("audio", 4002, [PCMU], connection=OPEN_HOST),
            Media("audio", 4004, [PCMU], connection="192.0.2.9"),
        ]
    )

    filled = made.with_host("192.0.2.1")

    assert made.is_open
    assert not filled.is_open
    assert ["192.0.2.1", "192.0.2.1", "192.0.2.9"] == [
        media.connection.host for media in filled.media if media.connection
    ]
    assert "192.0.2.1" == filled.origin.address
    assert made.origin.session_id == filled.origin.session_id
    assert filled is filled.with_host("192.0.2.2")


def test_a_description_that_came_is_never_open() -> None:
    parsed = SessionDescription.parse(RFC_8866)

    assert not parsed.is_open
    assert parsed is parsed.with_host("192.0.2.1")


def test_hold_and_resume_keep_every_line_but_the_direction() -> None:
    offer = described("m=audio 1 RTP/AVP 0|a=x|a=sendrecv|Q=1", "m=audio 3 RTP/AVP 0|a=recvonly")

    held = offer.hold()

    assert ("a=x", "a=sendonly", "Q=1") == held.media[0].lines
    assert [Direction.SENDONLY, Direction.INACTIVE] == [media.direction for media in held.media]
    assert held.is_on_hold
    assert not offer.is_on_hold
    assert offer == held.resume()
    assert held == held.hold()


def test_a_stream_that_has_ended_has_no_direction_to_change() -> None:
    offer = described("m=audio 0 RTP/AVP 0", "m=audio 1 RTP/AVP 0")

    changed = offer.with_direction(Direction.INACTIVE)

    assert [(), ("a=inactive",)] == [media.lines for media in changed.media]
    assert not described("m=audio 0 RTP/AVP 0").is_on_hold


def test_an_address_of_zeros_is_hold_too() -> None:
    assert described("m=audio 1 RTP/AVP 0", session="c=IN IP4 0.0.0.0").is_on_hold


def test_a_stream_that_ends_leaves_its_place_and_another_may_take_it() -> None:
    offer = described("m=audio 1 RTP/AVP 0", "m=video 3 RTP/AVP 31 32")
    more = Media("audio", 5, [G722])

    ended = offer.remove_media(1)

    assert ["m=audio 1 RTP/AVP 0", "m=video 0 RTP/AVP 31"] == [one.m_line for one in ended.media]
    assert (offer.media[0], more) == ended.add_media(more).media
    assert (*offer.media, more) == offer.add_media(more).media


def test_a_section_that_is_put_in_inherits_from_its_new_session() -> None:
    offer = described("m=audio 1 RTP/AVP 0", session="c=IN IP4 h|a=inactive")

    changed = offer.with_media(0, Media("audio", 2, [PCMU]))

    assert Direction.INACTIVE is changed.media[0].direction


@pytest.mark.parametrize("index", [-1, 1])
def test_there_is_no_such_section(index: int) -> None:
    offer = described("m=audio 1 RTP/AVP 0")

    with pytest.raises(LocalProtocolError):
        offer.with_media(index, offer.media[0])
    with pytest.raises(LocalProtocolError):
        offer.remove_media(index)


def test_the_content_is_the_same_whoever_says_it() -> None:
    one, other = SessionDescription.audio(1, "h", session_id=1), SessionDescription.audio(1, "h")

    assert one.has_same_content(other)
    assert not one.has_same_content(other.hold())
    assert not one.has_same_content(SessionDescription.audio(1, "k"))


def test_a_changed_description_is_written_with_crlf() -> None:
    sloppy = SessionDescription.parse(SLOPPY["both line ends"])

    assert str(sloppy.hold()).count("\n") == str(sloppy.hold()).count("\r\n") == 6


def test_the_answer_in_one_line_takes_audio_and_refuses_the_rest() -> None:
    offer = described("m=video 5 RTP/AVP 31", "m=audio 1 RTP/AVP 8 0 18", "m=audio 3 RTP/AVP 0")

    answer = offer.answer(4000, "192.0.2.2")

    assert ["video 0 RTP/AVP 31", "audio 4000 RTP/AVP 8 0", "audio 0 RTP/AVP 0"] == [
        media.m_line[2:] for media in answer.media
    ]
    assert answer.is_accepted
    assert Connection("192.0.2.2") == answer.connection
    assert offer.answer(4000).is_open


def test_an_answer_that_takes_nothing_says_so() -> None:
    assert not described("m=audio 1 RTP/AVP 18").answer(4000).is_accepted


def test_the_time_of_the_answer_is_that_of_the_offer() -> None:
    offer = SessionDescription.parse("v=0\r\no=- 1 1 IN IP4 h\r\nt=1 2\r\nt=3 4\r\n")

    assert ["t=1 2", "t=3 4"] == [line for line in offer.answer(1).lines if line[0] == "t"]
    assert "t=0 0" in create_answer(SessionDescription.parse(HEAD), []).lines
