"""Bindings in memory: what the location services have in common."""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterator

import attrs
import trio

from trio_sip.registration import Binding, live_bindings

__all__ = ["BindingTable", "Change", "LocationStatistics"]

# A loop over stored addresses lets other tasks run after so many: about a millisecond.
_STRIDE = 500


@attrs.frozen
class Change:
    """The bindings of one address-of-record became others."""

    aor: str
    """Whose."""
    before: tuple[Binding, ...]
    """What they were, expired ones included."""
    after: tuple[Binding, ...]
    """What they are."""


@attrs.frozen(kw_only=True)
class LocationStatistics:
    """What a location service holds, and what has happened to it since it was opened."""

    addresses: int
    """Addresses-of-record with bindings, some perhaps expired but not yet purged."""
    bindings: int
    """Their bindings."""
    flows: int
    """Connections that bindings go with."""
    expired: int
    """Bindings that ended without being removed."""
    conflicts: int
    """`LocationStore.replace` calls that came too late."""
    changes_dropped: int
    """Changes that a subscriber was too slow to receive."""
    commits: int = 0
    """Transactions written to disk; 0 where there is no disk."""
    writes: int = 0
    """Address records in those transactions."""
    failed_commits: int = 0
    """Transactions that could not be written.  Nothing in them was acknowledged."""


class _Record:
    """The bindings of one address, perhaps none, and when the heap looks at it next."""

    # A plain class with slots: there are as many as registered addresses.
    __slots__ = ("bindings", "due")

    def __init__(self, due: float) -> None:
        self.bindings: tuple[Binding, ...] = ()
        self.due = due


class BindingTable:
    """Bindings by address, by connection and by expiry: what the stores have in common.

    Only `remove_flow` awaits; every other method is atomic to other tasks.
    """

    # Expiry is a heap with at most one live entry per address.  A refresh, which moves the
    # expiry away, leaves the entry alone; when its time comes it is put back at the new time.
    # An address without bindings keeps its record until then as well.  So a refresh costs no heap
    # operation, and a client that registers and unregisters all day costs no memory.

    def __init__(self) -> None:
        self._records: dict[str, _Record] = {}
        self._flows: dict[Hashable, set[str]] = {}
        self._due: list[tuple[float, str]] = []
        self._subscribers: list[trio.MemorySendChannel[Change]] = []
        self._addresses = 0
        self._bindings = 0
        self._expired = 0
        self._conflicts = 0
        self._changes_dropped = 0

    def __len__(self) -> int:
        return self._addresses

    def __iter__(self) -> Iterator[str]:
        return iter([aor for aor, record in self._records.items() if record.bindings])

    def get(self, aor: str, now: float) -> tuple[Binding, ...]:
        """The live bindings; those found expired are forgotten on the way."""
        record = self._records.get(aor)
        if record is None:
            return ()
        live = live_bindings(record.bindings, now)
        if live is not record.bindings:
            self._expired += len(record.bindings) - len(live)
            self.put(aor, live)
        return live

    def matches(self, aor: str, expected: tuple[Binding, ...], now: float) -> bool:
        """Whether the bindings are still these; False counts as a conflict."""
        record = self._records.get(aor)
        stored = () if record is None else record.bindings
        # What was read a moment ago may have expired since then; that is nobody's update.
        if stored == expected or live_bindings(stored, now) == live_bindings(expected, now):
            return True
        self._conflicts += 1
        return False

    def put(self, aor: str, new: tuple[Binding, ...]) -> None:
        """Set the bindings, whatever they were, and tell the subscribers."""
        record = self._records.get(aor)
        before = () if record is None else record.bindings
        self._bindings += len(new) - len(before)
        self._addresses += bool(new) - bool(before)
        self._index_flows(aor, before, new)
        if new:
            expiry = new[0].expires_at if len(new) == 1 else min(b.expires_at for b in new)
            if record is None:
                record = self._records[aor] = _Record(expiry)
                heapq.heappush(self._due, (expiry, aor))
            elif expiry < record.due:
                record.due = expiry
                heapq.heappush(self._due, (expiry, aor))
        if record is not None:
            record.bindings = new
        if self._subscribers:
            self._tell(Change(aor, before, new))

    def expire(self, limit: int, now: float) -> list[str]:
        """Forget what has expired, looking at ``limit`` addresses at most.

        Returns the addresses that have no record left.  Ask `expiry_is_due` whether to go on.
        """
        forgotten: list[str] = []
        for _ in range(limit):
            if not self.expiry_is_due(now):
                break
            at, aor = heapq.heappop(self._due)
            record = self._records.get(aor)
            if record is None or record.due != at:
                continue  # An earlier entry has taken over.
            live = self.get(aor, now)
            if live:
                record.due = min(binding.expires_at for binding in live)
                heapq.heappush(self._due, (record.due, aor))
            else:
                del self._records[aor]
                forgotten.append(aor)
        return forgotten

    def expiry_is_due(self, now: float) -> bool:
        """Whether `expire` would find something to look at."""
        return bool(self._due) and self._due[0][0] <= now

    async def remove_flow(self, flow: Hashable) -> int:
        """Remove all bindings of a connection, with pauses: a trunk may have brought thousands."""
        gone = 0
        await trio.lowlevel.checkpoint()
        visited = 0
        while addresses := self._flows.get(flow):
            aor = next(iter(addresses))
            before = self._records[aor].bindings
            after = tuple([binding for binding in before if binding.flow != flow])
            gone += len(before) - len(after)
            self.put(aor, after)
            visited += 1
            if visited % _STRIDE == 0:
                await trio.lowlevel.checkpoint()
        return gone

    def changes(self, capacity: int) -> trio.MemoryReceiveChannel[Change]:
        """A new subscription."""
        send, receive = trio.open_memory_channel[Change](capacity)
        self._subscribers.append(send)
        return receive

    def close(self) -> None:
        """End all subscriptions."""
        for subscriber in self._subscribers:
            subscriber.close()
        self._subscribers.clear()

    def statistics(self) -> LocationStatistics:
        """The current figures."""
        return LocationStatistics(
            addresses=self._addresses,
            bindings=self._bindings,
            flows=len(self._flows),
            expired=self._expired,
            conflicts=self._conflicts,
            changes_dropped=self._changes_dropped,
        )

    def _index_flows(
        self, aor: str, before: tuple[Binding, ...], after: tuple[Binding, ...]
    ) -> None:
        old, new = _flows_of(before), _flows_of(after)
        if old == new:
            return
        for flow in old - new:
            addresses = self._flows[flow]
            addresses.discard(aor)
            if not addresses:
                del self._flows[flow]
        for flow in new - old:
            self._flows.setdefault(flow, set()).add(aor)

    def _tell(self, change: Change) -> None:
        for subscriber in list(self._subscribers):
            try:
                subscriber.send_nowait(change)
            except trio.WouldBlock:
                self._changes_dropped += 1
            except trio.BrokenResourceError:
                subscriber.close()
                self._subscribers.remove(subscriber)


_NO_FLOWS: frozenset[Hashable] = frozenset()


def _flows_of(bindings: tuple[Binding, ...]) -> frozenset[Hashable]:
    for binding in bindings:
        if binding.flow is not None:
            return frozenset([kept.flow for kept in bindings if kept.flow is not None])
    return _NO_FLOWS
