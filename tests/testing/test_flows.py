"""Legal call flows, performed with a user agent of ours: none of them leaves anything behind."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from hypothesis import given, settings

from tests.ua.calls import OFFER, agent, nothing_is_left
from trio_sip.testing import FindingKind, MemoryNetwork, SipPeer, explain
from trio_sip.testing.strategies import CallFlow, CallStep, legal_call_flows
from trio_sip.ua import IncomingCall


async def take(call: IncomingCall) -> None:
    await call.ring()
    await trio.sleep(0.2)
    await call.answer(OFFER if call.offer is None else call.offer.answer(5000))
    await trio.sleep_forever()


async def perform(flow: CallFlow) -> list[str]:
    """What `explain` finds fault with, after all is over."""
    with trio.fail_after(3600):
        async with (
            MemoryNetwork.open(seed=1) as network,
            agent(network, "bob") as bob,
            trio.open_nursery() as nursery,
        ):
            host = network.host("alice")
            peer = SipPeer(host, host.addresses[0], name="alice", profile=flow.profile)
            await nursery.start(peer.run)
            await nursery.start(bob.serve_calls, take)
            await flow.perform(peer, bob.uri)
            await trio.sleep(70)
            peer.check_nothing_is_left()
            nothing_is_left(bob)
            nursery.cancel_scope.cancel()
    found = explain(network.wires, network.names())
    return [str(one) for one in found if one.kind is FindingKind.FAULT]


@given(flow=legal_call_flows())
@settings(max_examples=25)
def test_a_legal_call_leaves_nothing_and_nobody_is_to_blame(flow: CallFlow) -> None:
    clock = trio.testing.MockClock(autojump_threshold=0)

    assert [] == trio.run(perform, flow, clock=clock)


@pytest.mark.parametrize("last", [CallStep.CANCEL, CallStep.BYE])
def test_a_flow_begins_with_invite_and_ends(last: CallStep) -> None:
    from hypothesis import find

    flow = find(legal_call_flows(), lambda one: one.steps[-1] is last)

    assert flow.steps[0].name.startswith("INVITE")
    assert last.value in str(flow)
