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

__all__ = ["FIELDS", "read_everything", "read_fields"]

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
