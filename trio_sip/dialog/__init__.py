"""Dialogs: RFC 3261 section 12.  Who talks to whom, by which way, and who has said how much."""

from ._dialog import TARGET_REFRESH, Dialog, DialogId, DialogState
from ._failures import Ends, ends_session, what_ends
from ._reach import is_private_host, leads_nowhere

__all__ = [
    "TARGET_REFRESH",
    "Dialog",
    "DialogId",
    "DialogState",
    "Ends",
    "ends_session",
    "is_private_host",
    "leads_nowhere",
    "what_ends",
]
