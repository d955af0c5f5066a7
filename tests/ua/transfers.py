"""Alice, Bob and Carol, and who sends whom to whom."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import attrs
import trio

from tests.stack.scene import Peer
from trio_sip.message import Request, create_response
from trio_sip.session import Side
from trio_sip.testing import MemoryNetwork
from trio_sip.transport import Address
from trio_sip.ua import CallHandler, IncomingReferral, OutgoingCall, ReferralHandler, UserAgent

from .calls import BOB, HOUR, OFFER, agent, answer_and_wait, nothing_is_left

CAROL = "sip:carol@192.0.2.3"
LADDERS = Path(__file__).parent.parent / "data" / "ladders"
_WAIT = 130.0


def golden(name: str) -> str:
    return (LADDERS / f"{name}.txt").read_text("utf-8")


@attrs.frozen
class Three:
    """They, and the network between them."""

    alice: UserAgent
    bob: UserAgent
    carol: UserAgent
    network: MemoryNetwork


async def go(referral: IncomingReferral) -> None:
    """Do what somebody wants, and talk for five seconds."""
    async with referral.call(OFFER) as call:
        await call.answered()
        await trio.sleep(5)


@asynccontextmanager
async def three(
    *,
    network: MemoryNetwork | None = None,
    bob: CallHandler = answer_and_wait,
    carol: CallHandler = answer_and_wait,
    referred: ReferralHandler | None = go,
    strict: bool = True,
) -> AsyncIterator[Three]:
    """Alice calls, Bob is sent to Carol.  Afterwards nothing may be left."""
    async with AsyncExitStack() as blocks:
        if network is None:
            blocks.enter_context(trio.fail_after(24 * HOUR))
            network = await blocks.enter_async_context(MemoryNetwork.open())
        agents = [
            await blocks.enter_async_context(agent(network, name, strict=strict))
            for name in ("alice", "bob", "carol")
        ]
        alice, robert, carla = agents
        scene = Three(alice, robert, carla, network)
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


class Bob(Peer):
    """A Bob who is written by hand, and in a call with Alice."""

    def __init__(self, network: MemoryNetwork) -> None:
        here = Address("192.0.2.2", 5060)
        super().__init__(network.host("bob"), here, Address("192.0.2.1", 5060))
        self._number = 0

    def answer(
        self, request: Request, status: int, *headers: tuple[str, str], body: bytes = b""
    ) -> None:
        response = create_response(request, status, to_tag="b")
        response.headers.set("Contact", "<sip:bob@192.0.2.2>")
        for name, value in headers:
            response.headers.set(name, value)
        if body:
            response.add_body(body, "application/sdp")
        self.send(bytes(response))

    async def take_call(self) -> Request:
        """Answer the INVITE that comes."""
        invite = await self.request()
        self.answer(invite, 200, body=bytes(OFFER.answer(5000)))
        await self.request()
        return invite

    def ask_within(
        self, first: Request, method: str, *headers: str, body: bytes = b"", tag: str = "b"
    ) -> None:
        """A request in the dialog that *first*, a request of Alice's, has begun."""
        self._number += 1
        lines = [
            f"{method} sip:alice@192.0.2.1 SIP/2.0",
            f"Via: SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKbob{self._number}",
            "Max-Forwards: 70",
            f"From: <{BOB}>;tag={tag}",
            f"To: <sip:alice@192.0.2.1>;tag={first.from_.tag}",
            f"Call-ID: {first.call_id}",
            f"CSeq: {self._number} {method}",
            "Contact: <sip:bob@192.0.2.2>",
            *headers,
            f"Content-Length: {len(body)}",
        ]
        self.send("\r\n".join([*lines, "", ""]).encode() + body)

    def notify(
        self, first: Request, event: str, state: str, fragment: str, *, tag: str = "b"
    ) -> None:
        """Say how a REFER goes."""
        self.ask_within(
            first,
            "NOTIFY",
            f"Event: {event}",
            f"Subscription-State: {state}",
            "Content-Type: message/sipfrag",
            body=f"SIP/2.0 {fragment}\r\n".encode(),
            tag=tag,
        )

    def hang_up(self, first: Request) -> None:
        self.ask_within(first, "BYE")


@asynccontextmanager
async def alice_and_bob_by_hand(
    *, password: str | None = None
) -> AsyncIterator[tuple[UserAgent, Bob, MemoryNetwork]]:
    """Alice, who is ours, and Bob, who is not.  Afterwards nothing may be left of hers."""
    with trio.fail_after(24 * HOUR):
        async with (
            MemoryNetwork.open() as network,
            agent(network, "alice", password=password) as alice,
        ):
            bob = Bob(network)
            yield alice, bob, network
            await trio.sleep(_WAIT)
            nothing_is_left(alice)
            bob.close()


def dialogs(*agents: UserAgent) -> list[int]:
    """How many each of them holds."""
    return [one.stack.statistics().dialogs for one in agents]
