"""Turns, evenly spaced."""

from __future__ import annotations

import math

import pytest

from trio_sip._errors import LocalProtocolError
from trio_sip.registration import RegistrationPace


def test_a_crowd_is_spread_and_a_late_comer_need_not_wait() -> None:
    pace = RegistrationPace(10)

    turns = [pace.take_turn(5.0) for _ in range(4)]

    assert [5.0, 5.1, 5.2, 5.3] == pytest.approx(turns)
    assert 9.0 == pace.take_turn(9.0)


@pytest.mark.parametrize("per_second", [0, -1, math.inf, math.nan])
def test_a_pace_is_a_number_above_zero(per_second: float) -> None:
    with pytest.raises(LocalProtocolError):
        RegistrationPace(per_second)
