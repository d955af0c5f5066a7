"""What was sent: messages with their times, the exchanges they form, and the calls.

It takes no side and believes nobody: what is seen may break every rule, so everything is matched
by as little as possible and nothing here raises.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import TypeVar

import attrs

from trio_sip._errors import RemoteProtocolError
from trio_sip.message import (
    VIA,
    CSeq,
    Field,
    ListField,
    NameAddr,
    Request,
    Response,
    Uri,
    Via,
)
from trio_sip.testing.recordings import Fate, Wire, name_of
from trio_sip.transport import Address

__all__ = ["Call", "Event", "Exchange", "Story", "is_private", "plain"]

T = TypeVar("T")
_ONLY_IN_DIALOGS = {"ACK", "BYE", "INFO", "PRACK", "UPDATE"}

_PRIVATE = [
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
                 "100.64.0.0/10", "fc00::/7", "fe80::/10")
]  # fmt: skip


def plain(host: str) -> str:
    """A host as addresses write it, without the brackets of IPv6."""
    return host.strip("[]").lower()


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
    def is_forwarded(self) -> bool:
        """Whether a proxy has sent this request on for somebody else, as its Vias tell."""
        return len(self.get_list(VIA)) > 1

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
    before: Exchange | None = None
    """The hop before this one, if it was seen: who received that request sent this one on."""

    onward: list[Exchange] = attrs.field(factory=list)
    """The hops after this one, as far as they were seen."""

    about: Exchange | None = None
    """Of a CANCEL, or the ACK of a failure: the INVITE with its branch."""

    @property
    def is_own(self) -> bool:
        """Whether who speaks in the dialog has sent it, and no proxy between."""
        return self.about is None and not self.request.is_forwarded

    @property
    def end(self) -> Exchange:
        """The last hop that was seen of it, where its success came from."""
        for one in self.onward:
            if one.success is not None:
                return one.end
        return self

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
        first = [
            one for one in self.of("INVITE") if one.request.to_tag is None and one.before is None
        ]
        return next((one for one in first if one.success), first[-1] if first else None)

    @property
    def in_dialog(self) -> list[Exchange]:
        """The exchanges after that, ACKs to a 2xx included, as their senders have sent them."""
        invite = self.invite
        if invite is None or invite.success is None:
            return []
        since = invite.success.time
        return [
            one
            for one in self.exchanges
            if one.request.time >= since
            and one.is_own
            and (one.method in _ONLY_IN_DIALOGS or one.request.to_tag is not None)
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
    _ways: set[tuple[str, str]] = attrs.field(init=False)
    """From which host to which anything was seen."""

    @_ways.default
    def _all_ways(self) -> set[tuple[str, str]]:
        return {(one.wire.source.host, one.wire.destination.host) for one in self.events}

    def is_seen_from(self, event: Event) -> bool:
        """Whether anything was seen of what its receiver has sent to its sender."""
        way = event.wire.destination.host, event.wire.source.host
        return way in self._ways

    def name(self, end: Address) -> str:
        """What to call an address."""
        return name_of(end, self.names)

    def sender(self, event: Event) -> str:
        """Who sent it."""
        return self.name(event.wire.source)

    def receiver(self, event: Event) -> str:
        """Whom it was sent to."""
        return self.name(event.wire.destination)
