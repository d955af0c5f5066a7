"""The ladders that conversations are known to draw, and what else their tests have in common."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import trio

from trio_sip._errors import CallEnded, RequestRejected, RequestTimedOut, TransportFailed
from trio_sip.testing import MemoryNetwork

__all__ = ["MISFORTUNES", "Conversation", "by_name", "golden", "on_terrible_networks"]

HOUR = 3600.0
LADDERS = Path(__file__).parent.parent / "data" / "ladders"
MISFORTUNES = (CallEnded, RequestRejected, RequestTimedOut, TransportFailed)
"""What a network that loses things may do to who calls."""

Conversation = Callable[[MemoryNetwork], Awaitable[None]]


def golden(name: str) -> str:
    """The ladder of that name."""
    return (LADDERS / f"{name}.txt").read_text("utf-8")


def by_name(*conversations: Conversation) -> Mapping[str, Conversation]:
    """The conversations by the names of their functions, which are those of their ladders."""
    return {getattr(one, "__name__", ""): one for one in conversations}


async def on_terrible_networks(conversation: Conversation, seeds: range) -> int:
    """Have it once for each seed, while a third of everything is lost; how many came through.

    What it asserts, above all that nothing is left on either side, has to hold whatever was lost.
    """
    whole = 0
    for seed in seeds:
        try:
            with trio.fail_after(HOUR):
                async with MemoryNetwork.open(seed=seed, loss=0.3, jitter=0.03) as network:
                    await conversation(network)
                    assert 0 == network.open_sockets
            whole += 1
        except MISFORTUNES:
            pass
        except BaseException as error:
            error.add_note(f"with seed {seed}")
            raise
    return whole
