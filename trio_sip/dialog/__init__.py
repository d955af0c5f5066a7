"""Dialogs: RFC 3261 section 12.  Who talks to whom, by which way, and who has said how much."""

from ._dialog import Dialog, DialogId, DialogState

__all__ = ["Dialog", "DialogId", "DialogState"]
