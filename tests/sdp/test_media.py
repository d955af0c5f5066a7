from __future__ import annotations

from collections.abc import Callable

import pytest

from trio_sip._errors import LocalProtocolError
from trio_sip.sdp import (
    PCMA,
    PCMU,
    Bandwidth,
    Codec,
    Connection,
    Direction,
    Media,
    Rtcp,
)

from .examples import described


def section(text: str, session: str = "c=IN IP4 192.0.2.1") -> Media:
    return described(text, session=session).media[0]


def test_a_section_is_made_of_values() -> None:
    media = Media(
        "audio",
        4000,
        [PCMU, PCMA],
        direction=Direction.SENDONLY,
        connection="2001:db8::1",
        ptime=20,
        bandwidth=[Bandwidth("AS", 64)],
        attributes=["rtcp-mux", "ssrc:1 cname:x"],
        port_count=2,
    )

    assert (
        "m=audio 4000/2 RTP/AVP 0 8\r\n"
        "c=IN IP6 2001:db8::1\r\n"
        "b=AS:64\r\n"
        "a=rtpmap:0 PCMU/8000\r\n"
        "a=rtpmap:8 PCMA/8000\r\n"
        "a=sendonly\r\n"
        "a=ptime:20\r\n"
        "a=rtcp-mux\r\n"
        "a=ssrc:1 cname:x\r\n"
    ) == str(media)


def test_a_section_says_what_it_is() -> None:
    media = section(
        "m=audio 49170/2  RTP/SAVP 0 96 |i=title|c=IN IP4 192.0.2.7|b=AS:64|b=TIAS:x|k=clear:x"
        "|a=rtpmap:96 opus/48000/2|a=recvonly|a=ptime:20.0|a=maxptime: 60|a=mid:a1"
        "|a=rtcp:53020 IN IP4 126.16.64.4|a=crypto:1 x|a=crypto:2 y|a=rtcp-mux"
    )

    assert ("audio", 49170, 2, "RTP/SAVP") == (
        media.kind,
        media.port,
        media.port_count,
        media.protocol,
    )
    assert ("0", "96") == media.formats
    assert Connection("192.0.2.7") == media.connection
    assert (Bandwidth("AS", 64),) == media.bandwidth
    assert Direction.RECVONLY is media.direction
    assert (20, 60) == (media.ptime, media.maxptime)
    assert "a1" == media.mid
    assert Rtcp(53020, Connection("126.16.64.4")) == media.rtcp
    assert ("1 x", "2 y") == media.attribute_values("crypto")
    assert "1 x" == media.attribute("crypto")
    assert "" == media.attribute("rtcp-mux")
    assert media.attribute("rtcp-m") is None
    assert media.has_attribute("rtcp-mux")
    assert "<Media audio 49170/2 RTP/SAVP 0 96 recvonly>" == repr(media)


def test_an_attribute_that_cannot_be_read_is_not_there_but_carried() -> None:
    media = section("m=audio 1 RTP/AVP 0|a=ptime:soon|a=rtcp:x|a=mid:|a=sendsometimes")

    assert (None, None, None, None) == (media.ptime, media.maxptime, media.mid, media.rtcp)
    assert Direction.SENDRECV is media.direction
    assert ("a=ptime:soon", "a=rtcp:x", "a=mid:", "a=sendsometimes") == media.lines


def test_a_section_inherits_connection_and_direction_of_the_session() -> None:
    media = section("m=audio 1 RTP/AVP 0", "c=IN IP4 192.0.2.9|a=recvonly")

    assert Connection("192.0.2.9") == media.connection
    assert Direction.RECVONLY is media.direction


def test_its_own_connection_and_direction_come_first() -> None:
    media = section("m=audio 1 RTP/AVP 0|c=IN IP4 192.0.2.8|a=sendrecv ", "c=IN IP4 h|a=recvonly")

    assert Connection("192.0.2.8") == media.connection
    assert Direction.SENDRECV is media.direction


def test_a_section_without_any_connection_has_none() -> None:
    media = section("m=audio 1 RTP/AVP 0", "a=x")

    assert media.connection is None
    assert Direction.SENDRECV is media.effective_direction


@pytest.mark.parametrize(
    ("text", "direction"),
    [
        ("m=audio 1 RTP/AVP 0", Direction.SENDONLY),
        ("m=audio 1 RTP/AVP 0|a=recvonly", Direction.INACTIVE),
        # RFC 8840 section 4.1: ICE says the address later.
        ("m=audio 9 UDP/TLS/RTP/SAVPF 0", Direction.SENDRECV),
        ("m=audio 1 RTP/AVP 0|a=ice-ufrag:x", Direction.SENDRECV),
    ],
)
def test_an_address_of_zeros_means_hold(text: str, direction: Direction) -> None:
    assert direction is section(text, "c=IN IP4 0.0.0.0").effective_direction


def test_what_is_no_rtp_has_no_codecs() -> None:
    media = section("m=image 1 udptl t38|a=T38FaxVersion:0")

    assert not media.is_rtp
    assert () == media.codecs


def test_a_direction_is_written_where_the_old_one_stood() -> None:
    media = section("m=audio 1 RTP/AVP 0|a=sendonly|a=ptime:20|a=sendonly ")

    assert ("a=recvonly", "a=ptime:20") == media.with_direction(Direction.RECVONLY).lines
    assert media is media.with_direction(Direction.SENDONLY)


def test_a_direction_that_the_session_has_otherwise_is_written_out() -> None:
    media = section("m=audio 1 RTP/AVP 0", "a=inactive")

    assert ("a=sendrecv",) == media.with_direction(Direction.SENDRECV).lines


def test_a_connection_is_written_in_its_place() -> None:
    media = section("m=audio 1 RTP/AVP 0|i=x|b=AS:1|a=x|y=z")

    assert ("i=x", "c=IN IP4 h", "b=AS:1", "a=x", "y=z") == media.with_connection("h").lines
    assert ("i=x", "c=IN IP4 k", "b=AS:1", "a=x", "y=z") == (
        media.with_connection("h").with_connection(Connection("k")).lines
    )


def test_attributes_are_added_and_taken_away() -> None:
    media = section("m=audio 1 RTP/AVP 0|a=x:1|a=xy|a=x")

    assert ("a=xy",) == media.without_attribute("x").lines
    assert ("a=x:1", "a=xy", "a=x", "a=z:1") == media.with_attribute("z:1").lines


def test_other_codecs_take_the_place_of_the_old_ones() -> None:
    media = section("m=audio 1 RTP/AVP 97|b=AS:1|a=rtpmap:97 x/8000|a=fmtp:97 y|a=ptime:20|k=x")

    assert ("b=AS:1", "a=rtpmap:0 PCMU/8000", "a=ptime:20", "k=x") == (
        media.with_codecs([PCMU]).lines
    )


def test_a_refused_section_has_port_0_one_format_and_its_name() -> None:
    media = section("m=video 5/2 RTP/AVP 97 98|a=x|a=rtpmap:97 x/90000|a=mid:v|a=rtpmap:98 y/90000")

    assert ("m=video 0 RTP/AVP 97", ("a=mid:v", "a=rtpmap:97 x/90000")) == (
        media.refused().m_line,
        media.refused().lines,
    )
    assert not media.refused().is_active


def test_a_port_is_changed() -> None:
    media = Media("audio", 1, [PCMU])

    assert "m=audio 2/3 RTP/AVP 0" == media.with_port(2, 3).m_line


@pytest.mark.parametrize(
    "make",
    [
        lambda: Media("audio", -1, [PCMU]),
        lambda: Media("audio", 65536, [PCMU]),
        lambda: Media("audio", 1, [PCMU], port_count=0),
        lambda: Media("audio", 1, []),
        lambda: Media("au dio", 1, [PCMU]),
        lambda: Media("", 1, [PCMU]),
        lambda: Media("audio", 1, [PCMU], protocol="RTP/AVP 0\r\na=x"),
        lambda: Media("audio", 1, ["t 38"]),
        lambda: Media("audio", 1, [PCMU], attributes=["a\r\nb"]),
        lambda: Media("audio", 1, [PCMU], attributes=["a\0"]),
        lambda: Media("audio", 1, [PCMU], attributes=[""]),
        lambda: Media("audio", 1, [PCMU], attributes=[":x"]),
        lambda: Media("audio", 1, [PCMU], attributes=["\ud800"]),
        lambda: Media("audio", 1, [PCMU], connection="a b"),
        lambda: Media("audio", 1, [PCMU]).with_attribute("a\nb"),
        lambda: Media("audio", 1, [PCMU]).with_connection("a\nb"),
        lambda: Media("audio", 1, [PCMU]).with_port(65536),
        lambda: Media("audio", 1, [PCMU]).with_codecs([]),
    ],
)
def test_a_section_that_could_not_be_read_is_not_made(make: Callable[[], Media]) -> None:
    with pytest.raises(LocalProtocolError):
        make()


def test_sections_are_values() -> None:
    one = section("m=audio 1 RTP/AVP 0")

    assert one == section("m=audio  1 RTP/AVP 0", "a=recvonly")
    assert hash(one) == hash(Media("audio", 1, ["0"]))
    assert one != one.with_port(2)
    assert Codec("PCMU") != PCMU
