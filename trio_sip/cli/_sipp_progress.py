"""How a scenario is going, in one line that is written anew: on a terminal only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
from rich.console import Console
from rich.live import Live
from rich.text import Text

from trio_sip.testing import ScenarioMonitor, ScenarioStatistics

__all__ = ["open_progress", "progress_line"]

_EVERY = 1.0


@asynccontextmanager
async def open_progress(monitor: ScenarioMonitor) -> AsyncIterator[None]:
    """Show it once a second, on the terminal of standard error if that is one."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_show, monitor, live, name="progress")
            yield
            nursery.cancel_scope.cancel()


async def _show(monitor: ScenarioMonitor, live: Live) -> None:
    while True:
        # What has ended within the first second needs no line.
        await trio.sleep(_EVERY)
        statistics = monitor.statistics
        if statistics is not None:
            live.update(Text(progress_line(statistics), no_wrap=True), refresh=True)


def progress_line(statistics: ScenarioStatistics) -> str:
    """How it is going."""
    return (
        f"{statistics.elapsed:.0f} s: {statistics.current} open, {statistics.successful} successful, "
        f"{statistics.failures} failed, {statistics.rate:.1f} a second, "
        f"{statistics.retransmissions} retransmissions"
    )
