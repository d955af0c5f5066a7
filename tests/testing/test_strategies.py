"""Legal messages in every legal spelling, and our own parser reads them all."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_sip.message import (
    MessageStream,
    NameAddr,
    Request,
    Response,
    Uri,
    check_request,
    check_response,
    parse_message_untrusted,
)
from trio_sip.testing.strategies import addresses, requests, responses, spellings, uris

pytestmark = pytest.mark.slow

MESSAGES = st.one_of(requests(), responses())


@settings(max_examples=15)
@given(requests())
def test_requests_are_legal(request: Request) -> None:
    read = parse_message_untrusted(bytes(request))

    assert isinstance(read, Request)
    assert None is check_request(read)
    assert bytes(request) == bytes(read)


@settings(max_examples=15)
@given(responses())
def test_responses_are_legal(response: Response) -> None:
    read = parse_message_untrusted(bytes(response))

    assert isinstance(read, Response)
    assert None is check_response(read)
    assert bytes(response) == bytes(read)


@settings(max_examples=15)
@given(MESSAGES.flatmap(lambda one: st.tuples(st.just(one), spellings(one))))
def test_every_spelling_means_the_same(pair: tuple[Request | Response, bytes]) -> None:
    message, data = pair
    read = parse_message_untrusted(data)

    assert None is read.fault
    assert message.mandatory[1:] == read.mandatory[1:]
    assert message.vias == read.vias
    assert message.contacts == read.contacts
    assert message.body == read.body


@settings(max_examples=15)
@given(requests().flatmap(lambda one: st.tuples(st.just(one), spellings(one))), st.data())
def test_every_spelling_can_be_framed_wherever_it_is_cut(
    pair: tuple[Request, bytes], data: st.DataObject
) -> None:
    message, octets = pair
    # A stream may bring pings in front, which are no part of any message.
    octets = octets.lstrip(b"\r\n")
    cut = data.draw(st.integers(0, len(octets)))
    stream = MessageStream()
    for piece in (octets[:cut], octets[cut:]):
        stream.receive_data(piece)
    read = stream.next_event()

    assert isinstance(read, Request)
    assert message.body == read.body


@settings(max_examples=15)
@given(uris(), addresses(tag=True))
def test_values_survive_being_written_and_read(uri: Uri, address: NameAddr) -> None:
    assert uri == Uri.parse(str(uri))
    assert address == NameAddr.parse(str(address))
