"""Many works ready at once: few runners wake up, and none of them holds up what it must not."""

from __future__ import annotations

import random
from contextvars import ContextVar

import pytest
import trio
import trio.testing

from trio_sip.work import Works, current_work

from ._rules import NotingErrors, StrictErrors, open_works

BURST = 64


@pytest.mark.parametrize("slow", [0, 1, 31, BURST - 1])
async def test_a_task_that_waits_does_not_hold_up_the_others_of_its_burst(slow: int) -> None:
    gate = trio.Event()
    done: list[int] = []

    async def task(number: int) -> None:
        if number == slow:
            await gate.wait()
        done.append(number)

    async with open_works() as works:
        for number in range(BURST):
            works.grouped(number).push(task, number)
        await trio.testing.wait_all_tasks_blocked()
        assert [number for number in range(BURST) if number != slow] == done
        gate.set()

    assert slow == done[-1]


async def test_a_burst_of_tasks_that_all_wait_gets_going_in_a_few_rounds() -> None:
    gate = trio.Event()
    begun: list[int] = []

    async def task(number: int) -> None:
        begun.append(number)
        await gate.wait()

    async with open_works() as works:
        for number in range(BURST):
            works.grouped(number).push(task, number)
        for _ in range(8):
            await trio.lowlevel.checkpoint()
        assert BURST == len(begun)
        gate.set()


async def test_a_burst_of_tasks_that_never_wait_takes_two_runners() -> None:
    done: list[int] = []
    async with open_works() as works:
        for _ in range(3):
            for number in range(BURST):
                works.grouped(number).push(done.append, number)
            await trio.testing.wait_all_tasks_blocked()
        assert 2 == works.statistics().parked

    assert [*range(BURST)] * 3 == done


async def test_tasks_that_never_wait_and_never_end_let_the_rest_of_the_program_run() -> None:
    async with open_works() as works, works.create() as work:

        def again() -> None:
            if not scope.cancel_called:
                work.push(again)

        with trio.CancelScope() as scope:
            work.push(again)
            for _ in range(3):
                await trio.lowlevel.checkpoint()
            scope.cancel()

        assert 64 < work.statistics().done < 1000


@pytest.mark.parametrize("seed", range(4))
async def test_bursts_mixed_with_waiting_keep_the_order_and_lose_nothing(seed: int) -> None:
    dice = random.Random(seed)
    pushed: dict[int, list[int]] = {}
    seen: dict[int, list[int]] = {}
    running: set[int] = set()
    awaited = [0, 0]
    errors = NotingErrors()

    async def task(works: Works, key: int, number: int) -> None:
        assert key not in running
        work = current_work()
        assert work is not None
        assert str(key) == work.name == trio.lowlevel.current_task().name
        running.add(key)
        seen.setdefault(key, []).append(number)
        try:
            for _ in range(dice.choice([0, 0, 0, 1, 4])):
                await trio.lowlevel.checkpoint()
                assert current_work() is work
                assert str(key) == trio.lowlevel.current_task().name
            if dice.random() < 0.1:
                push(works, dice.randrange(40), -number)
        finally:
            running.remove(key)
        if dice.random() < 0.05:
            raise ZeroDivisionError

    def push(works: Works, key: int, number: int) -> None:
        pushed.setdefault(key, []).append(number)
        works.grouped(key).push(task, works, key, number)

    async def ask(works: Works, key: int) -> None:
        # The answer comes, or the patience ends first; the others must not notice.
        awaited[0] += 1
        with trio.CancelScope() as scope:
            if dice.random() < 0.5:
                works.push(scope.cancel)
            await works.grouped(key).run(trio.lowlevel.checkpoint)
        awaited[1] += 1

    async with trio.open_nursery() as nursery:
        works = Works(nursery, errors, parked=8)
        async with trio.open_nursery() as callers:
            number = 0
            for _ in range(64):
                for _ in range(dice.randrange(1, BURST)):
                    number += 1
                    push(works, dice.randrange(40), number)
                    if dice.random() < 0.05:
                        callers.start_soon(ask, works, dice.randrange(40))
                for _ in range(dice.randrange(3)):
                    await trio.lowlevel.checkpoint()
        await trio.testing.wait_all_tasks_blocked()
        statistics = works.statistics()
        assert (0, 0, 0) == (statistics.open, statistics.busy, statistics.waiting)
        assert statistics.parked == len(nursery.child_tasks) <= 8
        await works.drain()

    assert pushed == seen
    assert awaited[0] == awaited[1] > 0
    assert {ZeroDivisionError} == {type(error) for _, error in errors.failures}


async def test_cancelling_one_work_of_a_burst_leaves_the_others_alone() -> None:
    log: list[int] = []

    async def task(number: int) -> None:
        await trio.lowlevel.checkpoint()
        log.append(number)

    def cancel_myself() -> None:
        work = current_work()
        assert work is not None
        work.cancel()  # It ends of itself: the one behind it on the same runner must not suffer.

    async with open_works() as works:
        handles = [works.grouped(number) for number in range(BURST)]
        for number, work in enumerate(handles):
            work.push(cancel_myself if number % 3 == 0 else lambda: None)
            if number % 3 == 1:
                work.push(task, number)
            if number % 3 == 2:
                work.push(task, -number)
        for work in handles[2::3]:
            work.cancel()  # None of them has begun.
        await trio.testing.wait_all_tasks_blocked()
        assert 0 == works.statistics().busy

    assert [*range(1, BURST, 3)] == sorted(log)


async def test_when_the_nursery_is_cancelled_amid_a_burst_nothing_is_left() -> None:
    told: list[int] = []

    async def ask(works: Works, number: int) -> None:
        with pytest.raises(trio.ClosedResourceError):
            await works.grouped(number).run(trio.sleep_forever)
        told.append(number)

    async with trio.open_nursery() as callers, trio.open_nursery() as nursery:
        works = Works(nursery, StrictErrors(), parked=4)
        for number in range(BURST):
            works.grouped(number).push(trio.lowlevel.checkpoint)
            callers.start_soon(ask, works, number)
        await trio.lowlevel.checkpoint()  # The callers push; some of the works begin.
        await trio.lowlevel.checkpoint()
        assert works.statistics().waiting > 0
        nursery.cancel_scope.cancel()

    assert [*range(BURST)] == sorted(told)
    statistics = works.statistics()
    assert (0, 0, 0, 0) == (
        statistics.open,
        statistics.busy,
        statistics.parked,
        statistics.waiting,
    )


@pytest.mark.parametrize("at", [0, 1, 40, BURST - 1])
@pytest.mark.parametrize("waiting", [False, True])
async def test_a_crash_amid_a_burst_ends_all_of_it(at: int, waiting: bool) -> None:
    begun: list[int] = []

    async def task(number: int) -> None:
        begun.append(number)
        if number == at:
            raise ZeroDivisionError
        if waiting:
            await trio.sleep_forever()

    with trio.fail_after(1), pytest.RaisesGroup(ZeroDivisionError, flatten_subgroups=True):
        async with trio.open_nursery() as nursery:
            works = Works(nursery, StrictErrors())
            for number in range(BURST):
                works.grouped(number).push(task, number)
                works.grouped(number).push(begun.append, -1)
            await trio.sleep_forever()

    statistics = works.statistics()
    assert at in begun
    assert (0, 0, 0) == (statistics.open, statistics.busy, statistics.parked)
    assert 2 * BURST == statistics.done + statistics.dropped


async def test_a_task_of_a_burst_can_cancel_all_works() -> None:
    log: list[int] = []
    async with trio.open_nursery() as nursery:
        works = Works(nursery, StrictErrors())
        works.grouped("first").push(works.cancel)
        for number in range(BURST):
            works.grouped(number).push(log.append, number)
        await trio.testing.wait_all_tasks_blocked()

    assert [] == log
    assert (0, BURST) == (works.statistics().busy, works.statistics().dropped)


class Incomparable:
    """Something that takes offence at being compared, as arrays of numbers do."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise ValueError("ambiguous")


variable: ContextVar[object] = ContextVar("variable", default="default")


@pytest.mark.parametrize("kept", ["clean", Incomparable()])
@pytest.mark.parametrize("new", ["dirty", Incomparable()])
async def test_no_task_of_a_burst_sees_the_context_variables_of_another(
    kept: object, new: object
) -> None:
    seen: list[object] = []

    async def task(number: int) -> None:
        seen.append(variable.get())
        variable.set(new)
        if number % 5 == 0:
            await trio.lowlevel.checkpoint()
            assert variable.get() is new
        if number % 7 == 0:
            raise trio.BrokenResourceError
        if number % 11 == 0:
            work = current_work()
            assert work is not None
            work.cancel()
            await trio.lowlevel.checkpoint()

    token = variable.set(kept)
    async with open_works(NotingErrors()) as works:
        for number in range(2 * BURST):
            works.grouped(number % BURST).push(task, number)
        works.push(task, 1)
    variable.reset(token)

    assert 2 * BURST - len(range(0, BURST, 11)) <= len(seen)
    assert all(value is kept for value in seen)


async def test_a_work_grouped_by_a_pair_of_texts_is_named_after_both() -> None:
    names: list[str] = []
    async with open_works() as works:
        for key in ("a84b", "tag"), ("a84b", 7):
            works.grouped(key).push(lambda: names.append(trio.lowlevel.current_task().name))

    assert ["a84b tag", "('a84b', 7)"] == names
