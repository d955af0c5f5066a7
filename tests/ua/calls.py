"""Two user agents on a network in memory, and what must be gone when they have parted."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from trio_sip.sdp import SessionDescription
from trio_sip.session import SessionSettings
from trio_sip.stack import StackSettings, Tokens
from trio_sip.testing import MakeSipPeer, MemoryNetwork, SipPeer
from trio_sip.ua import CallHandler, IncomingCall, UserAgent, open_user_agent

ALICE = "sip:alice@192.0.2.1"
BOB = "sip:bob@192.0.2.2"
OFFER = SessionDescription.audio(4000, "192.0.2.1", session_id=1)

on_terrible_networks = pytest.mark.sip(
    seeds=30, loss=0.3, duplication=0.05, reordering=0.1, jitter=0.03, deadline=86400
)
"""Thirty of them, which lose a third of everything."""

_LONGEST = 32.0


@asynccontextmanager
async def agent(
    network: MemoryNetwork,
    name: str,
    *,
    call_settings: SessionSettings | None = None,
    strict: bool = True,
    outbound_proxy: tuple[str, ...] = (),
    password: str | None = None,
    listen: tuple[str, ...] = ("udp", "tcp"),
    settings: StackSettings | None = None,
) -> AsyncIterator[UserAgent]:
    """The user agent of that name, on the host of that name."""
    host = network.host(name)
    address = host.addresses[0]
    async with open_user_agent(
        f"sip:{name}@{address}",
        listen=[f"{transport}://{address}:5060" for transport in listen],
        network=host,
        strict=strict,
        tokens=Tokens.sequential(name),
        call_settings=call_settings,
        outbound_proxy=outbound_proxy,
        password=password,
        settings=settings,
    ) as user_agent:
        user_agent.calls.dice = random.Random(name)
        yield user_agent


def nothing_is_left(*agents: UserAgent) -> None:
    """Assert that no call has left anything behind."""
    for user_agent in agents:
        statistics = user_agent.stack.statistics()
        transactions = statistics.transactions
        assert (0, 0) == (transactions.clients, transactions.servers)
        assert (0, 0, 0) == (statistics.unanswered, statistics.works.open, statistics.dialogs)
        assert (0, 0) == (len(user_agent.calls), statistics.reminders)


@asynccontextmanager
async def alice_and_bob(
    network: MemoryNetwork,
    handler: CallHandler | None = None,
    *,
    call_settings: SessionSettings | None = None,
    strict: bool = True,
) -> AsyncIterator[tuple[UserAgent, UserAgent]]:
    """Both of them; Bob's calls go to *handler*.  Afterwards nothing may be left."""
    async with (
        agent(network, "alice", call_settings=call_settings, strict=strict) as alice,
        agent(network, "bob", call_settings=call_settings, strict=strict) as bob,
        trio.open_nursery() as nursery,
    ):
        if handler is not None:
            await nursery.start(bob.serve_calls, handler)
        try:
            yield alice, bob
        finally:
            # Twice 64*T1, for what begins its goodbye when the other has given up, and twice
            # for what remembers copies.
            with trio.CancelScope(shield=True):
                await trio.sleep(4 * _LONGEST)
            nothing_is_left(alice, bob)
            nursery.cancel_scope.cancel()


@asynccontextmanager
async def alice_and_peer(
    network: MemoryNetwork,
    make_sip_peer: MakeSipPeer,
    *,
    profile: str = "plain",
    call_settings: SessionSettings | None = None,
    password: str | None = None,
    outbound_proxy: tuple[str, ...] = (),
) -> AsyncIterator[tuple[UserAgent, SipPeer, trio.Nursery]]:
    """Alice, who is ours, and Bob, who follows a script.  Afterwards nothing may be left of hers."""
    async with (
        agent(
            network,
            "alice",
            call_settings=call_settings,
            password=password,
            outbound_proxy=outbound_proxy,
        ) as alice,
        trio.open_nursery() as nursery,
    ):
        yield alice, make_sip_peer("bob", profile=profile), nursery
        await trio.sleep(4 * _LONGEST)
        nothing_is_left(alice)
        nursery.cancel_scope.cancel()


def labels(network: MemoryNetwork) -> list[str]:
    """What was sent, in order: ``INVITE``, ``180 (INVITE)``, …"""
    return [wire.label.text for wire in network.wires]


async def answer_and_wait(call: IncomingCall) -> None:
    """Ring for a second, and then talk until they hang up."""
    await call.ring()
    await trio.sleep(1)
    assert call.offer is not None
    await call.answer(call.offer.answer(5000))
    await trio.sleep_forever()
