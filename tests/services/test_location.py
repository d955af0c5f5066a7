"""What every location service promises, and what the one in memory does besides."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest
import trio

from trio_sip.registration import Binding
from trio_sip.services._location import LocationStore, MemoryLocation
from trio_sip.services._sqlite_location import open_sqlite_location

ALICE = "sip:alice@example.com"
BOB = "sip:bob@example.com"
TRUNK = ("TCP", 7)

# No autojump clock here: it jumps while a thread writes.  Times are numbers.


def binding(
    contact: str = "sip:a@h", expires_at: float = 60.0, *, aor: str = ALICE, flow: object = None
) -> Binding:
    return Binding(
        aor=aor, contact=contact, expires_at=expires_at, call_id="c", cseq=1, flow=flow
    )  # fmt: skip


@asynccontextmanager
async def open_store(kind: str, directory: Path) -> AsyncIterator[LocationStore]:
    if kind == "memory":
        yield MemoryLocation()
    else:
        async with open_sqlite_location(directory / "location.db") as location:
            yield location


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[LocationStore]:
    async with open_store(request.param, tmp_path) as location:
        yield location


async def test_nobody_is_registered_at_first(store: LocationStore) -> None:
    assert () == await store.bindings(ALICE, 0.0)
    assert (0, []) == (len(store), list(store))


async def test_what_is_stored_can_be_read(store: LocationStore) -> None:
    new = (binding("sip:a@h"), binding("sip:b@h"))

    assert await store.replace(ALICE, (), new, 0.0)

    assert new == await store.bindings(ALICE, 0.0)
    assert () == await store.bindings(BOB, 0.0)
    assert (1, [ALICE]) == (len(store), list(store))


async def test_replacing_what_is_no_longer_there_changes_nothing(store: LocationStore) -> None:
    first, second = (binding("sip:a@h"),), (binding("sip:b@h"),)
    assert await store.replace(ALICE, (), first, 0.0)

    assert not await store.replace(ALICE, (), second, 0.0)
    assert not await store.replace(ALICE, second, (), 0.0)

    assert first == await store.bindings(ALICE, 0.0)
    assert 2 == store.statistics().conflicts


async def test_bindings_can_be_removed_and_come_again(store: LocationStore) -> None:
    new = (binding(),)
    for _ in range(2):
        assert await store.replace(ALICE, (), new, 0.0)
        assert await store.replace(ALICE, new, (), 0.0)
        assert () == await store.bindings(ALICE, 0.0)
        assert (0, []) == (len(store), list(store))

    assert 0 == store.statistics().bindings


async def test_nothing_can_be_replaced_by_nothing(store: LocationStore) -> None:
    assert await store.replace(ALICE, (), (), 0.0)

    assert (0, 0) == (len(store), store.statistics().writes)


async def test_expired_bindings_are_never_read(store: LocationStore) -> None:
    brief, lasting = binding("sip:a@h", 60.0), binding("sip:b@h", 90.0)
    assert await store.replace(ALICE, (), (brief, lasting), 0.0)

    assert (brief, lasting) == await store.bindings(ALICE, 59.9)
    assert (lasting,) == await store.bindings(ALICE, 60.0)
    assert () == await store.bindings(ALICE, 90.0)
    assert (2, 0) == (store.statistics().expired, len(store))


async def test_expiry_between_reading_and_replacing_is_no_conflict(store: LocationStore) -> None:
    brief, lasting = binding("sip:a@h", 60.0), binding("sip:b@h", 90.0)
    assert await store.replace(ALICE, (), (brief, lasting), 0.0)
    read = await store.bindings(ALICE, 59.9)
    assert (lasting,) == await store.bindings(ALICE, 60.0)

    assert await store.replace(ALICE, read, (lasting,), 60.1)


async def test_only_one_of_many_rivals_succeeds(store: LocationStore) -> None:
    won: list[int] = []

    async def rival(number: int) -> None:
        if await store.replace(ALICE, (), (binding(f"sip:{number}@h"),), 0.0):
            won.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(rival, number)

    (winner,) = won
    assert (binding(f"sip:{winner}@h"),) == await store.bindings(ALICE, 0.0)
    assert 19 == store.statistics().conflicts


async def test_concurrent_updates_that_try_again_are_all_there(store: LocationStore) -> None:
    async def add(number: int) -> None:
        read = await store.bindings(ALICE, 0.0)
        while not await store.replace(ALICE, read, (*read, binding(f"sip:{number}@h")), 0.0):
            read = await store.bindings(ALICE, 0.0)

    async with trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(add, number)

    contacts = {each.contact for each in await store.bindings(ALICE, 0.0)}
    assert {f"sip:{number}@h" for number in range(20)} == contacts


async def test_bindings_go_with_their_connection(store: LocationStore) -> None:
    udp, tcp = binding("sip:a@h"), binding("sip:b@h", flow=TRUNK)
    other = binding("sip:c@h", aor=BOB, flow=TRUNK)
    assert await store.replace(ALICE, (), (udp, tcp), 0.0)
    assert await store.replace(BOB, (), (other,), 0.0)
    assert 1 == store.statistics().flows

    assert 0 == await store.remove_flow(("TCP", 8), 0.0)
    assert 2 == await store.remove_flow(TRUNK, 0.0)

    assert (udp,) == await store.bindings(ALICE, 0.0)
    assert () == await store.bindings(BOB, 0.0)
    assert (0, 1) == (store.statistics().flows, store.statistics().bindings)


async def test_a_contact_that_moved_to_another_connection_stays(store: LocationStore) -> None:
    old, new = binding(flow=TRUNK), binding(flow=("TCP", 8))
    assert await store.replace(ALICE, (), (old,), 0.0)
    assert await store.replace(ALICE, (old,), (new,), 0.0)

    assert 0 == await store.remove_flow(TRUNK, 0.0)
    assert (new,) == await store.bindings(ALICE, 0.0)


async def test_a_connection_with_many_bindings_can_go(store: LocationStore) -> None:
    for number in range(1100):
        aor = f"sip:{number}@example.com"
        assert await store.replace(aor, (), (binding(aor=aor, flow=TRUNK),), 0.0)

    assert 1100 == await store.remove_flow(TRUNK, 0.0)
    assert 0 == len(store)


async def test_purging_forgets_what_has_expired_in_portions(store: LocationStore) -> None:
    for number in range(10):
        aor = f"sip:{number}@example.com"
        assert await store.replace(aor, (), (binding(aor=aor, expires_at=60.0 + number),), 0.0)

    assert not await store.purge(3, 59.0)
    assert 10 == len(store)
    assert await store.purge(3, 65.0)
    assert 7 == len(store)
    assert not await store.purge(3, 65.0)
    assert (4, 6) == (len(store), store.statistics().expired)


async def test_purging_leaves_what_was_refreshed(store: LocationStore) -> None:
    brief, refreshed = binding(expires_at=60.0), binding(expires_at=600.0)
    assert await store.replace(ALICE, (), (brief,), 0.0)
    assert await store.replace(ALICE, (brief,), (refreshed,), 30.0)

    assert not await store.purge(10, 60.0)
    assert (refreshed,) == await store.bindings(ALICE, 60.0)
    assert not await store.purge(10, 600.0)
    assert 0 == len(store)


async def test_purging_finds_an_expiry_that_was_moved_forward(store: LocationStore) -> None:
    long, brief = binding(expires_at=600.0), binding(expires_at=60.0)
    assert await store.replace(ALICE, (), (long,), 0.0)
    assert await store.replace(ALICE, (long,), (brief,), 0.0)

    assert not await store.purge(10, 60.0)
    assert 0 == len(store)
    assert not await store.purge(10, 600.0)
    assert 1 == store.statistics().expired


async def test_purging_takes_one_of_two_bindings(store: LocationStore) -> None:
    brief, lasting = binding("sip:a@h", 60.0), binding("sip:b@h", 90.0)
    assert await store.replace(ALICE, (), (brief, lasting), 0.0)

    assert not await store.purge(10, 60.0)
    assert (1, 1) == (store.statistics().bindings, len(store))
    assert not await store.purge(10, 90.0)
    assert (0, 0) == (store.statistics().bindings, len(store))


async def test_changes_are_reported(store: LocationStore) -> None:
    new, tcp = (binding(),), (binding(), binding("sip:b@h", 90.0, flow=TRUNK))
    async with store.changes() as changes:
        await store.replace(ALICE, (), new, 0.0)
        await store.replace(ALICE, (), new, 0.0)
        await store.replace(ALICE, new, tcp, 0.0)
        await store.remove_flow(TRUNK, 0.0)
        await store.purge(10, 60.0)

        seen = [attrs.astuple(changes.receive_nowait(), recurse=False) for _ in range(4)]

        assert [(ALICE, (), new), (ALICE, new, tcp), (ALICE, tcp, new), (ALICE, new, ())] == seen
        with pytest.raises(trio.WouldBlock):
            changes.receive_nowait()


async def test_changes_a_subscriber_is_too_slow_for_are_counted(store: LocationStore) -> None:
    async with store.changes(1):
        await store.replace(ALICE, (), (binding(),), 0.0)
        await store.replace(BOB, (), (binding(aor=BOB),), 0.0)
    await store.replace(BOB, (binding(aor=BOB),), (), 0.0)

    assert 1 == store.statistics().changes_dropped


async def test_a_cancelled_replace_has_not_begun(store: LocationStore) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        await store.replace(ALICE, (), (binding(),), 0.0)

    assert scope.cancelled_caught
    assert () == await store.bindings(ALICE, 0.0)


async def test_a_client_that_comes_and_goes_all_day_costs_no_memory() -> None:
    store = MemoryLocation()
    for number in range(1000):
        new = (binding(expires_at=7200.0 + number),)
        assert await store.replace(ALICE, (), new, float(number))
        assert await store.replace(ALICE, new, (), float(number))

    assert 1 == len(store._table._due)
    assert not await store.purge(10, 9000.0)
    assert (0, 0) == (len(store._table._due), len(store._table._records))
