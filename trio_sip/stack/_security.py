"""Security events: what a ban tool or an operator wants to know, as values and as log lines.

The log lines begin with the source address and port and keep their wording, because tools match
them.  What a stranger wrote is never part of one, and each source gets only so many of them.
"""

from __future__ import annotations

import collections
import enum
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import attrs
import trio

from trio_sip.transport import Address

from ._log_limit import LogLimit

__all__ = ["SecurityEvent", "SecurityEventKind", "SecurityEvents", "Suspects"]

_logger = logging.getLogger("trio_sip.security")
_BACKLOG = 1000


class SecurityEventKind(enum.Enum):
    """What happened."""

    # CPython 3.11 hashes members in Python, by name; they are singletons.
    if not TYPE_CHECKING:
        __hash__ = object.__hash__

    UNIDENTIFIED = "no matching endpoint"
    ACCESS_DENIED = "address not permitted"
    CHALLENGE_SENT = "challenge sent"
    AUTHENTICATED = "authenticated"
    AUTHENTICATION_FAILED = "authentication failed"
    OVERLOAD = "refused while overloaded"
    NOT_SUPPORTED = "request not supported"


_SUSPICIOUS = frozenset(
    {
        SecurityEventKind.UNIDENTIFIED,
        SecurityEventKind.ACCESS_DENIED,
        SecurityEventKind.AUTHENTICATION_FAILED,
    }
)


@attrs.frozen(kw_only=True)
class SecurityEvent:
    """Something that happened at the gate."""

    kind: SecurityEventKind
    source: Address
    """Where the request came from: the packet's source, never what a header claims."""

    method: str
    endpoint: str
    """The name of the endpoint it was taken for."""

    detail: str = ""
    """The reason, for example the `AuthOutcome`.  Never tell it to the sender."""

    count: int = 1
    """How often, for events that are only told from a certain number on."""

    def __str__(self) -> str:
        detail = f" ({self.detail})" if self.detail else ""
        times = f" {self.count} times" if self.count > 1 else ""
        return f"{self.source} {self.kind.value}{times}: {self.method} as {self.endpoint!r}{detail}"


class SecurityEvents:
    """Hands events to whoever listens, and to the log.  A listener that is slow misses some."""

    def __init__(self) -> None:
        self._listeners: set[trio.MemorySendChannel[SecurityEvent]] = set()
        self.counts: collections.Counter[SecurityEventKind] = collections.Counter()
        self.missed: int = 0
        self._limit = LogLimit()

    def tell(self, event: SecurityEvent) -> None:
        """Note *event*: count it, log it, pass it on."""
        self.counts[event.kind] += 1
        if event.kind in _SUSPICIOUS:
            self._warn(event)
        else:
            _logger.debug("%s", event)
        for listener in self._listeners:
            try:
                listener.send_nowait(event)
            except trio.WouldBlock:
                self.missed += 1

    def _warn(self, event: SecurityEvent) -> None:
        # Who guesses passwords all day must not fill the disk with it.
        left_out = self._limit.admit(event.source.host, trio.current_time())
        if left_out is None:
            return
        if left_out:
            _logger.warning("%s %d more events were not logged", event.source, left_out)
        _logger.warning("%s", event)

    def wanted(self, kind: SecurityEventKind) -> bool:
        """Whether anybody would notice an ordinary event: making one costs more than counting."""
        if self._listeners or _logger.isEnabledFor(logging.DEBUG):
            return True
        self.counts[kind] += 1
        return False

    def tell_if_wanted(
        self, kind: SecurityEventKind, source: Address, method: str, endpoint: str
    ) -> None:
        """`tell` an ordinary event, or only count it."""
        if self.wanted(kind):
            self.tell(SecurityEvent(kind=kind, source=source, method=method, endpoint=endpoint))

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[trio.MemoryReceiveChannel[SecurityEvent]]:
        """``async with … as events: async for event in events``; up to 1,000 of them wait."""
        send, receive = trio.open_memory_channel[SecurityEvent](_BACKLOG)
        self._listeners.add(send)
        with send, receive:
            try:
                yield receive
            finally:
                self._listeners.discard(send)


@attrs.frozen(kw_only=True)
class SuspectSettings:
    """When a source that nobody knows becomes suspect."""

    count: int = 5
    """So many unidentified requests …"""

    period: float = 5.0
    """… within so many seconds; then each further one is told, too."""

    forget_after: float = 30.0
    """Seconds without a request after which a source is forgotten."""

    capacity: int = 10_000
    """Sources remembered; the one longest silent goes first."""


@attrs.define(eq=False)
class _Suspect:
    times: collections.deque[float]
    """The latest misses, as many as make it suspect."""

    misses: int = 0


class Suspects:
    """Unidentified requests by source, in a sliding window.

    Only of use while a second try with credentials may still identify somebody: the first miss
    of such a client is no news.
    """

    def __init__(self, settings: SuspectSettings | None = None) -> None:
        self._settings = SuspectSettings() if settings is None else settings
        self.seen: collections.OrderedDict[str, _Suspect] = collections.OrderedDict()

    def __len__(self) -> int:
        return len(self.seen)

    def miss(self, host: str, now: float) -> int:
        """Note an unidentified request; how many there were, once that is worth telling, or 0."""
        settings = self._settings
        suspect = self.seen.pop(host, None)
        if suspect is None:
            suspect = _Suspect(collections.deque(maxlen=settings.count))
        times = suspect.times
        times.append(now)
        suspect.misses += 1
        self.seen[host] = suspect
        self._prune(now)
        recent = len(times) == settings.count and now - times[0] <= settings.period
        return suspect.misses if recent else 0

    def hit(self, host: str) -> None:
        """Somebody there was identified: nothing is held against it any longer."""
        self.seen.pop(host, None)

    def _prune(self, now: float) -> None:
        while self.seen:
            host, suspect = next(iter(self.seen.items()))
            silent = now - suspect.times[-1] > self._settings.forget_after
            if not silent and len(self.seen) <= self._settings.capacity:
                return
            del self.seen[host]
