"""Dialogs: RFC 3261 section 12.  Who talks to whom, by which way, and who has said how much."""

from ._dialog import Dialog, DialogId, DialogState
from ._failures import Ends, ends_session, what_ends

__all__ = ["Dialog", "DialogId", "DialogState", "Ends", "ends_session", "what_ends"]
