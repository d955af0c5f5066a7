"""What every location store must do, as a check for your own."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import TypeVar

import attrs
import trio

from trio_sip.registration import Binding
from trio_sip.services import LocationStore

__all__ = ["check_location_store"]

_AOR = "sip:alice@example.com"
_OTHER = "sip:bob@example.com"
_ALL = 1000

T = TypeVar("T")


async def check_location_store(opened: AbstractAsyncContextManager[LocationStore]) -> None:
    """Check what `trio_sip.services.LocationStore` promises.

    Args:
      opened: a store that is empty and used by nobody else, not opened yet::

        async def test_my_store_keeps_its_promises():
            await check_location_store(open_my_store(":memory:"))

    Raises:
      AssertionError: it says which promise was broken.
    """
    async with opened as store:
        now = trio.current_time()
        await _replaces(store, now)
        await _expires(store, now)
        await _forgets_flows(store, now)
        await _tells(store, now)
        await _is_one_at_a_time(store, now)


def _binding(contact: str, now: float, *, aor: str = _AOR, seconds: float = 600) -> Binding:
    return Binding(aor=aor, contact=contact, expires_at=now + seconds, call_id="c", cseq=1)


def _same(promise: str, expected: T, found: T) -> None:
    assert expected == found, f"{promise}: expected {expected!r}, got {found!r}"


async def _put(store: LocationStore, now: float, *new: Binding, aor: str = _AOR) -> None:
    old = await store.bindings(aor, now)
    done = await store.replace(aor, old, new, now)
    _same("replacing what is there succeeds", True, done)


def _contacts(bindings: tuple[Binding, ...]) -> list[str]:
    return [one.contact for one in bindings]


async def _replaces(store: LocationStore, now: float) -> None:
    _same("an unknown address has no bindings", (), await store.bindings(_AOR, now))
    one, other = _binding("sip:1", now), _binding("sip:2", now)
    await _put(store, now, one, other)
    found = await store.bindings(_AOR, now)
    _same("bindings keep their order", ["sip:1", "sip:2"], _contacts(found))
    _same("addresses are kept apart", (), await store.bindings(_OTHER, now))
    _same("an address is listed", [_AOR], list(store))
    _same("addresses are counted", 1, len(store))
    late = await store.replace(_AOR, (one,), (other,), now)
    _same("who expects something else is refused", False, late)
    _same("and changes nothing", found, await store.bindings(_AOR, now))
    changed = attrs.evolve(one, cseq=2, path=("<sip:p;lr>",), q=0.5, params=";x=y", user_agent="U")
    await _put(store, now, changed)
    (kept,) = await store.bindings(_AOR, now)
    for name in ("contact", "call_id", "cseq", "path", "q", "params", "user_agent"):
        _same(f"{name} is kept", getattr(changed, name), getattr(kept, name))
    assert abs(changed.expires_at - kept.expires_at) < 1, "the time of expiry is kept"
    await _put(store, now)
    _same("no bindings are left after the last was removed", (), await store.bindings(_AOR, now))
    _same("and the address is gone", [], list(store))


async def _expires(store: LocationStore, now: float) -> None:
    await _put(store, now, _binding("sip:short", now, seconds=10), _binding("sip:long", now))
    _same(
        "what has expired is not shown",
        ["sip:long"],
        _contacts(await store.bindings(_AOR, now + 60)),
    )
    await _put(store, now, _binding("sip:short", now, seconds=10))
    for _ in range(_ALL):
        if not await store.purge(_ALL, now + 3600):
            break
    else:
        raise AssertionError("a purge comes to an end")
    _same("a purge forgets what has expired", 0, len(store))


async def _forgets_flows(store: LocationStore, now: float) -> None:
    with_flow = attrs.evolve(_binding("sip:1", now), flow=("TCP", 1))
    await _put(store, now, with_flow, _binding("sip:2", now))
    _same("no binding goes with another flow", 0, await store.remove_flow(("TCP", 2), now))
    _same("a binding goes with its flow", 1, await store.remove_flow(("TCP", 1), now))
    _same("the others stay", ["sip:2"], _contacts(await store.bindings(_AOR, now)))
    await _put(store, now)


async def _tells(store: LocationStore, now: float) -> None:
    with store.changes() as changes:
        await _put(store, now, _binding("sip:1", now))
        await _put(store, now)
        with trio.move_on_after(5) as patience:
            for _ in range(2):
                await changes.receive()
        assert not patience.cancelled_caught, "subscribers hear of each change"


async def _is_one_at_a_time(store: LocationStore, now: float) -> None:
    """Of several who expect the same, one is stored."""
    stored: list[bool] = []

    async def store_one(number: int) -> None:
        new = (_binding(f"sip:{number}", now, aor=_OTHER),)
        stored.append(await store.replace(_OTHER, (), new, now))

    async with trio.open_nursery() as nursery:
        for number in range(5):
            nursery.start_soon(store_one, number)
    _same("of five who were equally fast, one is stored", 1, stored.count(True))
    await _put(store, now, aor=_OTHER)
