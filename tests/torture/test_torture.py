"""Every torture message is parsed, judged and understood as its table says."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tools.torture_table import PAGE, Case, cases, page, verdict
from trio_sip._errors import RemoteProtocolError
from trio_sip.message import (
    ACCEPT,
    AUTHORIZATION,
    CONTENT_TYPE,
    DATE,
    PROXY_REQUIRE,
    REQUIRE,
    Message,
    MessageStream,
    NameAddr,
    Params,
    Request,
    Response,
    StreamEvent,
    parse_message_untrusted,
)

CASES = cases()
FRAMED = [case for case in CASES if case.name not in ("bigcode.dat", "test.dat")]
# Its archive file ends without the empty line, which is then added.
INCOMPLETE = "rfc4475/baddn.dat"


def by_name(case: Case) -> str:
    return case.name


def plain(params: Params) -> dict[str, str]:
    return {name: value or "" for name, value in params.items()}


def request(message: Message) -> Request:
    assert isinstance(message, Request)
    return message


def response(message: Message) -> Response:
    assert isinstance(message, Response)
    return message


def contact(message: Message) -> NameAddr:
    found = message.contact
    assert found is not None
    return found


def fault(read: Callable[[], object]) -> str:
    """``bad`` if what was asked for can be seen to be wrong."""
    try:
        read()
    except RemoteProtocolError:
        return "bad"
    return "good"


READERS: dict[str, Callable[[Message], object]] = {
    "accept": lambda m: [str(item) for item in m[ACCEPT]],
    "authorization": lambda m: m[AUTHORIZATION][0],
    "body": lambda m: len(m.body),
    "branches": lambda m: [via.branch or "" for via in m.vias],
    "call_id": lambda m: m.call_id,
    "contact": lambda m: fault(lambda: m.contacts),
    "contact_params": lambda m: plain(contact(m).params),
    "contact_q": lambda m: contact(m).q,
    "contact_uri_headers": lambda m: ["=".join(pair) for pair in contact(m).uri.headers],
    "contact_uri_params": lambda m: plain(contact(m).uri.params),
    "contact_users": lambda m: [NameAddr.parse(item).uri.user for item in m.contacts],
    "contacts": lambda m: len(m.contacts),
    "content_type": lambda m: m[CONTENT_TYPE].name,
    "cseq": lambda m: str(m.cseq),
    "date": lambda m: fault(lambda: m[DATE]),
    "from_name": lambda m: m.from_.display_name,
    "from_tag": lambda m: m.from_.tag,
    "max_forwards": lambda m: m.max_forwards,
    "method": lambda m: request(m).method,
    "part_sizes": lambda m: [len(part.content) for part in m.parts],
    "parts": lambda m: [part.content_type.name for part in m.parts],
    "proxy_require": lambda m: m[PROXY_REQUIRE],
    "reason": lambda m: response(m).reason,
    "received": lambda m: m.via.received,
    "require": lambda m: m[REQUIRE],
    "status": lambda m: response(m).status,
    "subject": lambda m: m["Subject"],
    "target_host": lambda m: request(m).uri.host,
    "target_params": lambda m: plain(request(m).uri.params),
    "target_port": lambda m: request(m).uri.port or 0,
    "target_user": lambda m: request(m).uri.user,
    "to_host": lambda m: m.to.uri.host,
    "to_name": lambda m: m.to.display_name,
    "to_scheme": lambda m: m.to.uri.scheme,
    "to_tag": lambda m: m.to.tag,
    "to_user": lambda m: m.to.uri.user,
    "transports": lambda m: [via.transport for via in m.vias],
    "unknown": lambda m: m["UnknownHeaderWithUnusualValue"],
    "via_count": lambda m: len(m.vias),
    "vias": lambda m: [via.host for via in m.vias],
}


@pytest.mark.parametrize("case", CASES, ids=by_name)
def test_the_verdict_on_a_torture_message_is_the_one_it_is_owed(case: Case) -> None:
    assert case.verdict == verdict(case.data)[0]


@pytest.mark.parametrize("case", [case for case in CASES if case.values], ids=by_name)
def test_the_values_of_a_torture_message_are_read_as_they_are_meant(case: Case) -> None:
    message = parse_message_untrusted(case.data)

    assert case.values == {name: READERS[name](message) for name in case.values}


@pytest.mark.parametrize("case", FRAMED, ids=by_name)
def test_a_torture_message_that_nobody_touches_goes_out_as_it_came(case: Case) -> None:
    wire = bytes(parse_message_untrusted(case.data))

    if case.file == INCOMPLETE:
        assert case.data + b"\r\n" == wire
    else:
        # What follows the body that Content-Length announces is not part of the message.
        assert case.data[: len(wire)] == wire


@pytest.mark.parametrize("case", FRAMED, ids=by_name)
def test_a_torture_message_is_of_the_kind_it_claims(case: Case) -> None:
    message = parse_message_untrusted(case.data)

    assert case.kind == type(message).__name__.lower()


def test_two_requests_in_one_piece_are_one_on_a_datagram_and_two_on_a_stream() -> None:
    data = next(case for case in CASES if case.name == "dblreq.dat").data
    stream = MessageStream()
    stream.receive_data(data)
    methods = []
    for _ in range(2):
        event = stream.next_event()
        assert not isinstance(event, StreamEvent)
        methods.append(request(event).method)

    assert request(parse_message_untrusted(data)).method == "REGISTER"
    assert ["REGISTER", "INVITE"] == methods


@pytest.mark.parametrize("name", ["ncl.dat", "mcl01.dat", "inv2543.dat"])
def test_a_stream_is_given_up_when_the_length_of_a_body_is_unknown(name: str) -> None:
    stream = MessageStream()
    stream.receive_data(next(case for case in CASES if case.name == name).data)

    with pytest.raises(RemoteProtocolError) as caught:
        stream.next_event()

    assert caught.value.status_hint == 400


def test_a_stream_waits_for_the_rest_of_a_body_that_was_announced() -> None:
    stream = MessageStream()
    stream.receive_data(next(case for case in CASES if case.name == "clerr.dat").data)

    assert stream.next_event() is StreamEvent.NEED_DATA
    assert stream.partial


def test_the_page_about_the_torture_messages_is_up_to_date() -> None:
    assert page() == PAGE.read_text(encoding="utf-8"), "run python -m tools.torture_table"


def test_the_page_can_show_what_a_server_answered() -> None:
    assert "| what the server answers |" in page({"rfc4475/wsinv.dat": "481"})
    assert "| accepted | 481 |" in page({"rfc4475/wsinv.dat": "481"})
