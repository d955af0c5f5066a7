"""Where unique names and random numbers come from."""

from __future__ import annotations

from itertools import pairwise

from trio_sip.stack import Tokens


def test_rolls_are_spread_from_0_to_1() -> None:
    for tokens in (Tokens.random(), Tokens.sequential("x")):
        rolls = sorted(tokens.roll() for _ in range(300))

        assert 0 <= rolls[0] < 0.1
        assert 0.9 < rolls[-1] < 1
        assert max(b - a for a, b in pairwise(rolls)) < 0.1


def test_counted_tokens_roll_the_same_each_time() -> None:
    assert [Tokens.sequential("a").roll() for _ in range(2)] == [Tokens.sequential("a").roll()] * 2
