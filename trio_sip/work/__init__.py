"""Works: related tasks run one after another, unrelated ones side by side.

A `Work` groups tasks that belong together, for example everything that happens to one dialog.
Its tasks run in the order in which they were pushed and never two at a time; tasks of different
works interleave.  `Works` makes them, counts them and ends them.
"""

from __future__ import annotations

from ._schedule import Schedule, ScheduleMode
from ._statistics import Load, WorksStatistics, WorkState, WorkStatistics
from ._work import Work
from ._works import TaskErrors, Works, current_work

__all__ = [
    "Load",
    "Schedule",
    "ScheduleMode",
    "TaskErrors",
    "Work",
    "WorkState",
    "WorkStatistics",
    "Works",
    "WorksStatistics",
    "current_work",
]
