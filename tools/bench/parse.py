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

from ._figure import Figure, Floor, measured
from ._timing import cpu_microseconds, the_same
from .messages import KINDS, create_invites

__all__ = ["MESSAGES", "measure_parse", "parse_floor", "read_six_fields"]

MESSAGES = 4000
"""How many different messages a round has: far more than any cache of a parser."""

_SPLIT_ON_THE_SCALE = 2.3

_Fields = tuple[str | None, str | None, str, int, str | None, str | None]


def split_and_partition(data: bytes) -> list[tuple[bytes, bytes]]:
    """The floor: lines cut at their colons, and nothing understood."""
    head, _ = data.split(b"\r\n\r\n", 1)
    fields = []
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        # Not a comprehension: a parser has to look at each line, too.
        fields.append((name, value))
    return fields


def parse_floor(seconds: float) -> Floor:
    """What the floor costs here and now, over the INVITE of all the figures."""
    invites = create_invites(MESSAGES)
    cost = cpu_microseconds(split_and_partition, the_same(invites), seconds)
    return Floor(cost, _SPLIT_ON_THE_SCALE)


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
    parsed = [parse_message_untrusted(data) for data in create_invites(MESSAGES // 4)]
    return [one for one in parsed if isinstance(one, Request)]


# Any: what is measured is called, and its result thrown away.
def _over_bytes() -> Iterator[tuple[str, Callable[[bytes], Any]]]:
    yield "parse", parse_message_untrusted
    yield "parse + 6 fields", read_six_fields
    yield "parse + check", _parse_and_check


def measure_parse(floor: Floor, seconds: float) -> list[Figure]:
    """Reading over each kind of message, and writing over parsed INVITEs."""
    share = seconds / 10
    figures = []
    for kind, create in KINDS.items():
        messages = create(MESSAGES)
        note = f"{sum(map(len, messages)) // len(messages)} bytes"
        for name, operation in _over_bytes():
            cost = cpu_microseconds(operation, the_same(messages), share)
            figures.append(measured("parse", f"{kind}: {name}", cost, floor, note))
    cost = cpu_microseconds(bytes, _parsed_requests, share)
    figures.append(measured("parse", "INVITE: serialise", cost, floor, "parsed and unchanged"))
    cost = cpu_microseconds(_answer, _parsed_requests, share)
    figures.append(measured("parse", "INVITE: create a 200, serialise", cost, floor))
    return figures
