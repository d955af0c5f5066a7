"""RFC 3261 table 4, and when each timer runs out."""

from __future__ import annotations

import math

import attrs
import pytest

from trio_sip._errors import LocalProtocolError
from trio_sip.transaction import (
    On,
    Send,
    Terminated,
    TimedOut,
    TimerSettings,
    TransactionLayer,
)

from .conversation import TCP, UDP, invite, play, received, request, response, times_of, wire


def test_the_defaults_are_those_of_table_4() -> None:
    first = TimerSettings().unreliable.first

    assert {
        On.A: 0.5, On.B: 32.0, On.D: 32.0, On.E: 0.5, On.F: 32.0, On.G: 0.5, On.H: 32.0, On.I: 5.0,
        On.J: 32.0, On.K: 5.0, On.L: 32.0, On.M: 32.0, On.SILENCE: 0.2, On.LONG_SILENCE: 3.5,
    } == first  # fmt: skip


def test_a_reliable_transport_repeats_nothing_and_waits_for_no_copies() -> None:
    first = TimerSettings().reliable.first

    assert {On.A, On.E, On.G} == {on for on in first if first[on] == math.inf}
    assert {On.D, On.I, On.J, On.K} == {on for on in first if first[on] == 0}
    assert {32.0} == {first[on] for on in (On.B, On.F, On.H, On.L, On.M)}


@pytest.mark.parametrize("name", ["t1", "t2", "t4", "td", "trying"])
@pytest.mark.parametrize("value", [0, -1, math.inf, math.nan])
def test_a_constant_that_is_no_time_is_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(LocalProtocolError, match=name):
        TimerSettings(**{name: value})


def test_t2_below_t1_is_refused() -> None:
    with pytest.raises(LocalProtocolError, match="t2"):
        TimerSettings(t1=1, t2=0.5)


def test_settings_are_values() -> None:
    assert TimerSettings(t1=0.5) == TimerSettings()
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        TimerSettings().t1 = 1.0  # type: ignore[misc]


def test_timer_e_starts_at_t2_when_t1_is_as_long() -> None:
    assert 1.0 == TimerSettings(t1=1, t2=1).unreliable.first[On.LONG_SILENCE]


def test_invite_is_resent_at_doubling_intervals_until_timer_b() -> None:
    layer = TransactionLayer()
    layer.send_request(invite(), UDP, 0.0)

    played = play(layer)

    assert [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5] == times_of(Send, played)
    assert [32.0] == times_of(TimedOut, played)
    assert [32.0] == times_of(Terminated, played)


def test_other_requests_are_resent_at_intervals_that_grow_to_t2_until_timer_f() -> None:
    layer = TransactionLayer()
    layer.send_request(request(), UDP, 0.0)

    played = play(layer)

    assert [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5] == times_of(Send, played)
    assert [32.0] == times_of(TimedOut, played)


def test_other_requests_are_resent_every_t2_once_a_provisional_response_came() -> None:
    layer = TransactionLayer()
    layer.send_request(message := request(), UDP, 0.0)
    layer.receive_response(response(message, 100), UDP, 0.1)

    played = play(layer)

    assert [0, 0.5, 4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 28.5] == times_of(Send, played)
    assert [32.0] == times_of(TimedOut, played)


def test_a_rejection_is_resent_at_intervals_that_grow_to_t2_until_timer_h() -> None:
    layer = TransactionLayer()
    transaction = received(layer, message := invite())
    layer.send_response(transaction, wire(message, 486), 486, 0.0)

    played = play(layer)

    assert [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5] == times_of(Send, played)
    assert [32.0] == times_of(TimedOut, played)


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
def test_nothing_is_resent_on_a_reliable_transport(method: str) -> None:
    layer = TransactionLayer()
    layer.send_request(request(method), TCP, 0.0)

    played = play(layer)

    assert [0] == times_of(Send, played)
    assert [32.0] == times_of(TimedOut, played)


def test_a_rejection_is_sent_once_on_a_reliable_transport_and_waits_for_its_ack() -> None:
    layer = TransactionLayer()
    transaction = received(layer, message := invite(), flow=TCP)
    layer.send_response(transaction, wire(message, 486), 486, 0.0)

    played = play(layer)

    assert [0] == times_of(Send, played)
    assert [32.0] == times_of(TimedOut, played)


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
def test_a_client_on_a_reliable_transport_is_over_with_the_rejection(method: str) -> None:
    layer = TransactionLayer()
    layer.send_request(message := request(method), TCP, 0.0)
    layer.receive_response(response(message, 486), TCP, 1.0)

    assert 0 == len(layer)
    assert math.inf == play_out(layer)


def test_a_server_on_a_reliable_transport_is_over_with_its_answer() -> None:
    layer = TransactionLayer()
    transaction = received(layer, message := request(), flow=TCP)
    layer.send_response(transaction, wire(message, 200), 200, 1.0)

    assert [Send, Terminated] == [type(effect) for effect in layer.effects()]
    assert 0 == len(layer)


def play_out(layer: TransactionLayer) -> float:
    play(layer)
    return layer.next_deadline()


def test_settings_hold_for_one_transaction_alone() -> None:
    layer = TransactionLayer(TimerSettings(t1=1.0))
    layer.send_request(request(branch="z9hG4bK1"), UDP, 0.0, settings=TimerSettings(t1=0.125))

    assert 8.0 == times_of(TimedOut, play(layer))[0]
    layer.send_request(request(branch="z9hG4bK2"), UDP, 10.0)
    assert 74.0 == times_of(TimedOut, play(layer))[0]


def test_copies_of_a_final_response_are_acknowledged_for_td() -> None:
    layer = TransactionLayer(TimerSettings(td=40))
    layer.send_request(message := invite(), UDP, 0.0)
    layer.receive_response(response(message, 486), UDP, 1.0)

    assert [41.0] == times_of(Terminated, play(layer))


def test_a_late_wake_up_gives_up_instead_of_resending_for_ever() -> None:
    layer = TransactionLayer()
    layer.send_request(invite(), UDP, 0.0)
    layer.effects()

    layer.handle_timeout(1000.0)

    assert [Send, TimedOut, Terminated] == [type(effect) for effect in layer.effects()]
    assert [] == play(layer)


def test_waking_too_early_does_nothing() -> None:
    layer = TransactionLayer()
    layer.send_request(invite(), UDP, 0.0)
    layer.effects()

    layer.handle_timeout(0.49)

    assert [] == layer.effects()
    assert 0.5 == layer.next_deadline()


def test_a_timer_that_another_one_of_the_same_moment_stopped_does_nothing() -> None:
    layer = TransactionLayer()
    layer.send_request(invite(), UDP, 0.0)
    play(layer, until=31.5)

    layer.handle_timeout(100.0)

    assert [TimedOut, Terminated] == [type(effect) for effect in layer.effects()]
