from __future__ import annotations

import pytest

from trio_sip.sdp import PCMA, PCMU, Direction, Media, create_answer

from .examples import described


def lines(offer: str, *local: Media) -> list[str]:
    """The first section of the answer."""
    media = create_answer(described(offer), local).media[0]
    return [media.m_line[2:], *media.lines]


# RFC 3264 section 6: the transport profile is that of the offer, or the stream is refused.
@pytest.mark.parametrize(
    ("offered", "ours", "answered"),
    [
        ("RTP/AVP", "RTP/AVP", "audio 4000 RTP/AVP 0"),
        ("rtp/avp", "RTP/AVP", "audio 4000 rtp/avp 0"),
        ("RTP/SAVP", "RTP/SAVP", "audio 4000 RTP/SAVP 0"),
        ("RTP/SAVP", "RTP/AVP", "audio 0 RTP/SAVP 0"),
        ("RTP/AVP", "RTP/SAVP", "audio 0 RTP/AVP 0"),
        ("UDP/TLS/RTP/SAVPF", "RTP/AVP", "audio 0 UDP/TLS/RTP/SAVPF 0"),
    ],
)
def test_the_profile_of_the_offer_is_kept_or_refused(
    offered: str, ours: str, answered: str
) -> None:
    local = Media("audio", 4000, [PCMU], protocol=ours)

    assert answered == lines(f"m=audio 1 {offered} 0", local)[0]


@pytest.mark.parametrize(
    ("protocol", "answered"),
    [
        ("RTP/AVP", "audio 4000 RTP/AVP 0"),
        ("RTP/AVPF", "audio 4000 RTP/AVPF 0"),
        ("rtp/avpf", "audio 4000 rtp/avpf 0"),
        ("RTP/SAVP", "audio 0 RTP/SAVP 0"),
    ],
)
def test_a_telephone_takes_feedback_and_no_encryption(protocol: str, answered: str) -> None:
    answer = described(f"m=audio 1 {protocol} 0").answer(4000)

    assert answered == answer.media[0].m_line[2:]


def test_of_an_encrypted_and_a_plain_stream_the_plain_one_is_taken() -> None:
    answer = described("m=audio 1 RTP/SAVP 0", "m=audio 3 RTP/AVP 0").answer(4000)

    assert [0, 4000] == [media.port for media in answer.media]


def test_a_local_section_waits_for_an_offer_that_it_fits() -> None:
    offer = described("m=audio 1 RTP/AVP 18", "m=audio 3 RTP/AVP 8", "m=audio 5 RTP/AVP 8")

    answer = create_answer(offer, [Media("audio", 4000, [PCMA])])

    assert [0, 4000, 0] == [media.port for media in answer.media]


def test_two_streams_get_two_sections() -> None:
    offer = described("m=audio 1 RTP/AVP 0", "m=audio 3 RTP/AVP 0")

    answer = create_answer(offer, [Media("audio", 4000, [PCMU]), Media("audio", 4002, [PCMU])])

    assert [4000, 4002] == [media.port for media in answer.media]


def test_a_local_section_without_port_is_no_section() -> None:
    assert "audio 0 RTP/AVP 0" == lines("m=audio 1 RTP/AVP 0", Media("audio", 0, [PCMU]))[0]


def test_a_stream_that_has_ended_stays_ended() -> None:
    assert "audio 0 RTP/AVP 0" == lines("m=audio 0 RTP/AVP 0", Media("audio", 1, [PCMU]))[0]


def test_what_is_no_rtp_is_compared_word_by_word() -> None:
    fax = Media("image", 4000, ["t38"], protocol="udptl", attributes=["T38FaxVersion:0"])
    offer = "m=image 1 udptl t38 t39 t38|a=T38FaxVersion:3"

    assert ["image 4000 udptl t38", "a=T38FaxVersion:0"] == lines(offer, fax)
    assert ["image 0 udptl x"] == lines("m=image 1 udptl x", fax)
    assert ["image 0 UDP/x t38"] == lines("m=image 1 UDP/x t38", fax)


def test_our_own_attributes_are_in_the_answer() -> None:
    local = Media("audio", 4000, [PCMU], ptime=30, attributes=["crypto:1 AES inline:x"])

    assert [
        "audio 4000 RTP/AVP 0",
        "a=rtpmap:0 PCMU/8000",
        "a=ptime:30",
        "a=crypto:1 AES inline:x",
    ] == lines("m=audio 1 RTP/AVP 0|a=ptime:20", local)


def test_multiplexing_is_answered_only_if_it_is_offered() -> None:
    local = Media("audio", 4000, [PCMU], attributes=["rtcp-mux"])

    assert "a=rtcp-mux" in lines("m=audio 1 RTP/AVP 0|a=rtcp-mux", local)
    assert "a=rtcp-mux" not in lines("m=audio 1 RTP/AVP 0", local)


def test_the_name_of_a_section_is_that_of_the_offer() -> None:
    local = Media("audio", 4000, [PCMU], attributes=["mid:mine"])

    assert "a=mid:0" in lines("m=audio 1 RTP/AVP 0|a=mid:0", local)
    assert ["audio 4000 RTP/AVP 0", "a=rtpmap:0 PCMU/8000"] == lines("m=audio 1 RTP/AVP 0", local)
    assert ["audio 0 RTP/AVP 0", "a=mid:0"] == lines("m=audio 1 RTP/AVP 0|a=mid:0")


@pytest.mark.parametrize(
    ("offered", "wanted", "answered"),
    [
        ("sendonly", Direction.SENDRECV, "a=recvonly"),
        ("sendonly", Direction.SENDONLY, "a=inactive"),
        ("recvonly", Direction.SENDRECV, "a=sendonly"),
        ("inactive", Direction.SENDRECV, "a=inactive"),
        ("sendrecv", Direction.RECVONLY, "a=recvonly"),
    ],
)
def test_the_direction_is_what_both_want(offered: str, wanted: Direction, answered: str) -> None:
    local = Media("audio", 4000, [PCMU], direction=wanted)

    assert answered == lines(f"m=audio 1 RTP/AVP 0|a={offered}", local)[-1]


def test_hold_in_the_old_way_is_answered_with_recvonly() -> None:
    offer = described("m=audio 1 RTP/AVP 0", session="c=IN IP4 0.0.0.0")

    assert Direction.RECVONLY is offer.answer(4000).media[0].direction
