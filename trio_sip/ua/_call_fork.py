"""One call to several targets at once: the first that answers has it."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

import trio

from trio_sip._errors import CallRejected, LocalProtocolError, NoRoute, TransportFailed

from ._call_core import raise_bare, wait_for_any
from ._call_outgoing import OutgoingCall

__all__ = ["Fork"]

_ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'
_GLOBAL = 600


class Fork:
    """``async with ua.fork(targets, offer) as call: …``: the block of the call that is answered.

    Entering it calls all targets, and waits for the first answer; the others are then told that
    the call was completed elsewhere (RFC 3326).
    """

    __slots__ = ("_begun", "_calls", "_unreached", "_winner")

    def __init__(self, calls: Sequence[OutgoingCall]) -> None:
        if not calls:
            raise LocalProtocolError("a call needs a target")
        self._calls = tuple(calls)
        self._begun: list[OutgoingCall] = []
        self._unreached: list[Exception] = []
        self._winner: OutgoingCall | None = None

    async def __aenter__(self) -> OutgoingCall:
        """Call them all and wait for the first answer.

        Raises:
          CallRejected: all refuse.  The worst refusal counts: a 6xx, which ends the search, or
            else the lowest status (RFC 3261 section 16.7).
          RequestTimedOut, TransportFailed, NoRoute: none of them was even reached.

        Cancellation: all are cancelled.
        """
        try:
            for call in self._calls:
                try:
                    await call.start()
                except (NoRoute, TransportFailed) as error:
                    self._unreached.append(error)
                else:
                    self._begun.append(call)
            winner = self._winner = await self._first()
        except BaseException:
            await self._part()
            raise
        self._begun.remove(winner)
        for call in self._begun:
            call.hang_up(reason=_ELSEWHERE)
        return winner.enter()

    async def _first(self) -> OutgoingCall:
        while True:
            failures = list(self._unreached)
            waiting = []
            for call in self._begun:
                if call.rejection is not None:
                    failures.append(call.rejection)
                elif call.ended is None and call.answer is not None:
                    return call
                elif call.ended is None:
                    waiting.append(call)
            refused = [one for one in failures if isinstance(one, CallRejected)]
            if not waiting or any(one.status >= _GLOBAL for one in refused):
                worst = min(refused, key=_rank) if refused else failures[0]
                for other in failures:
                    if other is not worst:
                        worst.add_note(f"and another target: {other}")
                raise_bare(worst)
            await wait_for_any(waiting)

    async def _part(self) -> None:
        for call in self._begun:
            call.hang_up()
        # All at once: phones that are not there must not be waited for one after the other.
        with trio.move_on_after(self._calls[0].grace, shield=True):
            for call in self._begun:
                await call.wait_until_over()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        """As the block of the call."""
        assert self._winner is not None, "the block was entered"
        try:
            return await self._winner.__aexit__(kind, error, trace)
        finally:
            await self._part()


def _rank(refusal: CallRejected) -> tuple[bool, int]:
    return refusal.status < _GLOBAL, refusal.status
