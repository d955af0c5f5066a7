"""Waiting for a task: results, cancellation, and circles."""

from __future__ import annotations

import contextlib

import pytest
import trio
import trio.testing

from trio_sip._errors import Overloaded, WorkDeadlock
from trio_sip.work import Work, Works, WorkState

from ._rules import NotingErrors, open_works


async def test_run_returns_what_the_task_returns_and_raises_what_it_raises() -> None:
    async def double(number: int) -> int:
        await trio.lowlevel.checkpoint()
        return 2 * number

    def fail() -> None:
        raise KeyError("mine")

    errors = NotingErrors()
    async with open_works(errors) as works, works.create() as work:
        assert 4 == await work.run(double, 2)
        assert 3 == await work.run(len, "abc")
        with pytest.raises(KeyError, match="mine"):
            await work.run(fail)

    assert [] == errors.failures


async def test_run_from_inside_the_same_work_runs_inline() -> None:
    async def outer(work: Work) -> list[str]:
        work.push(log.append, "pushed before")
        await work.run(log.append, "inline")
        return list(log)

    log: list[str] = []
    async with open_works() as works, works.create() as work:
        assert ["inline"] == await work.run(outer, work)

    assert ["inline", "pushed before"] == log


async def chain(works: list[Work]) -> None:
    """Run, from inside each work, a task in the next."""
    if works:
        await works[0].run(chain, works[1:])


@pytest.mark.parametrize("names", [["a", "b", "a"], ["a", "b", "c", "a"], ["a", "b", "c", "b"]])
async def test_works_that_wait_in_a_circle_are_told_its_names(names: list[str]) -> None:
    circle = names[names.index(names[-1]) :]
    async with open_works() as works:
        made = {name: works.create(name) for name in dict.fromkeys(names)}
        with trio.fail_after(1), pytest.raises(WorkDeadlock) as caught:
            await chain([made[name] for name in names])
        # Whoever closed the circle stands first in it.
        assert sorted(circle[:-1]) == sorted(caught.value.cycle[:-1])
        assert caught.value.cycle[0] == caught.value.cycle[-1]
        assert all(stats.waits_for == () for stats in works.snapshot())
        for work in made.values():
            await work.aclose()


async def test_two_works_that_wait_for_each_other_crosswise_are_a_circle() -> None:
    errors = NotingErrors()
    async with open_works(errors) as works, works.create("a") as a, works.create("b") as b:
        a.push(chain, [b])
        b.push(chain, [a])
        await trio.testing.wait_all_tasks_blocked()

    [(_, error)] = errors.failures
    assert isinstance(error, WorkDeadlock)
    assert {"a", "b"} == set(error.cycle)


async def test_the_statistics_of_a_work_name_what_it_waits_for() -> None:
    gate = trio.Event()
    async with open_works() as works, works.create("a") as a, works.create("b") as b:
        b.push(gate.wait)
        a.push(chain, [b])
        await trio.testing.wait_all_tasks_blocked()
        assert ("b",) == a.statistics().waits_for
        gate.set()


async def test_a_caller_cancelled_while_the_task_waits_takes_it_out_of_the_queue() -> None:
    log: list[str] = []
    gate = trio.Event()
    async with open_works() as works, works.create() as work:
        work.push(gate.wait)
        with trio.CancelScope() as scope:
            scope.cancel()
            await work.run(log.append, "never")
        await trio.testing.wait_all_tasks_blocked()
        assert 0 == work.waiting
        gate.set()

    assert [] == log


async def test_a_caller_cancelled_while_the_task_runs_cancels_it_and_awaits_its_end(
    autojump_clock: trio.testing.MockClock,
) -> None:
    log: list[str] = []

    async def task() -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(1)
            log.append("ended")

    async with open_works() as works, works.create() as work:
        with trio.move_on_after(5) as scope:
            await work.run(task)
        assert scope.cancelled_caught
        assert ["ended"] == log
        assert trio.current_time() == pytest.approx(6)
        assert "next" == await work.run(lambda: "next")


async def test_a_result_that_comes_in_spite_of_the_cancellation_is_kept() -> None:
    def stubborn(scope: trio.CancelScope) -> str:
        scope.cancel()
        return "result"

    async def swallow(scope: trio.CancelScope) -> str:
        scope.cancel()
        with contextlib.suppress(trio.Cancelled):
            await trio.sleep_forever()
        return "result"

    async with open_works() as works, works.create() as work:
        for task in (stubborn, swallow):
            with trio.CancelScope() as scope:
                assert "result" == await work.run(task, scope)
            # The cancellation that the task did not take does not hit the one behind it.
            await work.run(trio.lowlevel.checkpoint)


async def test_the_caller_of_a_cancelled_work_learns_that_it_was_closed() -> None:
    async def ask(work: Work) -> None:
        with pytest.raises(trio.ClosedResourceError):
            await work.run(trio.sleep_forever)

    async with open_works() as works, trio.open_nursery() as nursery:
        work = works.create()
        nursery.start_soon(ask, work)  # This one runs,
        nursery.start_soon(ask, work)  # this one waits.
        await trio.testing.wait_all_tasks_blocked()
        work.cancel()
        await work.join()

    assert WorkState.CLOSED is work.state


async def test_run_is_refused_when_the_work_is_full() -> None:
    async with open_works(high_water=2) as works, works.create() as work:
        work.push(trio.lowlevel.checkpoint)
        work.push(trio.lowlevel.checkpoint)
        with pytest.raises(Overloaded):
            await work.run(trio.lowlevel.checkpoint)


async def test_other_failures_of_a_cancelled_task_reach_the_caller() -> None:
    async def fail_when_cancelled() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise OSError("clean-up")

    async def task(scope: trio.CancelScope) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail_when_cancelled)
            nursery.start_soon(trio.sleep_forever)
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel()

    errors = NotingErrors()
    async with open_works(errors) as works, works.create() as work:
        with trio.CancelScope() as scope, pytest.RaisesGroup(OSError):
            await work.run(task, scope)
        await work.run(trio.lowlevel.checkpoint)


async def test_inside_suspended_nothing_runs_and_pushes_wait() -> None:
    log: list[str] = []
    async with open_works() as works, works.create() as work:
        work.push(log.append, "before")
        async with work.suspended():
            assert ["before"] == log
            work.push(log.append, "meanwhile")
            await trio.testing.wait_all_tasks_blocked()
            assert ["before"] == log
        await work.run(log.append, "after")

    assert ["before", "meanwhile", "after"] == log


async def test_a_suspension_given_up_while_it_waits_holds_nothing() -> None:
    gate = trio.Event()
    async with open_works() as works, works.create() as work:
        work.push(gate.wait)
        with trio.CancelScope() as scope:
            scope.cancel()
            async with work.suspended():
                raise AssertionError("it never was")
        gate.set()
        assert 3 == await work.run(len, "abc")


async def test_suspending_ones_own_work_waits_for_nothing() -> None:
    async def task(work: Work) -> str:
        async with work.suspended():
            return "inside"

    async with open_works() as works, works.create() as work:
        assert "inside" == await work.run(task, work)


async def test_waiting_for_a_work_that_one_has_suspended_is_a_circle() -> None:
    async with open_works() as works, works.create("held") as work:
        async with work.suspended():
            with pytest.raises(WorkDeadlock) as caught:
                await work.run(trio.lowlevel.checkpoint)
        assert "held" in caught.value.cycle


async def test_a_work_suspended_by_another_that_waits_for_it_is_a_circle() -> None:
    async def hold(other: Work) -> None:
        async with other.suspended():
            await other.run(trio.lowlevel.checkpoint)

    async with open_works() as works, works.create("a") as a, works.create("b") as b:
        with pytest.raises(WorkDeadlock) as caught:
            await a.run(hold, b)

    assert ("a", "b", "a") == caught.value.cycle


async def test_errors_are_contained_and_the_work_goes_on() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    errors = NotingErrors()
    log: list[str] = []
    async with open_works(errors) as works, works.create("w") as work:
        work.push(fail)
        work.push(log.append, "next")
        works.push(fail)
        await trio.testing.wait_all_tasks_blocked()
        assert 2 == works.statistics().failed

    assert ["next"] == log
    assert [None, "w"] == sorted((name for name, _ in errors.failures), key=str)


async def test_a_failure_next_to_a_cancellation_is_contained_too() -> None:
    async def fail_when_cancelled() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise OSError("clean-up")

    async def task() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail_when_cancelled)
            nursery.start_soon(trio.sleep_forever)

    errors = NotingErrors()
    async with open_works(errors) as works:
        work = works.create("w")
        work.push(task)
        await trio.testing.wait_all_tasks_blocked()
        work.cancel()
        await work.join()

    [(name, error)] = errors.failures
    assert "w" == name
    assert isinstance(error, ExceptionGroup)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
async def test_what_is_not_an_exception_always_passes(error: type[BaseException]) -> None:
    def fail() -> None:
        raise error

    errors = NotingErrors()
    with pytest.RaisesGroup(error, flatten_subgroups=True):
        async with trio.open_nursery() as nursery:
            works = Works(nursery, errors)
            works.grouped("k").push(fail)
            await trio.sleep_forever()
    with pytest.raises(trio.ClosedResourceError):
        works.grouped("k")

    assert [] == errors.failures


async def test_what_takes_no_time_runs_at_once_in_an_idle_work_and_in_its_turn_otherwise() -> None:
    order: list[str] = []

    async def wait() -> None:
        order.append("begins")
        await trio.lowlevel.checkpoint()
        order.append("ends")

    async with open_works() as works, works.create() as work:
        idle = [work.is_idle]
        work.run_or_push(order.append, "at once")
        work.push(wait)
        idle.append(work.is_idle)
        work.run_or_push(order.append, "in its turn")
        order.append("pushed")
        await work.run(lambda: None)

    assert [True, False] == idle
    assert ["at once", "pushed", "begins", "ends", "in its turn"] == order


async def test_the_error_of_what_runs_at_once_goes_to_the_error_rule() -> None:
    errors = NotingErrors()

    def fail() -> None:
        raise ZeroDivisionError

    async with open_works(errors) as works, works.create() as work:
        work.run_or_push(fail)
        work.run_or_push(lambda: None)

    assert [ZeroDivisionError] == [type(error) for _, error in errors.failures]


async def test_the_task_that_runs_can_be_cancelled_and_those_behind_it_go_on() -> None:
    order: list[str] = []

    async def wait() -> None:
        try:
            await trio.sleep_forever()
        finally:
            order.append("cancelled")

    async with open_works() as works, works.create() as work:
        work.cancel_running()
        work.push(wait)
        work.push(order.append, "next")
        await trio.testing.wait_all_tasks_blocked()
        work.cancel_running()
        await work.run(lambda: None)

    assert ["cancelled", "next"] == order
