from __future__ import annotations

from collections.abc import Callable

import pytest

from trio_sip._errors import LocalProtocolError
from trio_sip.sdp import (
    COMFORT_NOISE,
    G722,
    OPUS,
    PCMA,
    PCMU,
    TELEPHONE_EVENT,
    Codec,
    Media,
    SessionDescription,
)

from .examples import described


def codecs_of(line: str) -> tuple[Codec, ...]:
    return described(line).media[0].codecs


def answered(offer: str, *local: Codec) -> str:
    """The lines of the answer to one audio section."""
    answer = described(offer).answer(4000, codecs=local)
    return "|".join((answer.media[0].m_line, *answer.media[0].lines))


def test_static_payload_types_need_no_rtpmap() -> None:
    found = codecs_of("m=audio 1 RTP/AVP 0 8 9 10 3 18")

    assert ["PCMU/8000", "PCMA/8000", "G722/8000", "L16/44100/2", "GSM/8000", "G729/8000"] == [
        codec.rtpmap for codec in found
    ]
    assert (PCMU, PCMA, G722) == found[:3]


def test_an_rtpmap_says_more_than_the_table() -> None:
    assert [Codec("X", 16000, payload_type=0)] == list(
        codecs_of("m=audio 1 RTP/AVP 0|a=rtpmap:0 X/16000")
    )


@pytest.mark.parametrize(
    "rtpmap", ["", "a=rtpmap:97", "a=rtpmap:97 X", "a=rtpmap:97 X/", "a=rtpmap:97 X/0", "a=rtpmap:97 X/٣"]
)  # fmt: skip
def test_a_dynamic_format_that_nothing_is_known_of_is_no_codec(rtpmap: str) -> None:
    assert (PCMU,) == codecs_of(f"m=audio 1 RTP/AVP 97 0 x 200 00|{rtpmap or 'a=x'}")


def test_a_number_that_is_no_payload_type_is_no_codec() -> None:
    assert () == codecs_of("m=audio 1 RTP/AVP 200|a=rtpmap:200 X/8000")


def test_parameters_belong_to_their_format() -> None:
    codec, other = codecs_of(
        "m=audio 1 RTP/AVP 97 98|a=rtpmap:97 AMR/8000/1 |a=fmtp:97  Octet-Align=1; crc "
        "|a=rtpmap:98\tiLBC/8000"
    )

    assert Codec("AMR", 8000, 1, 97, "Octet-Align=1; crc") == codec
    assert {"octet-align": "1", "crc": ""} == codec.parameters
    assert {} == other.parameters


def test_a_long_format_is_read_as_a_short_one_is() -> None:
    (codec,) = codecs_of(f"m=video 1 RTP/AVP 97|a=rtpmap:97 H264/90000|a=fmtp:97 x={'y' * 500}")

    assert "y" * 500 == codec.parameters["x"]


def test_case_does_not_count_in_names() -> None:
    assert Codec("pcmu").is_same_format(PCMU)
    assert not Codec("pcmu", 16000).is_same_format(PCMU)
    assert not Codec("L16", 44100, 2).is_same_format(Codec("L16", 44100))


def test_a_codec_shows_as_it_is_mapped() -> None:
    assert ["PCMU/8000", "opus/48000/2"] == [str(PCMU), str(OPUS)]


def test_some_parameters_make_another_format() -> None:
    one = Codec("H264", 90000, fmtp="packetization-mode=1")

    assert not one.is_same_format(Codec("H264", 90000, fmtp="profile-level-id=42e01f"))
    assert one.is_same_format(Codec("H264", 90000, fmtp="packetization-mode=1;max-br=1"))
    assert one.is_same_format(Codec("H264", 90000))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Codec(""),
        lambda: Codec("a b"),
        lambda: Codec("a/b"),
        lambda: Codec("é"),
        lambda: Codec("x" * 101),
        lambda: Codec("x", 0),
        lambda: Codec("x", 8000, 0),
        lambda: Codec("x", payload_type=128),
        lambda: Codec("x", payload_type=-1),
        lambda: Codec("x", fmtp=""),
        lambda: Codec("x", fmtp=" a"),
        lambda: Codec("x", fmtp="a\r\na=evil"),
        lambda: Codec("x", fmtp="a\0"),
    ],
)
def test_a_codec_that_could_not_be_written_is_not_made(make: Callable[[], Codec]) -> None:
    with pytest.raises(LocalProtocolError):
        make()


def test_static_numbers_are_found_and_dynamic_ones_given() -> None:
    media = Media("audio", 1, [Codec("pcma"), OPUS, Codec("iLBC")])

    assert ("8", "96", "97") == media.formats


def test_events_come_at_the_clock_rate_of_each_codec() -> None:
    media = Media("audio", 1, [OPUS, PCMU, G722, TELEPHONE_EVENT])

    assert (
        "a=rtpmap:96 opus/48000/2",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:9 G722/8000",
        "a=rtpmap:97 telephone-event/48000",
        "a=fmtp:97 0-15",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-15",
    ) == media.lines


def test_two_codecs_never_have_one_number() -> None:
    with pytest.raises(LocalProtocolError):
        Media("audio", 1, [PCMU, Codec("x", payload_type=0)])


def test_there_are_only_so_many_numbers() -> None:
    many = [Codec(f"x{number}") for number in range(61)]

    assert 61 == len(set(Media("audio", 1, many).formats))
    assert "101" in Media("audio", 1, many).formats
    with pytest.raises(LocalProtocolError):
        Media("audio", 1, [*many, Codec("more")])


def test_a_codec_keeps_its_number_for_as_long_as_the_session_lasts() -> None:
    media = described("m=audio 1 RTP/AVP 96 97|a=rtpmap:96 iLBC/8000|a=rtpmap:97 AMR/8000").media[0]

    changed = media.with_codecs([Codec("AMR"), Codec("speex")])

    assert ("97", "98") == changed.formats
    assert ("a=rtpmap:97 AMR/8000", "a=rtpmap:98 speex/8000") == changed.lines


def test_the_answer_has_the_numbers_and_the_order_of_the_offer() -> None:
    offer = "m=audio 1 RTP/AVP 120 8 0|a=rtpmap:120 opus/48000/2|a=fmtp:120 useinbandfec=1"

    assert (
        "m=audio 4000 RTP/AVP 120 0|a=rtpmap:120 opus/48000/2|a=fmtp:120 useinbandfec=1"
        "|a=rtpmap:0 PCMU/8000"
    ) == answered(offer, PCMU, OPUS)


def test_what_we_say_about_a_format_is_ours() -> None:
    offer = "m=audio 1 RTP/AVP 120|a=rtpmap:120 iLBC/8000|a=fmtp:120 mode=20"

    assert "m=audio 4000 RTP/AVP 120|a=rtpmap:120 iLBC/8000|a=fmtp:120 mode=30" == answered(
        offer, Codec("iLBC", fmtp="mode=30")
    )


def test_a_format_that_is_offered_twice_is_taken_once() -> None:
    offer = "m=audio 1 RTP/AVP 98 97|a=rtpmap:98 x/8000|a=rtpmap:97 x/8000"

    assert "m=audio 4000 RTP/AVP 98|a=rtpmap:98 x/8000" == answered(offer, Codec("x"))


# RFC 4733 section 2.1.
EVENTS = "|a=rtpmap:101 telephone-event/8000|a=fmtp:101 0-16|a=rtpmap:110 telephone-event/48000"


@pytest.mark.parametrize(
    ("local", "formats"),
    [
        ((PCMU, TELEPHONE_EVENT), "0 101"),
        ((OPUS, TELEPHONE_EVENT), "96 110"),
        ((OPUS, PCMU, TELEPHONE_EVENT), "96 0 101 110"),
        ((PCMU,), "0"),
    ],
)
def test_events_are_answered_at_the_clock_rates_of_the_codecs_that_stay(
    local: tuple[Codec, ...], formats: str
) -> None:
    offer = f"m=audio 1 RTP/AVP 96 0 101 110|a=rtpmap:96 opus/48000/2{EVENTS}"

    assert f"m=audio 4000 RTP/AVP {formats}" == answered(offer, *local).partition("|")[0]


def test_events_alone_are_no_audio() -> None:
    offer = f"m=audio 1 RTP/AVP 18 13 101{EVENTS}"

    assert "m=audio 0 RTP/AVP 18" == answered(offer, PCMU, TELEPHONE_EVENT, COMFORT_NOISE)


def test_events_alone_are_taken_where_only_events_are_offered() -> None:
    offer = f"m=audio 1 RTP/AVP 110{EVENTS}"

    assert (
        "m=audio 4000 RTP/AVP 110|a=rtpmap:110 telephone-event/48000|a=fmtp:110 0-15"
    ) == answered(offer, PCMU, TELEPHONE_EVENT)


def test_an_offer_in_one_line_has_what_every_telephone_can_do() -> None:
    offer = SessionDescription.audio(4000, "192.0.2.1")

    assert (PCMU, PCMA) == offer.media[0].codecs[:2]
    assert "m=audio 4000 RTP/AVP 0 8 101" == offer.media[0].m_line
