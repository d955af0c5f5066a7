"""Which servers a host has: RFC 3263, as a process that asks questions and is given answers.

`find_servers` is a generator.  It yields a `Query`, is sent the records that answer it (none, if
nobody knows), and returns the servers, best first; who asks, and whom, is not its business.

It rolls the dice that RFC 2782 wants among servers of equal priority with what is handed in.
"""

from __future__ import annotations

import enum
import itertools
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import NamedTuple

import attrs

from ._address import DEFAULT_PORT, Address, default_port

__all__ = [
    "NaptrRecord",
    "Query",
    "QueryKind",
    "Server",
    "SrvRecord",
    "find_servers",
    "order_services",
    "order_targets",
]

_MAX_TARGETS = 16
"""Names that are looked up for one request; a zone may have more, but a request may not wait for
hundreds of answers."""

_TRANSPORTS = {"SIP+D2U": "UDP", "SIP+D2T": "TCP", "SIPS+D2T": "TLS"}
# Where the service records of a transport are; RFC 3263 section 4.2, RFC 7118 section 5.3.
_SERVICES = {
    "UDP": "_sip._udp",
    "TCP": "_sip._tcp",
    "TLS": "_sips._tcp",
    "WS": "_sip._ws",
    "WSS": "_sips._ws",
}


@attrs.frozen
class NaptrRecord:
    """What a domain says about the transports it wants (RFC 3403)."""

    order: int
    """Lower ones come first, and higher ones are of no interest where a lower one fits."""

    preference: int
    """Lower ones come first among those of equal order."""

    flags: str
    """``s``: `replacement` is the name of SRV records.  Others are of no use to SIP."""

    service: str
    """``SIP+D2U``, ``SIP+D2T``, ``SIPS+D2T``, …"""

    replacement: str
    """Where to ask next."""


@attrs.frozen
class SrvRecord:
    """A server of a domain (RFC 2782)."""

    priority: int
    """Lower ones are tried first."""

    weight: int
    """Among equal priorities: how often it is to come first, in proportion."""

    port: int
    target: str
    """Its name; ``.`` means that the service is decidedly not available."""


class QueryKind(enum.Enum):
    """What is asked for."""

    NAPTR = "NAPTR"
    SRV = "SRV"
    ADDRESS = "A and AAAA"


@attrs.frozen
class Query:
    """A question: the *kind* of records that *name* has."""

    kind: QueryKind
    name: str
    port: int = DEFAULT_PORT
    """Of the addresses wanted."""

    transport: str = "UDP"
    """What the addresses are for."""


class Server(NamedTuple):
    """Somebody to send a request to.  It is also the pair that callers take apart."""

    transport: str | None
    """What it must be sent over; ``None``: UDP, or TCP if it is large."""

    address: Address


Records = Sequence[NaptrRecord | SrvRecord | Address]
Servers = Generator[Query, Records, list[Server]]


def find_servers(
    host: str,
    port: int | None,
    transport: str | None,
    *,
    supported: Sequence[str] = ("UDP", "TCP", "TLS"),
    secure: bool = False,
    dice: Callable[[], float],
) -> Servers:
    """Find the servers of *host*, a name.  RFC 3263 sections 4.1 and 4.2.

    Args:
      port: the one in the URI; then no service records are asked for.
      transport: the one in the URI.
      supported: ours, the most preferred first.
      secure: it is a SIPS URI, and TLS the only transport that will do.
      dice: numbers from 0 to 1, like `random.random`.

    Returns:
      The servers, best first; none, if the name leads nowhere.
    """
    if secure:
        supported = ("TLS",)
    if port is None:
        ways = yield from _ways(host, transport, supported)
        found, servers = False, []
        for way, name in ways[:_MAX_TARGETS]:
            records = yield Query(QueryKind.SRV, name)
            targets = [one for one in records if isinstance(one, SrvRecord)]
            found = found or bool(targets)
            # Without a word about it in the URI, UDP may become TCP for a large request.
            over = None if transport is None and way == "UDP" else way
            for target in itertools.islice(order_targets(targets, dice), _MAX_TARGETS):
                addresses = yield Query(QueryKind.ADDRESS, target.target, target.port, way)
                servers += _servers(over, addresses)
        if found:
            # Section 4.2: addresses of the domain itself only "If no SRV records were found".
            return servers
    if secure and transport is None:
        transport = "TLS"
    usual = default_port(transport)
    addresses = yield Query(QueryKind.ADDRESS, host, port or usual, transport or "UDP")
    return _servers(transport, addresses)


def _ways(
    host: str, transport: str | None, supported: Sequence[str]
) -> Generator[Query, Records, list[tuple[str, str]]]:
    """The transports to try, each with the name of its SRV records."""
    if transport is not None:
        return [(transport, _srv_name(host, transport))]
    records = yield Query(QueryKind.NAPTR, host)
    services = [one for one in records if isinstance(one, NaptrRecord)]
    ways = order_services(services, supported)
    # "If no NAPTR records are found, the client constructs SRV queries for those transport
    # protocols it supports, and does a query for each."  That of TLS is for SIPS URIs.
    plain = [one for one in supported if one != "TLS"]
    return ways or [(one, _srv_name(host, one)) for one in plain or supported]


def _srv_name(host: str, transport: str) -> str:
    return f"{_SERVICES.get(transport) or '_sip._' + transport.lower()}.{host}"


def _servers(transport: str | None, addresses: Records) -> list[Server]:
    return [Server(transport, one) for one in addresses if isinstance(one, Address)]


def order_services(
    records: Sequence[NaptrRecord], supported: Sequence[str]
) -> list[tuple[str, str]]:
    """The transports that a domain wants and we have, and where their SRV records are."""
    wanted = [
        one
        for one in sorted(records, key=lambda one: (one.order, one.preference))
        if one.flags.lower() == "s" and _TRANSPORTS.get(one.service.upper()) in supported
    ]
    # RFC 3403 section 4.1: once one of an order fits, those of a higher order are not considered.
    return [
        (_TRANSPORTS[one.service.upper()], one.replacement)
        for one in wanted
        if one.order == wanted[0].order
    ]


def order_targets(records: Sequence[SrvRecord], dice: Callable[[], float]) -> Iterator[SrvRecord]:
    """The servers in the order in which to try them.  RFC 2782, "Usage rules"."""
    available = [one for one in records if one.target not in {"", "."}]
    for priority in sorted({one.priority for one in available}):
        # "all those with weight 0 are placed at the beginning of the list", so that they have a
        # small chance of being chosen.
        rest = sorted((one for one in available if one.priority == priority), key=_has_weight)
        while rest:
            chosen = _choose(rest, dice())
            rest.remove(chosen)
            yield chosen


def _has_weight(record: SrvRecord) -> bool:
    return record.weight > 0


def _choose(records: Sequence[SrvRecord], lot: float) -> SrvRecord:
    """The first whose running sum of weights reaches a random number from 0 to their sum."""
    sums = itertools.accumulate(one.weight for one in records)
    wanted = lot * sum(one.weight for one in records)
    return next(
        (one for one, total in zip(records, sums, strict=True) if total >= wanted), records[-1]
    )
