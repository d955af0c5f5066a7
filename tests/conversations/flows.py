"""The session flows of RFC 3665, section 3, between user agents and proxies.

The proxies are written for these conversations (see `Proxy`).  Who has a name in the RFC has an
address here; everything else is as it is drawn there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import trio

from tests.ua.calls import OFFER, agent, nothing_is_left
from trio_sip._errors import CallRejected
from trio_sip.testing import MemoryNetwork
from trio_sip.transport import Address, SrvRecord
from trio_sip.ua import CallHandler, IncomingCall, OutgoingCall, UserAgent, open_user_agent

from .golden import Conversation, by_name
from .proxies import Proxy

__all__ = ["FLOWS"]

BOB = "sip:bob@biloxi.example.com"
_BOBS_PHONE = "sip:bob@192.0.2.2"
_ATLANTA = "atlanta.example.com"
_PASSWORD = "wonderland"


async def answer_and_stay(call: IncomingCall) -> None:
    """Ring, answer, and wait until they hang up."""
    await call.ring()
    await trio.sleep(1)
    await call.answer(OFFER)
    await trio.sleep_forever()


async def answer_and_leave(call: IncomingCall) -> None:
    """Ring, answer, talk for a while and say goodbye."""
    await call.ring()
    await trio.sleep(1)
    await call.answer(OFFER)
    await trio.sleep(5)


async def take_at_once(call: IncomingCall) -> None:
    await call.answer(OFFER)
    await trio.sleep(5)


# Any: what `Proxy.open` takes.
@asynccontextmanager
async def by_way_of(
    network: MemoryNetwork, handler: CallHandler, *proxies: dict[str, Any]
) -> AsyncIterator[UserAgent]:
    """Alice, and so many proxies on her way to Bob; when it is over, nothing may be left."""
    network.host("alice")
    network.host("bob")
    hops = [
        f"sip:{network.host(f'proxy{number}').addresses[0]}" for number, _ in enumerate(proxies, 1)
    ]
    async with AsyncExitStack() as stack:
        for number, given in enumerate(proxies, 1):
            way = [*hops, _BOBS_PHONE][number]
            ways = {"biloxi.example.com": (way,), "chicago.example.com": (way,)}
            await stack.enter_async_context(
                Proxy.open(network, f"proxy{number}", ways=ways, **given)
            )
        alice = await stack.enter_async_context(
            agent(network, "alice", outbound_proxy=tuple(hops[:1]), password=_PASSWORD)
        )
        bob = await stack.enter_async_context(agent(network, "bob"))
        async with trio.open_nursery() as nursery:
            await nursery.start(bob.serve_calls, handler)
            try:
                yield alice
            finally:
                with trio.CancelScope(shield=True):
                    await trio.sleep(130)
                nothing_is_left(alice, bob)
                nursery.cancel_scope.cancel()


def without_route(alice: UserAgent) -> AbstractAsyncContextManager[UserAgent]:
    """Alice, who finds the way by herself."""
    return open_user_agent("sip:alice@atlanta.example.com", stack=alice.stack)


async def talk(call: OutgoingCall) -> None:
    """Until they hang up; on a bad network one may have to give up sooner or later."""
    with trio.move_on_after(300):
        await call.answered()
        await trio.sleep_forever()


async def rfc3665_3_1_successful_session_establishment(network: MemoryNetwork) -> None:
    """Successful session establishment."""
    async with (
        by_way_of(network, answer_and_leave) as alice,
        alice.call(_BOBS_PHONE, OFFER) as call,
    ):
        await talk(call)


async def rfc3665_3_2_session_establishment_through_two_proxies(network: MemoryNetwork) -> None:
    """Session establishment through two proxies, the first of which wants to know who calls."""
    async with (
        by_way_of(network, answer_and_leave, {"realm": _ATLANTA}, {}) as alice,
        alice.call(BOB, OFFER) as call,
    ):
        await talk(call)


async def rfc3665_3_3_session_with_multiple_proxy_authentication(network: MemoryNetwork) -> None:
    """Session with multiple proxy authentication."""
    realms = ({"realm": _ATLANTA}, {"realm": "biloxi.example.com"})
    async with (
        by_way_of(network, take_at_once, *realms) as alice,
        alice.call(BOB, OFFER) as call,
    ):
        await talk(call)


async def rfc3665_3_4_successful_session_with_proxy_failure(network: MemoryNetwork) -> None:
    """Successful session with proxy failure: the domain has two, and the first says nothing."""
    network.host("alice")
    network.host("bob")
    silent = network.host("silent")
    socket = silent.bind_datagrams(Address(silent.addresses[0], 5060))
    network.alias("ss1.atlanta.example.com", "silent")
    network.alias("ss2.atlanta.example.com", "proxy1")
    for number in (1, 2):
        server = SrvRecord(number, 1, 5060, f"ss{number}.atlanta.example.com")
        network.add_records("_sip._udp.atlanta.example.com", server)
    async with (
        by_way_of(network, answer_and_leave, {"realm": _ATLANTA, "domain": _ATLANTA}) as alice,
        open_user_agent(
            "sip:alice@atlanta.example.com",
            stack=alice.stack,
            outbound_proxy="sip:atlanta.example.com",
            password=_PASSWORD,
        ) as user_agent,
        user_agent.call(BOB, OFFER) as call,
    ):
        await talk(call)
    socket.close()


async def rfc3665_3_5_session_through_a_sip_alg(network: MemoryNetwork) -> None:
    """Session through a SIP ALG, which changes where media goes, and a proxy."""

    def relay(body: bytes) -> bytes:
        return body.replace(b"192.0.2.1\r", b"192.0.2.103\r")

    async with (
        by_way_of(network, answer_and_stay, {"edit": relay}, {"record_route": False}) as alice,
        alice.call(BOB, OFFER) as call,
    ):
        with trio.move_on_after(300):
            await call.answered()
            await trio.sleep(5)


async def rfc3665_3_6_session_via_redirect_and_proxy_servers_with_sdp_in_ack(
    network: MemoryNetwork,
) -> None:
    """Session via redirect and proxy servers, with the session description in the ACK."""

    async def redirect(call: IncomingCall) -> None:
        await call.redirect(["<sip:bob@chicago.example.com>"])

    network.alias("biloxi.example.com", "redirect")
    network.alias("chicago.example.com", "proxy1")
    async with (
        by_way_of(network, answer_and_leave, {}) as alice,
        agent(network, "redirect", listen=("udp",)) as server,
        trio.open_nursery() as nursery,
    ):
        await nursery.start(server.serve_calls, redirect)
        async with (
            without_route(alice) as user_agent,
            user_agent.call(BOB, redirections=1) as call,
        ):
            with trio.move_on_after(300):
                theirs = (await call.answered()).sdp
                assert theirs is not None
                call.acknowledge(theirs.answer(4000, host=call.host))
                await trio.sleep_forever()
        await trio.sleep(130)
        nothing_is_left(server)
        nursery.cancel_scope.cancel()


async def rfc3665_3_7_session_with_re_invite(network: MemoryNetwork) -> None:
    """Session with a re-INVITE: Bob has another address, and so have his media."""

    async def move(call: IncomingCall) -> None:
        await call.ring()
        await trio.sleep(1)
        await call.answer(OFFER)
        await trio.sleep(1)
        moved = bytes(OFFER).replace(b"192.0.2.1", b"192.0.2.22")
        await call.reinvite(moved, headers=[("Contact", "<sip:bob@192.0.2.22>")])
        await trio.sleep_forever()

    network.host("alice")
    network.host("bob", "192.0.2.2", "192.0.2.22")
    network.host("bob", "192.0.2.2", "192.0.2.22")
    network.alias("biloxi.example.com", "proxy1")
    async with (
        by_way_of(network, move, {"record_route": False}) as alice,
        without_route(alice) as user_agent,
        user_agent.call(BOB, OFFER) as call,
    ):
        with trio.move_on_after(300):
            await call.answered()
            await trio.sleep(5)


async def rfc3665_3_8_unsuccessful_no_answer(network: MemoryNetwork) -> None:
    """Unsuccessful: no answer."""

    async def ring(call: IncomingCall) -> None:
        await call.ring()
        await trio.sleep_forever()

    async with by_way_of(network, ring, {}, {}) as alice:
        with trio.move_on_after(5):
            async with alice.call(BOB, OFFER) as call:
                await call.answered()


async def refused(network: MemoryNetwork, handler: CallHandler) -> None:
    async with by_way_of(network, handler, {}, {}) as alice:
        with suppress(CallRejected), trio.move_on_after(300):
            async with alice.call(BOB, OFFER) as call:
                await call.answered()


async def rfc3665_3_9_unsuccessful_busy(network: MemoryNetwork) -> None:
    """Unsuccessful: busy."""

    async def refuse(call: IncomingCall) -> None:
        await call.reject(486)

    await refused(network, refuse)


async def rfc3665_3_10_unsuccessful_no_response_from_user_agent(network: MemoryNetwork) -> None:
    """Unsuccessful: no response from the user agent."""
    network.host("alice")
    phone = Address(network.host("bob").addresses[0], 5060)
    network.host("proxy1")
    network.host("proxy2")
    silent = network.host("bob").bind_datagrams(Address(phone.host, 5070))
    ways = {"biloxi.example.com": (f"{_BOBS_PHONE}:5070",)}
    async with (
        Proxy.open(network, "proxy1", ways={"biloxi.example.com": ("sip:192.0.2.4",)}) as proxy,
        Proxy.open(network, "proxy2", ways=ways),
        agent(network, "alice", outbound_proxy=(proxy.uri,)) as alice,
    ):
        with suppress(CallRejected), trio.move_on_after(300):
            async with alice.call(BOB, OFFER) as call:
                await call.answered()
        await trio.sleep(130)
        nothing_is_left(alice)
    silent.close()


async def rfc3665_3_11_unsuccessful_temporarily_unavailable(network: MemoryNetwork) -> None:
    """Unsuccessful: temporarily unavailable."""

    async def ring_in_vain(call: IncomingCall) -> None:
        await call.ring()
        await trio.sleep(1)
        await call.reject(480)

    await refused(network, ring_in_vain)


FLOWS: Mapping[str, Conversation] = by_name(
    rfc3665_3_1_successful_session_establishment,
    rfc3665_3_2_session_establishment_through_two_proxies,
    rfc3665_3_3_session_with_multiple_proxy_authentication,
    rfc3665_3_4_successful_session_with_proxy_failure,
    rfc3665_3_5_session_through_a_sip_alg,
    rfc3665_3_6_session_via_redirect_and_proxy_servers_with_sdp_in_ack,
    rfc3665_3_7_session_with_re_invite,
    rfc3665_3_8_unsuccessful_no_answer,
    rfc3665_3_9_unsuccessful_busy,
    rfc3665_3_10_unsuccessful_no_response_from_user_agent,
    rfc3665_3_11_unsuccessful_temporarily_unavailable,
)
