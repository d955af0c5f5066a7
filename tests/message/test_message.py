"""Requests and responses: headers, bodies, wire form."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from trio_sip._errors import LocalProtocolError, RemoteProtocolError
from trio_sip.message import (
    CSEQ,
    Body,
    MediaType,
    Message,
    NameAddr,
    Request,
    Response,
    Uri,
    parse_message_untrusted,
)


def request() -> Request:
    made = Request("MESSAGE", "sip:bob@example.com")
    made.add_header("From", NameAddr("sip:a@b", "Alice", {"tag": "1"}))
    made.add_header("To", "<sip:bob@example.com>")
    made.add_header("Call-ID", "c")
    made.add_header("CSeq", "1 MESSAGE")
    return made


def sent(message: Message) -> Message:
    return parse_message_untrusted(bytes(message))


def test_what_every_message_has_is_an_attribute() -> None:
    message = request()
    message.add_header("Via", "SIP/2.0/UDP a;branch=1, SIP/2.0/UDP b")
    message.add_header("Max-Forwards", 7)
    message.add_header("Contact", "*")
    message.add_header("Contact", "<sip:x@y>")

    assert ("a", ["a", "b"]) == (message.via.host, [via.host for via in message.vias])
    assert ("1", "bob") == (message.from_.tag, message.to.uri.user)
    assert ("c", 1, 7) == (message.call_id, message.cseq.number, message.max_forwards)
    assert ["*", NameAddr("sip:x@y")] == message.contacts
    assert message.contact == NameAddr("sip:x@y")
    assert message["To"] == "<sip:bob@example.com>"
    assert message[CSEQ] == message.cseq
    assert message.via_text == "SIP/2.0/UDP a;branch=1, SIP/2.0/UDP b"
    assert request().via_text is None


def test_max_forwards_may_be_missing() -> None:
    assert request().max_forwards is None
    assert request().contact is None


def test_content_length_is_computed_and_never_given() -> None:
    message = request()
    message.add_body("hällo")

    assert sent(message)["Content-Length"] == "6"
    with pytest.raises(LocalProtocolError, match="follows from the body"):
        message.add_header("Content-Length", 3)
    with pytest.raises(LocalProtocolError, match="follows from the body"):
        message.add_header("l", 3)


@pytest.mark.parametrize("name", ["Call-ID", "CSeq", "From", "To", "i", "f", "t"])
def test_what_identifies_a_message_is_not_added_twice(name: str) -> None:
    with pytest.raises(LocalProtocolError):
        request().add_header(name, "again")


def test_extension_headers_pass_untouched() -> None:
    message = request()
    message.add_header("X-fOO", "a,b;c")

    assert bytes(message).count(b"X-fOO: a,b;c\r\n") == 1


@pytest.mark.parametrize("target", ["", "a b", "a\tb", "a\r\nb", "a\0", "a\x7f", "a\u2028b"])
def test_a_request_uri_that_would_break_the_start_line_is_refused(target: str) -> None:
    message = request()

    with pytest.raises(LocalProtocolError):
        Request("OPTIONS", target)
    with pytest.raises(LocalProtocolError):
        message.target = target
    assert message.target == "sip:bob@example.com"


@pytest.mark.parametrize("method", ["", "A B", "A\r\n", "A:", "Ä"])
def test_a_method_is_a_token(method: str) -> None:
    with pytest.raises(LocalProtocolError):
        Request(method, "sip:a")


def test_retargeting_a_request_changes_its_uri() -> None:
    message = request()
    message.target = "sip:x@y"
    assert message.uri == Uri(user="x", host="y")
    message.target = Uri(user="z", host="y")
    assert message.target == "sip:z@y"


def test_a_request_uri_that_is_none_is_found_when_it_is_asked_for() -> None:
    with pytest.raises(RemoteProtocolError):
        Request("OPTIONS", "nonsense").uri  # noqa: B018


def test_a_response_has_a_status_and_a_reason() -> None:
    response = Response(180)

    assert (180, "Ringing", True, False) == (
        response.status,
        response.reason,
        response.is_provisional,
        response.is_success,
    )
    assert Response(204).is_success
    assert bytes(Response(200, "Fine")) == b"SIP/2.0 200 Fine\r\nContent-Length: 0\r\n\r\n"
    with pytest.raises(LocalProtocolError):
        Response(200, "a\r\nb")


def test_messages_are_equal_when_they_say_the_same() -> None:
    assert request() == request()
    assert request() != Response(200)
    assert request() != 7
    changed = request()
    changed.add_header("X", "y")
    assert request() != changed


def test_the_repr_shows_what_a_ladder_needs() -> None:
    assert repr(request()) == "<Request MESSAGE sip:bob@example.com CSeq 1 Call-ID c>"
    assert repr(Response(200)) == "<Response 200 OK CSeq ? Call-ID None>"


# -- bodies


def test_text_is_sent_as_utf_8_and_is_plain_if_nothing_is_said() -> None:
    message = request()
    message.add_body("hällo")

    assert "hällo".encode() == message.body
    assert message["Content-Type"] == "text/plain"


def test_bytes_need_a_content_type() -> None:
    message = request()

    with pytest.raises(LocalProtocolError, match="content type"):
        message.add_body(b"x")
    assert message.body == b""
    message.add_body(b"x\0", "application/octet-stream")
    assert sent(message).body == b"x\0"


@pytest.mark.parametrize("content_type", ["", "text", "a b/c", "a/b\r\nX: y"])
def test_a_content_type_must_be_one(content_type: str) -> None:
    with pytest.raises(LocalProtocolError):
        request().add_body(b"x", content_type)


def test_a_body_replaces_the_one_before_and_all_that_was_said_about_it() -> None:
    message = request()
    message.add_body("gzipped", "text/x")
    message.add_header("Content-Encoding", "gzip")
    message.add_header("Content-Disposition", "render")
    message.add_body("v=0", MediaType("application", "sdp"))

    assert message["Content-Type"] == "application/sdp"
    assert "Content-Encoding" not in message
    assert "Content-Disposition" not in message
    message.add_body(None)
    assert "Content-Type" not in message
    assert sent(message)["Content-Length"] == "0"


def test_the_body_of_a_received_message_can_be_replaced() -> None:
    message = sent(request())
    message.add_body("new")

    assert sent(message)["Content-Length"] == "3"
    assert sent(message).headers.get_all("l") == ["3"]


def test_text_is_appended_to_a_body() -> None:
    message = request()
    message.append_body("a")
    message.append_body("b\0")
    message.append_body(b"\xff")

    assert message.body == b"ab\0\xff"
    assert message["Content-Type"] == "text/plain"
    assert sent(message)["Content-Length"] == "4"


def test_bytes_are_not_appended_to_nothing_without_a_type() -> None:
    with pytest.raises(LocalProtocolError):
        request().append_body(b"x")
    message = request()
    message.append_body(b"x", "a/b")
    assert message["Content-Type"] == "a/b"


def test_several_bodies_become_one_of_many_parts() -> None:
    message = request()
    message.add_multipart_body([Body("v=0", "application/sdp"), Body("hello")])
    parts = sent(message).parts

    assert [b"v=0", b"hello"] == [part.content for part in parts]
    assert message["Content-Type"].startswith("multipart/mixed;boundary=")


def test_nothing_is_appended_to_the_text_of_a_multipart() -> None:
    message = request()
    message.add_multipart_body([Body("a")])

    with pytest.raises(TypeError, match="append_part"):
        message.append_body("b")


def test_a_part_is_appended_to_a_multipart() -> None:
    message = request()
    message.append_part(Body("a"))
    message.headers.set("Content-Type", message["Content-Type"] + ";type=x")
    message.append_part(Body("b"))

    assert [b"a", b"b"] == [part.content for part in sent(message).parts]
    assert message["Content-Type"].startswith("multipart/mixed;")
    assert ";type=x" in message["Content-Type"]


def test_a_part_is_not_appended_to_what_is_no_multipart() -> None:
    message = request()
    message.add_body("a")

    with pytest.raises(LocalProtocolError):
        message.append_part(Body("b"))


def test_a_message_without_parts_has_none() -> None:
    assert request().parts == ()


def test_a_sealed_message_refuses_every_change() -> None:
    message = request()
    message.seal()
    changes: list[Callable[[], object]] = [
        lambda: message.add_header("X", "y"),
        lambda: message.add_body("x"),
        lambda: message.add_body(None),
        lambda: message.append_body("x"),
        lambda: message.add_multipart_body([Body("x")]),
        lambda: setattr(message, "body", b"x"),
        lambda: setattr(message, "target", "sip:x"),
        lambda: message.headers.set("To", "x"),
    ]
    before = bytes(message)

    for change in changes:
        with pytest.raises(LocalProtocolError, match="has been sent"):
            change()
    assert before == bytes(message)


def test_a_body_set_on_a_built_message_goes_with_its_length() -> None:
    message = request()
    message.headers.add("Content-Length", 99)
    message.body = b"xy"

    assert bytes(message).endswith(b"Content-Length: 2\r\n\r\nxy")
    assert bytes(message).count(b"Content-Length") == 1


def test_the_rough_size_is_the_size_but_for_a_line_or_two() -> None:
    for message in (Request("OPTIONS", "sip:bob@example.com"), Response(200)):
        message.add_header("Subject", "x" * 1000)
        message.add_body("y" * 500)

        assert 0 <= len(bytes(message)) - message.rough_size() < 40
