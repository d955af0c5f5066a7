"""Async fixtures where there is no pytest-trio: set up when the test runs, in the same loop."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any

__all__ = ["Later", "resolved"]


class Later:
    """A fixture that is not set up yet."""

    # Any: whatever fixtures take and give.
    def __init__(self, function: Callable[..., Any], arguments: dict[str, Any]) -> None:
        self.function = function
        self.arguments = arguments

    def __repr__(self) -> str:
        return f"<fixture {self.function.__name__}>"


@asynccontextmanager
async def resolved(values: Mapping[str, Any]) -> AsyncIterator[dict[str, Any]]:
    """The values, with everything set up that was put off; each once."""
    async with AsyncExitStack() as exits:
        known: dict[int, Any] = {}
        yield {name: await _resolve(value, known, exits) for name, value in values.items()}


async def _resolve(value: Any, known: dict[int, Any], exits: AsyncExitStack) -> Any:
    if not isinstance(value, Later):
        return value
    if id(value) not in known:
        arguments = {
            name: await _resolve(one, known, exits) for name, one in value.arguments.items()
        }
        known[id(value)] = await _set_up(value.function, arguments, exits)
    return known[id(value)]


async def _set_up(function: Callable[..., Any], arguments: Any, exits: AsyncExitStack) -> Any:
    # Not what the function is, but what it gives: a plain one may give a coroutine.
    result = function(**arguments)
    if inspect.isasyncgen(result):
        return await exits.enter_async_context(asynccontextmanager(lambda: result)())
    if inspect.isgenerator(result):
        return exits.enter_context(contextmanager(lambda: result)())
    return await result if inspect.isawaitable(result) else result
