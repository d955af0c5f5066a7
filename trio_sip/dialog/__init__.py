"""Dialogs: RFC 3261 section 12.  Who talks to whom, by which way, and who has said how much."""

from ._dialog import Dialog, DialogId, DialogState
from ._failures import SESSION_ENDING, Ends, what_ends

__all__ = ["SESSION_ENDING", "Dialog", "DialogId", "DialogState", "Ends", "what_ends"]
