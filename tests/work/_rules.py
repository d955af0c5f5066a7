"""Error rules for tests, and the block that opens works and ends them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import trio

from trio_sip.work import TaskErrors, Work, Works


@attrs.define(eq=False)
class NotingErrors:
    """The contained rule: keep what failed."""

    failures: list[tuple[str | None, Exception]] = attrs.Factory(list)

    def task_failed(self, work: Work | None, error: Exception) -> None:
        self.failures.append((None if work is None else work.name, error))


class StrictErrors:
    """The strict rule: what failed ends the nursery."""

    def task_failed(self, work: Work | None, error: Exception) -> None:
        raise error


@asynccontextmanager
async def open_works(
    errors: TaskErrors | None = None, *, high_water: int = 500, parked: int = 64
) -> AsyncIterator[Works]:
    """Works that end, drained, with the block."""
    async with trio.open_nursery() as nursery:
        works = Works(
            nursery,
            StrictErrors() if errors is None else errors,
            high_water=high_water,
            parked=parked,
        )
        yield works
        await works.drain()
