"""Thousands of callers, each of them a coroutine."""

from __future__ import annotations

import math
import random
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager

import attrs
import trio

from trio_sip.stack import single_error, unwrapping_single_errors
from trio_sip.testing._histogram import Histogram
from trio_sip.testing.peer import SipPeer

from ._arrivals import Arrival, arrival_times
from ._load_result import LoadResult, LoadTally

__all__ = ["LoadCall", "sip_load"]


@attrs.define(eq=False, kw_only=True)
class LoadCall:
    """What a caller is told of its call."""

    number: int
    """Of the call, from 0."""

    user: int
    """Who calls, from 0: never two calls of one user at a time."""

    dice: random.Random
    """Its own, made of the seed and the number."""

    _stages: dict[str, Histogram]

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Note how long the block takes, unless it fails, as ``response_times[stage]``."""
        began = trio.current_time()
        yield
        self._stages.setdefault(stage, Histogram()).add(trio.current_time() - began)


Caller = Callable[[LoadCall], Awaitable[None]]


async def sip_load(
    caller: Caller,
    *,
    rate: float = math.inf,
    ramp: float = 0.0,
    arrival: Arrival = Arrival.FIXED,
    limit: int | None = None,
    calls: int | None = None,
    duration: float = math.inf,
    peers: Collection[SipPeer] = (),
    seed: int = 0,
    strict: bool = False,
) -> LoadResult:
    """Make many calls, wait until all of them have ended, and say how it went.

    It works in virtual time and in real time.  With a *rate* the calls begin when they are due;
    without one, each begins as soon as one of *limit* users is free::

        async def caller(call: LoadCall) -> None:
            ours = await alice.invite(f"sip:{call.user}@pbx.example.com")
            await trio.sleep(call.dice.expovariate(1 / 120))
            await ours.bye()

        result = await sip_load(caller, rate=50, ramp=10, calls=10_000, peers=[alice])
        result.check()
        assert result.response_times["200"].percentile(99) < 0.5

    Args:
      caller: called once for each call, in a task of its own; an exception is the call's failure.
      rate: calls per second.
      ramp: seconds in which the rate grows evenly from nothing to *rate*.
      arrival: how the beginnings are spread.
      limit: how many calls may be open at once; what is due meanwhile begins late, when one ends.
      calls: how many there are.
      duration: seconds after which none begins any more.
      peers: whose response times are measured, and whose messages are drawn when a call fails.
      seed: of all dice.
      strict: let the first failure end the load and leave it.

    Raises:
      ValueError: the load would have no end, or no beginning.

    Cancelling it cancels all the calls.
    """
    if calls is None and math.isinf(duration):
        raise ValueError("a load without an end: say how many calls, or for how long")
    if math.isinf(rate) and limit is None:
        raise ValueError("all calls at once: say at what rate, or the limit of open ones")
    if not rate > 0 or ramp < 0 or (limit is not None and limit < 1):
        raise ValueError("want a rate above 0, a ramp of 0 or more, and a limit of 1 or more")
    load = _Load(caller, limit, list(peers), seed, strict)
    dice = random.Random(f"{seed} arrivals")  # noqa: S311  (nothing is secret here)
    times = arrival_times(rate, ramp=ramp, arrival=arrival, dice=dice)
    with unwrapping_single_errors():
        async with trio.open_nursery() as nursery:
            await load.begin_all(nursery, times, calls, duration)
    return load.result()


class _Load:
    """The calls that are open, and what became of the others."""

    def __init__(
        self, caller: Caller, limit: int | None, peers: list[SipPeer], seed: int, strict: bool
    ) -> None:
        self._caller = caller
        self._seed = seed
        self._strict = strict
        self._began = trio.current_time()
        self._tally = LoadTally(peers=peers)
        self._places = trio.CapacityLimiter(math.inf if limit is None else limit)
        self._free: list[int] = []
        self._users = 0

    async def begin_all(
        self, nursery: trio.Nursery, times: Iterator[float], calls: int | None, duration: float
    ) -> None:
        """Begin each call when it is due and there is a place for it."""
        for number, due in enumerate(times):
            if number == calls or due >= duration:
                return
            with trio.move_on_at(self._began + duration) as scope:
                await trio.sleep_until(self._began + due)
                if self._places.available_tokens < 1:
                    self._tally.held_back += 1
                call = self._call(number)
                await self._places.acquire_on_behalf_of(call)
            if scope.cancelled_caught:
                return
            # Only now is it known whose call has ended.
            call.user = self._next_user()
            self._tally.begin()
            nursery.start_soon(self._run, call, name=f"call {number}")

    def _call(self, number: int) -> LoadCall:
        dice = random.Random(f"{self._seed} call {number}")  # noqa: S311  (nothing is secret here)
        return LoadCall(number=number, user=-1, dice=dice, stages=self._tally.stages)

    def _next_user(self) -> int:
        if self._free:
            return self._free.pop()
        self._users += 1
        return self._users - 1

    async def _run(self, call: LoadCall) -> None:
        began = trio.current_time()
        try:
            await self._caller(call)
        except Exception as raised:
            error = raised
            if isinstance(raised, ExceptionGroup):
                only = single_error(raised)
                error = only if isinstance(only, Exception) else raised
            self._tally.fail(call.number, began - self._began, error)
            if self._strict:
                raise error from None
        else:
            self._tally.succeed(trio.current_time() - began)
        finally:
            self._free.append(call.user)
            self._places.release_on_behalf_of(call)

    def result(self) -> LoadResult:
        return self._tally.result(trio.current_time() - self._began)
