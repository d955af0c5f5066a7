"""One alarm for all sessions: told in time, cheap to take back, and swept out."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import trio

from trio_sip.stack import open_stack
from trio_sip.stack._reminders import Reminder, Reminders
from trio_sip.testing import MemoryNetwork


def call(tell: Callable[[], object]) -> None:
    tell()


def several(reminders: Reminders, count: int, told: list[int]) -> list[Reminder]:
    return [reminders.create(partial(told.append, number)) for number in range(count)]


def test_reminders_are_told_in_the_order_of_their_deadlines_and_once() -> None:
    told: list[int] = []
    reminders = Reminders(call)
    for number, one in enumerate(several(reminders, 3, told)):
        one.set(3.0 - number)

    reminders.tell_due(2.5)
    reminders.tell_due(10.0)
    reminders.tell_due(11.0)

    assert [2, 1, 0] == told
    assert 0 == len(reminders)


def test_a_reminder_can_be_put_off_brought_forward_and_taken_back() -> None:
    told: list[int] = []
    reminders = Reminders(call)
    later, earlier, never = several(reminders, 3, told)
    for one in (later, earlier, never):
        one.set(5.0)
    later.set(20.0)
    earlier.set(1.0)
    never.set(math.inf)

    reminders.tell_due(1.0)
    assert [1] == told
    reminders.tell_due(19.0)
    assert [1] == told
    assert 1 == len(reminders)
    reminders.tell_due(20.0)
    assert [1, 0] == told
    assert 0 == len(reminders)


def test_a_reminder_that_was_taken_back_can_be_set_again() -> None:
    told: list[int] = []
    reminders = Reminders(call)
    (one,) = several(reminders, 1, told)
    one.set(5.0)
    one.set(math.inf)
    one.set(6.0)
    one.set(6.0)

    reminders.tell_due(5.5)
    reminders.tell_due(6.0)

    assert [0] == told


def test_who_is_told_may_set_itself_again() -> None:
    times: list[float] = []
    reminders = Reminders(call)

    def again() -> None:
        times.append(one.due)
        if len(times) < 3:
            one.set(len(times) * 10.0)

    one = reminders.create(again)
    one.set(1.0)
    for now in (1.0, 10.0, 20.0, 30.0):
        reminders.tell_due(now)

    assert [math.inf] * 3 == times


def test_what_was_taken_back_does_not_pile_up() -> None:
    reminders = Reminders(call)
    kept = reminders.create(lambda: None)
    kept.set(1000.0)
    for number in range(5000):
        one = reminders.create(lambda: None)
        one.set(900.0 + number)
        one.set(math.inf)

    assert 1 == len(reminders)
    assert len(reminders._heap) < 1000


def test_bringing_forward_again_and_again_does_not_pile_up() -> None:
    reminders = Reminders(call)
    one = reminders.create(lambda: None)
    for number in range(2000):
        one.set(5000.0 - number)
        one.set(math.inf)

    assert 0 == len(reminders)
    assert len(reminders._heap) < 1000


async def test_the_alarm_of_a_stack_tells_in_time(sip_network: MemoryNetwork) -> None:
    times: list[float] = []
    async with open_stack(network=sip_network.host("bob")) as stack:
        began = trio.current_time()
        for after in (30.0, 10.0, 20.0):
            one = stack.create_reminder(lambda: times.append(trio.current_time() - began))
            one.set(began + after)
        await trio.sleep(5)
        stack.create_reminder(lambda: times.append(trio.current_time() - began)).set(began + 7)
        await trio.sleep(60)

        assert [7, 10, 20, 30] == [round(time, 6) for time in times]
        assert 0 == stack.statistics().reminders
