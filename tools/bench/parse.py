"""What it costs to read a message, and to write one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from trio_sip.message import (
    NameAddr,
    Request,
    check_request,
    check_response,
    create_response,
    parse_message_untrusted,
)

from ._figure import Figure, timed
from ._timing import split_and_partition, the_same, time_operation
from .messages import KINDS, create_invites

__all__ = ["measure_parse", "read_six_fields"]

_MESSAGES = 4000
"""How many different messages a round has: far more than any cache of a parser."""

_Fields = tuple[str | None, str | None, str, int, str | None, str | None]


def read_six_fields(data: bytes) -> _Fields:
    """Parse, and look at what every element looks at: tags, Call-ID, CSeq, branch and Contact."""
    message = parse_message_untrusted(data)
    contact = message.contacts[0]
    return (
        message.from_.tag,
        message.to.tag,
        message.call_id,
        message.cseq.number,
        message.via.branch,
        contact.uri.host if isinstance(contact, NameAddr) else None,
    )


def _parse_and_check(data: bytes) -> None:
    message = parse_message_untrusted(data)
    fault = check_request(message) if isinstance(message, Request) else check_response(message)
    assert fault is None, fault


def _answer(request: Request) -> bytes:
    return bytes(create_response(request, 200, to_tag="8321234356"))


def _parsed_requests() -> list[Request]:
    parsed = [parse_message_untrusted(data) for data in create_invites(_MESSAGES // 4)]
    return [one for one in parsed if isinstance(one, Request)]


# Any: what is measured is called, and its result thrown away.
def _over_bytes() -> Iterator[tuple[str, Callable[[bytes], Any]]]:
    yield "parse", parse_message_untrusted
    yield "parse + 6 fields", read_six_fields
    yield "parse + check", _parse_and_check


def measure_parse(seconds: float) -> list[Figure]:
    """Reading over each kind of message, and writing over parsed INVITEs."""
    share = seconds / 10
    floor = time_operation(split_and_partition, the_same(create_invites(_MESSAGES)), share)
    figures = [timed("parse", "the floor: split and partition", floor)]
    for kind, create in KINDS.items():
        messages = create(_MESSAGES)
        note = f"{sum(map(len, messages)) // len(messages)} bytes"
        for name, operation in _over_bytes():
            timing = time_operation(operation, the_same(messages), share)
            figures.append(timed("parse", f"{kind}: {name}", timing, note))
    timing = time_operation(bytes, _parsed_requests, share)
    figures.append(timed("parse", "INVITE: serialise", timing, "parsed and unchanged"))
    timing = time_operation(_answer, _parsed_requests, share)
    figures.append(timed("parse", "INVITE: create a 200, serialise", timing))
    return figures
