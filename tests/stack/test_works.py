"""Works as the stack offers them; what they promise in detail is tested with the package."""

from __future__ import annotations

import pytest
import trio

from trio_sip._errors import LocalProtocolError, Overloaded, WorkDeadlock
from trio_sip.stack import IncomingRequest, StackSettings, open_stack
from trio_sip.testing import MemoryNetwork

from .scene import Application, request, scene


async def test_a_work_runs_its_tasks_in_the_order_pushed(sip_network: MemoryNetwork) -> None:
    seen: list[int] = []

    async def slowly(number: int) -> None:
        await trio.sleep(10 - number)
        seen.append(number)

    async with scene(sip_network) as here:
        work = here.stack.create_work("orders")
        for number in range(5):
            here.stack.push_task(work, slowly, number)
        here.stack.push_task(work, seen.append, 99)
        await here.stack.destroy_work(work)
        await here.stack.destroy_work(work)

    assert [0, 1, 2, 3, 4, 99] == seen


async def test_tasks_without_a_work_promise_no_order(sip_network: MemoryNetwork) -> None:
    seen: list[int] = []

    async def slowly(number: int) -> None:
        await trio.sleep(10 - number)
        seen.append(number)

    async with scene(sip_network) as here:
        for number in range(3):
            here.stack.push_task(None, slowly, number)
        await trio.sleep(20)

    assert [2, 1, 0] == seen


async def test_a_work_has_a_name_of_its_own(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network) as here:
        async with here.stack.create_work() as one, here.stack.create_work("mine") as two:
            assert ("work-1", "mine") == (one.name, two.name)
            with pytest.raises(LocalProtocolError, match="'mine'"):
                here.stack.create_work("mine")
            assert {"work-1", "mine"} == {work.name for work in here.stack.snapshot().works}
        async with here.stack.create_work("mine"):
            pass


async def test_a_work_that_was_destroyed_takes_nothing(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network) as here:
        work = here.stack.create_work()
        await here.stack.destroy_work(work)
        with pytest.raises(trio.ClosedResourceError):
            here.stack.push_task(work, print)


async def test_a_full_work_refuses_more(sip_network: MemoryNetwork) -> None:
    settings = StackSettings(high_water=2)
    async with scene(sip_network, settings=settings) as here, here.stack.create_work() as work:
        here.stack.push_task(work, trio.sleep, 1)
        here.stack.push_task(work, trio.sleep, 1)
        with pytest.raises(Overloaded):
            here.stack.push_task(work, trio.sleep, 1)


async def test_a_task_that_raises_is_contained_and_its_work_goes_on(
    caplog: pytest.LogCaptureFixture, sip_network: MemoryNetwork
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("a bug")

    seen: list[int] = []
    async with scene(sip_network, strict=False) as here:
        async with here.stack.create_work("shaky") as work:
            here.stack.push_task(work, fail)
            here.stack.push_task(work, seen.append, 1)
        here.stack.push_task(None, fail)
        await trio.sleep(1)
        assert 2 == here.stack.statistics().handler_errors

    assert [1] == seen
    assert [
        "a task of work 'shaky' failed: ZeroDivisionError",
        "a task failed: ZeroDivisionError",
    ] == [record.message for record in caplog.records]


async def test_a_task_that_raises_ends_a_strict_stack(sip_network: MemoryNetwork) -> None:
    def fail() -> None:
        raise ZeroDivisionError("a bug")

    async def push() -> None:
        async with scene(sip_network) as here:
            here.stack.push_task(None, fail)
            await trio.sleep_forever()

    with pytest.raises(ZeroDivisionError):
        await push()


async def test_the_result_of_a_task_can_be_waited_for(sip_network: MemoryNetwork) -> None:
    async def double(number: int) -> int:
        await trio.sleep(1)
        return 2 * number

    async with scene(sip_network) as here, here.stack.create_work() as work:
        assert 42 == await work.run(double, 21)


async def test_works_that_wait_for_each_other_are_told(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network) as here:
        one, two = here.stack.create_work("one"), here.stack.create_work("two")

        async def back() -> None:
            with pytest.raises(WorkDeadlock, match="one"):
                await one.run(print)

        async def there() -> None:
            await two.run(back)

        await one.run(there)
        await one.aclose()
        await two.aclose()


async def test_a_suspended_work_holds_its_requests_back(sip_network: MemoryNetwork) -> None:
    async def slowly(incoming: IncomingRequest) -> None:
        incoming.respond(200)

    async with scene(sip_network, Application(slowly)) as here:
        work = here.stack._parts.works.grouped(("c1", "a"))
        async with work.suspended():
            assert [] == await here.alice.answers(request())
        assert [200] == await here.alice.statuses(1)


async def test_a_work_runs_tasks_on_a_schedule_of_the_virtual_clock(
    sip_network: MemoryNetwork,
) -> None:
    times: list[float] = []

    async with scene(sip_network) as here, here.stack.create_work() as work:
        began = trio.current_time()
        schedule = work.schedule(lambda: times.append(trio.current_time() - began), every=60)
        await trio.sleep(200)
        schedule.cancel()
        await trio.sleep(200)

    assert [60, 120, 180] == pytest.approx(times)


async def test_a_work_that_nobody_closed_is_reported(sip_network: MemoryNetwork) -> None:
    with pytest.warns(ResourceWarning, match="work 'forgotten' was never closed"):
        async with open_stack(network=sip_network.host("bob")) as stack:
            stack.create_work("forgotten")


async def test_a_work_that_nobody_closed_ends_the_stack_even_as_an_error(
    sip_network: MemoryNetwork,
) -> None:
    with pytest.raises(ResourceWarning):
        async with open_stack(network=sip_network.host("bob")) as stack:
            stack.create_work("forgotten")

    assert 0 == sip_network.open_sockets
