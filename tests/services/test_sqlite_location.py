from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest
import trio
import trio.testing

from trio_sip.registration import Binding
from trio_sip.services._sqlite_file import SqliteFile
from trio_sip.services._sqlite_location import (
    SqliteLocation,
    Synchronous,
    open_sqlite_location,
)

ALICE = "sip:alice@example.com"
TRUNK = ("TCP", 7)


def binding(contact: str = "sip:a@h", life: float = 600.0, flow: object = None) -> Binding:
    return Binding(
        aor=ALICE,
        contact=contact,
        expires_at=trio.current_time() + life,
        call_id="c",
        cseq=1,
        flow=flow,
    )


async def set_bindings(location: SqliteLocation, aor: str, *new: Binding) -> None:
    now = trio.current_time()
    assert await location.replace(aor, await location.bindings(aor, now), new, now)


async def contacts(location: SqliteLocation, aor: str = ALICE) -> list[str]:
    return [each.contact for each in await location.bindings(aor, trio.current_time())]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "location.db"


# Restart


async def test_bindings_survive_a_restart_to_the_letter(path: Path) -> None:
    full = attrs.evolve(
        binding("sip:%00@H;line=ü"),
        params=';+sip.instance="<urn:x>"',
        q=0.3,
        cseq=2**31,
        received_from="192.0.2.1:5060",
        user_agent="Phöne\udcff",
        path=("<sip:p;lr>", "<sip:q;lr>"),
    )
    async with open_sqlite_location(path) as location:
        await set_bindings(location, ALICE, full, binding("sip:b@h"))

    async with open_sqlite_location(path) as location:
        restored, other = await location.bindings(ALICE, trio.current_time())

    assert full == attrs.evolve(restored, expires_at=full.expires_at)
    assert restored.expires_at == pytest.approx(full.expires_at, abs=1.0)
    assert "sip:b@h" == other.contact


@pytest.mark.parametrize(
    "aor", ["sip:null-\0-null@h", "sip:\udc80@h", "sip:ü😀@h", "sip:a\\x00@h", "sip:'a\"%@h"]
)
async def test_any_address_of_record_survives_a_restart(path: Path, aor: str) -> None:
    async with open_sqlite_location(path) as location:
        await set_bindings(location, aor, binding())

    async with open_sqlite_location(path) as location:
        assert [aor] == list(location)
        assert ["sip:a@h"] == await contacts(location, aor)


async def test_time_goes_on_between_two_runs(path: Path) -> None:
    async with open_sqlite_location(path, wall_clock=lambda: 1_000_000.0) as location:
        await set_bindings(location, ALICE, binding("sip:a@h", 60.0), binding("sip:b@h", 600.0))
        await set_bindings(location, "sip:gone@h", binding(life=60.0))

    async with open_sqlite_location(path, wall_clock=lambda: 1_000_100.0) as location:
        now = trio.current_time()
        (restored,) = await location.bindings(ALICE, now)

        assert "sip:b@h" == restored.contact
        assert restored.expires_at - now == pytest.approx(500.0, abs=1.0)
        assert 1 == len(location)
    assert 1 == rows(path)


async def test_what_was_removed_does_not_come_back(path: Path) -> None:
    async with open_sqlite_location(path) as location:
        await set_bindings(location, ALICE, binding("sip:a@h"), binding("sip:b@h"))
        await set_bindings(location, ALICE, binding("sip:b@h"))
        await set_bindings(location, "sip:gone@h", binding())
        await set_bindings(location, "sip:gone@h")

    async with open_sqlite_location(path) as location:
        assert ["sip:b@h"] == await contacts(location)
        assert [ALICE] == list(location)


async def test_bindings_of_connections_end_with_the_process(path: Path) -> None:
    async with open_sqlite_location(path) as location:
        await set_bindings(location, ALICE, binding("sip:a@h", flow=TRUNK))
        assert 0 == location.statistics().commits
        await set_bindings(location, ALICE, binding("sip:a@h", flow=TRUNK), binding("sip:b@h"))
        await set_bindings(location, "sip:moved@h", binding())
        await set_bindings(location, "sip:moved@h", binding(flow=TRUNK))

    async with open_sqlite_location(path) as location:
        assert ["sip:b@h"] == await contacts(location)
        assert [ALICE] == list(location)


async def test_many_addresses_survive_a_restart(path: Path) -> None:
    count = 2100
    async with open_sqlite_location(path) as location, trio.open_nursery() as nursery:
        for number in range(count):
            nursery.start_soon(set_bindings, location, f"sip:{number}@h", binding())

    async with open_sqlite_location(path) as location:
        assert count == len(location)
        assert count == location.statistics().bindings


async def test_purging_deletes_the_rows(path: Path) -> None:
    async with open_sqlite_location(path) as location:
        for number in range(5):
            await set_bindings(location, f"sip:{number}@h", binding(life=60.0))
        await set_bindings(location, ALICE, binding())
        assert not await location.purge(100, trio.current_time() + 61.0)
        assert [ALICE] == list(location)

    assert 1 == rows(path)


def rows(path: Path) -> int:
    database = sqlite3.connect(path)
    try:
        (count,) = database.execute("SELECT count(*) FROM location").fetchone()
    finally:
        database.close()
    assert isinstance(count, int)
    return count


# Groups


async def test_many_addresses_are_removed_in_one_commit(path: Path) -> None:
    async with open_sqlite_location(path) as location:
        for new in ((binding(),), ()):
            async with trio.open_nursery() as nursery:
                for number in range(300):
                    nursery.start_soon(set_bindings, location, f"sip:{number}@h", *new)

        assert (2, 600) == (location.statistics().commits, location.statistics().writes)
    assert 0 == rows(path)


async def test_concurrent_registrations_share_a_commit(path: Path) -> None:
    async with open_sqlite_location(path) as location:
        async with trio.open_nursery() as nursery:
            for number in range(300):
                nursery.start_soon(set_bindings, location, f"sip:{number}@h", binding())

        statistics = location.statistics()
        assert 300 == statistics.writes
        assert 1 == statistics.commits
    assert 300 == rows(path)


def test_a_group_that_fails_in_the_middle_leaves_nothing(path: Path) -> None:
    file = SqliteFile(path, "NORMAL")
    good = {f"sip:{number}@h": (1e12, "[]") for number in range(200)}
    with pytest.raises(UnicodeEncodeError):
        file.write({**good, ALICE: (1e12, "no UTF-8: \udc80")})

    assert [] == file.read(None, 10, 0.0)
    file.write({ALICE: (1e12, "[]")})
    file.close()
    assert 1 == rows(path)


async def test_full_synchronisation_can_be_chosen(path: Path) -> None:
    async with open_sqlite_location(path, synchronous=Synchronous.FULL) as location:
        await set_bindings(location, ALICE, binding())

    assert 1 == rows(path)


async def test_cancelled_registrations_are_stored_or_not_but_never_half(path: Path) -> None:
    pair = (binding("sip:a@h"), binding("sip:b@h"))
    scopes = [trio.CancelScope() for _ in range(50)]
    acknowledged: set[str] = set()

    async def register(number: int) -> None:
        with scopes[number]:
            await set_bindings(location, f"sip:{number}@h", *pair)
            acknowledged.add(f"sip:{number}@h")

    async with open_sqlite_location(path) as location:
        async with trio.open_nursery() as nursery:
            for number in range(50):
                nursery.start_soon(register, number)
            await trio.testing.wait_all_tasks_blocked()
            # The leader of the group is among those cancelled.
            for scope in scopes[::2]:
                scope.cancel()
        in_memory = {aor: await contacts(location, aor) for aor in location}

    assert {f"sip:{number}@h" for number in range(1, 50, 2)} <= acknowledged <= in_memory.keys()
    assert all(["sip:a@h", "sip:b@h"] == found for found in in_memory.values())
    async with open_sqlite_location(path) as location:
        assert in_memory == {aor: await contacts(location, aor) for aor in location}


async def test_the_next_group_gathers_while_one_is_written(path: Path) -> None:
    async with open_sqlite_location(path) as location:
        async with trio.open_nursery() as nursery, location._thread:
            nursery.start_soon(set_bindings, location, "sip:first@h", binding())
            await trio.testing.wait_all_tasks_blocked()
            for number in range(10):
                nursery.start_soon(set_bindings, location, f"sip:{number}@h", binding())
            await trio.testing.wait_all_tasks_blocked()

        assert 2 == location.statistics().commits
    assert 11 == rows(path)


async def test_an_address_is_purged_while_its_new_binding_is_being_written(path: Path) -> None:
    now = trio.current_time()
    async with open_sqlite_location(path) as location:
        await set_bindings(location, ALICE, binding(life=60.0))
        new = (attrs.evolve(binding(), expires_at=now + 600.0),)
        async with trio.open_nursery() as nursery, location._thread:
            nursery.start_soon(location.replace, ALICE, (), new, now + 61.0)
            await trio.testing.wait_all_tasks_blocked()
            await location.purge(10, now + 61.0)
            assert () == await location.bindings(ALICE, now + 61.0)

        assert new == await location.bindings(ALICE, now + 61.0)
    assert 1 == rows(path)


async def test_an_address_is_registered_while_its_purge_is_being_written(path: Path) -> None:
    now = trio.current_time()
    async with open_sqlite_location(path) as location:
        await set_bindings(location, ALICE, binding(life=60.0))
        new = (attrs.evolve(binding(), expires_at=now + 600.0),)
        async with trio.open_nursery() as nursery, location._thread:
            nursery.start_soon(set_bindings, location, "sip:first@h", binding())
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(location.purge, 10, now + 61.0)
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(location.replace, ALICE, (), new, now + 61.0)
            await trio.testing.wait_all_tasks_blocked()

        assert new == await location.bindings(ALICE, now + 61.0)
    assert 2 == rows(path)


async def hold_the_disk(
    location: SqliteLocation, release: trio.Event, task_status: trio.TaskStatus[None]
) -> None:
    async with location._thread:
        task_status.started()
        await release.wait()


async def set_when_all_wait(event: trio.Event) -> None:
    await trio.testing.wait_all_tasks_blocked()
    event.set()


async def test_leaving_the_block_waits_for_writes_under_way(path: Path) -> None:
    release = trio.Event()
    async with trio.open_nursery() as nursery, open_sqlite_location(path) as location:
        await nursery.start(hold_the_disk, location, release)
        nursery.start_soon(set_bindings, location, ALICE, binding())
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(set_when_all_wait, release)

    assert 1 == rows(path)


async def test_a_connection_that_ends_while_its_contact_is_being_stored(path: Path) -> None:
    async with open_sqlite_location(path) as location:
        async with trio.open_nursery() as nursery, location._thread:
            pair = (binding("sip:a@h"), binding("sip:b@h", flow=TRUNK))
            nursery.start_soon(set_bindings, location, ALICE, *pair)
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(location.remove_flow, TRUNK, trio.current_time())
            await trio.testing.wait_all_tasks_blocked()

        assert ["sip:a@h"] == await contacts(location)
        assert 0 == location.statistics().flows


async def test_rivals_for_one_address_all_get_an_answer(path: Path) -> None:
    async with open_sqlite_location(path) as location:
        async with trio.open_nursery() as nursery, location._thread:
            nursery.start_soon(set_bindings, location, ALICE, binding())
            await trio.testing.wait_all_tasks_blocked()
            for number in range(10):
                nursery.start_soon(location.replace, ALICE, (), (binding(f"sip:{number}@h"),), 0.0)
            await trio.testing.wait_all_tasks_blocked()

        assert (1, 10) == (location.statistics().commits, location.statistics().conflicts)


async def test_a_rival_of_a_write_that_failed_gets_its_turn(path: Path) -> None:
    async with open_sqlite_location(path) as location:
        await set_bindings(location, "sip:first@h", binding())
        with full_disk(path):
            async with trio.open_nursery() as nursery, location._thread:
                for _ in range(2):
                    nursery.start_soon(fail_to_register, location, ALICE)
                await trio.testing.wait_all_tasks_blocked()

        assert (2, 0) == (location.statistics().failed_commits, location.statistics().conflicts)


async def test_closed_is_closed(path: Path) -> None:
    async with open_sqlite_location(path) as location:
        changes = location.changes()

    with pytest.raises(trio.ClosedResourceError):
        await location.bindings(ALICE, 0.0)
    with pytest.raises(trio.ClosedResourceError):
        await location.replace(ALICE, (), (), 0.0)
    with pytest.raises(trio.ClosedResourceError):
        await location.purge(1, 0.0)
    with pytest.raises(trio.EndOfChannel):
        await changes.receive()


# Faults


async def cannot_open(path: Path) -> str:
    with pytest.raises(OSError, match="location database") as caught:
        async with open_sqlite_location(path):
            pytest.fail("it was opened")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


async def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    assert "unable to open" in await cannot_open(tmp_path / "no" / "location.db")


async def test_a_directory_is_no_database(tmp_path: Path) -> None:
    assert "unable to open" in await cannot_open(tmp_path)


async def test_another_kind_of_file_is_left_alone(path: Path) -> None:
    diary = b"Dear diary, " * 100
    await trio.Path(path).write_bytes(diary)

    assert "not a database" in await cannot_open(path)
    assert diary == await trio.Path(path).read_bytes()


async def test_the_database_of_another_program_is_left_alone(path: Path) -> None:
    execute(path, "CREATE TABLE bookmarks (address TEXT)")

    assert "not one of registrations" in await cannot_open(path)


async def test_a_database_of_a_newer_version_is_left_alone(path: Path) -> None:
    async with open_sqlite_location(path) as location:
        await set_bindings(location, ALICE, binding())
    execute(path, "UPDATE schema_version SET version = 99")

    assert "has version 99" in await cannot_open(path)


@pytest.mark.parametrize("text", ["", "[[1]]", "[", "7"])
async def test_a_damaged_row_is_reported(path: Path, text: str) -> None:
    async with open_sqlite_location(path) as location:
        await set_bindings(location, ALICE, binding())
    execute(path, f"UPDATE location SET bindings = '{text}'")

    assert "damaged row" in await cannot_open(path)


def execute(path: Path, statement: str) -> None:
    database = sqlite3.connect(path)
    try:
        with database:
            database.execute(statement)
    finally:
        database.close()


@pytest.mark.slow
async def test_a_database_in_use_is_not_opened_twice(path: Path) -> None:
    async with open_sqlite_location(path) as location:
        assert "database is locked" in await cannot_open(path)
        await set_bindings(location, ALICE, binding())

    assert 1 == rows(path)


async def test_a_memory_database_is_refused_as_it_would_keep_nothing() -> None:
    assert "write-ahead log" in await cannot_open(Path(":memory:"))


# Run as nobody when we are root, to whom every file is writable.
READ_ONLY = """
import os, sys, trio
from trio_sip.services._sqlite_location import open_sqlite_location

async def main():
    async with open_sqlite_location(sys.argv[1]):
        print("opened")
if os.geteuid() == 0:
    os.setuid(65534)
try:
    trio.run(main)
except OSError as error:
    print(error)
"""


@pytest.mark.slow
@pytest.mark.parametrize("directory_mode", [0o555, 0o777])
def test_a_read_only_database_is_reported_at_once(path: Path, directory_mode: int) -> None:
    execute(path, "VACUUM")
    path.chmod(0o444)
    for directory in path.parents[1:3]:
        directory.chmod(0o755)
    path.parent.chmod(directory_mode)
    try:
        done = subprocess.run(
            [sys.executable, "-c", READ_ONLY, os.fspath(path)], stdout=subprocess.PIPE, check=True
        )
    finally:
        path.parent.chmod(0o755)

    assert f"location database {path}: read-only\n" == done.stdout.decode()


@contextmanager
def full_disk(path: Path) -> Iterator[None]:
    """No file can grow beyond the size the log has now: a write fails as on a full disk."""
    size = path.with_name(path.name + "-wal").stat().st_size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


async def test_a_full_disk_fails_the_registration_and_loses_none(path: Path) -> None:
    async with open_sqlite_location(path) as location:
        await set_bindings(location, ALICE, binding("sip:a@h"))
        with full_disk(path):
            async with trio.open_nursery() as nursery:
                for number in range(200):
                    nursery.start_soon(fail_to_register, location, f"sip:{number}@h")
            await fail_to_register(location, ALICE)
            assert not await location.purge(10, trio.current_time())
        assert ["sip:a@h"] == await contacts(location)
        assert (1, 2) == (len(location), location.statistics().failed_commits)

        await set_bindings(location, ALICE, binding("sip:c@h"))
        await set_bindings(location, "sip:3@h", binding("sip:d@h"))

    async with open_sqlite_location(path) as location:
        assert ["sip:c@h"] == await contacts(location)
        assert ["sip:d@h"] == await contacts(location, "sip:3@h")
        assert 2 == len(location)


async def fail_to_register(location: SqliteLocation, aor: str) -> None:
    with pytest.raises(OSError, match="location database"):
        await set_bindings(location, aor, binding("sip:b@h"))


REGISTER_FOR_EVER = """
import sys, trio
from trio_sip.registration import Binding
from trio_sip.services._sqlite_location import open_sqlite_location

async def register(location, start):
    for number in range(start, 10**9, 16):
        aor = f"sip:{number}@h"
        now = trio.current_time()
        new = Binding(aor=aor, contact=aor, expires_at=now + 3600, call_id="c", cseq=1)
        assert await location.replace(aor, (), (new,), now)
        sys.stdout.write(aor + "\\n")
        sys.stdout.flush()

async def main():
    async with open_sqlite_location(sys.argv[1]) as location, trio.open_nursery() as nursery:
        for start in range(16):
            nursery.start_soon(register, location, start)

trio.run(main)
"""


@pytest.mark.slow
@pytest.mark.parametrize("wanted", [1, 500, 3000])
async def test_kill_minus_9_loses_no_acknowledged_registration(path: Path, wanted: int) -> None:
    acknowledged = await trio.to_thread.run_sync(kill_after, path, wanted)

    assert len(acknowledged) >= wanted
    async with open_sqlite_location(path) as location:
        assert set(acknowledged) <= set(location)


def kill_after(path: Path, wanted: int) -> list[str]:
    """The addresses a process had acknowledged when it was killed, at least so many."""
    with subprocess.Popen(
        [sys.executable, "-c", REGISTER_FOR_EVER, os.fspath(path)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        acknowledged = [process.stdout.readline() for _ in range(wanted)]
        process.kill()
        acknowledged += process.stdout.readlines()
    return [line.decode().strip() for line in acknowledged if line.endswith(b"\n")]


@pytest.mark.slow
async def test_twenty_thousand_bindings_expire_without_a_pause(path: Path) -> None:
    async with open_sqlite_location(path) as location, trio.open_nursery() as nursery:
        brief = binding(flow=TRUNK, life=60.0)
        for number in range(20_000):
            location._table.put(f"sip:{number}@h", (brief,))
        longest = 0.0

        async def watch() -> None:
            nonlocal longest
            while True:
                started = time.thread_time()
                await trio.lowlevel.checkpoint()
                longest = max(longest, time.thread_time() - started)

        nursery.start_soon(watch)
        while await location.purge(1000, trio.current_time() + 61.0):
            pass
        nursery.cancel_scope.cancel()

    assert 0 == len(location)
    # Seconds of processor time between two turns of another task.
    assert longest < 0.05
