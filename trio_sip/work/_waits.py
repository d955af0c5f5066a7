"""Who waits for whom, so that a circle is an error instead of silence.

A node is a `Work`, or a trio task that belongs to none.  An edge says that the first one does not
go on before the second one does: it awaits a task of that work, the work's end, or the release of
its suspension.  Whoever would close a circle is told so, and every other member goes on.
"""

from __future__ import annotations

from typing import Protocol

from trio_sip._errors import WorkDeadlock

__all__ = ["WaitGraph", "Waiter"]


class Waiter(Protocol):
    """What can wait: it only needs a name, and to be itself."""

    @property
    def name(self) -> str: ...


class WaitGraph:
    """Edges from those that wait to those they wait for."""

    __slots__ = ("_edges",)

    def __init__(self) -> None:
        self._edges: dict[Waiter, list[Waiter]] = {}

    def add(self, waiter: Waiter, target: Waiter) -> None:
        """Let *waiter* wait for *target*, or raise `WorkDeadlock` with the names of the circle."""
        path = self._path(target, waiter)
        if path is not None:
            raise WorkDeadlock([waiter.name, *(node.name for node in path)])
        self._edges.setdefault(waiter, []).append(target)

    def remove(self, waiter: Waiter, target: Waiter) -> None:
        """Take one edge away again."""
        targets = self._edges[waiter]
        targets.remove(target)
        if not targets:
            del self._edges[waiter]

    def targets(self, waiter: Waiter) -> tuple[Waiter, ...]:
        """What *waiter* waits for now."""
        return tuple(self._edges.get(waiter, ()))

    def __len__(self) -> int:
        """Return how many are waiting."""
        return len(self._edges)

    def _path(self, start: Waiter, goal: Waiter) -> list[Waiter] | None:
        """The way from *start* to *goal* along the edges, both included; None if there is none."""
        trails: list[list[Waiter]] = [[start]]
        seen: set[Waiter] = set()
        while trails:
            trail = trails.pop()
            node = trail[-1]
            if node is goal:
                return trail
            if node not in seen:
                seen.add(node)
                trails.extend([*trail, target] for target in self._edges.get(node, ()))
        return None
