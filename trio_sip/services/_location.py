"""Where bindings are kept: the Protocol of a location service, and the one in memory."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Protocol

import trio

from trio_sip.registration import Binding

from ._binding_table import BindingTable, Change, LocationStatistics

__all__ = ["LocationStore", "MemoryLocation"]


class LocationStore(Protocol):
    """What a registrar needs of a location service.

    ``aor`` is always the key that `trio_sip.registration.address_of_record` makes.  ``now`` is
    in seconds on the clock that `Binding.expires_at` uses, which is `trio.current_time`.
    """

    async def bindings(self, aor: str, now: float) -> tuple[Binding, ...]:
        """The bindings that have not expired, oldest update first."""

    async def replace(
        self, aor: str, expected: tuple[Binding, ...], new: tuple[Binding, ...], now: float
    ) -> bool:
        """Store ``new`` if the bindings are still ``expected``, which `bindings` gave before.

        True means stored as safely as this service can; False that somebody else was faster and
        nothing was changed: read again, decide again.

        *Errors:* `OSError` when it cannot be stored; nothing was changed.

        *Cancellation:* either all of it has been stored or nothing.
        """

    async def remove_flow(self, flow: Hashable, now: float) -> int:
        """Remove the bindings that go with this connection; the number of those."""

    async def purge(self, limit: int, now: float) -> bool:
        """Forget what has expired, looking at ``limit`` addresses at most.

        True when there is more of it: call it again at once.  Reading never shows expired
        bindings, so this is about memory and about `changes`.  It blocks other tasks for some
        2 us an address, so ``limit=1000`` is a good choice.
        """

    def changes(self, capacity: int = 100) -> trio.MemoryReceiveChannel[Change]:
        """Subscribe to changes, until the channel is closed; use it as a context manager.

        A subscriber that is more than ``capacity`` behind loses changes; those are counted.
        """

    def statistics(self) -> LocationStatistics:
        """The current figures."""

    def __len__(self) -> int:
        """How many addresses-of-record have bindings."""

    def __iter__(self) -> Iterator[str]:
        """The addresses-of-record at this moment."""


class MemoryLocation:
    """A location service that forgets everything with the process.

    Needs no opening and no closing::

        registrar = Registrar(MemoryLocation())
    """

    # `bindings` and `replace` can be cancelled but do not make way for other tasks: there is
    # nothing to wait for, and a full checkpoint costs more than all that they do.

    def __init__(self) -> None:
        self._table = BindingTable()

    async def bindings(self, aor: str, now: float) -> tuple[Binding, ...]:
        """See `LocationStore.bindings`."""
        await trio.lowlevel.checkpoint_if_cancelled()
        return self._table.get(aor, now)

    async def replace(
        self, aor: str, expected: tuple[Binding, ...], new: tuple[Binding, ...], now: float
    ) -> bool:
        """See `LocationStore.replace`; never an `OSError`."""
        await trio.lowlevel.checkpoint_if_cancelled()
        if not self._table.matches(aor, expected, now):
            return False
        self._table.put(aor, new)
        return True

    async def remove_flow(self, flow: Hashable, now: float) -> int:
        """See `LocationStore.remove_flow`."""
        return await self._table.remove_flow(flow)

    async def purge(self, limit: int, now: float) -> bool:
        """See `LocationStore.purge`."""
        await trio.lowlevel.checkpoint()
        self._table.expire(limit, now)
        return self._table.expiry_is_due(now)

    def changes(self, capacity: int = 100) -> trio.MemoryReceiveChannel[Change]:
        """See `LocationStore.changes`."""
        return self._table.changes(capacity)

    def statistics(self) -> LocationStatistics:
        """See `LocationStore.statistics`."""
        return self._table.statistics()

    def __len__(self) -> int:
        return len(self._table)

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)
