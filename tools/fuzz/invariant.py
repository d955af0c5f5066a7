"""What must hold for any bytes at all: parsed, or `RemoteProtocolError`, and nothing else."""

from __future__ import annotations

import trio_sip.message as package
from trio_sip._errors import RemoteProtocolError
from trio_sip.message import (
    Field,
    ListField,
    Message,
    MessageStream,
    NameAddr,
    Request,
    StreamEvent,
    Uri,
    check_request,
    check_response,
    create_response,
    parse_message_untrusted,
    parse_sipfrag_untrusted,
    redacted,
)
from trio_sip.sdp import OfferAnswer, SessionDescription, create_answer

__all__ = ["FIELDS", "read_description", "read_everything", "read_fields"]

FIELDS: list[Field[object] | ListField[object]] = [
    value for value in vars(package).values() if isinstance(value, (Field, ListField))
]


def read_everything(data: bytes) -> bool:
    """Do all that is ever done with what came from the network; whether it was a message."""
    _read_stream(data)
    try:
        message = parse_message_untrusted(data)
    except RemoteProtocolError:
        return False
    if isinstance(message, Request):
        check_request(message)
        # Whatever the request, its refusal is a message again.
        parse_message_untrusted(bytes(create_response(message, 400, to_tag="x")))
    else:
        check_response(message)
    read_fields(message)
    wire = bytes(message)
    assert bytes(parse_message_untrusted(wire)) == wire
    redacted(message)
    return True


def read_description(data: bytes) -> bool:
    """The same for a session description: read it, answer it, change it, offer it again."""
    try:
        parsed = SessionDescription.parse(data)
    except RemoteProtocolError:
        return False
    assert bytes(parsed) == data
    assert SessionDescription.parse(str(parsed)) == parsed
    _use((parsed, parsed.origin, parsed.connection, parsed.session_name, parsed.bandwidth))
    for media in parsed.media:
        _use((media, media.connection, media.effective_direction, media.bandwidth, media.rtcp))
        _use((media.codecs, media.ptime, media.maxptime, media.mid, media.attribute("x")))
        _use(tuple(tuple(codec.parameters) for codec in media.codecs))
    machine = OfferAnswer()
    assert machine.receive_offer(parsed) is None
    for answer in (parsed.answer(4000, "h"), create_answer(parsed, parsed.media, "h")):
        assert SessionDescription.parse(bytes(answer)) == answer
    machine.send_answer(answer)
    _use(machine.streams)
    _use(tuple((stream.codec, stream.direction) for stream in machine.streams))
    for changed in (parsed.hold(), parsed.resume(), parsed.with_origin(parsed.origin)):
        assert SessionDescription.parse(bytes(changed)).has_same_content(changed)
    return True


def read_fields(message: Message) -> None:
    """Every typed value that a message can be asked for, and what hangs on those values."""
    for field in FIELDS:
        if field in message:
            try:
                value = message[field]
            except RemoteProtocolError:
                continue
            for item in value if isinstance(value, list) else [value]:
                _use(item)
    for read in (lambda: message.parts, lambda: parse_sipfrag_untrusted(message.body)):
        try:
            read()
        except RemoteProtocolError:
            continue


def _use(item: object) -> None:
    str(item)
    repr(item)
    hash(item)
    assert item == item  # comparing takes apart what is still text
    if isinstance(item, NameAddr):
        _use_uri(item.uri)
        item.params.get("tag")
        try:
            item.q  # noqa: B018
        except RemoteProtocolError:
            return


def _use_uri(uri: Uri) -> None:
    str(uri.params)
    assert uri == Uri.parse(str(uri))
    assert hash(uri) == hash(Uri.parse(str(uri)))
    str((uri.user, uri.password, uri.headers, uri.address, uri.without_headers()))


def _read_stream(data: bytes) -> None:
    stream = MessageStream()
    stream.receive_data(data)
    try:
        while stream.next_event() is not StreamEvent.NEED_DATA:
            pass
    except RemoteProtocolError:
        return
    assert stream.buffered <= len(data)
