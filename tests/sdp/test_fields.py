from __future__ import annotations

import pytest

from trio_sip._errors import LocalProtocolError, RemoteProtocolError
from trio_sip.sdp import Bandwidth, Connection, Origin, Rtcp


def test_an_origin_says_whose_session_it_is() -> None:
    origin = Origin.parse("alice 2890844526 2890844527 IN IP4 host.atlanta.example.com")

    assert Origin("host.atlanta.example.com", 2890844526, 2890844527, "alice") == origin
    assert "alice 2890844526 2890844527 IN IP4 host.atlanta.example.com" == str(origin)


def test_the_address_type_follows_from_the_address() -> None:
    assert "- 1 1 IN IP6 2001:db8::1" == str(Origin("[2001:db8::1]", 1))
    assert "IN IP6 ::1" == str(Connection("::1"))
    assert "IN IP4 host.example.com" == str(Connection("host.example.com"))


def test_a_name_with_blanks_and_a_negative_number_are_read() -> None:
    origin = Origin.parse("Some Phone 1 -42 2 IN IP4 192.0.2.1")

    assert ("Some Phone 1", -42, 2) == (origin.username, origin.session_id, origin.version)
    assert origin == Origin.parse(str(origin))


def test_a_session_id_of_64_bits_is_read_and_written_again() -> None:
    text = "- 18446744073709551615 1 IN IP4 192.0.2.1"

    assert text == str(Origin.parse(text))


@pytest.mark.parametrize(
    "text",
    ["", "- 1 1 IN IP4", "- x 1 IN IP4 h", "- 1 ٣ IN IP4 h", "- 1 1.5 IN IP4 h", f"- {'9' * 5000} 1 IN IP4 h"],
)  # fmt: skip
def test_an_origin_without_numbers_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        Origin.parse(text)


def test_the_next_version_is_the_same_session() -> None:
    origin = Origin("192.0.2.1", 7, 8)

    assert Origin("192.0.2.1", 7, 9) == origin.next
    assert origin.is_same_session(origin.next)
    assert not origin.is_same_session(Origin("192.0.2.1", 8, 8))


@pytest.mark.parametrize("word", ["", " ", "a b", "a\r\nb", "a\0", "a\n", "\ud800"])
def test_nothing_can_be_smuggled_into_a_line(word: str) -> None:
    if word != "\ud800":
        with pytest.raises(LocalProtocolError):
            Origin(word, 1)
        with pytest.raises(LocalProtocolError):
            Connection(word)
        with pytest.raises(LocalProtocolError):
            Bandwidth(word, 1)
    if word not in ("", " ", "a b"):
        with pytest.raises(LocalProtocolError):
            Origin("h", 1, username=word)


def test_an_address_of_zeros_is_unspecified() -> None:
    assert Connection("0.0.0.0").is_unspecified
    assert Connection("::").is_unspecified
    assert not Connection("192.0.2.1").is_unspecified


def test_a_multicast_address_has_a_host() -> None:
    connection = Connection.parse("IN IP4 233.252.0.1/127/3")

    assert "233.252.0.1" == connection.host
    assert "IN IP4 233.252.0.1/127/3" == str(connection)


@pytest.mark.parametrize("text", ["", "IN IP4", "IN IP4 a b"])
def test_a_connection_of_not_three_words_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        Connection.parse(text)


@pytest.mark.parametrize(
    ("text", "bits"), [("AS:64", 64000), ("CT:1", 1000), ("TIAS:64000", 64000), ("RR:0", 0)]
)
def test_bandwidth_is_counted_in_bits_or_kilobits(text: str, bits: int) -> None:
    bandwidth = Bandwidth.maybe_parse(text)

    assert bandwidth is not None
    assert bits == bandwidth.bits_per_second
    assert text == str(bandwidth)


@pytest.mark.parametrize("text", ["", "AS", "AS:", ":64", "AS:x", "A S:1", "AS:-1"])
def test_bandwidth_that_cannot_be_read_is_not_there(text: str) -> None:
    assert Bandwidth.maybe_parse(text) is None


def test_bandwidth_is_never_negative() -> None:
    with pytest.raises(LocalProtocolError):
        Bandwidth("AS", -1)


def test_rtcp_may_go_to_another_port_and_another_host() -> None:
    assert Rtcp(53020) == Rtcp.maybe_parse("53020")
    assert Rtcp(53020, Connection("126.16.64.4")) == Rtcp.maybe_parse("53020 IN IP4 126.16.64.4")
    assert "53020" == str(Rtcp(53020))
    assert "53020 IN IP4 126.16.64.4" == str(Rtcp(53020, Connection("126.16.64.4")))


@pytest.mark.parametrize("text", ["", "x", "70000", "1 IN IP4", "1 IN IP4 a b"])
def test_rtcp_that_cannot_be_read_is_not_there(text: str) -> None:
    assert Rtcp.maybe_parse(text) is None
