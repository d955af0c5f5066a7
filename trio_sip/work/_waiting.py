"""Waiting for a work: for one of its tasks, for its turn, for its end; and never in a circle."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import trio

from trio_sip._errors import Overloaded

from ._statistics import WorkState
from ._task import AwaitedTask, HoldTask, call

if TYPE_CHECKING:  # A work waits for others, and is waited for.
    from ._work import Work

__all__ = ["run_and_wait", "suspend", "wait_for_end"]


# Any: the types of a callable and its arguments are checked by `Work.run` itself.
async def run_and_wait(work: Work, fn: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """What `Work.run` does."""
    if work._is_current():
        await trio.lowlevel.checkpoint()
        return await call(fn, args)
    works = work._works
    if work.waiting >= works.high_water:
        works._refused += 1
        raise Overloaded(f"work {work.name!r} has {work.waiting} tasks waiting")
    waiter = works._waiter()
    works._waits.add(waiter, work)
    try:
        task = AwaitedTask(work, fn, args)
        work._enqueue(task.perform, (), task)
        return await task.outcome()
    finally:
        works._waits.remove(waiter, work)


@asynccontextmanager
async def suspend(work: Work) -> AsyncIterator[None]:
    """What `Work.suspended` does."""
    if work._is_current():
        await trio.lowlevel.checkpoint()
        yield
        return
    works = work._works
    waiter = works._waiter()
    hold = HoldTask(work)
    try:
        works._waits.add(waiter, work)
        try:
            work._enqueue(hold.perform, (), hold)
            await hold.wait()
        finally:
            works._waits.remove(waiter, work)
        works._waits.add(work, waiter)
        try:
            yield
        finally:
            works._waits.remove(work, waiter)
    finally:
        hold.release()


async def wait_for_end(work: Work) -> None:
    """What `Work.join` does."""
    if work._state is WorkState.CLOSED:
        await trio.lowlevel.checkpoint()
        return
    if work._ended is None:
        work._ended = trio.Event()
    works = work._works
    waiter = works._waiter()
    works._waits.add(waiter, work)
    try:
        await work._ended.wait()
    finally:
        works._waits.remove(waiter, work)
