"""Header lines in order, asked for by name."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from trio_sip._errors import LocalProtocolError, RemoteProtocolError
from trio_sip.message import (
    COMPACT_FORMS,
    CSEQ,
    SUPPORTED,
    VIA,
    CheckedHeaders,
    CSeq,
    Headers,
    Params,
    Via,
    canonical_name,
    parse_message_untrusted,
)
from trio_sip.message._core_fields import TOP_VIA


def parsed(*lines: str) -> Headers:
    head = "\r\n".join(["OPTIONS sip:a SIP/2.0", *lines, "", ""])
    return parse_message_untrusted(head.encode()).headers


@pytest.mark.parametrize("name", ["Call-ID", "call-id", "CALL-ID", "cAlL-iD", "i", "I", "Call-Id"])
def test_a_header_answers_to_every_spelling_of_its_name(name: str) -> None:
    assert parsed(f"{name}: x")["Call-ID"] == "x"
    assert parsed("Call-ID: x")[name] == "x"


@pytest.mark.parametrize(("letter", "name"), COMPACT_FORMS.items())
def test_a_compact_form_is_the_same_header(letter: str, name: str) -> None:
    assert parsed(f"{letter}: x")[name] == "x"
    assert canonical_name(letter) == name


def test_compact_and_long_lines_of_one_name_are_one_list() -> None:
    headers = parsed("v: SIP/2.0/UDP a", "Via: SIP/2.0/UDP b, SIP/2.0/UDP c", "VIA: SIP/2.0/UDP d")

    assert ["a", "b", "c", "d"] == [via.host for via in headers[VIA]]


@pytest.mark.parametrize("line", ["To : x", "To\t: x", "To  \t :x", "To: x", "t   :x"])
def test_white_space_before_the_colon_belongs_to_nobody(line: str) -> None:
    assert parsed(line)["To"] == "x"


@pytest.mark.parametrize(
    "line", ["To\x0b: x", "To\x0c: x", "To\u00a0: x", "T o: x", ": x", " To: x"]
)
def test_other_white_space_before_the_colon_makes_a_line_that_is_no_header(line: str) -> None:
    head = f"OPTIONS sip:a SIP/2.0\r\n{line}\r\n\r\n"
    message = parse_message_untrusted(head.encode())

    assert message.fault is not None
    assert message.fault.status == 400
    assert "To" not in message.headers


def test_a_folded_line_is_one_line_with_one_space() -> None:
    assert parsed("Subject: a\t \r\n \t b\r\n  c")["Subject"] == "a b c"
    assert parsed("Subject:\r\n  a")["Subject"] == "a"


def test_iterating_gives_names_and_values_as_they_stand() -> None:
    assert [("v", "a"), ("X-Odd", "b c")] == list(parsed("v : a", "X-Odd:  b\r\n c "))


def test_adding_appends_and_writes_the_usual_name() -> None:
    headers = Headers([("x-first", "1")])
    headers.add("call-id", "a")
    headers.add("s", "hello")

    assert [("x-first", "1"), ("Call-ID", "a"), ("Subject", "hello")] == list(headers)


def test_a_typed_value_can_be_added() -> None:
    headers = Headers()
    headers.add("CSeq", CSeq(7, "BYE"))

    assert headers["CSeq"] == "7 BYE"
    assert headers[CSEQ] == CSeq(7, "BYE")


@pytest.mark.parametrize(
    "name", ["Call-ID", "i", "CSeq", "From", "f", "To", "Max-Forwards", "Content-Length", "l"]
)
def test_a_header_that_may_stand_once_is_not_added_twice(name: str) -> None:
    headers = Headers([(name, "1")])

    with pytest.raises(LocalProtocolError, match="there already"):
        headers.add(canonical_name(name).upper(), "2")
    with pytest.raises(LocalProtocolError, match="there already"):
        headers.insert_first(name, "2")


def test_setting_replaces_at_the_first_place() -> None:
    headers = Headers([("X-A", "1"), ("X-B", "2"), ("X-A", "3"), ("X-C", "4")])
    headers.set("x-a", "5")
    headers.set("X-D", "6")

    assert [("x-a", "5"), ("X-B", "2"), ("X-C", "4"), ("X-D", "6")] == list(headers)


def test_inserting_first_goes_before_the_others_of_that_name() -> None:
    headers = Headers([("A", "1"), ("Via", "x"), ("Via", "y")])
    headers.insert_first("v", "w")
    headers.insert_first("New", "0")

    assert ["w", "x", "y"] == headers.get_all("Via")
    assert ("New", "0") == next(iter(headers))


def test_removing_takes_every_spelling() -> None:
    headers = parsed("v: a", "To: b", "Via: c")
    headers.remove("VIA")
    headers.remove("not there")

    assert [("To", "b")] == list(headers)


def test_typed_values_follow_changes() -> None:
    headers = parsed("CSeq: 1 INVITE")
    before = headers[CSEQ].number
    headers.set("CSeq", "2 INVITE")

    assert (1, 2) == (before, headers[CSEQ].number)


def test_a_copy_is_independent() -> None:
    headers = Headers([("A", "1")])
    copy = headers.copy()
    copy.add("B", "2")

    assert len(headers) == 1
    assert len(copy) == 2


def test_missing_headers_are_key_errors_or_defaults() -> None:
    headers = Headers()

    with pytest.raises(KeyError):
        headers["To"]
    with pytest.raises(KeyError):
        headers[CSEQ]
    assert headers.get("To") is None
    assert headers.get("To", 7) == 7
    assert headers.get(CSEQ) is None
    assert headers[VIA] == []
    assert headers.get_all("To") == []
    assert "To" not in headers
    assert CSEQ not in headers
    assert 7 not in headers


def test_several_lines_of_a_single_field_are_a_fault_when_read() -> None:
    with pytest.raises(RemoteProtocolError, match="more than one CSeq"):
        parsed("CSeq: 1 A", "CSeq: 1 A")[CSEQ]


def test_an_empty_element_of_a_list_is_a_fault_unless_the_list_may_be_empty() -> None:
    with pytest.raises(RemoteProtocolError, match="Via"):
        parsed("Via: SIP/2.0/UDP a,,SIP/2.0/UDP b")[VIA]
    assert parsed("Supported:")[SUPPORTED] == []


def test_a_list_with_too_many_values_is_refused() -> None:
    with pytest.raises(RemoteProtocolError, match="too many"):
        parsed("Supported: " + "a," * 2000)[SUPPORTED]


def test_headers_are_equal_when_their_values_are() -> None:
    assert parsed("v: a", "To : b") == Headers([("Via", "a"), ("To", "b")])
    assert Headers([("A", "1")]) != Headers([("A", "2")])
    assert Headers() != 7


def test_sealed_headers_refuse_every_change() -> None:
    headers = Headers([("X-A", "1")])
    headers.seal()

    changes: list[Callable[[], object]] = [
        lambda: headers.add("B", "2"),
        lambda: headers.set("A", "2"),
        lambda: headers.insert_first("A", "2"),
        lambda: headers.remove("A"),
        lambda: headers.add_checked(CheckedHeaders([("X-B", "2")])),
    ]

    for change in changes:
        with pytest.raises(LocalProtocolError, match="has been sent"):
            change()
    assert headers.is_sealed
    assert not headers.copy().is_sealed
    assert [("X-A", "1")] == list(headers)


def test_headers_that_were_checked_once_go_into_many_messages() -> None:
    checked = CheckedHeaders([("allow", "INVITE, ACK"), ("Server", "x")])
    fresh, asked = Headers(), Headers([("Allow", "BYE")])
    assert "Allow" in asked

    fresh.add_checked(checked)
    asked.add_checked(checked)

    assert [("Allow", "INVITE, ACK"), ("Server", "x")] == list(fresh)
    assert ["BYE", "INVITE, ACK"] == asked.get_all("Allow")
    assert "<CheckedHeaders Allow, Server>" == repr(checked)


@pytest.mark.parametrize(
    ("name", "value"), [("Call-ID", "1"), ("t", "<sip:a@b>"), ("X", "1\r\nY: 2"), ("X Y", "1")]
)
def test_what_cannot_stand_in_every_message_is_not_checked_in_advance(
    name: str, value: str
) -> None:
    with pytest.raises(LocalProtocolError):
        CheckedHeaders([(name, value)])


def test_the_repr_shows_names_only() -> None:
    assert repr(Headers([("Authorization", "secret")])) == "<Headers Authorization>"


def test_the_topmost_via_is_read_without_the_others() -> None:
    assert parsed("Via: SIP/2.0/UDP a, nonsense", "Via: more nonsense")[TOP_VIA].host == "a"
    with pytest.raises(KeyError):
        Headers()[TOP_VIA]
    with pytest.raises(RemoteProtocolError, match="Via"):
        parsed("Via: nonsense")[TOP_VIA]


def test_the_only_via_is_put_in_front_and_the_rest_is_left_as_it_is() -> None:
    via = Via("UDP", "192.0.2.1", 5060, Params({"branch": "z9hG4bK1"}))
    again = Via("TCP", "192.0.2.1", 5060, Params({"branch": "z9hG4bK2"}))
    headers = Headers([("Subject", "x"), ("v", "SIP/2.0/UDP a"), ("Via", "SIP/2.0/UDP b")])

    headers.put_via(via)
    assert [("Via", str(via)), ("Subject", "x")] == list(headers)
    assert [via] == headers[VIA]
    headers.put_via(again)
    assert [("Via", str(again)), ("Subject", "x")] == list(headers)
    assert ([again], str(again), "x") == (headers[VIA], headers["Via"], headers["Subject"])
    assert [str(again)] == headers.get_all("v")

    headers.seal()
    with pytest.raises(LocalProtocolError):
        headers.put_via(via)
