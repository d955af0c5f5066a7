"""Who is waiting for what: the answer to a test that would hang."""

from __future__ import annotations

from collections.abc import Iterator

import trio

from ._calling_line import waiting_line

__all__ = ["HangsForever", "waiting_tasks"]


class HangsForever(AssertionError):
    """Nothing is going to happen any more, and the test still waits."""

    __module__ = "trio_sip.testing"


def waiting_tasks() -> list[str]:
    """For each task of a program's own, the line that it waits at."""
    root = trio.lowlevel.current_root_task()
    return [] if root is None else sorted(set(_lines(root)))


def _lines(task: trio.lowlevel.Task) -> Iterator[str]:
    line = waiting_line(task)
    if line is not None:
        yield line
    for nursery in task.child_nurseries:
        for child in nursery.child_tasks:
            yield from _lines(child)
