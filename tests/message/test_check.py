"""What a message is owed for its form."""

from __future__ import annotations

import pytest

from trio_sip.message import (
    Fault,
    Request,
    Response,
    check_request,
    check_response,
    create_response,
    parse_message_untrusted,
)

LINES = {
    "Via": "SIP/2.0/UDP h;branch=z9hG4bK1",
    "From": "<sip:a@b>;tag=1",
    "To": "<sip:c@d>",
    "Call-ID": "x@y@z",
    "CSeq": "1 OPTIONS",
    "Max-Forwards": "70",
}


def fault_of(method: str = "OPTIONS", /, **changes: str | None) -> Fault | None:
    lines = LINES | {name.replace("_", "-"): value for name, value in changes.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value is not None)
    request = parse_message_untrusted(f"{method} sip:c SIP/2.0\r\n{head}\r\n".encode())
    assert isinstance(request, Request)
    return check_request(request)


def status_of(method: str = "OPTIONS", **changes: str | None) -> int | None:
    fault = fault_of(method, **changes)
    return None if fault is None else fault.status


def test_a_good_request_has_no_fault() -> None:
    assert fault_of() is None
    assert fault_of(Max_Forwards=None) is None


@pytest.mark.parametrize(
    ("contact", "status"),
    [
        ("<sips:a@b>", None),
        ("<SIP:a@b>", None),
        ("<tel:+15551234567>", 416),
        ("<http://example.com>", 416),
        ("*", 400),
        ("<sip:a@b" + ";" * 201 + ">", 400),
    ],
)
def test_a_dialog_begins_with_a_contact_that_sip_can_reach(
    contact: str, status: int | None
) -> None:
    assert status == status_of("INVITE", CSeq="1 INVITE", Contact=contact)


@pytest.mark.parametrize("scheme", ["tel:+15551234567", "isbn:2983792873", "mailto:a@b"])
def test_the_schemes_of_from_and_to_are_nobodys_business(scheme: str) -> None:
    assert fault_of(To=f"<{scheme}>", From=f"<{scheme}>;tag=1") is None


@pytest.mark.parametrize("name", ["Via", "From", "To", "Call-ID", "CSeq"])
def test_a_request_without_a_mandatory_header_is_a_bad_request(name: str) -> None:
    assert Fault(400, f"Missing {name} header") == fault_of("OPTIONS", **{name: None})


@pytest.mark.parametrize("name", ["Via", "From", "To", "Call-ID", "CSeq", "Max-Forwards"])
def test_an_empty_header_is_a_bad_request(name: str) -> None:
    assert Fault(400, f"Bad {name} header") == fault_of(**{name: ""})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CSeq", "4294967296 OPTIONS"), ("CSeq", "-1 OPTIONS"), ("CSeq", "x OPTIONS"),
        ("CSeq", "1 INVITE"), ("CSeq", "1 options"), ("Max-Forwards", "256"),
        ("Max-Forwards", "-1"), ("Max-Forwards", "9" * 5000), ("Call-ID", "a b"),
        ("From", "Bell, A <sip:a@b>"), ("To", '"a <sip:a@b>'), ("Via", "SIP/2.0/UDP h;;;,;"),
        ("To", "sip:a@b>"), ("To", "<sip:a@b"),
    ],
)  # fmt: skip
def test_a_header_that_makes_no_sense_is_a_bad_request(name: str, value: str) -> None:
    assert status_of(**{name: value}) == 400


@pytest.mark.parametrize("number", ["0", "2147483648", "4294967295", "0000000001"])
def test_any_cseq_of_32_bits_is_accepted(number: str) -> None:
    assert fault_of(CSeq=f"{number} OPTIONS") is None


@pytest.mark.parametrize(
    "extra",
    ["i: z", "f: <sip:a@b>", "t: <sip:a@b>", "CSeq: 1 OPTIONS", "Max-Forwards: 1", "l: 0\r\nl: 0",
     "Expires: 1\r\nexpires: 2", "c: a/b\r\nContent-Type: a/b"],
)  # fmt: skip
def test_a_second_value_of_a_single_header_is_a_bad_request(extra: str) -> None:
    assert status_of(X=f"y\r\n{extra}") == 400


def test_a_known_method_that_its_cseq_denies_is_400_and_an_unknown_one_501() -> None:
    assert status_of("BYE") == 400
    assert status_of("FETCH") == 501


@pytest.mark.parametrize("method", ["INVITE", "SUBSCRIBE", "REFER"])
def test_a_request_that_makes_a_dialog_needs_a_contact(method: str) -> None:
    cseq = f"1 {method}"

    assert Fault(400, "Missing Contact header") == fault_of(method, CSeq=cseq)
    assert Fault(400, "Bad Contact header") == fault_of(method, CSeq=cseq, Contact="<")
    assert fault_of(method, CSeq=cseq, Contact="<sip:a@h>") is None


@pytest.mark.parametrize("value", ["SIP/2.0/UDP h;branch=" + "z" * 3000, "SIP/2.0/UDP h;branch="])
def test_a_branch_that_is_only_long_or_empty_is_no_fault(value: str) -> None:
    assert fault_of(Via=value) is None


def test_a_fault_never_echoes_what_was_sent() -> None:
    fault = fault_of(From="<sip:evil")

    assert fault is not None
    assert "evil" not in fault.reason


def test_a_bad_request_can_be_answered_from_what_is_there() -> None:
    data = b"OPTIONS sip:c SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nCSeq: 1 OPTIONS\r\n\r\n"
    request = parse_message_untrusted(data)
    assert isinstance(request, Request)
    response = create_response(request, 400, to_tag="1")

    assert ["Via", "CSeq"] == [name for name, _ in response.headers]


def test_a_response_is_checked_for_what_it_is_matched_by() -> None:
    head = "".join(f"{name}: {value}\r\n" for name, value in LINES.items())
    good = parse_message_untrusted(f"SIP/2.0 200 OK\r\n{head}\r\n".encode())
    bad = parse_message_untrusted(f"SIP/2.0 200 OK\r\n{head}CSeq: 1 A\r\n\r\n".encode())

    assert isinstance(good, Response)
    assert isinstance(bad, Response)
    assert check_response(good) is None
    assert check_response(bad) is not None


def test_the_values_that_a_check_has_read_are_those_of_the_fields() -> None:
    head = "".join(f"{name}: {value}\r\n" for name, value in LINES.items())
    checked, fresh = (
        parse_message_untrusted(f"OPTIONS sip:c SIP/2.0\r\n{head}\r\n".encode()) for _ in range(2)
    )
    assert isinstance(checked, Request)
    assert check_request(checked) is None

    assert (checked.via, checked.from_, checked.to) == (fresh.via, fresh.from_, fresh.to)
    assert (checked.cseq, checked.call_id) == (fresh.cseq, fresh.call_id)
