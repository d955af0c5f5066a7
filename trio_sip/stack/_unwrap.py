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
    core = _core(group)
    return None if isinstance(core, BaseExceptionGroup) else core


def _core(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What *group* holds without the groups around it that hold nothing else."""
    cancelled, failures = group.split(trio.Cancelled)
    core: BaseException = failures or cancelled or group
    while isinstance(core, BaseExceptionGroup) and (len(core.exceptions) == 1 or failures is None):
        core = core.exceptions[0]
    return core


@contextmanager
def unwrapping_single_errors() -> Iterator[None]:
    """Around a nursery of ours, so that its group never shows.

    One error leaves as itself, and several as the innermost group that has them all.
    """
    try:
        yield
    except BaseExceptionGroup as group:
        core = _core(group)
        if core is group:
            raise
        context = core.__context__
        try:
            raise core
        finally:
            # The group is not what the error happened in.
            core.__context__ = context
