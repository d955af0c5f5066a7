"""Bytes of memory that works need while they are idle: ``python -m tools.bench.works 1000``."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import trio

from trio_sip.work import Work, Works

__all__ = ["idle_works"]


class _Raising:
    def task_failed(self, work: Work | None, error: Exception) -> None:
        raise error


def _resident() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def _task() -> None:
    await trio.lowlevel.checkpoint()


async def idle_works(count: int) -> int:
    """The growth while so many works, each of which has run a task, are idle."""
    async with trio.open_nursery() as nursery:
        works = Works(nursery, _Raising())
        # Runners and arenas that a first use needs are not counted.
        for number in range(100):
            await works.create(f"before {number}").run(_task)
        before = _resident()
        held = [works.create() for _ in range(count)]
        for work in held:
            await work.run(_task)
        grown = _resident() - before
        nursery.cancel_scope.cancel()
    return grown


if __name__ == "__main__":
    print(trio.run(idle_works, int(sys.argv[1])))
