"""Qualifying: OPTIONS at an interval, to know who can be reached before somebody needs them."""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import trio

from trio_sip._errors import (
    LocalProtocolError,
    NoRoute,
    RemoteProtocolError,
    RequestRejected,
    RequestTimedOut,
    TransportFailed,
)
from trio_sip.message import Uri
from trio_sip.stack import Service, Stack

__all__ = ["ContactStatus", "Qualified", "QualifyService", "Reachability"]

_BACKLOG = 1000
_NOT_THERE = (NoRoute, RequestRejected, RequestTimedOut, TransportFailed)


class Reachability(enum.Enum):
    """What is known of a contact."""

    UNKNOWN = "unknown"
    """The first question has not been answered yet, nor given up."""

    REACHABLE = "reachable"
    UNREACHABLE = "unreachable"


@attrs.frozen(kw_only=True)
class ContactStatus:
    """A contact at one moment."""

    contact: str
    """Its URI, as it was given."""

    reachability: Reachability = Reachability.UNKNOWN

    rtt: float | None = None
    """Seconds from the last question to its answer; ``None`` if there was none."""

    since: float
    """When it became what it is, on trio's clock."""


class Qualified:
    """A contact that is asked again and again, until `stop` or the end of a block."""

    def __init__(self, uri: Uri, text: str) -> None:
        self.uri: Uri = uri
        self.scope: trio.CancelScope = trio.CancelScope()
        """Ends with `stop`."""
        self.status: ContactStatus = ContactStatus(contact=text, since=trio.current_time())
        """What is known of it now."""

    @property
    def is_reachable(self) -> bool:
        """Whether it is worth trying: only what is known to be unreachable is not."""
        return self.status.reachability is not Reachability.UNREACHABLE

    def stop(self) -> None:
        """Ask no more; the service forgets it."""
        self.scope.cancel()

    def __enter__(self) -> Qualified:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()


class QualifyService(Service):
    """Asks contacts with OPTIONS whether they are there, and tells when that changes.

    Example::

        qualify = QualifyService(interval=60)
        async with open_stack("udp://0.0.0.0:5060", services=[qualify]):
            gateway = qualify.qualify("sip:gateway.example.com")
            async with qualify.changes() as changes:
                async for status in changes:
                    print(status.contact, status.reachability.value, status.rtt)

    Args:
      interval: seconds from one question to the next.
      patience: seconds after which no answer means that nobody is there.
      only_success: count a 2xx alone; otherwise whoever says anything is there, even 404.
    """

    name = "qualify"

    def __init__(
        self, *, interval: float = 60.0, patience: float = 3.0, only_success: bool = False
    ) -> None:
        if not 0 < patience <= interval:
            raise LocalProtocolError(f"patience {patience} must be within the interval {interval}")
        self._interval = interval
        self._patience = patience
        self._only_success = only_success
        self._contacts: dict[str, Qualified] = {}
        self._listeners: set[trio.MemorySendChannel[ContactStatus]] = set()
        self._stack: Stack | None = None
        self._nursery: trio.Nursery | None = None

    def qualify(self, contact: Uri | str) -> Qualified:
        """Ask *contact* from now on; a contact that is asked already gives the same again.

        Raises:
          LocalProtocolError: it is no SIP or SIPS URI.
        """
        text = str(contact)
        known = self._contacts.get(text)
        if known is not None and not known.scope.cancel_called:
            return known
        try:
            uri = Uri.parse(contact)
        except RemoteProtocolError as error:
            raise LocalProtocolError(str(error)) from None
        if not uri.is_sip:
            raise LocalProtocolError(f"not a contact to qualify: {text}")
        qualified = self._contacts[text] = Qualified(uri, text)
        if self._nursery is not None:
            self._nursery.start_soon(self._keep_asking, qualified, name=f"qualify {text}")
        return qualified

    def statuses(self) -> tuple[ContactStatus, ...]:
        """All contacts, as they are now."""
        return tuple(one.status for one in self._contacts.values())

    @asynccontextmanager
    async def changes(self) -> AsyncIterator[trio.MemoryReceiveChannel[ContactStatus]]:
        """``async with … as changes: async for status in changes``; up to 1,000 of them wait."""
        send, receive = trio.open_memory_channel[ContactStatus](_BACKLOG)
        self._listeners.add(send)
        with send, receive:
            try:
                yield receive
            finally:
                self._listeners.discard(send)

    async def run(self, stack: Stack) -> None:
        """Ask, for as long as the service is registered."""
        self._stack = stack
        try:
            async with trio.open_nursery() as self._nursery:
                for one in self._contacts.values():
                    self._nursery.start_soon(self._keep_asking, one)
                await trio.sleep_forever()
        finally:
            self._nursery = None

    async def _keep_asking(self, qualified: Qualified) -> None:
        with qualified.scope:
            while True:
                began = trio.current_time()
                rtt = await self._ask(qualified.uri)
                self._note(qualified, rtt)
                await trio.sleep_until(began + self._interval)
        # Somebody may have begun to ask the same contact anew meanwhile.
        if self._contacts.get(qualified.status.contact) is qualified:
            del self._contacts[qualified.status.contact]

    async def _ask(self, uri: Uri) -> float | None:
        """Seconds until the answer came; ``None`` if none did, or not the right one."""
        assert self._stack is not None, "the service runs"
        began = trio.current_time()
        with trio.move_on_after(self._patience):
            try:
                response = await self._stack.send_request("OPTIONS", uri)
            except _NOT_THERE:
                return None
            if response.is_success or not self._only_success:
                return trio.current_time() - began
        return None

    def _note(self, qualified: Qualified, rtt: float | None) -> None:
        before = qualified.status
        now = Reachability.UNREACHABLE if rtt is None else Reachability.REACHABLE
        qualified.status = status = attrs.evolve(
            before,
            reachability=now,
            rtt=rtt,
            since=before.since if now is before.reachability else trio.current_time(),
        )
        if now is before.reachability:
            return
        for listener in self._listeners:
            try:
                listener.send_nowait(status)
            except trio.WouldBlock:
                # Who is too slow for a thousand of them misses some; `statuses` has them all.
                continue
