"""When a registration is refreshed, tried again, given up and removed: by numbers."""

from __future__ import annotations

import math

import pytest

from trio_sip._errors import (
    AuthenticationRejected,
    LocalProtocolError,
    NoRoute,
    RemoteProtocolError,
    RequestRejected,
    RequestTimedOut,
    TransportFailed,
)
from trio_sip.registration import RegistrationSettings, RegistrationState

from .clients import CONTACT, Subject

IDLE, STARTING, OPENING, REGISTERED, REFRESHING, RETRYING = list(RegistrationState)[:6]
REGISTERING, WAITING, LEAVING, REMOVING, TERMINATED = list(RegistrationState)[6:]
TIMED_OUT = RequestTimedOut("no answer")


def test_the_first_register_asks_for_what_was_wanted() -> None:
    subject = Subject(300)
    assert IDLE is subject.state

    subject.start(10.0)

    assert OPENING is subject.state
    assert [(300, 1)] == [(one.expires, one.cseq) for one in subject.sent]
    assert not subject.client.is_registered(10.0)
    assert math.inf == subject.client.next_deadline()


@pytest.mark.parametrize("expires", [0, -1, 2**32])
def test_what_is_no_number_of_seconds_is_refused(expires: int) -> None:
    with pytest.raises(LocalProtocolError):
        Subject(expires)


def test_a_2xx_with_our_contact_registers_from_when_it_was_asked_for() -> None:
    subject = Subject(300)
    subject.start(10.0)

    subject.answer(12.0, expires=100)

    assert [STARTING, OPENING, REGISTERED] == subject.states
    # The registrar may have had it since the moment it was sent.
    assert 110.0 == subject.client.expires_at
    assert subject.client.is_registered(109.9)
    assert not subject.client.is_registered(110.0)


@pytest.mark.parametrize(
    ("granted", "roll", "expected"),
    [
        (3600, 0.0, 3240.0),  # nine tenths
        (300, 0.0, 268.0),  # 64*T1 before the end
        (60, 0.0, 30.0),  # no room for 64*T1: half of it
        (40, 0.0, 20.0),
        (3600, 1.0, 2916.0),  # a tenth earlier at most
        (300, 0.5, 254.6),
    ],
)
def test_the_refresh_is_sent_before_it_runs_out(granted: int, roll: float, expected: float) -> None:
    subject = Subject(rolls=roll)
    subject.start()
    subject.answer(0.0, expires=granted)

    assert expected == pytest.approx(subject.client.next_deadline())
    subject.wait(expected + 0.001)

    assert REFRESHING is subject.state
    assert 2 == len(subject.sent)
    assert subject.client.is_registered(expected)


def test_a_refresh_keeps_the_call_id_and_counts_on_from_the_answers_to_challenges() -> None:
    subject = Subject(300)
    subject.start()
    subject.answer(0.0, challenges=1)
    subject.wait(268.0)
    subject.answer(268.0)
    subject.wait(2 * 268.0)

    assert ["call 1"] * 3 == [one.call_id for one in subject.sent]
    assert [1, 3, 4] == [one.cseq for one in subject.sent]


def test_days_of_refreshes_never_leave_a_gap() -> None:
    subject = Subject(300, rolls=0.5)
    subject.start()
    now = 0.0
    subject.answer(now)
    while now < 3 * 86400:
        now = subject.client.next_deadline()
        assert subject.client.is_registered(now)
        subject.wait(now)
        subject.answer(now + 0.1)

    assert {REGISTERED, REFRESHING} == set(subject.states[2:])
    assert len(subject.sent) == pytest.approx(3 * 86400 / 254.6, rel=0.01)


def test_the_user_may_refresh_at_once() -> None:
    subject = Subject().registered()

    subject.client.send_register(5.0)
    subject.look()

    assert (REFRESHING, 2) == (subject.state, len(subject.sent))


# -- 423


def test_too_brief_an_interval_is_asked_for_again_with_the_minimum() -> None:
    subject = Subject(60)
    subject.start()

    subject.answer(0.1, 423, ("Min-Expires", 600))

    assert OPENING is subject.state
    assert [(60, 1, "call 1"), (600, 2, "call 1")] == [
        (one.expires, one.cseq, one.call_id) for one in subject.sent
    ]
    subject.answer(0.2)
    subject.wait(600)

    assert 600 == subject.last.expires


@pytest.mark.parametrize("minimum", [None, "60", "30", "soon"])
def test_a_423_that_does_not_help_is_a_refusal(minimum: str | None) -> None:
    subject = Subject(60)
    subject.start()

    headers = [] if minimum is None else [("Min-Expires", minimum)]
    subject.answer(0.1, 423, *headers)

    assert TERMINATED is subject.state
    assert isinstance(subject.lost[0], RequestRejected)


def test_a_registrar_that_always_wants_more_gets_no_more_than_four() -> None:
    subject = Subject(60)
    subject.start()
    while subject.state is OPENING:
        subject.answer(0.0, 423, ("Min-Expires", subject.last.expires + 1))

    assert [60, 61, 62, 63] == [one.expires for one in subject.sent]


# -- the first one fails


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, AuthenticationRejected),
        (407, AuthenticationRejected),
        (302, RequestRejected),
        (403, RequestRejected),
        (503, RequestRejected),
        (600, RequestRejected),
    ],
)
def test_whoever_waits_for_the_first_answer_hears_of_any_refusal(
    status: int, kind: type[RequestRejected]
) -> None:
    subject = Subject()
    subject.start()

    subject.answer(0.1, status)

    assert TERMINATED is subject.state
    assert type(subject.lost[0]) is kind
    assert isinstance(subject.lost[0], RequestRejected)
    assert status == subject.lost[0].status


@pytest.mark.parametrize("error", [TIMED_OUT, TransportFailed("broken"), NoRoute("nowhere")])
def test_whoever_waits_for_the_first_answer_hears_that_there_was_none(error: Exception) -> None:
    subject = Subject()
    subject.start()

    subject.fail(32.0, error)

    assert ([error], TERMINATED) == (subject.lost, subject.state)


def test_a_2xx_without_our_contact_registers_nobody() -> None:
    subject = Subject()
    subject.start()

    subject.answer(0.1, 200, ("Contact", "<sip:eve@192.0.2.66>;expires=60"))

    assert not subject.client.is_registered(0.1)
    assert isinstance(subject.lost[0], RemoteProtocolError)


# -- a later one fails


@pytest.mark.parametrize("status", [408, 480, 482, 500, 503, 504])
def test_a_refresh_that_is_refused_for_now_leaves_the_binding_and_is_tried_again(
    status: int,
) -> None:
    subject = Subject(3600).registered()
    subject.wait(3240.0)

    subject.answer(3240.1, status)

    assert RETRYING is subject.state
    assert subject.client.is_registered(3599.0)
    assert isinstance(subject.client.failure, RequestRejected)
    # RFC 5626 section 4.5: half a minute to a minute after the first failure.
    assert pytest.approx(3270.1) == subject.client.retry_at == subject.client.next_deadline()
    subject.wait(3270.2)
    assert REFRESHING is subject.state
    subject.answer(3270.3)

    assert REGISTERED is subject.states[-1]
    assert pytest.approx(3270.1 + 3600) == subject.client.expires_at


def test_it_is_said_when_the_binding_runs_out_while_the_registrar_has_trouble() -> None:
    subject = Subject(60).registered()
    subject.wait(30.0)
    subject.fail(62.0, TIMED_OUT)

    # It ran out while the REGISTER was on its way.
    subject.wait(62.0)
    assert [REFRESHING, RETRYING, WAITING] == subject.states[3:]
    assert not subject.client.is_registered(62.0)
    subject.wait(92.1)

    assert REGISTERING is subject.states[-1]
    subject.answer(93.0)
    assert REGISTERED is subject.states[-1]
    assert subject.client.is_registered(93.0)


def test_a_binding_that_runs_out_while_its_refresh_is_on_its_way_is_not_claimed() -> None:
    subject = Subject(60).registered()
    subject.wait(60.0)

    assert REGISTERING is subject.state
    assert 2 == len(subject.sent)
    subject.answer(61.0)
    assert REGISTERED is subject.state


def test_waits_grow_with_each_failure_and_end_with_a_success() -> None:
    subject = Subject(60).registered()
    now, waits = 30.0, []
    subject.wait(now)
    for _ in range(9):
        subject.fail(now, TIMED_OUT)
        subject.wait(now)
        waits.append(subject.client.retry_at - now)
        now = subject.client.retry_at
        subject.wait(now)
    assert [30, 60, 120, 240, 480, 900, 900, 900, 900] == waits
    subject.answer(now)
    subject.wait(now + 30)
    subject.fail(now + 30, TIMED_OUT)

    assert 30 == pytest.approx(subject.client.retry_at - now - 30)


def test_a_success_forgets_the_failure() -> None:
    subject = Subject(3600).registered()
    subject.wait(3240.0)
    subject.answer(3240.1, 503)
    subject.wait(3271.0)

    subject.answer(3271.1)

    assert subject.client.failure is None


def test_waits_are_spread_between_their_half_and_their_whole() -> None:
    settings = RegistrationSettings()

    assert [30, 45, 60] == [settings.retry_delay(1, roll) for roll in (0.0, 0.5, 1.0)]
    assert [900, 1800] == [settings.retry_delay(1000, roll) for roll in (0.0, 1.0)]


@pytest.mark.parametrize(
    ("value", "roll", "expected"),
    [
        ("120", 0.0, 120.0),
        ("120 (maintenance);duration=3600", 0.0, 120.0),
        ("120", 1.0, 132.0),
        ("0", 0.0, 0.0),
        ("4000000000", 0.0, 86400.0),
        ("tomorrow", 0.0, 30.0),
    ],
)
@pytest.mark.parametrize("status", [480, 500, 503])
def test_retry_after_is_honoured(status: int, value: str, roll: float, expected: float) -> None:
    subject = Subject(3600, rolls=roll).registered()
    subject.wait(3240.0)

    subject.answer(3241.0, status, ("Retry-After", value))

    assert pytest.approx(3241.0 + expected) == subject.client.retry_at


def test_a_connection_that_broke_is_tried_anew_at_once_and_only_once() -> None:
    subject = Subject(3600).registered()
    subject.wait(3240.0)
    subject.fail(3240.1, TransportFailed("reset"))

    assert 3240.1 == subject.client.next_deadline()
    subject.wait(3240.1)
    subject.fail(3240.2, TransportFailed("refused"))

    assert pytest.approx(3300.2) == subject.client.next_deadline()


@pytest.mark.parametrize("status", [401, 403, 404, 423, 603])
def test_a_refresh_that_is_refused_for_good_ends_it(status: int) -> None:
    subject = Subject(3600).registered()
    subject.wait(3240.0)

    subject.answer(3240.1, status)

    assert (TERMINATED, False) == (subject.state, subject.client.is_registered(3240.1))
    assert isinstance(subject.lost[0], RequestRejected)
    assert math.inf == subject.client.next_deadline()


def test_credentials_that_are_refused_end_it() -> None:
    subject = Subject(3600).registered()
    subject.wait(3240.0)
    error = AuthenticationRejected(401, "wrong")

    subject.fail(3240.1, error)

    assert [error] == subject.lost


def test_a_refresh_answered_without_our_contact_is_no_registration() -> None:
    subject = Subject(3600).registered()
    subject.wait(3240.0)

    subject.answer(3240.1, 200, ("Contact", "<sip:eve@192.0.2.66>;expires=60"))

    assert (WAITING, False) == (subject.state, subject.client.is_registered(3240.1))
    assert isinstance(subject.client.failure, RemoteProtocolError)
    subject.wait(3271.0)
    assert REGISTERING is subject.state


@pytest.mark.parametrize(
    ("status", "call_id", "cseq"),
    [(482, "call 2", 1), (500, "call 2", 1), (503, "call 1", 3), (480, "call 1", 3)],
)
def test_a_registrar_that_does_not_like_the_sequence_gets_a_new_one(
    status: int, call_id: str, cseq: int
) -> None:
    subject = Subject(3600).registered()
    subject.wait(3240.0)
    subject.answer(3240.0, status)
    subject.wait(3270.0)

    assert (call_id, cseq) == (subject.last.call_id, subject.last.cseq)


def test_a_request_that_nobody_answered_keeps_its_place_in_the_sequence() -> None:
    # Its copy may still be under way, and must not undo what follows.
    subject = Subject(3600).registered()
    subject.wait(3240.0)
    subject.fail(3272.0, TIMED_OUT)
    subject.wait(3302.0)

    assert ("call 1", 3) == (subject.last.call_id, subject.last.cseq)


# -- the connection


def test_a_lost_connection_is_registered_anew_at_once() -> None:
    subject = Subject(3600).registered()

    subject.client.receive_flow_lost(100.0)
    subject.look()

    assert (REGISTERING, 2) == (subject.state, len(subject.sent))
    assert not subject.client.is_registered(100.0)
    subject.answer(100.1)
    assert REGISTERED is subject.state


def test_a_connection_lost_during_a_refresh_waits_for_that_to_fail() -> None:
    subject = Subject(3600).registered()
    subject.wait(3240.0)
    subject.client.receive_flow_lost(3240.1)
    subject.look()
    assert (REGISTERING, 2) == (subject.state, len(subject.sent))

    subject.fail(3240.1, TransportFailed("broken"))
    subject.wait(3240.1)

    assert (REGISTERING, 3) == (subject.state, len(subject.sent))


def test_a_connection_lost_while_the_registrar_wants_peace_leaves_it_in_peace() -> None:
    subject = Subject(3600).registered()
    subject.wait(3240.0)
    subject.answer(3240.0, 503, ("Retry-After", 100))

    subject.client.receive_flow_lost(3250.0)
    subject.look()

    assert (WAITING, 2, 3340.0) == (
        subject.state,
        len(subject.sent),
        subject.client.next_deadline(),
    )


def test_connections_that_are_lost_one_after_the_other_are_not_opened_at_once() -> None:
    subject = Subject(3600).registered()
    now, waits = 100.0, []
    for _ in range(4):
        subject.client.receive_flow_lost(now)
        subject.wait(now)
        waits.append(min(subject.client.next_deadline(), now + 9999) - now)
        if subject.state is not REGISTERING:
            assert WAITING is subject.state
            now += waits[-1]
            subject.wait(now)
        subject.answer(now)
        now += 1

    # The first one at once; the later ones after ever longer waits.
    assert [9999, 30, 60, 120] == waits
    assert 5 == len(subject.sent)
    subject.client.receive_flow_lost(now + 121)
    subject.look()
    assert 6 == len(subject.sent)


# -- leaving


def test_leaving_removes_the_binding() -> None:
    subject = Subject().registered()

    subject.client.send_unregister(5.0)
    subject.look()
    assert (REMOVING, 0, 2) == (subject.state, subject.last.expires, subject.last.cseq)
    assert not subject.client.is_registered(5.0)
    subject.answer(5.1)

    assert (TERMINATED, []) == (subject.state, subject.lost)
    assert subject.client.failure is None


@pytest.mark.parametrize("answer", [200, 403, 423, 503, None])
def test_whatever_is_said_to_the_removal_ends_it_quietly(answer: int | None) -> None:
    subject = Subject().registered()
    subject.client.send_unregister(5.0)
    subject.look()
    if answer is None:
        subject.fail(37.0, TIMED_OUT)
    else:
        subject.answer(5.1, answer, ("Min-Expires", 5))

    assert (TERMINATED, []) == (subject.state, subject.lost)


@pytest.mark.parametrize("answer", [200, 423, 503, None])
def test_leaving_waits_for_the_register_that_is_on_its_way(answer: int | None) -> None:
    subject = Subject(3600).registered()
    subject.wait(3240.0)
    subject.client.send_unregister(3240.1)
    subject.look()
    assert (LEAVING, 2) == (subject.state, len(subject.sent))

    if answer is None:
        subject.fail(3272.0, TIMED_OUT)
    else:
        subject.answer(3240.2, answer, ("Min-Expires", 7200), ("Contact", CONTACT))

    assert (REMOVING, 0) == (subject.state, subject.last.expires)


def test_leaving_before_the_first_answer_leaves_nothing_behind() -> None:
    subject = Subject()
    subject.start()
    subject.client.send_unregister(0.1)
    subject.answer(0.2)

    assert (REMOVING, 0) == (subject.state, subject.last.expires)
    assert [STARTING, OPENING, LEAVING, REMOVING] == subject.states


def test_leaving_what_was_refused_meanwhile_asks_nothing_more() -> None:
    subject = Subject()
    subject.start()
    subject.client.send_unregister(0.1)
    subject.answer(0.2, 403)

    assert (TERMINATED, 1, []) == (subject.state, len(subject.sent), subject.lost)


def test_leaving_while_it_waits_removes_what_may_be_there() -> None:
    subject = Subject(60).registered()
    subject.wait(30.0)
    subject.fail(62.0, TIMED_OUT)
    subject.wait(62.0)
    assert WAITING is subject.state

    subject.client.send_unregister(63.0)
    subject.look()

    assert (REMOVING, 0) == (subject.state, subject.last.expires)


def test_leaving_before_anything_was_sent_sends_nothing() -> None:
    for begin in (False, True):
        subject = Subject(settings=RegistrationSettings(start_within=10.0), rolls=1.0)
        if begin:
            subject.start()
        subject.client.send_unregister(1.0)
        subject.look()

        assert (TERMINATED, []) == (subject.state, subject.sent)


def test_what_is_over_cannot_be_refreshed() -> None:
    subject = Subject().registered()
    subject.client.send_unregister(5.0)

    with pytest.raises(LocalProtocolError):
        subject.client.send_register(6.0)


# -- many


@pytest.mark.parametrize(("roll", "expected"), [(0.0, 0.0), (0.25, 2.5), (1.0, 10.0)])
def test_many_start_at_random_moments(roll: float, expected: float) -> None:
    subject = Subject(settings=RegistrationSettings(start_within=10.0), rolls=roll)
    subject.client.send_register(100.0)

    assert 100.0 + expected == subject.client.next_deadline()
    subject.wait(99.9 + expected)
    assert [] == subject.sent
    subject.wait(100.0 + expected)

    assert 1 == len(subject.sent)


def test_after_a_long_sleep_there_is_one_register_and_no_claim() -> None:
    subject = Subject(300).registered()

    subject.client.handle_timeout(100000.0)
    subject.look()

    assert (REGISTERING, 2) == (subject.state, len(subject.sent))
