"""The deadline index: in order, bounded, and holding nothing that was stopped."""

from __future__ import annotations

import gc
import math
import weakref

import attrs
from hypothesis import given
from hypothesis import strategies as st

from trio_sip.transaction._deadlines import MOST_AT_ONCE, Deadlines, Timer
from trio_sip.transaction._machine import On


@attrs.define(eq=False)
class Holder:
    """Stands for a transaction."""

    name: str = ""


def started(deadlines: Deadlines[Holder], interval: float, now: float) -> Timer[Holder]:
    timer = Timer(On.J, interval, Holder())
    deadlines.start(timer, now)
    return timer


def test_without_timers_there_is_nothing_to_wait_for() -> None:
    assert math.inf == Deadlines[Holder]().earliest
    assert [] == Deadlines[Holder]().pop_due(1e9)


def test_the_earliest_of_all_queues_is_known_at_once() -> None:
    deadlines = Deadlines[Holder]()
    started(deadlines, 32.0, 0.0)
    assert 32.0 == deadlines.earliest

    started(deadlines, 5.0, 1.0)

    assert 6.0 == deadlines.earliest


def test_a_stopped_timer_does_not_run_out_and_keeps_nobody_alive() -> None:
    deadlines = Deadlines[Holder]()
    timer = started(deadlines, 1.0, 0.0)
    assert timer.owner is not None
    holder = weakref.ref(timer.owner)

    timer.owner = None
    gc.collect()

    assert holder() is None
    assert [] == deadlines.pop_due(2.0)
    assert 0 == len(deadlines)


def test_empty_queues_are_taken_away() -> None:
    deadlines = Deadlines[Holder]()
    for interval in range(1, 50):
        started(deadlines, float(interval), 0.0)

    deadlines.pop_due(49.0)

    assert {} == deadlines._queues
    assert math.inf == deadlines.earliest


def test_one_look_takes_out_a_bounded_number_and_the_rest_is_due_at_once() -> None:
    deadlines = Deadlines[Holder]()
    for _ in range(MOST_AT_ONCE + 500):
        started(deadlines, 1.0, 0.0)

    assert MOST_AT_ONCE == len(deadlines.pop_due(5.0))
    assert 1.0 == deadlines.earliest
    assert 500 == len(deadlines.pop_due(5.0))


def test_stopped_timers_count_against_the_bound_too() -> None:
    deadlines = Deadlines[Holder]()
    for _ in range(3 * MOST_AT_ONCE):
        started(deadlines, 1.0, 0.0).owner = None

    assert [] == deadlines.pop_due(5.0)
    assert 2 * MOST_AT_ONCE == len(deadlines)


@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.sampled_from([0.2, 0.5, 1.0, 4.0, 32.0]), st.booleans()),
        max_size=40,
    )
)
def test_every_timer_that_was_not_stopped_runs_out_once_and_in_order(
    starts: list[tuple[float, float, bool]],
) -> None:
    deadlines = Deadlines[Holder]()
    now = 0.0
    expected: list[Timer[Holder]] = []
    for pause, interval, stop in starts:
        now += pause
        timer = started(deadlines, interval, now)
        if stop:
            timer.owner = None
        else:
            expected.append(timer)
    seen: list[Timer[Holder]] = []
    while (now := deadlines.earliest) < math.inf:
        for timer in deadlines.pop_due(now):
            assert timer.due <= now
            seen.append(timer)

    # Which of two that are due at the same moment comes first is nobody's business.
    assert sorted(timer.due for timer in expected) == [timer.due for timer in seen]
    assert set(expected) == set(seen)
