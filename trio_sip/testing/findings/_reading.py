"""From records to a `Story`: messages are matched by as little as possible, and nothing raises."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from trio_sip._errors import RemoteProtocolError
from trio_sip.message import (
    VIA,
    MessageStream,
    Request,
    Response,
    StreamEvent,
    parse_message_untrusted,
)
from trio_sip.testing.recordings import Fate, Wire
from trio_sip.transport import Address

from ._story import Call, Event, Exchange, Story

__all__ = ["read_story"]

# Two records of one datagram, inside and outside of a NAT or on two interfaces, are so near.
_ECHO = 0.02


def read_story(wires: Iterable[Wire], names: Mapping[str | Address, str] | None = None) -> Story:
    """Read what was sent."""
    records = _without_echoes(list(wires))
    start = records[0].time if records else 0.0
    events: list[Event] = []
    unreadable: list[tuple[Wire, float, str]] = []
    streams: dict[tuple[Address, Address], MessageStream] = {}
    for wire in records:
        try:
            events.extend(
                Event(wire, message, wire.time - start) for message in _messages(wire, streams)
            )
        except RemoteProtocolError as error:
            unreadable.append((wire, wire.time - start, str(error)))
            streams.pop((wire.source, wire.destination), None)
    exchanges, strays = _exchanges(events)
    calls: dict[str, Call] = {}
    for exchange in exchanges:
        call_id = exchange.request.call_id
        calls.setdefault(call_id, Call(call_id)).exchanges.append(exchange)
    end = records[-1].time - start if records else 0.0
    return Story(
        events, exchanges, list(calls.values()), strays, unreadable, end, records, names or {}
    )


def _without_echoes(records: list[Wire]) -> list[Wire]:
    """Every datagram once, even if it was seen at two places on its way."""
    last: dict[bytes, Wire] = {}
    kept: list[Wire] = []
    for wire in records:
        before = last.get(wire.data)
        last[wire.data] = wire
        if (
            before is not None
            and wire.transport == before.transport == "UDP"
            and Fate.LOST not in (wire.fate, before.fate)
            and 0 <= wire.time - before.time < _ECHO
        ):
            continue
        kept.append(wire)
    return kept


# Where a message needs no Content-Length to end: RFC 7118 section 5.
_WHOLE = frozenset({"UDP", "WS", "WSS"})


def _messages(
    wire: Wire, streams: dict[tuple[Address, Address], MessageStream]
) -> Iterable[Request | Response]:
    if wire.transport in _WHOLE:
        if wire.data.strip(b"\r\n\0"):
            yield parse_message_untrusted(wire.data)
        return
    stream = streams.setdefault((wire.source, wire.destination), MessageStream())
    stream.receive_data(wire.data)
    while True:
        event = stream.next_event()
        if event is StreamEvent.NEED_DATA:
            return
        if isinstance(event, (Request, Response)):
            yield event


_Key = tuple[str | None, ...]


def _key(event: Event) -> _Key:
    via = event.via
    branch = via.branch if via else None
    sent_by = via.sent_by.lower() if via else None
    method = event.method
    if branch is not None and branch.startswith("z9hG4bK"):
        number = ""
    else:
        number = str(event.cseq.number) if event.cseq else ""
    return (branch, sent_by, method, event.call_id, number)


def _exchanges(events: list[Event]) -> tuple[list[Exchange], list[Event]]:
    exchanges: list[Exchange] = []
    early: dict[_Key, list[Event]] = {}
    known: dict[_Key, Exchange] = {}
    for event in events:
        key = _key(event)
        exchange = known.get(key)
        if isinstance(event.message, Response):
            if exchange is None:
                early.setdefault(key, []).append(event)
            else:
                exchange.responses.append(event)
        elif exchange is not None and exchange.request.cseq == event.cseq:
            exchange.requests.append(event)
        else:
            # What was seen of it may begin with the answer to an earlier copy.
            answers = early.pop(key, [])
            known[key] = made = Exchange([event], answers)
            exchanges.append(made)
    _link(exchanges)
    strays = [event for events in early.values() for event in events]
    return exchanges, sorted(strays, key=lambda event: event.time)


def _link(exchanges: list[Exchange]) -> None:
    """Find the hops of each request by the Vias that they have in common."""
    hops = {_hop(one.request, 0): one for one in reversed(exchanges)}
    for one in exchanges:
        request = one.request
        if one.method in {"ACK", "CANCEL"}:
            one.about = hops.get(_hop(request, 0, "INVITE"))
        before = hops.get(_hop(request, 1)) if request.is_forwarded else None
        # Whoever invents Vias must not make a ring of them.
        if before is None or before.request.time > request.time or _is_before(one, before):
            continue
        one.before = before
        before.onward.append(one)


def _is_before(one: Exchange, other: Exchange | None) -> bool:
    """Whether it is the other hop, or one before that."""
    while other is not None:
        if other is one:
            return True
        other = other.before
    return False


def _hop(event: Event, place: int, method: str | None = None) -> _Key:
    vias = event.get_list(VIA)[place : place + 1]
    branch, sent_by = (vias[0].branch, vias[0].sent_by.lower()) if vias else (None, str(id(event)))
    return (branch, sent_by, method or event.method, event.call_id)
