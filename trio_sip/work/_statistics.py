"""What works say about themselves: frozen values that never change under the reader."""

from __future__ import annotations

import enum
from collections.abc import Hashable

import attrs

__all__ = ["Load", "WorkState", "WorkStatistics", "WorksStatistics", "name_of"]


def name_of(key: Hashable) -> str:
    """A name for the work with this key; a Call-ID and a tag are joined by a space."""
    if isinstance(key, tuple):
        try:
            return " ".join(key)
        except TypeError:
            return str(key)  # Not all of its parts are text.
    return str(key)


class WorkState(enum.Enum):
    """How far a work has come in its life."""

    OPEN = "open"
    CLOSING = "closing"
    """It takes no new tasks; what waits is still run."""

    CLOSED = "closed"


class Load(enum.Enum):
    """Whether a work keeps up.  It changes at the water marks, which lie apart on purpose."""

    NORMAL = "normal"
    OVERLOADED = "overloaded"
    """The high-water mark was reached, and the queue has not sunk to the low-water mark since."""


@attrs.frozen(kw_only=True)
class WorkStatistics:
    """One work, at one moment."""

    name: str
    state: WorkState
    load: Load
    waiting: int
    """Tasks pushed and not yet begun."""

    done: int
    """Tasks that have ended, in whatever way."""

    longest_queue: int
    """The most tasks that ever waited at once."""

    longest_wait: float
    """The longest time in seconds that a task waited before it began."""

    running_since: float | None
    """When the running task began, on trio's clock; None if none is running."""

    waits_for: tuple[str, ...]
    """The names of the works that its running task waits for now."""


@attrs.frozen(kw_only=True)
class WorksStatistics:
    """All works of one stack together, at one moment."""

    open: int
    """Works that exist: those made by name, and the transient ones that have something to do."""

    busy: int
    """Works that have something to do."""

    parked: int
    """Runners that wait to be used again."""

    overloaded: int
    """Works over their water mark."""

    waiting: int
    """Tasks pushed and not yet begun, in all works."""

    done: int
    """Tasks that have ended, in whatever way, since the start."""

    failed: int
    """Tasks that ended with an exception nobody was waiting for."""

    refused: int
    """Pushes refused because the work was full."""

    dropped: int
    """Tasks that never began: their work was cancelled, or it had gone when they came in from
    another thread."""
