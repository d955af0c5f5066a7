"""A user agent that goes while it has calls: they end first, wherever their tasks live."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

import pytest
import trio

from trio_sip.session import Side
from trio_sip.stack import IncomingRequest, Service
from trio_sip.testing import MemoryNetwork, every
from trio_sip.ua import OutgoingCall, UserAgent

from .calls import BOB, OFFER, agent, answer_and_wait, labels, nothing_is_left


def bob_of(network: MemoryNetwork) -> AbstractAsyncContextManager[UserAgent]:
    """Bob, at the second address, though he comes first."""
    network.host("alice")
    return agent(network, "bob")


async def test_calls_in_tasks_outside_of_the_block_of_their_user_agent_end_with_it(
    sip_network: MemoryNetwork,
) -> None:
    left: list[OutgoingCall] = []
    async with (
        trio.open_nursery() as outside,
        bob_of(sip_network) as bob,
        trio.open_nursery() as nursery,
    ):
        await nursery.start(bob.serve_calls, answer_and_wait)
        async with agent(sip_network, "alice") as alice:

            async def talk() -> None:
                async with alice.call(BOB, OFFER) as call:
                    await call.answered()
                    await trio.sleep_forever()
                left.append(call)

            outside.start_soon(talk)
            started = await alice.start_call(outside, BOB, OFFER)
            ringing = await alice.start_call(outside, BOB, OFFER)
            await started.answered()
            await trio.sleep(10)
            again = await alice.start_call(outside, BOB, OFFER)
            await trio.sleep(0.5)
        await trio.sleep(1)

        ends = [one.ended_by for one in (*left, started, ringing, again)]
        assert [Side.LOCAL] * 4 == ends
        assert (3, 1) == tuple(labels(sip_network).count(what) for what in ("BYE", "CANCEL"))
        await trio.sleep(130)
        nothing_is_left(bob)
        nursery.cancel_scope.cancel()


async def test_a_peer_that_is_gone_holds_the_end_of_a_user_agent_up_for_its_grace_alone(
    sip_network: MemoryNetwork,
) -> None:
    async with trio.open_nursery() as outside:
        async with agent(sip_network, "alice") as alice:
            async with agent(sip_network, "bob") as bob, trio.open_nursery() as nursery:
                await nursery.start(bob.serve_calls, answer_and_wait)
                call = await alice.start_call(outside, BOB, OFFER)
                await call.answered()
                sip_network.drop(every(method="BYE"))
                nursery.cancel_scope.cancel()
            begun = trio.current_time()

        assert call.ended_by is not None
        assert 9.0 > trio.current_time() - begun


class Bomb(Service):
    """What ends a strict stack."""

    name = "bomb"
    methods = frozenset({"PUBLISH"})

    async def on_request(self, request: IncomingRequest) -> bool:
        if request.method == "PUBLISH":
            raise ValueError("bang")
        return False


async def test_the_goodbyes_of_a_stack_that_has_failed_are_no_errors_of_their_own(
    sip_network: MemoryNetwork,
) -> None:
    async with bob_of(sip_network) as bob, trio.open_nursery() as nursery:
        await nursery.start(bob.serve_calls, answer_and_wait)
        with pytest.raises(ValueError, match="bang"):
            await _fail_with_calls(sip_network, bob, nursery)
        nursery.cancel_scope.cancel()


async def _fail_with_calls(network: MemoryNetwork, bob: UserAgent, nursery: trio.Nursery) -> None:
    async with agent(network, "alice") as alice, trio.open_nursery() as inner:
        alice.stack.register_service(Bomb())
        await inner.start(alice.serve_calls, answer_and_wait)

        async def talk(caller: UserAgent, target: str) -> None:
            async with caller.call(target, OFFER) as call:
                await call.answered()
                await trio.sleep_forever()

        inner.start_soon(talk, alice, BOB)
        nursery.start_soon(talk, bob, "sip:alice@192.0.2.1")
        await trio.sleep(3)
        with trio.move_on_after(1):
            await bob.send_request("PUBLISH", "sip:alice@192.0.2.1")
        await trio.sleep_forever()
