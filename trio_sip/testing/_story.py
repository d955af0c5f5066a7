"""What was sent, read: messages with their times, the exchanges they form, and the calls.

It takes no side and believes nobody: what is seen may break every rule, so everything is matched
by as little as possible and nothing here raises.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import attrs

from trio_sip._errors import RemoteProtocolError
from trio_sip.message import (
    CSeq,
    Field,
    ListField,
    MessageStream,
    NameAddr,
    Request,
    Response,
    StreamEvent,
    Uri,
    Via,
    parse_message_untrusted,
)
from trio_sip.transport import Address

from ._picture import name_of
from ._wire import Fate, Wire

__all__ = ["Call", "Event", "Exchange", "Story", "is_private", "read_story", "same_sender"]

T = TypeVar("T")

_PRIVATE = [
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
                 "100.64.0.0/10", "fc00::/7", "fe80::/10")
]  # fmt: skip


def is_private(host: str) -> bool:
    """Whether it is an address that nobody outside can reach."""
    try:
        address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return False
    return any(address in network for network in _PRIVATE if network.version == address.version)


@attrs.define(eq=False)
class Event:
    """One message on the wire.  What is wrong or missing in it reads as ``None``."""

    wire: Wire
    message: Request | Response
    time: float
    """Seconds since the first record."""

    @property
    def is_lost(self) -> bool:
        return self.wire.fate is Fate.LOST

    @property
    def status(self) -> int:
        """0 for a request."""
        return self.message.status if isinstance(self.message, Response) else 0

    @property
    def method(self) -> str:
        """Of a request, or of what a response answers."""
        if isinstance(self.message, Request):
            return self.message.method
        return self.cseq.method if self.cseq else ""

    @property
    def word(self) -> str:
        """``INVITE`` or ``200 (INVITE)``."""
        return self.wire.label.text

    def get(self, field: Field[T]) -> T | None:
        """A typed value."""
        try:
            return self.message.headers.get(field)
        except RemoteProtocolError:
            return None

    def get_list(self, field: ListField[T]) -> list[T]:
        """Typed values."""
        try:
            return self.message.headers[field]
        except RemoteProtocolError:
            return []

    def text(self, name: str) -> str | None:
        """The text of a header."""
        return self.message.headers.get(name)

    @property
    def via(self) -> Via | None:
        try:
            return self.message.via
        except (KeyError, RemoteProtocolError):
            return None

    @property
    def cseq(self) -> CSeq | None:
        try:
            return self.message.cseq
        except (KeyError, RemoteProtocolError):
            return None

    @property
    def call_id(self) -> str:
        return self.text("Call-ID") or ""

    def _tag(self, name: str) -> str | None:
        try:
            return NameAddr.parse(self.text(name) or "").tag
        except RemoteProtocolError:
            return None

    @property
    def from_tag(self) -> str | None:
        return self._tag("From")

    @property
    def to_tag(self) -> str | None:
        return self._tag("To")

    @property
    def contact(self) -> Uri | None:
        try:
            contact = self.message.contact
            return contact.uri if contact is not None else None
        except RemoteProtocolError:
            return None

    @property
    def target(self) -> Uri | None:
        """The Request-URI."""
        try:
            return self.message.uri if isinstance(self.message, Request) else None
        except RemoteProtocolError:
            return None


@attrs.define(eq=False)
class Exchange:
    """A request on one hop, its copies and its answers."""

    requests: list[Event]
    responses: list[Event] = attrs.field(factory=list)

    @property
    def request(self) -> Event:
        return self.requests[0]

    @property
    def method(self) -> str:
        return self.request.method

    @property
    def finals(self) -> list[Event]:
        """Final responses, copies included."""
        return [one for one in self.responses if one.status >= 200]

    @property
    def final(self) -> Event | None:
        """The first final response."""
        return next(iter(self.finals), None)

    @property
    def success(self) -> Event | None:
        """The first 2xx."""
        return next((one for one in self.responses if 200 <= one.status < 300), None)


@attrs.define(eq=False)
class Call:
    """All exchanges with one Call-ID, in order of their beginning."""

    call_id: str
    exchanges: list[Exchange] = attrs.field(factory=list)

    def of(self, *methods: str) -> list[Exchange]:
        """The exchanges of these methods."""
        return [one for one in self.exchanges if one.method in methods]

    @property
    def invite(self) -> Exchange | None:
        """What began the call: the first INVITE without a To tag that got anywhere, or the first.

        After a challenge that is the one with the credentials.
        """
        first = [one for one in self.of("INVITE") if one.request.to_tag is None]
        return next((one for one in first if one.success), first[-1] if first else None)

    @property
    def in_dialog(self) -> list[Exchange]:
        """The exchanges after that, ACKs to a 2xx included."""
        invite = self.invite
        if invite is None or invite.success is None:
            return []
        since = invite.success.time
        return [
            one
            for one in self.exchanges
            if one.request.time >= since
            and one.method != "CANCEL"
            and one.request.wire.source.host
            in {invite.request.wire.source.host, invite.request.wire.destination.host}
            and (one.method != "INVITE" or one.request.to_tag is not None)
        ]


@attrs.define(eq=False)
class Story:
    """Everything that was seen."""

    events: list[Event]
    exchanges: list[Exchange]
    calls: list[Call]
    strays: list[Event]
    """Responses that no request was seen for."""

    unreadable: list[tuple[Wire, float, str]]
    """What is not SIP, when it was, and why not."""

    end: float
    """Seconds from the first record to the last."""

    wires: Sequence[Wire]
    names: Mapping[str | Address, str]

    def name(self, end: Address) -> str:
        """What to call an address."""
        return name_of(end, self.names)

    def sender(self, event: Event) -> str:
        """Who sent it."""
        return self.name(event.wire.source)

    def receiver(self, event: Event) -> str:
        """Whom it was sent to."""
        return self.name(event.wire.destination)


def same_sender(one: Event, other: Event) -> bool | None:
    """Whether the same side of a call sent both; ``None`` where that cannot be seen.

    A side is a host.  Where both sides are on one, as in tests on loopback, it is a port, and
    that tells nothing of connections, which leave from any.
    """
    mine, its = one.wire, other.wire
    if its.source.host != its.destination.host:
        return mine.source.host == its.source.host
    if its.source in (mine.source, mine.destination):
        return mine.source == its.source
    if its.destination in (mine.source, mine.destination):
        return mine.destination == its.destination
    return None


def read_story(wires: Iterable[Wire], names: Mapping[str | Address, str] | None = None) -> Story:
    """Read what was sent."""
    records = list(wires)
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
    strays: list[Event] = []
    known: dict[_Key, Exchange] = {}
    for event in events:
        key = _key(event)
        exchange = known.get(key)
        if isinstance(event.message, Response):
            if exchange is None:
                strays.append(event)
            else:
                exchange.responses.append(event)
        elif exchange is not None and exchange.request.cseq == event.cseq:
            exchange.requests.append(event)
        else:
            known[key] = made = Exchange([event])
            exchanges.append(made)
    return exchanges, strays
