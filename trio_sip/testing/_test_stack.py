"""Stacks for a test, and what they must not leave behind."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio

from trio_sip.stack import (
    Authenticator,
    EndpointIdentifier,
    Service,
    Stack,
    StackSettings,
    Tokens,
    open_stack,
    unwrapping_single_errors,
)
from trio_sip.transport import TlsSettings

from ._leaks import StackWatch
from ._makers import MakeSipStack
from ._scene import Scene

__all__ = ["open_stack_maker", "open_test_stack"]

_TRANSPORTS = ("udp", "tcp")


@asynccontextmanager
async def open_test_stack(
    scene: Scene,
    name: str,
    services: Iterable[Service] = (),
    *,
    listen: Sequence[str] = _TRANSPORTS,
    identifiers: Iterable[EndpointIdentifier] = (),
    authenticator: Authenticator | None = None,
    settings: StackSettings | None = None,
    strict: bool = True,
    tokens: Tokens | None = None,
    grace: float = 4.0,
    tls: TlsSettings | None = None,
) -> AsyncIterator[Stack]:
    """A stack at a place of its own in the world of *scene*; see `MakeSipStack`."""
    place = scene.world.place(name)
    if tokens is None and scene.world.is_virtual:
        tokens = Tokens.sequential(name)
    async with open_stack(
        *(one if "://" in one else place.listen(one) for one in listen),
        services=services,
        identifiers=identifiers,
        authenticator=authenticator,
        network=place.network,
        settings=settings,
        strict=strict,
        tokens=tokens,
        grace=grace,
        tls=tls or scene.tls(place, name, (one.partition("://")[0] for one in listen)),
    ) as stack:
        watch = StackWatch(stack)
        yield stack
        if scene.error is None and scene.check_leaks:
            await watch.settle(virtual=scene.world.is_virtual)
            found = watch.leaks(virtual=scene.world.is_virtual)
            scene.problems += [f"{name}: {line}" for line in found]
            await watch.close()


@asynccontextmanager
async def open_stack_maker(scene: Scene) -> AsyncIterator[MakeSipStack]:
    """What makes stacks that live until the block ends.

    Each has a task of its own: a test may make them in any task, and the fixture ends them.
    """
    over = trio.Event()

    async def keep(
        name: str,
        services: tuple[Service, ...],
        # Any: the arguments of `make` below.
        options: dict[str, Any],
        *,
        task_status: trio.TaskStatus[Stack],
    ) -> None:
        async with open_test_stack(scene, name, services, **options) as stack:
            task_status.started(stack)
            await over.wait()

    async def make(name: str = "stack", *services: Service, **options: Any) -> Stack:
        # Any: handed on; `MakeSipStack` says what they are.
        stack: Stack = await nursery.start(keep, name, services, options, name=f"stack {name}")
        return stack

    with unwrapping_single_errors():
        async with trio.open_nursery() as nursery:
            yield make
            over.set()
