"""RFC 3263 and RFC 2782 as data: questions, answers and dice in, servers out."""

from __future__ import annotations

import collections
import random
from collections.abc import Mapping, Sequence

import pytest

from trio_sip.transport import (
    Address,
    NaptrRecord,
    Query,
    QueryKind,
    Server,
    SrvRecord,
    find_servers,
)
from trio_sip.transport._resolver import order_services, order_targets

ONE, TWO, THREE = (f"192.0.2.{number}" for number in (1, 2, 3))
Zone = Mapping[str, Sequence[NaptrRecord | SrvRecord]]

NAPTR = [
    NaptrRecord(50, 50, "s", "SIPS+D2T", "_sips._tcp.example.com"),
    NaptrRecord(90, 50, "S", "SIP+D2T", "_sip._tcp.example.com"),
    NaptrRecord(100, 50, "s", "SIP+D2U", "_sip._udp.example.com"),
]
"""The example of RFC 3263 section 4.1."""


def find(
    zone: Zone,
    hosts: Mapping[str, str],
    *,
    port: int | None = None,
    transport: str | None = None,
    asked: list[str] | None = None,
    supported: Sequence[str] = ("UDP", "TCP", "TLS"),
    secure: bool = False,
) -> list[Server]:
    """The servers of example.com in a world with this zone and these hosts."""
    process = find_servers(
        "example.com", port, transport, supported=supported, secure=secure, dice=lambda: 0.0
    )
    answer: list[NaptrRecord] | list[SrvRecord] | list[Address] | None = None
    while True:
        try:
            query = next(process) if answer is None else process.send(answer)
        except StopIteration as end:
            found: list[Server] = end.value
            return found
        if asked is not None:
            asked.append(f"{query.kind.value} {query.name}")
        answer = reply(query, zone, hosts)


def reply(
    query: Query, zone: Zone, hosts: Mapping[str, str]
) -> list[NaptrRecord] | list[SrvRecord] | list[Address]:
    records = zone.get(query.name, ())
    match query.kind:
        case QueryKind.NAPTR:
            return [one for one in records if isinstance(one, NaptrRecord)]
        case QueryKind.SRV:
            return [one for one in records if isinstance(one, SrvRecord)]
        case QueryKind.ADDRESS:
            return [Address(hosts[query.name], query.port)] if query.name in hosts else []


def test_naptr_chooses_the_transport_srv_the_server_and_a_the_address() -> None:
    asked: list[str] = []
    zone: Zone = {
        "example.com": NAPTR,
        "_sip._tcp.example.com": [
            SrvRecord(0, 2, 5060, "server2.example.com"),
            SrvRecord(0, 1, 5070, "server1.example.com"),
        ],
    }
    hosts = {"server1.example.com": ONE, "server2.example.com": TWO}
    found = find(zone, hosts, asked=asked, supported=("UDP", "TCP"))

    assert [("TCP", (TWO, 5060)), ("TCP", (ONE, 5070))] == found
    assert [
        "NAPTR example.com",
        "SRV _sip._tcp.example.com",
        "A and AAAA server2.example.com",
        "A and AAAA server1.example.com",
    ] == asked


SIPS = [SrvRecord(0, 0, 5071, "s.example.com")]


def test_tls_is_taken_where_the_domain_prefers_it() -> None:
    zone: Zone = {"example.com": NAPTR, "_sips._tcp.example.com": SIPS}

    assert [("TLS", (ONE, 5071))] == find(zone, {"s.example.com": ONE})


@pytest.mark.parametrize(("secure", "transport"), [(True, None), (True, "TLS"), (False, "TLS")])
def test_tls_has_service_records_of_its_own(secure: bool, transport: str | None) -> None:
    zone: Zone = {
        "_sips._tcp.example.com": SIPS,
        "_sip._udp.example.com": [SrvRecord(0, 0, 5062, "u.example.com")],
        "_sip._tcp.example.com": [SrvRecord(0, 0, 5063, "u.example.com")],
    }
    hosts = {"s.example.com": ONE, "u.example.com": TWO}

    assert [("TLS", (ONE, 5071))] == find(zone, hosts, secure=secure, transport=transport)


@pytest.mark.parametrize(
    ("transport", "name"), [("WS", "_sip._ws.example.com"), ("WSS", "_sips._ws.example.com")]
)
def test_websockets_have_service_records_of_their_own(transport: str, name: str) -> None:
    zone: Zone = {name: [SrvRecord(0, 0, 8443, "w.example.com")]}

    assert [(transport, (ONE, 8443))] == find(zone, {"w.example.com": ONE}, transport=transport)


def test_a_sips_uri_takes_nothing_but_tls_of_what_a_domain_offers() -> None:
    zone: Zone = {
        "example.com": NAPTR[1:],
        "_sip._tcp.example.com": [SrvRecord(0, 0, 5063, "t.example.com")],
    }

    assert [("TLS", (TWO, 5061))] == find(
        zone, {"t.example.com": ONE, "example.com": TWO}, secure=True
    )
    assert [("TLS", (TWO, 5099))] == find({}, {"example.com": TWO}, port=5099, secure=True)


def test_without_naptr_each_transport_that_we_have_is_asked_for() -> None:
    zone: Zone = {
        "_sip._udp.example.com": [SrvRecord(0, 0, 5062, "u.example.com")],
        "_sip._tcp.example.com": [SrvRecord(0, 0, 5063, "t.example.com")],
    }

    assert [(None, (ONE, 5062)), ("TCP", (TWO, 5063))] == find(
        zone, {"u.example.com": ONE, "t.example.com": TWO}
    ), "and a large request may leave UDP for TCP, since nobody insists on it"


def test_without_any_records_it_is_the_host_itself_at_the_default_port() -> None:
    asked: list[str] = []

    assert [(None, (ONE, 5060))] == find({}, {"example.com": ONE}, asked=asked)
    assert [
        "NAPTR example.com",
        "SRV _sip._udp.example.com",
        "SRV _sip._tcp.example.com",
        "A and AAAA example.com",
    ] == asked


def test_a_port_in_the_uri_leaves_nothing_to_ask_but_the_address() -> None:
    asked: list[str] = []
    zone: Zone = {"example.com": NAPTR}

    assert [(None, (ONE, 5099))] == find(zone, {"example.com": ONE}, port=5099, asked=asked)
    assert [("TCP", (ONE, 5099))] == find({}, {"example.com": ONE}, port=5099, transport="TCP")
    assert ["A and AAAA example.com"] == asked


def test_a_transport_in_the_uri_is_asked_for_and_no_other() -> None:
    asked: list[str] = []
    zone: Zone = {
        "example.com": NAPTR,
        "_sip._udp.example.com": [SrvRecord(0, 0, 5062, "u.example.com")],
    }

    assert [("UDP", (ONE, 5062))] == find(
        zone, {"u.example.com": ONE}, transport="UDP", asked=asked
    )
    assert ["SRV _sip._udp.example.com", "A and AAAA u.example.com"] == asked


def test_a_server_without_an_address_is_left_out() -> None:
    zone: Zone = {
        "_sip._udp.example.com": [
            SrvRecord(0, 0, 5062, "gone.example.com"),
            SrvRecord(1, 0, 5063, "here.example.com"),
        ]
    }

    assert [(None, (ONE, 5063))] == find(zone, {"here.example.com": ONE, "example.com": TWO})


@pytest.mark.parametrize("target", [".", "gone.example.com"])
def test_where_there_are_srv_records_the_host_itself_is_no_server(target: str) -> None:
    zone: Zone = {"_sip._udp.example.com": [SrvRecord(0, 0, 5062, target)]}

    assert [] == find(zone, {"example.com": ONE})


def test_a_zone_of_a_thousand_servers_makes_nobody_wait_for_all_of_them() -> None:
    asked: list[str] = []
    records = [SrvRecord(number, 0, 5060, f"s{number}.example.com") for number in range(1000)]
    find({"_sip._udp.example.com": records}, {}, transport="UDP", asked=asked)

    assert 1 + 16 == len(asked)


# -- NAPTR


def test_a_service_we_do_not_have_is_passed_over() -> None:
    assert [("TCP", "_sip._tcp.example.com")] == order_services(NAPTR, ["UDP", "TCP"])
    assert [("UDP", "_sip._udp.example.com")] == order_services(NAPTR, ["UDP"])
    assert [] == order_services(NAPTR, ["SCTP"])


def test_within_an_order_the_preference_decides() -> None:
    records = [
        NaptrRecord(10, 2, "s", "SIP+D2U", "u"),
        NaptrRecord(10, 1, "s", "sip+d2t", "t"),
        NaptrRecord(11, 0, "s", "SIP+D2U", "later"),
        NaptrRecord(1, 0, "u", "SIP+D2U", "not for us"),
        NaptrRecord(1, 0, "s", "E2U+sip", "not for us"),
    ]

    assert [("TCP", "t"), ("UDP", "u")] == order_services(records, ["UDP", "TCP"])


# -- SRV


def test_a_lower_priority_comes_first_whatever_its_weight() -> None:
    records = [SrvRecord(2, 65535, 1, "b"), SrvRecord(1, 0, 1, "a"), SrvRecord(2, 0, 1, "c")]

    assert ["a", "c", "b"] == [one.target for one in order_targets(records, lambda: 0.0)]
    assert ["a", "b", "c"] == [one.target for one in order_targets(records, lambda: 1.0)]


def test_weights_are_shares_of_being_first() -> None:
    records = [SrvRecord(0, weight, 1, str(weight)) for weight in (10, 30, 60, 0)]
    dice = random.Random(1)
    firsts = collections.Counter(
        next(order_targets(records, dice.random)).target for _ in range(10_000)
    )

    assert firsts["10"] == pytest.approx(1000, abs=100)
    assert firsts["30"] == pytest.approx(3000, abs=150)
    assert firsts["60"] == pytest.approx(6000, abs=150)


@pytest.mark.parametrize("lot", [0.0, 0.3, 0.5, 0.999, 1.0])
def test_every_server_comes_once(lot: float) -> None:
    records = [SrvRecord(0, weight, 1, str(weight)) for weight in (5, 0, 1, 7)]

    assert ["0", "1", "5", "7"] == sorted(one.target for one in order_targets(records, lambda: lot))
