"""Pings and pongs: RFC 5626 section 4.4.1."""

from __future__ import annotations

import math

import pytest

from trio_sip.registration import FlowDead, KeepAlive, KeepAliveState, SendPing


def flow(state: KeepAliveState, roll: float = 1.0) -> KeepAlive:
    return KeepAlive(100, state=state, dice=lambda: roll, now=0.0)


@pytest.mark.parametrize(("roll", "due"), [(0.0, 80.0), (0.5, 90.0), (1.0, 100.0)])
def test_a_ping_goes_between_80_and_100_percent_of_the_time(roll: float, due: float) -> None:
    keep = flow(KeepAliveState.ALIVE, roll)

    assert due == pytest.approx(keep.next_deadline())
    keep.handle_timeout(due - 1)
    assert [] == keep.effects()
    keep.handle_timeout(keep.next_deadline())
    assert [SendPing()] == keep.effects()


def test_a_pong_within_ten_seconds_is_a_sign_of_life() -> None:
    keep = flow(KeepAliveState.ALIVE)
    keep.handle_timeout(100.0)
    keep.receive_pong(109.9)

    # The next one counts from the ping, or it would come too late for the server.
    assert 200.0 == keep.next_deadline()
    assert KeepAliveState.ALIVE is keep.state


def test_without_a_pong_the_flow_is_dead() -> None:
    keep = flow(KeepAliveState.ALIVE)
    keep.handle_timeout(100.0)
    keep.handle_timeout(110.0)

    assert [SendPing(), FlowDead()] == keep.effects()
    assert (KeepAliveState.DEAD, math.inf) == (keep.state, keep.next_deadline())
    keep.receive_pong(111.0)
    assert KeepAliveState.DEAD is keep.state


def test_the_silence_of_who_has_never_answered_says_nothing() -> None:
    keep = flow(KeepAliveState.UNPROVEN)
    for number in range(1, 4):
        keep.handle_timeout(100.0 * number)
    assert 3 * [SendPing()] == keep.effects()

    keep.receive_pong(301.0)
    keep.handle_timeout(400.0)
    keep.handle_timeout(410.0)
    assert [SendPing(), FlowDead()] == keep.effects()
