"""A location service that survives its process: SQLite behind a mirror in memory.

Reads never touch the disk.  Writes that arrive together are committed together: the first of
them leads its group, waits for the group before it, hands all rows to the one thread and wakes
the others.  The mirror follows only after the COMMIT, so what a reader or an answered phone has
seen is on the disk, and what could not be stored has never been seen by anyone.
"""

from __future__ import annotations

import enum
import os
import time
from collections.abc import AsyncIterator, Callable, Hashable, Iterator
from contextlib import asynccontextmanager

import attrs
import trio

from trio_sip.registration import Binding

from ._binding_table import BindingTable, Change, LocationStatistics
from ._sqlite_file import SqliteFile, encode_bindings

__all__ = ["SqliteLocation", "Synchronous", "open_sqlite_location"]

# Addresses read in one go at the start: a few milliseconds.
_LOAD = 1000


class Synchronous(enum.Enum):
    """What an acknowledged registration survives; SQLite's ``PRAGMA synchronous``."""

    NORMAL = "NORMAL"
    """The end of this process, ``kill -9`` included.  A power cut may lose the last moments."""
    FULL = "FULL"
    """A power cut as well, at the price of a disk flush for every group of registrations."""


@asynccontextmanager
async def open_sqlite_location(
    path: str | os.PathLike[str],
    *,
    synchronous: Synchronous = Synchronous.NORMAL,
    wall_clock: Callable[[], float] = time.time,
) -> AsyncIterator[SqliteLocation]:
    """Open the location database at ``path``, made if it is not there, for this process alone::

        async with open_sqlite_location("location.db") as location:
            registrar = Registrar(location)

    The file keeps wall-clock times, read from ``wall_clock``; the methods count on
    `trio.current_time` like everything else.

    *Errors:* `OSError` naming the file when it cannot be opened: no such directory, not a
    database or someone else's, read-only, in use by another process.

    *Cancellation:* leaving the block waits for the writes under way.
    """
    file = await trio.to_thread.run_sync(SqliteFile, path, synchronous.value)
    location = SqliteLocation(file, wall_clock)
    try:
        await location._load()
        yield location
    finally:
        with trio.CancelScope(shield=True):
            await location._aclose()


class _Group:
    """Registrations that are committed together, or all fail."""

    # A plain class with slots: at low load there is one for every registration.
    __slots__ = ("done", "error", "new", "rows")

    def __init__(self) -> None:
        self.rows: dict[str, tuple[float, str] | None] = {}
        self.new: dict[str, tuple[Binding, ...]] = {}
        self.done = trio.Event()
        # Until it has been written it has not been written, whatever stops the writer.
        self.error: Exception | None = InterruptedError("location database: write interrupted")


class SqliteLocation:
    """Made by `open_sqlite_location`; see `LocationStore` for what its methods promise.

    A binding that goes with a connection is kept in memory only: it could not be reached after
    a restart, when its connection is gone.
    """

    def __init__(self, file: SqliteFile, wall_clock: Callable[[], float]) -> None:
        self._file: SqliteFile | None = file
        self._wall_clock = wall_clock
        self._table = BindingTable()
        self._thread = trio.CapacityLimiter(1)
        self._gathering: _Group | None = None
        self._writing: _Group | None = None
        # Addresses with a write under way.  Their bindings are open until it has ended, so the
        # next `replace` of the same address waits for it.
        self._in_flight: dict[str, _Group] = {}
        self._commits = 0
        self._writes = 0
        self._failed_commits = 0

    async def bindings(self, aor: str, now: float) -> tuple[Binding, ...]:
        """See `LocationStore.bindings`.  Does not make way for other tasks."""
        await trio.lowlevel.checkpoint_if_cancelled()
        self._check_open()
        return self._table.get(aor, now)

    async def replace(
        self, aor: str, expected: tuple[Binding, ...], new: tuple[Binding, ...], now: float
    ) -> bool:
        """See `LocationStore.replace`."""
        await trio.lowlevel.checkpoint_if_cancelled()
        while (group := self._in_flight.get(aor)) is not None:
            await group.done.wait()
            # The next write may be under way already, but this answer is final.
            if not self._table.matches(aor, expected, now):
                return False
        self._check_open()
        if not self._table.matches(aor, expected, now):
            return False
        lasting = [binding for binding in new if binding.flow is None]
        if lasting == [binding for binding in expected if binding.flow is None]:
            self._table.put(aor, new)
            return True
        row = encode_bindings(lasting, self._wall_clock() - now) if lasting else None
        group, leads = self._join()
        group.rows[aor] = row
        group.new[aor] = new
        self._in_flight[aor] = group
        # Most do not lead, and so wait here, not one coroutine deeper.
        await (self._lead(group) if leads else group.done.wait())
        if group.error is not None:
            raise OSError(str(group.error)) from group.error
        return True

    async def remove_flow(self, flow: Hashable, now: float) -> int:
        """See `LocationStore.remove_flow`."""
        # A registration over this connection may be on its way to the disk.
        for group in (self._writing, self._gathering):
            if group is not None:
                await group.done.wait()
        return await self._table.remove_flow(flow)

    async def purge(self, limit: int, now: float) -> bool:
        """See `LocationStore.purge`.  Rows that cannot be deleted are counted and left behind.

        They have expired, so the next start ignores and deletes them.
        """
        await trio.lowlevel.checkpoint()
        self._check_open()
        gone = [aor for aor in self._table.expire(limit, now) if aor not in self._in_flight]
        if gone:
            group, leads = self._join()
            group.rows.update(dict.fromkeys(gone))
            await (self._lead(group) if leads else group.done.wait())
        return self._table.expiry_is_due(now)

    def changes(self, capacity: int = 100) -> trio.MemoryReceiveChannel[Change]:
        """See `LocationStore.changes`."""
        return self._table.changes(capacity)

    def statistics(self) -> LocationStatistics:
        """See `LocationStore.statistics`."""
        return attrs.evolve(
            self._table.statistics(),
            commits=self._commits,
            writes=self._writes,
            failed_commits=self._failed_commits,
        )

    def __len__(self) -> int:
        return len(self._table)

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def _check_open(self) -> SqliteFile:
        if self._file is None:
            raise trio.ClosedResourceError("this location service has been closed")
        return self._file

    def _join(self) -> tuple[_Group, bool]:
        """The group that is being gathered, and whether the caller is the first in it."""
        if self._gathering is not None:
            return self._gathering, False
        self._gathering = _Group()
        return self._gathering, True

    async def _lead(self, group: _Group) -> None:
        """Write the group that the caller is the first in; the others wait for its `done`.

        The leader works for all, so a cancellation reaches it afterwards: after this write and
        the one before it, a matter of milliseconds.  Whoever else is cancelled leaves its row
        behind, which is stored like the others.
        """
        with trio.CancelScope(shield=True):
            # Registrations that arrived in the same moment join now.
            await trio.lowlevel.checkpoint()
            if self._writing is not None:
                await self._writing.done.wait()
            self._gathering, self._writing = None, group
            try:
                await self._write(group)
            finally:
                self._writing = None
                for aor in group.new:
                    del self._in_flight[aor]
                group.done.set()

    async def _write(self, group: _Group) -> None:
        write = self._check_open().write
        try:
            await trio.to_thread.run_sync(write, group.rows, limiter=self._thread)
        except Exception as error:
            self._failed_commits += 1
            group.error = error
            return
        group.error = None
        self._commits += 1
        self._writes += len(group.rows)
        for aor, new in group.new.items():
            self._table.put(aor, new)

    async def _load(self) -> None:
        file = self._check_open()
        wall_now = self._wall_clock()
        to_wall = wall_now - trio.current_time()
        await trio.to_thread.run_sync(file.delete_expired, wall_now, limiter=self._thread)
        last: str | None = None
        while rows := await trio.to_thread.run_sync(
            file.read, last, _LOAD, to_wall, limiter=self._thread
        ):
            for aor, bindings in rows:
                self._table.put(aor, bindings)
            last = rows[-1][0]

    async def _aclose(self) -> None:
        while (group := self._writing or self._gathering) is not None:
            await group.done.wait()
        file = self._check_open()
        self._file = None
        self._table.close()
        await trio.to_thread.run_sync(file.close, limiter=self._thread)
