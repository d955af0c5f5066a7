"""Many stacks at once: the same seed tells the same story to the byte, and quickly."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack

import pytest
import trio
from trio.testing import MockClock

from trio_sip._errors import RequestTimedOut
from trio_sip.auth import OutboundCredential, PlainSecret
from trio_sip.services import DigestAuthenticator, IdentifyByUser, MessageService
from trio_sip.stack import Endpoint, IncomingRequest, Stack, Tokens, open_stack
from trio_sip.testing import MemoryNetwork, trace

PEERS = 30
CREDENTIAL = OutboundCredential(PlainSecret("alice", "wonderland"), realm="example.com")


async def ignore(_: IncomingRequest) -> None:
    """What becomes of a text is nobody's concern here."""


async def crowd(network: MemoryNetwork, rounds: int) -> list[int]:
    """Thirty clients ask one server, all at once; the status codes of the answers."""
    answers: list[int] = []

    async def talk(stack: Stack) -> None:
        for _ in range(rounds):
            try:
                response = await stack.send_request(
                    "MESSAGE",
                    "sip:alice@192.0.2.1",
                    from_="<sip:alice@example.com>",
                    credentials=CREDENTIAL,
                )
            except RequestTimedOut:
                answers.append(0)
            else:
                answers.append(response.status)

    async with AsyncExitStack() as parties:
        stacks = []
        for name in ("server", *map(str, range(PEERS))):
            host = network.host(name)
            opened = open_stack(
                f"udp://{host.addresses[0]}:5060",
                services=[MessageService(ignore)] if name == "server" else [],
                network=host,
                strict=True,
                tokens=Tokens.sequential(name),
                grace=0,
            )
            stacks.append(await parties.enter_async_context(opened))
        server, *clients = stacks
        secrets = {"alice": PlainSecret("alice", "wonderland")}
        server.register_endpoint_identifier(IdentifyByUser({"alice": Endpoint(name="alice")}))
        server.register_authenticator(DigestAuthenticator("example.com", secrets))
        async with trio.open_nursery() as nursery:
            for client in clients:
                nursery.start_soon(talk, client)
    return answers


async def story(seed: int) -> str:
    async with MemoryNetwork.open(seed=seed, loss=0.2, jitter=0.05, duplication=0.1) as network:
        await crowd(network, 1)
        return trace(network.wires, network.names())


# Each story begins at zero, so each has a clock of its own, which no fixture gives.
def test_thirty_stacks_with_passwords_tell_the_same_story_to_the_byte() -> None:
    stories = [
        trio.run(story, seed, clock=MockClock(autojump_threshold=0)) for seed in (1, 1, 1, 2)
    ]

    assert stories[0] == stories[1] == stories[2]
    assert stories[0] != stories[3]
    assert " 401 " in stories[0]


@pytest.mark.slow
@pytest.mark.sip(seed=1, loss=0.3, jitter=0.03)
async def test_a_thousand_exchanges_with_loss_take_seconds(sip_network: MemoryNetwork) -> None:
    since = time.process_time()
    answers = await crowd(sip_network, 34)
    took = time.process_time() - since

    assert 1020 == len(answers)
    assert answers.count(200) > 1000
    assert took < 10
