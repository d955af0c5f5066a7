"""Requests as if they had been received."""

from __future__ import annotations

import pytest

from trio_sip._errors import LocalProtocolError, RemoteProtocolError
from trio_sip.message import Request, create_response, fill_via

OPTIONS = (
    b"OPTIONS sip:bob@192.0.2.2 SIP/2.0\r\n"
    b"Via: %s\r\n"
    b"From: <sip:alice@example.com>;tag=a\r\nTo: <sip:bob@192.0.2.2>\r\n"
    b"Call-ID: c\r\nCSeq: 1 OPTIONS\r\nContent-Length: 2\r\n\r\nhi"
)
SOURCE = ("192.0.2.9", 40000)


def test_a_request_is_as_if_it_had_been_received() -> None:
    data = OPTIONS % b"SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1;rport;received=6.6.6.6"
    request = Request.from_wire(data, source=SOURCE)
    via = create_response(request, 200, to_tag="b").via

    assert ("OPTIONS", b"hi", 40000) == (request.method, request.body, request.received_port)
    assert ("10.0.0.1", 5060, "192.0.2.9", 40000) == (via.host, via.port, via.received, via.rport)
    assert data == bytes(request), "and nothing of it was changed"


@pytest.mark.parametrize(
    "via",
    [
        "SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1",
        "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1",
        "SIP/2.0/UDP 192.0.2.9;rport;branch=z9hG4bK1",
        "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1;rport, SIP/2.0/TCP a;branch=z9hG4bK2",
        "SIP/2.0/TCP [2001:db8::1]:5070;branch=z9hG4bK1;received=6.6.6.6",
        "SIP / 2.0 / udp  192.0.2.9 : 5070 ;branch=z9hG4bK1; RPort = ",
    ],
)
def test_the_via_is_filled_in_as_the_transports_do_it(via: str) -> None:
    request = Request.from_wire(OPTIONS % via.encode(), source=SOURCE)
    filled, _ = fill_via(via, *SOURCE)

    assert filled == request.received_via


def test_a_stream_has_no_other_port_than_the_connections() -> None:
    data = OPTIONS % b"SIP/2.0/TCP 10.0.0.1;branch=z9hG4bK1"

    assert Request.from_wire(data, source=SOURCE, transport="TCP").received_port is None


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"hello", RemoteProtocolError),
        (OPTIONS % b"nonsense", RemoteProtocolError),
        ((OPTIONS % b"").replace(b"Via: \r\n", b""), RemoteProtocolError),
        (b"SIP/2.0 200 OK\r\n\r\n", LocalProtocolError),
    ],
)
def test_what_cannot_have_been_received_is_an_error(data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        Request.from_wire(data, source=SOURCE)
