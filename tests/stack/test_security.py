"""Security events, and the window in which strangers become suspects."""

from __future__ import annotations

import logging

import pytest
import trio

from trio_sip.stack import (
    AccessList,
    Endpoint,
    IncomingRequest,
    SecurityEvent,
    SecurityEventKind,
    StackSettings,
)
from trio_sip.stack._security import SecurityEvents, Suspects, SuspectSettings
from trio_sip.testing import MemoryNetwork
from trio_sip.transport import Address

from .realms import Realm, with_credentials
from .scene import Application, Knows, request, scene

KIND = SecurityEventKind


async def drained(events: trio.MemoryReceiveChannel[SecurityEvent]) -> list[SecurityEvent]:
    return [events.receive_nowait() for _ in range(events.statistics().current_buffer_used)]


async def test_what_happens_at_the_gate_is_told_with_reasons(
    caplog: pytest.LogCaptureFixture, sip_network: MemoryNetwork
) -> None:
    caplog.set_level(logging.DEBUG, "trio_sip.security")
    knows = Knows("alice")
    knows.endpoints["dave"] = Endpoint(name="dave", acl=AccessList(["198.51.100.0/24"]))
    async with scene(sip_network, Application()) as here, here.stack.security_events() as events:
        here.stack.register_endpoint_identifier(knows)
        here.stack.register_authenticator(Realm())
        challenge = await here.alice.ask(request())
        await here.alice.ask(with_credentials(request(cseq=2), challenge, password="wrong"))
        data = with_credentials(request(branch="2", cseq=4), challenge)
        await here.alice.ask(data)
        await here.alice.ask(request(branch="3", cseq=6, from_="sip:dave@example.com"))
        await here.alice.ask(request(branch="4", cseq=7, from_="sip:zoe@example.com"))
        await here.alice.ask(request("WARP", branch="5", cseq=8))
        told = await drained(events)
        counts = here.stack.statistics().security_events

    source = "192.0.2.1:5060"
    assert [
        f"{source} challenge sent: OPTIONS as 'alice' (no credentials)",
        f"{source} authentication failed: OPTIONS as 'alice' (wrong response)",
        f"{source} authenticated: OPTIONS as 'alice'",
        f"{source} address not permitted: OPTIONS as 'dave'",
        f"{source} challenge sent: OPTIONS as 'artificial' (no credentials)",
        f"{source} no matching endpoint: OPTIONS as 'unknown'",
        f"{source} challenge sent: OPTIONS as 'artificial' (no credentials)",
        f"{source} request not supported: WARP as 'unknown'",
    ] == [str(event) for event in told]
    assert [str(event) for event in told] == [
        record.message for record in caplog.records if record.name == "trio_sip.security"
    ]
    assert {
        "challenge sent": 3,
        "authentication failed": 1,
        "authenticated": 1,
        "address not permitted": 1,
        "no matching endpoint": 1,
        "request not supported": 1,
    } == counts


async def test_only_suspicious_events_are_warnings(
    caplog: pytest.LogCaptureFixture, sip_network: MemoryNetwork
) -> None:
    caplog.set_level(logging.INFO, "trio_sip.security")
    async with scene(sip_network, Application()) as here:
        here.stack.register_endpoint_identifier(Knows("alice"))
        here.stack.register_authenticator(Realm())
        challenge = await here.alice.ask(request())
        await here.alice.ask(with_credentials(request(), challenge, password="wrong"))
        assert 1 == here.stack.statistics().security_events["challenge sent"], (
            "counted all the same"
        )

    assert ["192.0.2.1:5060 authentication failed: OPTIONS as 'alice' (wrong response)"] == [
        record.message for record in caplog.records if record.name == "trio_sip.security"
    ]


async def test_a_log_line_holds_nothing_that_a_stranger_wrote(
    caplog: pytest.LogCaptureFixture, sip_network: MemoryNetwork
) -> None:
    async with scene(sip_network, Application()) as here:
        here.stack.register_endpoint_identifier(Knows("alice"))
        await here.alice.ask(request(from_="sip:evil-name@example.com"))

    assert [] == [record for record in caplog.records if "evil" in record.message]
    assert caplog.records


async def test_overload_is_told(sip_network: MemoryNetwork) -> None:
    async def defer(incoming: IncomingRequest) -> None:
        incoming.defer()

    settings = StackSettings(unanswered_limit=1)
    async with (
        scene(sip_network, Application(defer), settings=settings) as here,
        here.stack.security_events() as events,
    ):
        here.alice.send(request("MESSAGE"))
        await trio.sleep(0.1)
        here.alice.send(request("MESSAGE", branch="2", call_id="c2"))
        await trio.sleep(0.1)

        assert [KIND.OVERLOAD] == [event.kind for event in await drained(events)]


async def test_requests_that_nobody_serves_are_told(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network) as here, here.stack.security_events() as events:
        await here.alice.ask(request())

        (event,) = await drained(events)
        assert (KIND.NOT_SUPPORTED, "OPTIONS", "anonymous") == (
            event.kind,
            event.method,
            event.endpoint,
        )


def event(number: int) -> SecurityEvent:
    return SecurityEvent(
        kind=KIND.ACCESS_DENIED,
        source=Address("192.0.2.1", number),
        method="OPTIONS",
        endpoint="alice",
    )


async def test_a_listener_that_is_slow_misses_events_and_nobody_waits_for_it() -> None:
    events = SecurityEvents()
    async with events.listen() as slow, events.listen() as quick:
        for number in range(1001):
            events.tell(event(number))
            quick.receive_nowait()

        assert 1 == events.missed
        assert 1000 == slow.statistics().current_buffer_used
    events.tell(event(1))
    assert 1002 == events.counts[KIND.ACCESS_DENIED]


def test_the_longest_silent_suspect_gives_way_to_new_ones() -> None:
    suspects = Suspects(SuspectSettings(count=2, capacity=3))
    for number in range(4):
        assert 0 == suspects.miss(f"host{number}", number)

    assert 3 == len(suspects)
    assert 0 == suspects.miss("host0", 4.0), "it was forgotten"
    assert 2 == suspects.miss("host3", 5.0)
