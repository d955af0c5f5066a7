"""What a stack does for what lives in dialogs: it neither waits nor has tasks of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import TypeVarTuple

import trio

from trio_sip.dialog import Dialog
from trio_sip.message import NameAddr, Request, Uri
from trio_sip.transport import Address, Flow
from trio_sip.work import Work

from ._authorize import Credentials, authenticator_for
from ._dialogs import ExpectsDialog
from ._hop import answering_flow, find_servers, find_servers_nowait
from ._parts import Parts, StackState
from ._reminders import Reminder
from ._sending import RequestUser, SentRequest

__all__ = ["UsageSupport"]

PosArgsT = TypeVarTuple("PosArgsT")


class UsageSupport:
    """The part of `Stack` that sessions and subscriptions are run with."""

    def __init__(self, parts: Parts, nursery: trio.Nursery) -> None:
        self._parts = parts
        self._nursery = nursery

    def _check_running(self) -> None:
        if self._parts.state is StackState.CLOSED:
            raise trio.ClosedResourceError("the stack is closed")

    def start_request(
        self,
        request: Request,
        user: RequestUser,
        *,
        dialog: Dialog | None = None,
        credentials: Credentials | None = None,
    ) -> SentRequest:
        """Send a request that has been made already, and tell *user* what comes back.

        For what cannot sit and wait, such as a session.  It never blocks; *user* may be told of
        a failure before it returns.

        Args:
          request: complete but for its Via.
          dialog: the one it was made in: it says where to, and gives the number of a second try.
        """
        self._check_running()
        if dialog is None:
            routes = request.headers.get_all("Route")
            next_hop = NameAddr.parse(routes[0]).uri if routes else request.uri
        else:
            next_hop = dialog.next_hop
        authenticator = authenticator_for(credentials)
        attempt = None if authenticator is None else authenticator.start_attempt(next_hop.host)
        sent = SentRequest(self._parts, request, next_hop, user, attempt, dialog)
        sent.start()
        return sent

    def send_ack(self, ack: Request, dialog: Dialog) -> None:
        """Send the ACK of a 2xx, once more each time it is asked for.  It never blocks."""
        self._check_running()
        self._parts.clients.send_ack(ack, dialog)

    async def find_flow(self, hop: Uri | str, *, size: int = 0) -> Flow:
        """The flow that a request of *size* bytes to *hop* would take; connections are opened.

        Raises:
          NoRoute, TransportFailed: as for `send_request`.
        """
        self._check_running()
        hop = Uri.parse(hop)
        servers = await find_servers(self._parts, hop)
        transport, remote = servers[0]
        return await self._parts.transport.flow_for_request(remote, size, transport, hop.host)

    def flow_nowait(self, hop: Uri | str) -> Flow | None:
        """The same, if it need not be waited for; ``None`` if it must.

        Raises:
          NoRoute: no transport leads there.
        """
        self._check_running()
        hop = Uri.parse(hop)
        servers = find_servers_nowait(self._parts, hop)
        if servers is None:
            return None
        transport, remote = servers[0]
        return self._parts.transport.flow_for_request_nowait(remote, 0, transport, hop.host)

    def answering_flow(self, flow: Flow | None) -> Flow | None:
        """The flow that a request of ours took, as that of who answered it, for `add_dialog`."""
        return answering_flow(flow)

    def grouped_work(self, key: Hashable) -> Work:
        """The work of everything with this *key*; there is nothing to close."""
        return self._parts.works.grouped(key)

    def reachable_address(self, flow: Flow) -> Address:
        """Where we listen for what comes back by *flow*: for a Contact."""
        return self._parts.transport.reachable_address(flow)

    @property
    def now(self) -> Callable[[], float]:
        """trio's clock, for who asks often."""
        return self._parts.now

    def start_soon(
        self, fn: Callable[[*PosArgsT], Awaitable[object]], *args: *PosArgsT, name: str
    ) -> None:
        """Run ``fn(*args)`` beside everything else, until the stack closes.

        Its exception ends the stack, so it had better have none.
        """
        self._check_running()
        self._nursery.start_soon(fn, *args, name=name)

    def call_hook(self, hook: Callable[[*PosArgsT], object], *args: *PosArgsT) -> None:
        """Call somebody else's code, so that its exception stays with it: see `handler_failed`."""
        self._parts.pipeline.call_hook(hook, *args)

    def handler_failed(self, what: str, error: Exception) -> None:
        """Somebody else's code has failed: it is logged and counted, and raised if we are strict."""
        self._parts.pipeline.failed(what, error)

    def create_reminder(self, tell: Callable[[], object]) -> Reminder:
        """Something that calls *tell* at a time that is set later; all share one alarm."""
        return self._parts.reminders.create(tell)

    @contextmanager
    def expecting_dialogs(self, call_id: str, local_tag: str, who: ExpectsDialog) -> Iterator[None]:
        """Let NOTIFYs begin dialogs, as long as the block runs, for a request of ours.

        A NOTIFY may come before the 2xx to the SUBSCRIBE or REFER, and from several notifiers.

        Args:
          call_id: that of the request.
          local_tag: the tag of its From.
        """
        dialogs = self._parts.dialogs
        dialogs.expect(call_id, local_tag, who, self._parts.works)
        try:
            yield
        finally:
            dialogs.forget_expected(call_id, local_tag)
