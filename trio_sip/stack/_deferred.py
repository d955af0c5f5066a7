"""Requests that somebody has promised to answer later, and what becomes of them if nobody does.

Each holds a transaction and one of the `StackSettings.unanswered_limit` places, so none may do so
for ever.
"""

from __future__ import annotations

import logging
import math
from collections import OrderedDict
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from ._incoming import IncomingRequest
    from ._parts import Parts

__all__ = ["DeferredRequests"]

_logger = logging.getLogger("trio_sip.stack")


class DeferredRequests:
    """Keeps the deadlines of deferred requests: one for INVITEs, one for all others.

    Within each of the two kinds all wait equally long, so the first to come is the first to go.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        # Plain dicts would take long to find their first entry once many have been deleted there.
        self._invites: OrderedDict[IncomingRequest, float] = OrderedDict()
        self._others: OrderedDict[IncomingRequest, float] = OrderedDict()
        self._alarm = trio.CancelScope()

    def __len__(self) -> int:
        return len(self._invites) + len(self._others)

    def add(self, request: IncomingRequest) -> None:
        """Begin to wait for the answer, or begin anew: somebody is at work on it."""
        settings, now = self._parts.settings, self._parts.now()
        if request.method == "INVITE":
            deadline = now + settings.ringing_seconds
            self._invites[request] = deadline
            self._invites.move_to_end(request)
        else:
            # Nothing can be added to it: the client has given up by then, whatever it heard.
            deadline = self._others.setdefault(request, now + 64 * settings.timers.t1)
        self._alarm.deadline = min(self._alarm.deadline, deadline)

    def discard(self, request: IncomingRequest) -> None:
        """It has its answer."""
        self._invites.pop(request, None)
        self._others.pop(request, None)

    async def run(self) -> None:
        """End those that nobody has answered, for as long as the stack lives."""
        while True:
            with trio.CancelScope(deadline=self._next_deadline()) as self._alarm:
                await trio.sleep_forever()
            now = self._parts.now()
            for waiting in (self._invites, self._others):
                while waiting and next(iter(waiting.values())) <= now:
                    request, _ = waiting.popitem(last=False)
                    self._end(request)
            await trio.lowlevel.checkpoint()

    def _next_deadline(self) -> float:
        first = (next(iter(one.values())) for one in (self._invites, self._others) if one)
        return min(first, default=math.inf)

    def _end(self, request: IncomingRequest) -> None:
        self._parts.counters.never_answered += 1
        _logger.warning(
            "%s from %s was deferred and never answered", request.method, request.source
        )
        if request.method == "INVITE":
            request.respond(408)
        else:
            # RFC 4320 section 4.2: "an element that cannot respond before the transaction expires
            # will not send a final response at all."
            request.abandon()
