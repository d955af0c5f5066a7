"""What the parts of a stack say of themselves, put together."""

from __future__ import annotations

import attrs

from trio_sip.transport import Listen

from ._parts import Parts
from ._statistics import StackSnapshot, StackStatistics

__all__ = ["snapshot_of", "statistics_of"]


def statistics_of(parts: Parts) -> StackStatistics:
    """Counts since the start, and what is there now."""
    return StackStatistics(
        **attrs.asdict(parts.counters),
        unanswered=parts.pipeline.unanswered,
        dialogs=len(parts.dialogs),
        reminders=len(parts.reminders),
        transactions=parts.layer.statistics(),
        transport=parts.transport.statistics(),
        works=parts.works.statistics(),
        security_events={kind.value: count for kind, count in parts.events.counts.items()},
    )


def snapshot_of(parts: Parts, listening: tuple[Listen, ...]) -> StackSnapshot:
    """What the stack consists of at this moment."""
    authenticator = parts.authentication.authenticator
    return StackSnapshot(
        listening=tuple(map(str, listening)),
        services=tuple(f"{one.priority} {one.name}" for one in parts.services),
        identifiers=tuple(parts.identification),
        authenticator=None if authenticator is None else type(authenticator).__name__,
        dialogs=tuple(entry.dialog.id.call_id for entry in parts.dialogs),
        works=tuple(parts.works.snapshot()),
        statistics=statistics_of(parts),
    )
