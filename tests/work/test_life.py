"""Schedules, closing, overload, and what is left behind: nothing."""

from __future__ import annotations

import gc

import pytest
import trio
import trio.testing

from trio_sip._errors import LocalProtocolError, Overloaded
from trio_sip.work import ScheduleMode, Work, Works, WorkState

from ._rules import NotingErrors, open_works


async def test_a_periodic_schedule_keeps_to_its_multiples_and_skips_missed_ones(
    autojump_clock: trio.testing.MockClock,
) -> None:
    times: list[float] = []
    lengths = iter([0, 25, 0, 0])

    async def task() -> None:
        times.append(trio.current_time())
        await trio.sleep(next(lengths))

    async with open_works() as works, works.create() as work:
        handle = work.schedule(task, every=10)
        await trio.sleep(65)
        handle.cancel()
        await trio.sleep(100)

    assert pytest.approx([10, 20, 50, 60]) == times


async def test_a_delay_schedule_counts_from_the_end_of_the_last_run(
    autojump_clock: trio.testing.MockClock,
) -> None:
    times: list[float] = []

    async def task() -> None:
        times.append(trio.current_time())
        await trio.sleep(5)

    async with open_works() as works, works.create() as work:
        work.schedule(task, every=10, mode=ScheduleMode.DELAY)
        await trio.sleep(41)

    assert pytest.approx([10, 25, 40]) == times


async def test_a_task_scheduled_after_some_time_runs_once_and_in_its_work(
    autojump_clock: trio.testing.MockClock,
) -> None:
    log: list[tuple[int, str]] = []

    def note() -> None:
        log.append((round(trio.current_time()), trio.lowlevel.current_task().name))

    async with open_works() as works:
        works.grouped("k").schedule(note, after=3)
        assert ["k"] == [work.name for work in works.snapshot()]
        await trio.sleep(10)
        assert [] == works.snapshot()

    assert [(3, "k")] == log


async def test_a_schedule_goes_on_after_a_failure(autojump_clock: trio.testing.MockClock) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    errors = NotingErrors()
    async with open_works(errors) as works, works.create() as work:
        work.schedule(fail, every=1)
        await trio.sleep(2.5)

    assert 2 == len(errors.failures)


async def test_a_cancelled_schedule_takes_its_waiting_turn_out_of_the_queue(
    autojump_clock: trio.testing.MockClock,
) -> None:
    log: list[str] = []
    async with open_works() as works, works.create() as work:
        work.push(trio.sleep, 5)
        handle = work.schedule(log.append, "never", after=1)
        await trio.sleep(2)
        assert 1 == work.waiting
        handle.cancel()
        await trio.sleep(10)

    assert [] == log


@pytest.mark.parametrize(
    ("every", "after"), [(None, None), (1.0, 1.0), (0.0, None), (-1.0, None), (None, -1.0)]
)
async def test_a_schedule_needs_one_interval(every: float | None, after: float | None) -> None:
    async with open_works() as works, works.create() as work:
        with pytest.raises(LocalProtocolError):
            work.schedule(trio.lowlevel.checkpoint, every=every, after=after)


async def test_aclose_drains_and_is_idempotent() -> None:
    log: list[int] = []
    async with open_works() as works:
        work = works.create("w")
        for number in range(3):
            work.push(log.append, number)
        await work.aclose()
        await work.aclose()
        with pytest.raises(trio.ClosedResourceError):
            work.push(log.append, 9)
        with pytest.raises(trio.ClosedResourceError):
            work.schedule(log.append, 9, after=1)
        assert [] == works.snapshot()
        await works.create("w").aclose()  # The name is free again.

    assert [0, 1, 2] == log


async def test_aclose_from_inside_lets_the_queue_run_and_then_ends() -> None:
    log: list[str] = []

    async def close(work: Work) -> None:
        await work.aclose()
        assert WorkState.CLOSING is work.state
        with pytest.raises(trio.ClosedResourceError):
            work.push(log.append, "refused")
        log.append("closing")

    with trio.fail_after(1):
        async with open_works() as works:
            work = works.create()
            work.push(close, work)
            work.push(log.append, "behind")
            await works.join([work])

    assert ["closing", "behind"] == log
    assert WorkState.CLOSED is work.state


async def test_an_aclose_that_is_cancelled_cancels_the_work() -> None:
    async with open_works() as works:
        work = works.create()
        work.push(trio.sleep_forever)
        with trio.CancelScope() as scope:
            works.push(scope.cancel)
            await work.aclose()
        await work.join()

    assert WorkState.CLOSED is work.state


async def test_cancel_drops_what_waits_and_cancels_what_runs() -> None:
    log: list[str] = []

    async def task() -> None:
        try:
            await trio.sleep_forever()
        finally:
            log.append("cancelled")

    async with open_works() as works:
        work = works.create()
        work.push(task)
        work.push(log.append, "dropped")
        await trio.testing.wait_all_tasks_blocked()
        work.cancel()
        work.cancel()
        await work.join()
        unstarted = works.create()
        unstarted.push(log.append, "dropped")
        unstarted.cancel()
        await unstarted.join()
        unstarted.cancel()
        assert 2 == works.statistics().dropped

    assert ["cancelled"] == log


async def test_a_work_can_cancel_itself() -> None:
    log: list[str] = []

    async def task(work: Work) -> None:
        work.cancel()
        await trio.lowlevel.checkpoint()
        log.append("not reached")

    async with open_works() as works:
        work = works.create()
        work.push(task, work)
        await work.join()

    assert [] == log


async def test_names_are_unique_and_made_up_when_left_out() -> None:
    async with open_works() as works, works.create("work-2") as taken, works.create() as first:
        async with works.create() as third:
            assert ["work-2", "work-1", "work-3"] == [taken.name, first.name, third.name]
        with pytest.raises(LocalProtocolError, match="work-2"):
            works.create("work-2")


async def test_a_work_is_overloaded_from_the_high_water_mark_down_to_the_low_one() -> None:
    states: list[tuple[int, bool]] = []
    async with open_works(high_water=10) as works, works.create() as work:

        def note() -> None:
            states.append((work.waiting, works.overloaded))

        for _ in range(9):
            work.push(note)
        before = work.overloaded
        work.push(note)
        assert (False, True) == (before, work.overloaded)
        with pytest.raises(Overloaded):
            work.push(note)
        work.push_unbounded(note)
        assert 11 == work.waiting
        await trio.testing.wait_all_tasks_blocked()
        assert 1 == works.statistics().refused

    assert [(10, True), (9, False), (8, False)] == states[:3]
    assert 11 == len(states)


async def test_the_water_marks_must_be_apart() -> None:
    async with trio.open_nursery() as nursery:
        with pytest.raises(LocalProtocolError):
            Works(nursery, NotingErrors(), high_water=5, low_water=5)


async def test_statistics_tell_the_longest_queue_and_the_longest_wait(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with open_works() as works, works.create("w") as work:
        work.push(trio.sleep, 2)
        work.push(trio.sleep, 3)
        await trio.sleep(4)
        during = work.statistics()
        await trio.sleep(4)
        after = work.statistics()

    assert (1, 2, 2.0) == (during.done, during.longest_queue, during.running_since)
    assert (2, 0, None) == (after.done, after.waiting, after.running_since)
    assert pytest.approx(2) == after.longest_wait


async def test_drain_waits_for_all_tasks_and_makes_no_new_works() -> None:
    log: list[str] = []
    async with trio.open_nursery() as nursery:
        works = Works(nursery, NotingErrors())

        async def goodbye() -> None:
            await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(trio.ClosedResourceError):
                works.create()
            with pytest.raises(LocalProtocolError):
                await works.drain()
            works.grouped("k").push(log.append, "second step")
            log.append("first step")

        works.grouped("k").push(goodbye)
        works.grouped("k").schedule(log.append, "never", every=1)
        await works.drain()
        with pytest.raises(trio.ClosedResourceError):
            works.push(log.append, "late")
        await works.drain()
        works.cancel()

    assert ["first step", "second step"] == log


async def test_a_work_that_nobody_closed_is_drained_and_reported() -> None:
    log: list[str] = []
    async with trio.open_nursery() as nursery:
        works = Works(nursery, NotingErrors())
        works.create("lost").push(log.append, "done")
        with pytest.warns(ResourceWarning, match="'lost' was never closed"):
            await works.drain()

    assert ["done"] == log


async def test_a_drain_out_of_time_is_followed_by_cancel(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with trio.open_nursery() as nursery:
        works = Works(nursery, NotingErrors())
        works.push(trio.sleep_forever)
        works.grouped("k").push(trio.sleep_forever)
        with trio.move_on_after(4) as scope:
            await works.drain()
        assert scope.cancelled_caught
        works.cancel()

    assert 0 == works.statistics().busy


async def test_when_the_nursery_is_cancelled_all_works_end_and_callers_are_told() -> None:
    async def ask(work: Work) -> None:
        with pytest.raises(trio.ClosedResourceError):
            await work.run(trio.sleep_forever)

    async with trio.open_nursery() as callers:
        async with trio.open_nursery() as nursery:
            works = Works(nursery, NotingErrors())
            for number in range(3):
                works.grouped(("parked", number)).push(trio.lowlevel.checkpoint)
            await trio.testing.wait_all_tasks_blocked()
            work = works.create()
            callers.start_soon(ask, work)
            callers.start_soon(ask, work)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        with pytest.raises(trio.ClosedResourceError):
            work.push(trio.lowlevel.checkpoint)

    assert (0, 0) == (works.statistics().busy, works.statistics().parked)


async def test_after_a_thousand_works_and_ten_thousand_tasks_nothing_is_left() -> None:
    class Payload:
        """Something to count."""

    async def task(payload: Payload) -> None:
        await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        works = Works(nursery, NotingErrors(), parked=64)

        async def storm() -> None:
            for number in range(1000):
                for _ in range(10):
                    works.grouped(("call", number)).push(task, Payload())
                if number % 100 == 0:
                    await trio.lowlevel.checkpoint()
            await trio.testing.wait_all_tasks_blocked()

        gc.collect()
        gc.disable()
        try:
            await storm()
            before = len(gc.get_objects())
            await storm()
            after = len(gc.get_objects())
        finally:
            gc.enable()

        assert 20_000 == works.statistics().done
        assert [] == works.snapshot()
        assert 64 == works.statistics().parked
        assert 64 == len(nursery.child_tasks)
        assert not any(isinstance(thing, Payload | Work) for thing in gc.get_objects())
        assert after - before < 100
        await works.drain()
