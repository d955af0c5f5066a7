"""Method names.  They are case-sensitive, and any token is a legal one (RFC 3261 section 7.1)."""

from __future__ import annotations

__all__ = ["DIALOG_CREATING", "KNOWN_METHODS"]

KNOWN_METHODS = frozenset(
    {
        "ACK", "BYE", "CANCEL", "INFO", "INVITE", "MESSAGE", "NOTIFY", "OPTIONS", "PRACK",
        "PUBLISH", "REFER", "REGISTER", "SUBSCRIBE", "UPDATE",
    }
)  # fmt: skip
"""The methods with a meaning: an unknown one is answered 501, a known one nobody serves 405."""

DIALOG_CREATING = frozenset({"INVITE", "SUBSCRIBE", "REFER"})
"""Requests that must carry a Contact: their 2xx makes a dialog.  RFC 3261 section 12.1."""
