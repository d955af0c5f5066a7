"""Alice, Bob and Carol, and who sends whom to whom."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import attrs
import trio

from trio_sip.session import Side
from trio_sip.testing import MemoryNetwork, PeerCall
from trio_sip.ua import CallHandler, IncomingReferral, OutgoingCall, ReferralHandler, UserAgent

from .calls import BOB, OFFER, agent, answer_and_wait, nothing_is_left

CAROL = "sip:carol@192.0.2.3"
LADDERS = Path(__file__).parent.parent / "data" / "ladders"
_WAIT = 130.0


def golden(name: str) -> str:
    return (LADDERS / f"{name}.txt").read_text("utf-8")


def drawing(network: MemoryNetwork) -> str:
    """The ladder; what several hosts send in one instant, which the seed orders, by address."""
    return network.ladder(sorted(network.wires, key=lambda wire: (wire.time, wire.source.host)))


@attrs.frozen
class Three:
    """They."""

    alice: UserAgent
    bob: UserAgent
    carol: UserAgent


async def go(referral: IncomingReferral) -> None:
    """Do what somebody wants, and talk for five seconds."""
    async with referral.call(OFFER) as call:
        await call.answered()
        await trio.sleep(5)


@asynccontextmanager
async def three(
    network: MemoryNetwork,
    *,
    bob: CallHandler = answer_and_wait,
    carol: CallHandler = answer_and_wait,
    referred: ReferralHandler | None = go,
    strict: bool = True,
) -> AsyncIterator[Three]:
    """Alice calls, Bob is sent to Carol.  Afterwards nothing may be left."""
    async with AsyncExitStack() as blocks:
        agents = [
            await blocks.enter_async_context(agent(network, name, strict=strict))
            for name in ("alice", "bob", "carol")
        ]
        alice, robert, carla = agents
        scene = Three(alice, robert, carla)
        nursery = await blocks.enter_async_context(trio.open_nursery())
        await nursery.start(scene.bob.serve_calls, bob)
        await nursery.start(scene.carol.serve_calls, carol)
        if referred is not None:
            await nursery.start(scene.bob.serve_referrals, referred)
        try:
            yield scene
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(_WAIT)
            nothing_is_left(*agents)
            nursery.cancel_scope.cancel()


@asynccontextmanager
async def talking(user_agent: UserAgent, target: str = BOB) -> AsyncIterator[OutgoingCall]:
    """A call that has been answered, and that is ended by leaving the block and by nothing else.

    When the far end ends a call its block is left quietly, whatever was still to be asserted.
    """
    async with user_agent.call(target, OFFER) as call:
        await call.answered()
        yield call
    assert Side.LOCAL is call.ended_by


async def notify(
    dialog: PeerCall, event: str, state: str, fragment: str, *, tag: str | None = None
) -> int:
    """Say how a REFER goes, perhaps as somebody with another *tag*; what they say to that."""
    request = dialog.create_request(
        "NOTIFY",
        headers=[("Event", event), ("Subscription-State", state)],
        body=f"SIP/2.0 {fragment}\r\n",
        content_type="message/sipfrag",
    )
    if tag is not None:
        request.headers.set("From", request.from_.with_tag(tag))
    sent = await dialog.peer.send(request)
    return (await sent.final()).status


def dialogs(*agents: UserAgent) -> list[int]:
    """How many each of them holds."""
    return [one.stack.statistics().dialogs for one in agents]
