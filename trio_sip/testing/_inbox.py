"""What has come and was not expected yet, and how a script takes from it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import trio

from ._failures import ScriptFailed, missing, unexpected
from ._message_pattern import MessagePattern
from ._peer_messages import PeerMessage

__all__ = ["Inbox"]


class Inbox:
    """Messages in the order of their arrival."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.ignored: list[MessagePattern] = []
        """What is dropped as it comes."""

        self._waiting: list[PeerMessage] = []
        self._failures: list[ScriptFailed] = []
        self._lot = trio.lowlevel.ParkingLot()

    def put(self, message: PeerMessage) -> None:
        """Add a message, unless it is to be ignored."""
        if not any(one.fits(message.message) for one in self.ignored):
            self._waiting.append(message)
            self._lot.unpark_all()

    def fail(self, error: ScriptFailed) -> None:
        """Let the next question end with *error*: what came is not even a message."""
        self._failures.append(error)
        self._lot.unpark_all()

    def check(self) -> None:
        """Raise such an error."""
        if self._failures:
            raise _now(self._failures.pop(0))

    def first(self) -> PeerMessage | None:
        """The next message of no conversation in particular."""
        self.check()
        waiting = (one for one in self._waiting if not (one.is_owned or one.is_incidental))
        return next(waiting, None)

    def leftovers(self) -> list[PeerMessage]:
        """What nobody has expected and somebody should have."""
        return [one for one in self._waiting if not one.is_incidental]

    async def take(
        self,
        wanted: Sequence[MessagePattern],
        *,
        within: float,
        optional: Sequence[MessagePattern] = (),
        belongs: Callable[[PeerMessage], bool] | None = None,
    ) -> tuple[int, PeerMessage]:
        """The next message, which must fit one of *wanted*; which one, and the message.

        Messages that do not belong, when that is asked, stay where they are; so do those of
        conversations of their own.
        """
        __tracebackhide__ = True
        await trio.lowlevel.checkpoint()
        with trio.move_on_after(within):
            while True:
                found = self._find(wanted, optional, belongs)
                if found is not None:
                    return found
                await self._lot.park()
        raise _now(missing(self.name, wanted, within, self.leftovers()))

    def _find(
        self,
        wanted: Sequence[MessagePattern],
        optional: Sequence[MessagePattern],
        belongs: Callable[[PeerMessage], bool] | None,
    ) -> tuple[int, PeerMessage] | None:
        __tracebackhide__ = True
        self.check()
        for message in list(self._waiting):
            if belongs is not None and not belongs(message):
                continue
            for number, pattern in enumerate(wanted):
                if pattern.fits(message.message):
                    self._waiting.remove(message)
                    return number, message
            if message.is_incidental or any(one.fits(message.message) for one in optional):
                if belongs is not None or not message.is_owned:
                    self._waiting.remove(message)
                continue
            if belongs is None and message.is_owned:
                continue
            self._waiting.remove(message)
            raise _now(unexpected(self.name, wanted, message))
        return None

    async def watch(
        self,
        unwanted: Sequence[MessagePattern],
        within: float,
        belongs: Callable[[PeerMessage], bool],
    ) -> None:
        """Fail when such a message comes within so many seconds; leave all others alone."""
        with trio.move_on_after(within):
            while True:
                for message in self._waiting:
                    if belongs(message) and any(one.fits(message.message) for one in unwanted):
                        raise _now(unexpected(self.name, (), message))
                await self._lot.park()
        await trio.lowlevel.checkpoint()

    async def wait_for_change(self, deadline: float = math.inf) -> bool:
        """Wait for the next message; false when the time has come instead."""
        with trio.move_on_at(deadline) as scope:
            await self._lot.park()
        return not scope.cancelled_caught

    def touch(self) -> None:
        """Wake whoever waits: something about a message has changed."""
        self._lot.unpark_all()


def _now(error: ScriptFailed) -> ScriptFailed:
    error.at = trio.current_time()
    return error
