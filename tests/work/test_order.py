"""Strict order within a work, interleaving between works."""

from __future__ import annotations

import random

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_sip.work import Work, current_work

from ._rules import StrictErrors, open_works


@settings(max_examples=40, deadline=None)
@given(
    pushes=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=40),
    seed=st.integers(0, 2**16),
)
def test_tasks_of_a_work_run_in_the_order_pushed_and_never_two_at_a_time(
    pushes: list[tuple[int, int]], seed: int
) -> None:
    dice = random.Random(seed)
    seen: dict[int, list[int]] = {}
    running: set[int] = set()

    async def task(key: int, number: int, rests: int) -> None:
        assert key not in running
        running.add(key)
        for _ in range(rests):
            await trio.lowlevel.checkpoint()
        running.remove(key)
        seen.setdefault(key, []).append(number)

    async def main() -> None:
        async with open_works() as works:
            for number, (key, rests) in enumerate(pushes):
                works.grouped(key).push(task, key, number, rests)
                if dice.random() < 0.3:
                    await trio.lowlevel.checkpoint()

    trio.run(main)

    expected: dict[int, list[int]] = {}
    for number, (key, _) in enumerate(pushes):
        expected.setdefault(key, []).append(number)
    assert expected == seen


async def test_a_task_that_waits_holds_up_its_own_work_only() -> None:
    log: list[str] = []
    gate = trio.Event()

    async def wait() -> None:
        await gate.wait()
        log.append("slow")

    async with open_works() as works, works.create("a") as a, works.create("b") as b:
        a.push(wait)
        a.push(log.append, "behind it")
        await b.run(log.append, "other work")
        gate.set()

    assert ["other work", "slow", "behind it"] == log


async def test_a_long_queue_of_tasks_that_never_wait_lets_other_works_in() -> None:
    log: list[str] = []
    async with open_works() as works:
        for _ in range(100):
            works.grouped("busy").push(log.append, "busy")
        works.grouped("other").push(log.append, "other")

    assert log.index("other") < 50


async def test_plain_and_async_functions_are_both_tasks() -> None:
    log: list[int] = []

    async def async_task(number: int) -> None:
        log.append(number)

    async with open_works() as works:
        works.grouped("k").push(log.append, 1)
        works.grouped("k").push(async_task, 2)

    assert [1, 2] == log


async def test_a_handle_of_a_grouped_work_stays_good_after_it_was_idle() -> None:
    log: list[str] = []
    running: list[int] = []

    async def task(name: str) -> None:
        assert not running
        running.append(1)
        await trio.lowlevel.checkpoint()
        running.pop()
        log.append(name)

    async with open_works() as works:
        old = works.grouped("k")
        await old.run(task, "first")
        new = works.grouped("k")
        assert new is not old
        new.push(task, "new")
        old.push(task, "old")
        await old.run(task, "old, awaited")

    assert ["first", "new", "old", "old, awaited"] == log


async def test_a_task_runs_under_the_name_of_its_work_and_knows_it() -> None:
    async with open_works() as works, works.create("INVITE a84b") as work:
        found = await work.run(lambda: (trio.lowlevel.current_task().name, current_work()))
        assert ("INVITE a84b", work) == found
        assert current_work() is None


async def test_a_trio_task_that_outlives_its_task_is_no_longer_part_of_the_work() -> None:
    found: list[Work | None] = []
    gate = trio.Event()

    async def survivor() -> None:
        found.append(current_work())
        await gate.wait()
        found.append(current_work())

    async with open_works() as works, works.create("w") as work, trio.open_nursery() as nursery:

        async def start() -> None:
            nursery.start_soon(survivor)
            await trio.testing.wait_all_tasks_blocked()

        await work.run(start)
        gate.set()

    assert [work, None] == found


async def test_context_variables_set_by_one_work_do_not_show_in_the_next() -> None:
    from contextvars import ContextVar

    variable = ContextVar("variable", default="clean")
    async with open_works(parked=1) as works:
        works.grouped("a").push(variable.set, "dirty")
        await trio.testing.wait_all_tasks_blocked()
        assert 1 == works.statistics().parked
        assert "clean" == await works.grouped("b").run(variable.get)


async def test_ungrouped_tasks_run_side_by_side() -> None:
    both = trio.Event()
    arrived: list[int] = []

    async def task(number: int) -> None:
        assert current_work() is None
        arrived.append(number)
        if len(arrived) == 2:
            both.set()
        await both.wait()

    with trio.fail_after(1):
        async with open_works() as works:
            works.push(task, 1)
            works.push(task, 2)

    assert [1, 2] == sorted(arrived)


async def test_a_thread_can_push() -> None:
    log: list[str] = []
    async with open_works() as works, works.create("w") as work:
        await trio.to_thread.run_sync(work.push_from_thread, log.append, "grouped")
        await trio.to_thread.run_sync(works.push_from_thread, log.append, "un-grouped")
        await trio.testing.wait_all_tasks_blocked()
        await work.aclose()
        await trio.to_thread.run_sync(work.push_from_thread, log.append, "too late")
        await trio.testing.wait_all_tasks_blocked()
        assert 1 == works.statistics().dropped

    assert ["grouped", "un-grouped"] == sorted(log)


async def test_a_strict_rule_lets_an_exception_end_the_nursery() -> None:
    with pytest.RaisesGroup(ZeroDivisionError, flatten_subgroups=True):
        async with open_works(StrictErrors()) as works:
            works.grouped("k").push(lambda: 1 / 0)
            await trio.sleep_forever()
