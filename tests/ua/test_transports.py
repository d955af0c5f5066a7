"""Calls, texts and registrations over every transport, by IPv4 and by IPv6, in one run."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from trio_sip._errors import NoRoute, RequestRejected, RequestTimedOut, TransportFailed
from trio_sip.message import Uri
from trio_sip.sdp import SessionDescription
from trio_sip.services import MemoryLocation, Registrar
from trio_sip.stack import IncomingRequest, Stack, open_stack
from trio_sip.testing import CertificateAuthority, MakeSipPeer, MemoryNetwork, SipPeer, SipWorld
from trio_sip.transport import Address, Flow
from trio_sip.ua import IncomingCall, UserAgent, open_user_agent

ALL = ("UDP", "TCP", "TLS", "WS", "WSS")
OFFER = SessionDescription.audio(4000, "192.0.2.1", session_id=1)
FAILURES = (TransportFailed, RequestTimedOut, NoRoute, RequestRejected)
AOR = {"TLS": "sips:alice@example.com", "WSS": "sip:alice@example.com"}

Place = tuple[str, bool]


async def accept(call: IncomingCall) -> None:
    """Talk until the other side hangs up; browsers are hung up on."""
    await call.answer(OFFER)
    if call.request.message.from_.uri.user == "browser":
        call.hang_up()
    await call.wait_until_over()


@asynccontextmanager
async def open_bob(world: SipWorld, authority: CertificateAuthority) -> AsyncIterator[UserAgent]:
    """Bob, who is everywhere."""
    places = [world.place("bob"), world.place("bob", ipv6=True)]
    hosts = [place.address.host for place in places]
    async with (
        open_user_agent(
            f"sip:bob@{hosts[0]}",
            listen=[place.listen(one.lower()) for place in places for one in ALL],
            network=places[0].network,
            tls=authority.settings(*hosts),
            strict=True,
        ) as bob,
        trio.open_nursery() as nursery,
    ):
        await nursery.start(bob.serve_calls, accept)
        await nursery.start(bob.serve_messages, _take)
        yield bob
        nursery.cancel_scope.cancel()


async def _take(request: IncomingRequest) -> None:
    assert request.message.body == b"hello"


def uri_of(bob: UserAgent, transport: str, ipv6: bool) -> Uri:
    """Where he is by that transport."""
    (found,) = [
        one
        for one in bob.stack.listening
        if one.transport == transport and (":" in one.host) == ipv6
    ]
    address = Address(found.host, found.port)
    return Uri.parse(f"sip:bob@{address};transport={transport.lower()}")


def uri_of_peer(peer: SipPeer, transport: str) -> Uri:
    address = peer.addresses[transport]
    return Uri.parse(f"sip:{peer.name}@{address};transport={transport.lower()}")


@pytest.mark.sip(worlds=["simulator", "loopback"])
async def test_one_bob_is_called_by_and_calls_peers_on_all_transports_of_both_families(
    sip_world: SipWorld, sip_tls: CertificateAuthority, make_sip_peer: MakeSipPeer
) -> None:
    async def talk(transport: str, ipv6: bool) -> None:
        name = f"{transport.lower()}{6 if ipv6 else 4}"
        peer = make_sip_peer(name, ipv6=ipv6, transports=(transport,))
        call = await peer.invite(uri_of(bob, transport, ipv6))
        await call.bye()
        text = await peer.request(
            "MESSAGE", uri_of(bob, transport, ipv6), body="hello", content_type="text/plain"
        )
        await text.expect(200)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call_them, peer, transport)
            theirs = await peer.answer()
            await theirs.expect_bye()
        done[transport, ipv6] = {wire.transport for wire in peer.wires}

    async def call_them(peer: SipPeer, transport: str) -> None:
        async with bob.call(uri_of_peer(peer, transport), OFFER) as call:
            await call.answered()

    done: dict[Place, set[str]] = {}
    async with open_bob(sip_world, sip_tls) as bob:
        async with trio.open_nursery() as nursery:
            for transport in ALL:
                for ipv6 in (False, True):
                    nursery.start_soon(talk, transport, ipv6)
        assert {(one, six): {one} for one in ALL for six in (False, True)} == done


@pytest.mark.parametrize("transport", ["WS", "WSS"])
async def test_a_browser_is_called_back_over_the_connection_that_it_has_opened(
    transport: str,
    sip_world: SipWorld,
    sip_tls: CertificateAuthority,
    sip_network: MemoryNetwork,
    make_sip_peer: MakeSipPeer,
) -> None:
    peer = make_sip_peer("browser", transports=("UDP",))
    async with open_bob(sip_world, sip_tls) as bob:
        sent = await peer.request("INVITE", uri_of(bob, transport, False), body=peer.sdp)
        answer = await sent.final()
        await answer.ack()
        await peer.call_of(answer).expect_bye()

        assert "browser.invalid" == sent.request.via.host
        assert ["<sip:browser@browser.invalid;transport=ws>"] == sent.request.headers.get_all(
            "Contact"
        )
        assert {transport} == {wire.transport for wire in sip_network.wires}
        assert 1 == bob.stack.statistics().transport.connections


@asynccontextmanager
async def open_home(
    network: MemoryNetwork, authority: CertificateAuthority
) -> AsyncIterator[tuple[Stack, MemoryLocation]]:
    """A registrar for example.com that is there over everything."""
    network.alias("example.com", "registrar")
    host = network.host("registrar")
    location = MemoryLocation()
    async with open_stack(
        *(f"{one.lower()}://{host.addresses[0]}" for one in ALL),
        services=[Registrar(location, domains=("example.com",))],
        network=host,
        tls=authority.settings("sip:example.com"),
        strict=True,
    ) as stack:
        yield stack, location


REGISTRARS = {
    "TCP": "sip:example.com;transport=tcp",
    "TLS": "sips:example.com",
    "WS": "sip:example.com;transport=ws",
    "WSS": "sip:example.com;transport=wss",
}


@asynccontextmanager
async def open_alice(
    network: MemoryNetwork, authority: CertificateAuthority, transport: str, heard: list[bytes]
) -> AsyncIterator[UserAgent]:
    """Alice, who connects to a registrar and is not connected to."""

    async def hear(request: IncomingRequest) -> None:
        heard.append(request.message.body)

    async with (
        open_user_agent(
            "sips:alice@example.com" if transport == "TLS" else "sip:alice@example.com",
            outbound_proxy=REGISTRARS[transport],
            network=network.host("alice"),
            tls=authority.settings(),
            strict=True,
        ) as alice,
        trio.open_nursery() as nursery,
    ):
        await nursery.start(alice.serve_messages, hear)
        yield alice
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("transport", REGISTRARS)
async def test_who_has_registered_over_a_connection_is_reached_over_it(
    transport: str, sip_network: MemoryNetwork, sip_tls: CertificateAuthority
) -> None:
    heard: list[bytes] = []
    async with (
        open_home(sip_network, sip_tls) as (home, location),
        open_alice(sip_network, sip_tls, transport, heard) as alice,
        alice.register(registrar=REGISTRARS[transport]),
    ):
        scheme = "sips" if transport == "TLS" else "sip"
        (binding,) = await location.bindings(f"{scheme}:alice@example.com", trio.current_time())
        response = await home.send_request("MESSAGE", binding.contact, "hello")

        assert (200, [b"hello"]) == (response.status, heard)
        assert {transport} == {wire.transport for wire in sip_network.wires}
        assert 1 == home.statistics().transport.connections_accepted
        assert 0 == home.statistics().transport.connections_opened
        assert isinstance(binding.flow, Flow)
        assert transport == binding.flow.transport


@pytest.mark.sip(seeds=30, resets=0.05, jitter=0.02)
async def test_where_connections_break_again_and_again_nothing_is_left(
    sip_seed: int, sip_network: MemoryNetwork, sip_tls: CertificateAuthority
) -> None:
    transport = "TLS" if sip_seed % 2 else "WSS"
    heard: list[bytes] = []
    delivered = 0
    async with (
        open_home(sip_network, sip_tls) as (home, location),
        open_alice(sip_network, sip_tls, transport, heard) as alice,
    ):
        for _ in range(3):
            with contextlib.suppress(*FAILURES):
                async with alice.register(registrar=REGISTRARS[transport]):
                    for _ in range(3):
                        bindings = await location.bindings(AOR[transport], trio.current_time())
                        for binding in bindings:
                            with contextlib.suppress(*FAILURES):
                                await home.send_request("MESSAGE", binding.contact, "hello")
                                delivered += 1
                        await trio.sleep(10)
        await trio.sleep(200)
        assert 0 == home.statistics().handler_errors
        assert 0 == alice.stack.statistics().handler_errors
    assert 0 == sip_network.open_sockets
    assert delivered <= len(heard)
