"""`explain` of calls between real user agents, on networks that are good, bad, and behind NAT."""

from __future__ import annotations

import pytest
import trio

from tests.ua.calls import OFFER, agent
from tests.ua.test_call_conversations import TALKS, Talk
from trio_sip._errors import SipError
from trio_sip.stack import StackSettings
from trio_sip.testing import FindingKind, MemoryNetwork, NatKind, explain
from trio_sip.ua import IncomingCall


@pytest.mark.parametrize("talk", TALKS)
@pytest.mark.parametrize("loss", [0.0, pytest.param(0.2, marks=pytest.mark.sip(loss=0.2))], ids=str)
@pytest.mark.sip(seed=2)
async def test_nobody_is_blamed_for_a_call_that_goes_as_it_should(
    talk: Talk, loss: float, sip_network: MemoryNetwork
) -> None:
    try:
        await talk(sip_network)
    except SipError:
        pytest.skip("this seed has lost too much")
    found = explain(sip_network.wires, sip_network.names())

    assert [] == [str(one) for one in found if one.kind is FindingKind.FAULT]


async def answer_and_hang_up(call: IncomingCall) -> None:
    assert call.offer is not None
    await call.answer(call.offer.answer(5000))
    await trio.sleep(2)


async def test_by_the_letter_a_caller_behind_nat_cannot_be_told_goodbye(
    sip_network: MemoryNetwork,
) -> None:
    letter = StackSettings(answers_by_flow=False)
    sip_network.host("alice")
    sip_network.nat("bob", kind=NatKind.PORT_RESTRICTED_CONE)
    async with (
        agent(sip_network, "alice", listen=("udp",), settings=letter) as alice,
        agent(sip_network, "bob", listen=("udp",)) as bob,
        trio.open_nursery() as nursery,
    ):
        await nursery.start(alice.serve_calls, answer_and_hang_up)
        with trio.move_on_after(200):
            async with bob.call("sip:alice@192.0.2.1", OFFER) as call:
                await call.answered()
                await trio.sleep(100)
        nursery.cancel_scope.cancel()
    found = {one.rule: one.sentence for one in explain(sip_network.wires, sip_network.names())}

    assert "the Contact of bob's INVITE says 10.0.0.1" in found["private-contact"]
    assert "alice sent its BYE" in found["never-answered"]
    assert "because nobody has that address" in found["never-answered"]
