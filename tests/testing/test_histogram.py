"""Times, gathered."""

from __future__ import annotations

import math

import pytest

from trio_sip.testing import Histogram

TIMES = (0.2, 0.1, 0.4, 0.3)


def test_it_tells_how_many_and_how_long() -> None:
    times = Histogram.of(TIMES)

    assert 4 == times.count
    assert (0.1, 0.25, 0.4) == (times.minimum, times.mean, times.maximum)
    assert pytest.approx(0.1118034) == times.deviation
    assert [0.1, 0.2, 0.3, 0.4] == list(times)
    assert "Histogram(count=4, minimum=0.100000, mean=0.250000, maximum=0.400000)" == repr(times)


@pytest.mark.parametrize(
    ("percent", "expected"),
    [(0, 0.1), (25, 0.1), (25.1, 0.2), (50, 0.2), (75, 0.3), (99, 0.4), (100, 0.4)],
)
def test_a_percentile_is_one_of_the_times(percent: float, expected: float) -> None:
    assert expected == Histogram.of(TIMES).percentile(percent)


def test_seven_percent_of_a_hundred_are_seven() -> None:
    assert 7 == Histogram.of(range(1, 101)).percentile(100 * 0.07)


@pytest.mark.parametrize("percent", [-1, 100.5, math.nan])
def test_there_is_no_other_percentile(percent: float) -> None:
    with pytest.raises(ValueError, match="want 0 to 100 percent"):
        Histogram.of(TIMES).percentile(percent)


def test_a_bound_is_above_what_it_counts() -> None:
    times = Histogram.of(TIMES)

    assert {0.1: 0, 0.3: 2, math.inf: 2} == times.repartition([0.3, 0.1])
    assert {math.inf: 4} == times.repartition([])
    assert 4 == sum(times.repartition([0.05, 0.25, 0.25, 9]).values())


def test_times_come_one_by_one_and_from_others() -> None:
    times, others = Histogram(), Histogram.of([3.0])
    times.add(2.0)
    assert 2.0 == times.percentile(50)
    times.add(1.0)
    times.merge(others)

    assert [1.0, 2.0, 3.0] == list(times)
    assert [3.0] == list(others)


def test_of_no_times_nothing_holds() -> None:
    none = Histogram()

    assert 0 == none.count
    assert {1: 0, math.inf: 0} == none.repartition([1])
    assert "Histogram(count=0)" == repr(none)
    for value in (none.mean, none.deviation, none.minimum, none.maximum, none.percentile(99)):
        assert math.isnan(value)
        assert not value < 0.2
