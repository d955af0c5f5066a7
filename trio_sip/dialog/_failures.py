"""What a failure ends: the transaction, its usage, or the whole dialog."""

from __future__ import annotations

import enum

__all__ = ["Ends", "ends_session", "what_ends"]


class Ends(enum.Enum):
    """How much is over when a request within a dialog fails."""

    TRANSACTION = "transaction"
    """The request has failed, and nothing else."""

    USAGE = "usage"
    """The session or the subscription that the request belongs to."""

    DIALOG = "dialog"
    """The dialog with all its usages: nothing can reach the other end any more."""


# RFC 5057 section 5.1.  What is not listed ends the transaction alone.  RFC 6665 section 4.1.2.2
# draws the same line for subscriptions: "404, 405, 410, 416, 480-485, 489, 501, or 604".
_ENDS: dict[int, Ends] = {
    404: Ends.DIALOG,
    405: Ends.USAGE,
    408: Ends.USAGE,
    410: Ends.DIALOG,
    416: Ends.DIALOG,
    480: Ends.USAGE,
    481: Ends.USAGE,
    482: Ends.DIALOG,
    483: Ends.DIALOG,
    484: Ends.DIALOG,
    485: Ends.DIALOG,
    489: Ends.USAGE,
    501: Ends.USAGE,
    502: Ends.DIALOG,
    604: Ends.DIALOG,
}

# These speak of the method.  RFC 5057 section 5.1: an INFO that is not implemented ends no session,
# and a 489 to anything but SUBSCRIBE and NOTIFY is one more unknown 4xx.
_OF_THE_METHOD: dict[int, frozenset[str]] = {
    405: frozenset({"INVITE", "SUBSCRIBE", "NOTIFY"}),
    489: frozenset({"SUBSCRIBE", "NOTIFY"}),
    501: frozenset({"INVITE", "SUBSCRIBE", "NOTIFY"}),
}

_SESSION_ENDING = frozenset({408, 481})
_OF_SUBSCRIPTIONS = frozenset({"SUBSCRIBE", "NOTIFY", "REFER"})


def what_ends(status: int, method: str) -> Ends:
    """What a *status* in answer to a *method* request within a dialog ends.

    RFC 5057 section 5.1.

    Args:
      status: a final status other than 2xx; 408 also stands for no answer at all.
    """
    methods = _OF_THE_METHOD.get(status)
    if methods is not None and method not in methods:
        return Ends.TRANSACTION
    return _ENDS.get(status, Ends.TRANSACTION)


def ends_session(status: int, method: str) -> bool:
    """Whether a *status* in answer to a *method* request ends the INVITE session of its dialog.

    408 and 481 do (RFC 3261 section 12.2.1.2), unless they answer a request of a subscription in
    the same dialog, the one that REFER makes included: that is then all that they end.  RFC 5057
    would end a session more often, but says of itself that it is no standard: calls that survive
    a 404 to a re-INVITE are usual.
    """
    return status in _SESSION_ENDING and method not in _OF_SUBSCRIPTIONS
