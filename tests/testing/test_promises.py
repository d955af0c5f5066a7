"""What tests with these fixtures look like: the first examples anybody sees, as they were promised."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import trio

from trio_sip import CallRejected, IncomingCall, Tokens, Uri, UserAgent, open_user_agent
from trio_sip.testing import MemoryNetwork, SipPeer, first

OFFER = "\r\n".join(
    ["v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0", "m=audio 4 RTP/AVP 8"]
)


class Softphone:
    def __init__(self, agent: UserAgent) -> None:
        self._agent = agent
        self.display = ""

    async def dial(self, target: Uri | str) -> None:
        try:
            async with self._agent.call(target, OFFER) as call:
                await call.answered()
        except CallRejected as rejection:
            self.display = "busy" if rejection.status == 486 else "failed"


@pytest.fixture
async def my_softphone(sip_network: MemoryNetwork) -> AsyncIterator[Softphone]:
    async with open_user_agent("sip:me@example.com", network=sip_network.host("me")) as agent:
        yield Softphone(agent)


@pytest.fixture
async def alice(sip_network: MemoryNetwork) -> AsyncIterator[UserAgent]:
    async with open_user_agent(
        "sip:alice@192.0.2.1",
        network=sip_network.host("alice", "192.0.2.1"),
        tokens=Tokens.sequential("a"),
    ) as agent:
        yield agent


class Bob:
    def __init__(self, agent: UserAgent) -> None:
        self.serve_calls = agent.serve_calls
        self.uri = "sip:bob@192.0.2.2"


@pytest.fixture
async def bob(sip_network: MemoryNetwork) -> AsyncIterator[Bob]:
    async with open_user_agent(
        "sip:bob@192.0.2.2",
        listen="udp://192.0.2.2:5060",
        network=sip_network.host("bob", "192.0.2.2"),
        tokens=Tokens.sequential("b"),
    ) as agent:
        yield Bob(agent)


async def answer_and_wait(call: IncomingCall) -> None:
    await call.answer(OFFER)
    await trio.sleep_forever()


async def test_my_softphone_stops_ringing_when_busy(
    my_softphone: Softphone, sip_peer: SipPeer, nursery: trio.Nursery
) -> None:
    nursery.start_soon(my_softphone.dial, sip_peer.uri)

    invite = await sip_peer.expect("INVITE")
    await invite.respond(180)
    await trio.sleep(5)
    await invite.respond(486)
    await sip_peer.expect("ACK")

    assert "busy" == my_softphone.display


async def test_a_call_survives_losing_the_first_200(
    sip_network: MemoryNetwork, alice: UserAgent, bob: Bob, nursery: trio.Nursery
) -> None:
    sip_network.drop(first(status=200, method="INVITE"))
    await nursery.start(bob.serve_calls, answer_and_wait)

    async with alice.call(bob.uri, OFFER) as call:
        await call.answered()

    assert GOLDEN == sip_network.ladder()


GOLDEN = """\
          alice                     bob
   0.000  |----------INVITE-------->|
   0.020  |x--200 (INVITE) (lost)---|
   0.500  |----------INVITE-------->|
   0.520  |<------200 (INVITE)------|
   0.540  |-----------ACK---------->|
   0.540  |-----------BYE---------->|
   0.560  |<-------200 (BYE)--------|
"""
