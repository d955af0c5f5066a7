"""One failure leaves a block as itself; several leave as the group they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import trio

__all__ = ["single_error", "unwrapping_single_errors"]


def single_error(group: BaseExceptionGroup[BaseException]) -> BaseException | None:
    """The one error in *group*, however deep; ``None`` if there are several.

    Nurseries nest, and so do their groups; a `trio.Cancelled` beside an error is only its echo.
    """
    cancelled, failures = group.split(trio.Cancelled)
    only: BaseException | None = failures or cancelled
    while isinstance(only, BaseExceptionGroup) and (len(only.exceptions) == 1 or failures is None):
        only = only.exceptions[0]
    return None if isinstance(only, BaseExceptionGroup) else only


@contextmanager
def unwrapping_single_errors() -> Iterator[None]:
    """Around a nursery of ours, so that its group never shows where there is one error only."""
    try:
        yield
    except BaseExceptionGroup as group:
        only = single_error(group)
        if only is None:
            raise
        context = only.__context__
        try:
            raise only
        finally:
            # The group is not what the error happened in.
            only.__context__ = context
