"""Which dialogs there are, whose they are, and the stage that takes their requests out."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from typing import Protocol

import attrs

from trio_sip._errors import LocalProtocolError, RemoteProtocolError
from trio_sip.dialog import TARGET_REFRESH, Dialog, DialogId
from trio_sip.message import Request
from trio_sip.work import Work, Works

from ._endpoint import ANONYMOUS, Endpoint
from ._incoming import IncomingRequest
from ._service import Service, ServicePriority

__all__ = ["DialogEntry", "Dialogs", "ExpectsDialog", "Usage"]


class Usage(Protocol):
    """What lives in a dialog: an INVITE session, a subscription (RFC 5057)."""

    def receive_request(self, request: IncomingRequest) -> Awaitable[None] | None:
        """A request within the dialog, in its work.  Answer it, or defer it.

        It may be an async function, or a plain one if it never waits.
        """


class ExpectsDialog(Protocol):
    """Who has sent a SUBSCRIBE or REFER, to which the far end's NOTIFY makes the dialog."""

    def begin_dialog(self, dialog: Dialog) -> Usage | None:
        """What lives in a dialog that a NOTIFY begins; ``None`` refuses it with 481.

        The local CSeq number of *dialog* is 0, and to be set to that of the request sent.
        Nothing here waits.
        """


@attrs.define(eq=False, kw_only=True)
class DialogEntry:
    """A dialog as the stack knows it."""

    dialog: Dialog
    usage: Usage
    work: Work
    """Everything that happens to the dialog happens in it, one thing after the other."""

    endpoint: Endpoint
    """Who is at the other end: established with the request that made the dialog."""

    prompt: bool = False
    """The usage never waits, so that a request may be handed to it where it comes in."""


class Dialogs(Service):
    """The stage in which requests within a dialog end: their usage answers them.

    They are neither identified nor challenged again: their dialog was, and it remembers.
    """

    name = "dialogs"
    priority: int = ServicePriority.DIALOGS

    def __init__(self) -> None:
        self._entries: dict[DialogId, DialogEntry] = {}
        self._expected: dict[tuple[str, str], tuple[ExpectsDialog, Works]] = {}

    def add(self, entry: DialogEntry) -> None:
        """Requests of this dialog now go to its usage."""
        if entry.dialog.id in self._entries:
            raise LocalProtocolError(f"there is such a dialog already: {entry.dialog.id}")
        self._entries[entry.dialog.id] = entry

    def remove(self, dialog: Dialog) -> None:
        """It is over; its requests are answered 481 from now on."""
        self._entries.pop(dialog.id, None)

    def get(self, dialog_id: DialogId) -> DialogEntry | None:
        """The dialog of that name."""
        return self._entries.get(dialog_id)

    def find(self, request: Request) -> DialogEntry | None:
        """The dialog that a request belongs to."""
        if not self._entries and not self._expected:
            return None
        wanted = DialogId.of_request(request)
        if wanted is None:
            return None
        found = self._entries.get(wanted)
        if found is None and request.method == "NOTIFY":
            return self._begin(wanted, request)
        return found

    def expect(self, call_id: str, local_tag: str, who: ExpectsDialog, works: Works) -> None:
        """Let a NOTIFY begin a dialog with this Call-ID and local tag."""
        self._expected[call_id, local_tag] = who, works

    def forget_expected(self, call_id: str, local_tag: str) -> None:
        """No more of them."""
        self._expected.pop((call_id, local_tag), None)

    def _begin(self, wanted: DialogId, request: Request) -> DialogEntry | None:
        """RFC 6665 section 4.4.1: the NOTIFY, and not the 2xx, makes the dialog."""
        who, works = self._expected.get((wanted.call_id, wanted.local_tag), (None, None))
        if who is None or works is None:
            return None
        try:
            dialog = Dialog.as_uas(request, wanted.local_tag)
        except RemoteProtocolError:
            return None
        # The stage that hands it over takes note of the number.
        dialog.remote_sequence = None
        usage = who.begin_dialog(dialog)
        if usage is None:
            return None
        entry = DialogEntry(
            dialog=dialog, usage=usage, work=works.grouped(dialog.id), endpoint=ANONYMOUS
        )
        self.add(entry)
        return entry

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[DialogEntry]:
        return iter(tuple(self._entries.values()))

    async def on_request(self, request: IncomingRequest) -> bool:
        """Hand a request of a dialog to the dialog's usage."""
        entry = request.dialog
        if entry is None:
            return False
        waiting = self.take(request, entry)
        if waiting is not None:
            await waiting
        return True

    def take(self, request: IncomingRequest, entry: DialogEntry) -> Awaitable[None] | None:
        """Hand it over; what is returned is to be awaited."""
        request.endpoint = entry.endpoint
        dialog = entry.dialog
        fault = dialog.receive_request(request.message)
        if fault is None:
            if dialog.flow is not None or request.method in TARGET_REFRESH:
                dialog.flow = request.direct_flow
            return entry.usage.receive_request(request)
        if request.transaction is not None:
            request.respond(fault.status, fault.reason)
        return None
