"""Ctrl-C for who is in a call: it hangs up first."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from trio_sip.stack import unwrapping_single_errors

__all__ = ["hanging_up_on_ctrl_c"]


@asynccontextmanager
async def hanging_up_on_ctrl_c() -> AsyncIterator[None]:
    """Ctrl-C and SIGTERM cancel the block, so that its goodbyes are said; then `KeyboardInterrupt`.

    A plain `KeyboardInterrupt` may strike in the middle of anything.  Whoever is in a hurry
    presses it twice: the second one is a plain one.
    """
    interrupted = trio.Event()
    with unwrapping_single_errors():
        async with trio.open_nursery() as nursery:
            await nursery.start(_cancel_on_signal, nursery.cancel_scope, interrupted)
            yield
            nursery.cancel_scope.cancel()
    if interrupted.is_set():
        raise KeyboardInterrupt


async def _cancel_on_signal(
    scope: trio.CancelScope,
    interrupted: trio.Event,
    *,
    task_status: trio.TaskStatus[None],
) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        await anext(signals)
    interrupted.set()
    scope.cancel()
