"""Our user agent, over real sockets, for telephones of others to talk to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import trio

from trio_sip.sdp import SessionDescription
from trio_sip.stack import Service, Tokens
from trio_sip.ua import CallHandler, IncomingCall, OutgoingCall, UserAgent, open_user_agent

# SIPp's scenario "regexp" wants a name of letters and digits in the origin.
OFFER = SessionDescription.parse(
    b"v=0\r\no=bob 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)


@asynccontextmanager
async def open_agent(
    handler: CallHandler | None = None,
    name: str = "bob",
    *,
    address: str | None = None,
    password: str | None = None,
    services: Sequence[Service] = (),
    tokens: Tokens | None = None,
) -> AsyncIterator[UserAgent]:
    """It serves calls with *handler*; nothing in it may have failed."""
    async with (
        open_user_agent(
            address or f"sip:{name}@127.0.0.1",
            password=password,
            services=services,
            tokens=tokens,
            listen=["udp://127.0.0.1:0", "tcp://127.0.0.1:0"],
            strict=True,
        ) as agent,
        trio.open_nursery() as nursery,
    ):
        with trio.fail_after(30):
            if handler is not None:
                await nursery.start(agent.serve_calls, handler)
            yield agent
        nursery.cancel_scope.cancel()
    assert 0 == agent.stack.statistics().handler_errors


def address_of_agent(agent: UserAgent, transport: str = "udp") -> str:
    """``host:port`` of its socket."""
    scheme = f"{transport}://"
    listening = [str(one) for one in agent.stack.listening]
    return next(one for one in listening if one.startswith(scheme)).removeprefix(scheme)


async def talk(call: IncomingCall) -> None:
    """Ring, answer, and stay until they hang up."""
    await call.ring()
    await answer(call)
    await trio.sleep_forever()


async def answer(call: IncomingCall) -> None:
    """Answer their offer, or make one."""
    await call.answer(OFFER)


async def until_ringing(call: OutgoingCall) -> None:
    """Wait for the first 180."""
    async for response in call.progress():
        if response.status == 180:
            return
    raise AssertionError("it never rang")
