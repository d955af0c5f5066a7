"""Why a subscription ends, and what a subscriber may do about it.  RFC 6665 section 4.1.3."""

from __future__ import annotations

import enum

from trio_sip._errors import RemoteProtocolError
from trio_sip.message import SubscriptionState

__all__ = ["TerminationReason", "resubscribe_delay"]

_LATER = 60.0
"""Seconds; for "at some later time", which is all that the RFC says."""


class TerminationReason(enum.Enum):
    """The ``reason`` of a Subscription-State that says ``terminated``."""

    DEACTIVATED = "deactivated"
    """The notifier moves; subscribe anew at once."""

    PROBATION = "probation"
    """Subscribe anew, later."""

    REJECTED = "rejected"
    """The subscriber is not allowed any more."""

    TIMEOUT = "timeout"
    """It was not refreshed, or was ended by its subscriber."""

    GIVEUP = "giveup"
    """Nobody decided about it in time."""

    NORESOURCE = "noresource"
    """There is nothing any more whose state could change: a transfer that is through, too."""

    INVARIANT = "invariant"
    """The state will never change again."""


def resubscribe_delay(state: SubscriptionState) -> float | None:
    """How long to wait before subscribing anew: seconds, or ``None`` for never.

    *state* is that of a NOTIFY which says ``terminated``.  A reason that is not known, or none
    at all, leaves the choice to the subscriber, as long as it waits for the ``retry-after``.
    """
    try:
        retry_after = state.retry_after
    except RemoteProtocolError:
        retry_after = None
    match state.reason:
        case "rejected" | "noresource" | "invariant":
            return None
        case "deactivated" | "timeout":
            # For these "retry-after has no semantics".
            return 0.0
        case "probation" | "giveup":
            return _LATER if retry_after is None else float(retry_after)
        case _:
            return float(retry_after or 0)
