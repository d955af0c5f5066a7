"""Subscriptions that live in a dialog, alone or beside its session: RFC 5057.

A dialog is known to the stack under one name, and whoever began it is handed its requests.  What
joins it later says which of them are its own.  The dialog lives until the last usage has left it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from trio_sip.dialog import Dialog
from trio_sip.message import Request
from trio_sip.stack import IncomingRequest, Stack

__all__ = ["OF_SUBSCRIPTIONS", "DialogUsage", "UsedDialog", "leave_dialog", "usage_for"]

OF_SUBSCRIPTIONS = frozenset({"NOTIFY", "SUBSCRIBE"})
"""What may be about another usage than the session of the dialog."""


class DialogUsage(ABC):
    """A usage that takes some of the requests of its dialog, and leaves the others."""

    __slots__ = ()

    @abstractmethod
    def takes(self, request: Request) -> bool:
        """Whether *request*, a NOTIFY or SUBSCRIBE, is about it."""

    @abstractmethod
    def receive_request(self, request: IncomingRequest) -> None:
        """Answer a request that it takes.  Nothing here waits."""


def usage_for(dialog: Dialog, request: Request) -> DialogUsage | None:
    """The usage that *request* is about, if it is not the session of the dialog."""
    if request.method not in OF_SUBSCRIPTIONS:
        return None
    for usage in dialog.usages:
        if isinstance(usage, DialogUsage) and usage.takes(request):
            return usage
    return None


def leave_dialog(stack: Stack, dialog: Dialog, usage: object) -> None:
    """*usage* is over; the dialog, too, if it was the last one: RFC 5057 section 4."""
    if usage in dialog.usages and dialog.end_usage(usage):
        stack.remove_dialog(dialog)


class UsedDialog:
    """What the stack knows a dialog by that no session has begun: a REFER did, outside of calls."""

    __slots__ = ("_dialog",)

    def __init__(self, dialog: Dialog) -> None:
        self._dialog = dialog

    def receive_request(self, request: IncomingRequest) -> None:
        """The stack's: a request within it."""
        usage = usage_for(self._dialog, request.message)
        if usage is not None:
            usage.receive_request(request)
        elif request.method in OF_SUBSCRIPTIONS:
            request.respond(481, "Subscription Does Not Exist")
        elif request.transaction is not None:
            request.respond(405, headers=[("Allow", ", ".join(sorted(OF_SUBSCRIPTIONS)))])
