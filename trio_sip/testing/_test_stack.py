"""A stack for a test, and what it must not leave behind."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from trio_sip.stack import Service, Stack, Tokens, open_stack

from ._leaks import StackWatch
from ._scene import Scene

__all__ = ["open_test_stack"]


@asynccontextmanager
async def open_test_stack(
    scene: Scene, name: str, services: Iterable[Service] = ()
) -> AsyncIterator[Stack]:
    """A strict stack at a place of its own in the world of *scene*."""
    place = scene.world.place(name)
    async with open_stack(
        place.listen("udp"),
        place.listen("tcp"),
        services=services,
        network=place.network,
        strict=True,
        tokens=Tokens.sequential(name) if scene.world.is_virtual else None,
    ) as stack:
        watch = StackWatch(stack)
        yield stack
        if scene.error is None and scene.check_leaks:
            await watch.settle(virtual=scene.world.is_virtual)
            found = watch.leaks(virtual=scene.world.is_virtual)
            scene.problems += [f"{name}: {line}" for line in found]
            await watch.close()
