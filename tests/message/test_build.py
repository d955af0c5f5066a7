"""Making messages from messages."""

from __future__ import annotations

import pytest

from trio_sip._errors import LocalProtocolError
from trio_sip.message import (
    NameAddr,
    Request,
    Response,
    Uri,
    Via,
    check_request,
    create_ack,
    create_cancel,
    create_request,
    create_response,
    parse_message_untrusted,
)


def invite() -> Request:
    return create_request(
        "INVITE",
        "sip:bob@example.com",
        from_=NameAddr("sip:alice@example.com", "Alice", {"tag": "1"}),
        to="<sip:bob@example.com>",
        call_id="c1",
        cseq=7,
        via=Via("UDP", "client.example.com", None, {"branch": "z9hG4bK1"}),
        contact="sip:alice@192.0.2.1",
        route=["<sip:proxy;lr>"],
        headers=[
            ("Supported", "100rel"),
            ("Authorization", "Digest x"),
            ("Proxy-Authorization", "y"),
        ],
        body=b"v=0\r\n",
    )


def received(*lines: str) -> Request:
    request = parse_message_untrusted("\r\n".join([*lines, "", ""]).encode())
    assert isinstance(request, Request)
    return request


def test_a_request_has_what_every_request_must_have() -> None:
    request = parse_message_untrusted(bytes(invite()))

    assert isinstance(request, Request)
    assert check_request(request) is None
    assert request.max_forwards == 70
    assert request["Content-Length"] == "5"
    assert [name for name, _ in request.headers][:3] == ["Via", "Route", "Max-Forwards"]


def test_a_response_copies_what_it_is_matched_by_letter_by_letter() -> None:
    request = received(
        "INVITE sip:b SIP/2.0",
        "v: SIP / 2.0/UDP a;branch=1",
        'Via: SIP/2.0/UDP b;x="y"',
        "Record-Route: <sip:p;lr>, <sip:q;lr>",
        "f: Alice<sip:a@b> ;tag=1",
        "To : sip:c@d",
        "i: odd@call@id",
        "CSeq:  9   INVITE",
        "Timestamp: 54",
    )
    response = create_response(request, 180, to_tag="new")

    assert [
        ("Via", "SIP / 2.0/UDP a;branch=1"),
        ("Via", 'SIP/2.0/UDP b;x="y"'),
        ("Record-Route", "<sip:p;lr>, <sip:q;lr>"),
        ("From", "Alice<sip:a@b> ;tag=1"),
        ("To", "sip:c@d;tag=new"),
        ("Call-ID", "odd@call@id"),
        ("CSeq", "9   INVITE"),
    ] == list(response.headers)
    assert "Record-Route" not in create_response(request, 404)
    assert create_response(request, 100)["Timestamp"] == "54"
    assert bytes(response).endswith(b"Content-Length: 0\r\n\r\n")


def test_a_to_tag_that_is_there_stays() -> None:
    request = received("OPTIONS sip:b SIP/2.0", "To: <sip:a@b>;tag=old")

    assert create_response(request, 200, to_tag="new")["To"] == "<sip:a@b>;tag=old"


def test_a_to_that_cannot_be_read_is_echoed_as_it_is() -> None:
    assert create_response(received("A sip:b SIP/2.0", "To: <<"), 400, to_tag="x")["To"] == "<<"


def test_the_top_via_goes_back_as_the_transport_stamped_it() -> None:
    request = received("OPTIONS sip:b SIP/2.0", "Via: SIP/2.0/UDP a", "Via: SIP/2.0/UDP b")
    request.received_via = "SIP/2.0/UDP a;received=192.0.2.9"

    assert ["SIP/2.0/UDP a;received=192.0.2.9", "SIP/2.0/UDP b"] == create_response(
        request, 200
    ).headers.get_all("Via")


@pytest.mark.parametrize("status", [99, 700, 0, -1])
def test_there_is_no_response_with_a_status_out_of_range(status: int) -> None:
    with pytest.raises(LocalProtocolError):
        create_response(invite(), status)
    with pytest.raises(LocalProtocolError):
        Response(status)


@pytest.mark.parametrize("tag", ["a\r\nX: y", "a;b", "", "a b", "a\0", "é"])
def test_a_tag_that_is_no_token_is_refused(tag: str) -> None:
    with pytest.raises(LocalProtocolError):
        create_response(invite(), 200, to_tag=tag)


@pytest.mark.parametrize(
    ("status", "phrase"),
    [(200, "OK"), (299, "OK"), (477, "Bad Request"), (199, "Early Dialog Terminated")],
)
def test_a_reason_phrase_is_found_for_every_status(status: int, phrase: str) -> None:
    assert phrase == create_response(invite(), status).reason
    assert create_response(invite(), status, "Mine").reason == "Mine"


def test_an_ack_for_a_failure_belongs_to_the_transaction_of_the_invite() -> None:
    response = create_response(invite(), 486, to_tag="b")
    ack = create_ack(invite(), response)

    assert ("ACK", "sip:bob@example.com") == (ack.method, ack.target)
    assert [
        ("Via", "SIP/2.0/UDP client.example.com;branch=z9hG4bK1"),
        ("Route", "<sip:proxy;lr>"),
        ("Max-Forwards", "70"),
        ("From", '"Alice" <sip:alice@example.com>;tag=1'),
        ("To", "<sip:bob@example.com>;tag=b"),
        ("Call-ID", "c1"),
        ("CSeq", "7 ACK"),
        ("Authorization", "Digest x"),
        ("Proxy-Authorization", "y"),
    ] == list(ack.headers)
    assert ack.body == b""


def test_a_cancel_is_its_invite_with_another_method() -> None:
    cancel = create_cancel(invite())

    assert ("CANCEL", "7 CANCEL") == (cancel.method, cancel["CSeq"])
    assert cancel["To"] == "<sip:bob@example.com>"
    assert cancel.headers.get_all("Via") == invite().headers.get_all("Via")


def test_a_cancel_takes_only_the_top_via_even_off_a_shared_line() -> None:
    request = received(
        "INVITE sip:b SIP/2.0", "Via: SIP/2.0/UDP a, SIP/2.0/UDP b", "To: <sip:a@b>",
        "From: <sip:a@b>", "Call-ID: x", "CSeq: 1 INVITE",
    )  # fmt: skip

    assert ["SIP/2.0/UDP a"] == create_cancel(request).headers.get_all("Via")


def test_a_quoted_nul_in_the_to_of_a_response_does_not_prevent_the_ack() -> None:
    response = parse_message_untrusted(b'SIP/2.0 486 Busy\r\nTo: "\\\0" <sip:b@c>;tag=1\r\n\r\n')
    assert isinstance(response, Response)

    assert b'"\\\0"' in bytes(create_ack(invite(), response))


def test_only_an_invite_is_acknowledged_or_cancelled() -> None:
    bye = create_request("BYE", "sip:a", from_="sip:a@b", to="sip:c@d", call_id="x", cseq=1)

    with pytest.raises(LocalProtocolError):
        create_cancel(bye)
    with pytest.raises(LocalProtocolError):
        create_ack(bye, create_response(bye, 486))


def test_a_request_uri_may_be_given_as_a_value() -> None:
    request = Request("OPTIONS", Uri(user="a", host="b"))

    assert request.uri is request.uri
    assert bytes(request).startswith(b"OPTIONS sip:a@b SIP/2.0\r\n")
