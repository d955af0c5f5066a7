"""What the suite is aimed at when no target is given: a user agent of ours that is a registrar, too."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from trio_sip.sdp import SessionDescription
from trio_sip.services import MemoryLocation, Registrar
from trio_sip.testing import Place
from trio_sip.ua import IncomingCall, open_user_agent

__all__ = ["RINGER", "USER", "own_system"]

USER = "bob"
"""Whoever calls this one is answered."""

RINGER = "ringer"
"""This one's telephone rings."""

_RINGS_FOR = 0.1


async def _take(call: IncomingCall) -> None:
    await call.ring()
    if call.target.user == RINGER:
        await trio.sleep_forever()
    await trio.sleep(_RINGS_FOR)
    offer = call.offer
    await call.answer(
        SessionDescription.audio(5000, call.host) if offer is None else offer.answer(5000)
    )
    await trio.sleep_forever()


@asynccontextmanager
async def own_system(place: Place) -> AsyncIterator[str]:
    """Run it, and at the end see whether a handler has failed."""
    uri = f"sip:{USER}@{place.address}"
    async with (
        open_user_agent(
            uri,
            listen=[place.listen("udp"), place.listen("tcp")],
            network=place.network,
            services=[Registrar(MemoryLocation())],
            strict=True,
        ) as agent,
        trio.open_nursery() as nursery,
    ):
        await nursery.start(agent.serve_calls, _take)
        yield uri
        nursery.cancel_scope.cancel()
    assert agent.stack.statistics().handler_errors == 0
