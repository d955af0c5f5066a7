"""No text that an application passes can break out of its line."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_sip._errors import LocalProtocolError, ProtocolError
from trio_sip.message import (
    Body,
    CSeq,
    Headers,
    Message,
    NameAddr,
    Params,
    Request,
    Response,
    Uri,
    Via,
    create_request,
    create_response,
)

hostile = st.text(st.sampled_from('a b\r\n\0\\"<>;:,@=%?é\u2028\ud800X'), max_size=10)


def blank() -> Request:
    return create_request(
        "OPTIONS", "sip:a", from_="<sip:a@b>;tag=1", to="<sip:c@d>", call_id="x", cseq=1,
        via="SIP/2.0/UDP h",
    )  # fmt: skip


def with_header(change: Callable[[Headers], None]) -> Message:
    message = blank()
    change(message.headers)
    return message


def with_target(text: str) -> Message:
    message = blank()
    message.target = text
    return message


def with_body(text: str) -> Message:
    message = blank()
    message.add_body("x", text)
    return message


def with_part(text: str) -> Message:
    message = blank()
    message.add_multipart_body([Body("x", headers=[("X", text)])], boundary="b")
    return message


def with_boundary(text: str) -> Message:
    message = blank()
    message.add_multipart_body([Body("x")], text, text)
    return message


WAYS_IN: dict[str, Callable[[str], Message]] = {
    "name added": lambda t: with_header(lambda headers: headers.add(t, "x")),
    "value added": lambda t: with_header(lambda headers: headers.add("X", t)),
    "name set": lambda t: with_header(lambda headers: headers.set(t, "x")),
    "value set": lambda t: with_header(lambda headers: headers.set("To", t)),
    "name inserted": lambda t: with_header(lambda headers: headers.insert_first(t, "x")),
    "value inserted": lambda t: with_header(lambda headers: headers.insert_first("Via", t)),
    "header list": lambda t: Request("A", "sip:a", Headers([("X", t)])),
    "method": lambda t: Request(t, "sip:a"),
    "target": lambda t: Request("A", t),
    "new target": with_target,
    "reason": lambda t: Response(200, t),
    "response reason": lambda t: create_response(blank(), 200, t),
    "to tag": lambda t: create_response(blank(), 200, to_tag=t),
    "content type": with_body,
    "part header": with_part,
    "boundary": with_boundary,
    "display name": lambda t: with_header(lambda h: h.add("X", NameAddr("sip:a@b", t))),
    "parsed address": lambda t: with_header(lambda h: h.add("X", NameAddr.parse(t))),
    "address text": lambda t: with_header(lambda h: h.add("X", NameAddr(t))),
    "parameter name": lambda t: with_header(lambda h: h.add("X", "x" + str(Params({t: "x"})))),
    "parameter": lambda t: with_header(lambda h: h.add("X", "x" + str(Params({"x": t})))),
    "user": lambda t: Request("A", Uri(user=t, host="h")),
    "host": lambda t: Request("A", Uri(host=t)),
    "scheme": lambda t: Request("A", Uri(t, host="h")),
    "password": lambda t: Request("A", Uri(user="u", password=t, host="h")),
    "URI parameter": lambda t: Request("A", Uri(host="h", params={t: t})),
    "URI header": lambda t: Request("A", Uri(host="h", headers={t: t})),
    "parsed URI": lambda t: Request("A", Uri.parse("sip:" + t)),
    "Via host": lambda t: with_header(lambda h: h.insert_first("Via", Via("UDP", t))),
    "Via transport": lambda t: with_header(lambda h: h.insert_first("Via", Via(t, "h"))),
    "CSeq method": lambda t: with_header(lambda h: h.set("CSeq", CSeq(1, t))),
    "created from": lambda t: create_request(
        t, t, from_=t, to=t, call_id=t, cseq=1, via=t, contact=t, route=[t], headers=[("X", t)]
    ),
    "created Call-ID": lambda t: create_request(
        "A", "sip:a", from_="<sip:a@b>", to="<sip:a@b>", call_id=t, cseq=1
    ),
    "created route": lambda t: create_request(
        "A", "sip:a", from_="<sip:a@b>", to="<sip:a@b>", call_id="x", cseq=1, route=[t]
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS_IN)
@given(text=hostile)
def test_no_text_becomes_more_than_its_place_in_a_line(way: str, text: str) -> None:
    try:
        message = WAYS_IN[way](text)
    except ProtocolError:
        return
    wire = bytes(message)
    head = wire[: len(wire) - len(message.body) - 4] if message.body else wire[:-4]

    assert b"\0" not in head
    assert head.count(b"\r") == head.count(b"\n") == head.count(b"\r\n")
    # One line for each header, the start-line, and Content-Length if it is not among them.
    assert head.count(b"\r\n") == len(message.headers) + ("Content-Length" not in message)
    assert len(head.split(b"\r\n", 1)[0].split(b" ")) >= 3


@pytest.mark.parametrize(
    "way",
    [way for way in WAYS_IN if way not in ("user", "password", "URI parameter", "URI header")],
)
@pytest.mark.parametrize("text", ["a\r\nX: y", "a\n", "a\0", "\r"])
def test_a_line_break_is_an_error_at_once(way: str, text: str) -> None:
    with pytest.raises(ProtocolError):
        WAYS_IN[way](text)


def test_the_error_is_a_value_error_too() -> None:
    with pytest.raises(ValueError, match="contains CR, LF or NUL"):
        blank().add_header("X", "a\r\nb")
    assert issubclass(LocalProtocolError, ValueError)
