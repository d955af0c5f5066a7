"""What has come and was not expected yet, and how a script takes from it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import trio

from ._failures import ScriptFailed, missing, unexpected
from ._message_pattern import MessagePattern
from ._messages import PeerMessage

__all__ = ["Inbox"]


class Inbox:
    """Messages in the order of their arrival."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.ignored: list[MessagePattern] = []
        """What is dropped as it comes."""

        self.unexpected: int = 0
        """How many messages came out of place, or were none."""

        # By the number of each, which a dict keeps in order and gives up at once.
        self._waiting: dict[int, PeerMessage] = {}
        self._by_call: dict[str, dict[int, PeerMessage]] = {}
        self._failures: list[ScriptFailed] = []
        # Among thousands of calls, a message wakes the few tasks that it can be for.
        self._lots: dict[str | None, trio.lowlevel.ParkingLot] = {}

    def put(self, message: PeerMessage) -> None:
        """Add a message, unless it is to be ignored."""
        if not any(one.fits(message.message) for one in self.ignored):
            call_id = message.message.headers.get("Call-ID", "")
            self._waiting[id(message)] = message
            self._by_call.setdefault(call_id, {})[id(message)] = message
            self._wake(call_id)
            self._wake(None)

    def fail(self, error: ScriptFailed) -> None:
        """Let the next question end with *error*: what came is not even a message."""
        self.unexpected += 1
        self._failures.append(error)
        for call_id in list(self._lots):
            self._wake(call_id)

    def check(self) -> None:
        """Raise such an error."""
        if self._failures:
            raise _now(self._failures.pop(0))

    def first(self) -> PeerMessage | None:
        """The next message of no conversation in particular."""
        self.check()
        waiting = (one for one in self._waiting.values() if not (one.is_owned or one.is_incidental))
        return next(waiting, None)

    def leftovers(self) -> list[PeerMessage]:
        """What nobody has expected and somebody should have."""
        return [one for one in self._waiting.values() if not one.is_incidental]

    async def take(
        self,
        wanted: Sequence[MessagePattern],
        *,
        within: float,
        optional: Sequence[MessagePattern] = (),
        belongs: Callable[[PeerMessage], bool] | None = None,
        call_id: str | None = None,
    ) -> tuple[int, PeerMessage]:
        """The next message, which must fit one of *wanted*; which one, and the message.

        Messages that do not belong, when that is asked, stay where they are; so do those of
        conversations of their own.  All that belong have *call_id*, if there is one.
        """
        __tracebackhide__ = True
        await trio.lowlevel.checkpoint()
        with trio.move_on_after(within):
            while True:
                found = self._find(wanted, optional, belongs, call_id)
                if found is not None:
                    return found
                await self._park(call_id)
        error = missing(self.name, wanted, within, self.leftovers())
        error.call_id = call_id
        raise _now(error)

    def _find(
        self,
        wanted: Sequence[MessagePattern],
        optional: Sequence[MessagePattern],
        belongs: Callable[[PeerMessage], bool] | None,
        call_id: str | None,
    ) -> tuple[int, PeerMessage] | None:
        __tracebackhide__ = True
        self.check()
        for message in self._candidates(call_id):
            if belongs is not None and not belongs(message):
                continue
            for number, pattern in enumerate(wanted):
                if pattern.fits(message.message):
                    self._remove(message)
                    return number, message
            if message.is_incidental or any(one.fits(message.message) for one in optional):
                if belongs is not None or not message.is_owned:
                    self._remove(message)
                continue
            if belongs is None and message.is_owned:
                continue
            self._remove(message)
            self.unexpected += 1
            raise _now(unexpected(self.name, wanted, message))
        return None

    def _candidates(self, call_id: str | None) -> list[PeerMessage]:
        return list((self._waiting if call_id is None else self._by_call.get(call_id, {})).values())

    def _remove(self, message: PeerMessage) -> None:
        del self._waiting[id(message)]
        call_id = message.message.headers.get("Call-ID", "")
        of_call = self._by_call[call_id]
        del of_call[id(message)]
        if not of_call:
            del self._by_call[call_id]

    async def _park(self, call_id: str | None) -> None:
        lot = self._lots.setdefault(call_id, trio.lowlevel.ParkingLot())
        try:
            await lot.park()
        finally:
            if not lot and self._lots.get(call_id) is lot:
                del self._lots[call_id]

    def _wake(self, call_id: str | None) -> None:
        lot = self._lots.get(call_id)
        if lot is not None:
            lot.unpark_all()

    async def watch(
        self,
        unwanted: Sequence[MessagePattern],
        within: float,
        belongs: Callable[[PeerMessage], bool],
    ) -> None:
        """Fail when such a message comes within so many seconds; leave all others alone."""
        with trio.move_on_after(within):
            while True:
                for message in self._waiting.values():
                    if belongs(message) and any(one.fits(message.message) for one in unwanted):
                        self.unexpected += 1
                        raise _now(unexpected(self.name, (), message))
                await self._park(None)
        await trio.lowlevel.checkpoint()

    async def wait_for_change(self, deadline: float = math.inf) -> bool:
        """Wait for the next message; false when the time has come instead."""
        with trio.move_on_at(deadline) as scope:
            await self._park(None)
        return not scope.cancelled_caught

    def touch(self) -> None:
        """Wake whoever waits: something about a message has changed."""
        self._wake(None)


def _now(error: ScriptFailed) -> ScriptFailed:
    error.at = trio.current_time()
    return error
