"""Retransmissions of what a peer sends over UDP: RFC 3261 sections 17.1 and 13.3.1.4, no more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable

import trio

__all__ = ["T1", "Repeats"]

T1 = 0.5
_T2 = 4.0
_TIMES = 64


class Repeats:
    """What is sent again and again until something stops it."""

    def __init__(self) -> None:
        self._running: dict[Hashable, trio.CancelScope] = {}

    def start(
        self,
        nursery: trio.Nursery,
        key: Hashable,
        send: Callable[[], Awaitable[None]],
        *,
        capped: bool,
        t1: float = T1,
    ) -> None:
        """Call *send* after *t1* seconds, twice as many, …, until `stop` or for 64 times *t1*.

        Args:
          capped: no longer than 4 s between two, as for all but the INVITE itself.
          t1: infinite for never.
        """
        self.stop(key)
        scope = self._running[key] = trio.CancelScope()
        nursery.start_soon(self._repeat, key, scope, send, capped, t1, name="repeats of a peer")

    def stop(self, key: Hashable) -> None:
        """An answer has come."""
        scope = self._running.pop(key, None)
        if scope is not None:
            scope.cancel()

    async def _repeat(
        self,
        key: Hashable,
        scope: trio.CancelScope,
        send: Callable[[], Awaitable[None]],
        capped: bool,
        t1: float,
    ) -> None:
        interval, until = t1, trio.current_time() + _TIMES * t1
        with scope:
            # T1 may be longer than T2, and infinite.
            while trio.current_time() + interval < until:
                await trio.sleep(interval)
                await send()
                interval = min(2 * interval, max(_T2, t1)) if capped else 2 * interval
        if self._running.get(key) is scope:
            del self._running[key]
