"""Each source gets so many lines in the log, and nothing else is lost."""

from __future__ import annotations

from trio_sip.stack._log_limit import LogLimit


def test_a_source_gets_ten_lines_in_ten_seconds() -> None:
    limit = LogLimit()

    assert [0] * 10 + [None] * 5 == [limit.admit("a", 0.5 * number) for number in range(15)]


def test_what_was_left_out_is_told_once_when_the_next_period_begins() -> None:
    limit = LogLimit(lines=1, period=10)
    told = [limit.admit("a", now) for now in (0, 1, 2, 10, 20)]

    assert [0, None, None, 2, 0] == told


def test_sources_are_limited_apart() -> None:
    limit = LogLimit(lines=1)
    limit.admit("a", 0)

    assert 0 == limit.admit("b", 0)
    assert limit.admit("a", 0) is None


def test_strangers_cannot_make_it_remember_much() -> None:
    limit = LogLimit(capacity=100)
    for number in range(1000):
        limit.admit(str(number), 0)

    assert 100 == len(limit)


def test_many_forged_sources_get_no_more_than_a_thousand_lines() -> None:
    limit = LogLimit()
    admitted = [limit.admit(str(number % 1500), 0) is not None for number in range(15_000)]

    assert 1000 == sum(admitted)
    assert 10 == limit.admit("1499", 10.0)
    assert 0 == limit.admit("new", 10.0)
