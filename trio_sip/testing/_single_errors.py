"""One failure leaves a nursery as itself; several leave as the group they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import trio

__all__ = ["single_error", "unwrapping_single_errors"]


def single_error(group: BaseExceptionGroup) -> BaseException | None:
    """The one error in *group*, however deep; ``None`` if there are several."""
    cancelled, failures = group.split(trio.Cancelled)
    only: BaseException | None = failures or cancelled
    while isinstance(only, BaseExceptionGroup) and len(only.exceptions) == 1:
        only = only.exceptions[0]
    return None if isinstance(only, BaseExceptionGroup) else only


@contextmanager
def unwrapping_single_errors() -> Iterator[None]:
    """Let the only error of the block leave as itself."""
    try:
        yield
    except BaseExceptionGroup as group:
        error = single_error(group)
        if error is None:
            raise
        raise error from None
