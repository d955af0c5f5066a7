"""The subscriber's end: RFC 6665 section 4.1 by numbers."""

from __future__ import annotations

import math

import pytest

from trio_sip._errors import (
    AuthenticationRejected,
    LocalProtocolError,
    RequestRejected,
    RequestTimedOut,
)
from trio_sip.message import Event
from trio_sip.subscription import Subscriber, SubscriberState, refer_event

from .ends import PRESENCE, SubscriberSubject, notify

IDLE, NOTIFY_WAIT, SUBSCRIBED, REFRESHING, LEAVING, TERMINATED = SubscriberState


# -- how it begins


def test_a_subscribe_is_sent_and_a_notify_is_waited_for() -> None:
    subject = SubscriberSubject(600).subscribe()

    assert ([600], NOTIFY_WAIT) == (subject.sent, subject.end.state)
    assert 32.0 == subject.end.next_deadline()


@pytest.mark.parametrize("expires", [-1, 2**32])
def test_what_is_no_number_of_seconds_is_refused(expires: int) -> None:
    with pytest.raises(LocalProtocolError):
        Subscriber(PRESENCE, expires)


def test_a_2xx_alone_is_no_subscription() -> None:
    subject = SubscriberSubject().subscribe()
    subject.respond(0.1, 200, ("Expires", 3600))
    assert NOTIFY_WAIT is subject.end.state

    subject.wait(32.0)

    assert TERMINATED is subject.end.state
    assert isinstance(subject.ended[0].error, RequestTimedOut)


@pytest.mark.parametrize("state", ["active;expires=3600", "pending", "strange;expires=3600"])
def test_a_notify_behind_the_2xx_makes_the_subscription(state: str) -> None:
    subject = SubscriberSubject().subscribe()
    subject.respond(0.1, 202, ("Expires", 3600))

    subject.notify(0.2, state)

    assert SUBSCRIBED is subject.end.state
    assert ([200], [state.partition(";")[0]]) == (subject.answers, subject.notified)
    assert "n" == subject.end.remote_tag
    assert subject.end.expires_at == pytest.approx(3600.2, abs=0.1)


def test_a_notify_before_the_2xx_makes_the_subscription_too() -> None:
    subject = SubscriberSubject().subscribe()
    subject.notify(0.1, "active;expires=600")
    subject.respond(0.2, 200, ("Expires", 3600))

    assert SUBSCRIBED is subject.end.state
    # What the NOTIFY says of the time that is left is authoritative.
    assert 600.1 == subject.end.expires_at


def test_a_notify_without_expires_leaves_what_the_2xx_says() -> None:
    subject = SubscriberSubject().subscribe()
    subject.notify(0.1, "active")
    assert 3600.1 == subject.end.expires_at
    subject.respond(0.2, 200, ("Expires", 60))
    assert 60.2 == subject.end.expires_at

    subject.notify(5.0, "active")

    assert 60.2 == subject.end.expires_at


@pytest.mark.parametrize("status", [403, 404, 481, 489, 503, 603])
def test_a_refusal_ends_it(status: int) -> None:
    subject = SubscriberSubject().subscribe()

    subject.respond(0.1, status)

    assert TERMINATED is subject.end.state
    assert isinstance(subject.ended[0].error, RequestRejected)
    assert (None, None) == (subject.ended[0].reason, subject.ended[0].retry_after)


def test_a_challenge_that_was_not_answered_ends_it() -> None:
    subject = SubscriberSubject().subscribe()

    subject.respond(0.1, 401)

    assert isinstance(subject.ended[0].error, AuthenticationRejected)


def test_silence_ends_it() -> None:
    subject = SubscriberSubject().subscribe()
    error = RequestTimedOut("no answer")

    subject.end.receive_failure(error, 32.0)
    subject.look()

    assert error is subject.ended[0].error


def test_too_brief_an_interval_is_asked_for_again() -> None:
    subject = SubscriberSubject(60).subscribe()

    subject.respond(0.1, 423, ("Min-Expires", 600))

    assert ([60, 600], NOTIFY_WAIT) == (subject.sent, subject.end.state)
    assert 32.1 == subject.end.next_deadline()


@pytest.mark.parametrize("minimum", [None, "60", "much"])
def test_a_423_that_does_not_help_ends_it(minimum: str | None) -> None:
    subject = SubscriberSubject(60).subscribe()

    subject.respond(0.1, 423, *([] if minimum is None else [("Min-Expires", minimum)]))

    assert TERMINATED is subject.end.state


def test_a_notifier_that_always_wants_more_gets_no_more_than_four() -> None:
    subject = SubscriberSubject(60).subscribe()
    while not subject.ended:
        subject.respond(0.1, 423, ("Min-Expires", subject.sent[-1] + 1))

    assert [60, 61, 62, 63] == subject.sent


def test_who_only_asks_gets_one_notify() -> None:
    subject = SubscriberSubject(0).subscribe()
    subject.respond(0.1, 200, ("Expires", 0))
    subject.notify(0.2, "terminated;reason=timeout")

    assert ([0], ["terminated"], TERMINATED) == (
        subject.sent,
        subject.notified,
        subject.end.state,
    )


# -- what NOTIFYs are answered


@pytest.mark.parametrize(
    ("state", "event", "status"),
    [
        ("active", "presence", 200),
        ("active", "dialog", 489),
        ("active", "presence;id=7", 489),
        ("active", None, 489),
        (None, "presence", 400),
        ("active;expires=soon", "presence", 400),
        ("active", "<nonsense>", 400),
        ("ACTIVE;Expires=60", "presence;x=1", 200),
    ],
)
def test_what_a_notify_is_answered(state: str | None, event: str | None, status: int) -> None:
    subject = SubscriberSubject().subscribe()

    subject.notify(0.1, state, event)

    assert [status] == subject.answers
    assert (SUBSCRIBED if status == 200 else NOTIFY_WAIT) is subject.end.state


def test_what_is_over_is_answered_481() -> None:
    subject = SubscriberSubject().subscribed()
    subject.notify(1.0, "terminated")
    subject.notify(2.0, "active")

    assert [200, 200, 481] == subject.answers
    with pytest.raises(LocalProtocolError):
        subject.end.send_subscribe(3.0)


def test_what_has_not_begun_is_answered_481() -> None:
    subject = SubscriberSubject()

    subject.notify(0.0, "active")

    assert [481] == subject.answers


# -- how it goes on


@pytest.mark.parametrize(
    ("expires", "refresh"), [(3600, 3240.0), (300, 268.0), (60, 30.0), (1, 0.5)]
)
def test_it_is_refreshed_before_it_runs_out(expires: int, refresh: float) -> None:
    subject = SubscriberSubject(expires).subscribed(expires)

    assert refresh == subject.end.next_deadline()
    subject.wait(refresh)

    assert ([expires, expires], REFRESHING) == (subject.sent, subject.end.state)


@pytest.mark.parametrize("notify_first", [False, True])
def test_a_refresh_is_complete_with_its_notify(notify_first: bool) -> None:
    subject = SubscriberSubject(300).subscribed(300)
    for now in (268.0, 536.0):
        subject.wait(now)
        if notify_first:
            subject.notify(now, "active;expires=300")
        subject.respond(now, 200, ("Expires", 300))
        if not notify_first:
            assert REFRESHING is subject.end.state
            subject.notify(now, "active;expires=300")

    assert (836.0, [300] * 3) == (subject.end.expires_at, subject.sent)


def test_a_refresh_that_says_nothing_of_the_time_does_not_repeat_itself() -> None:
    subject = SubscriberSubject(300).subscribed(300)
    subject.wait(268.0)
    subject.notify(268.1, "active")
    subject.wait(268.2)
    subject.respond(268.2, 200)

    assert [300, 300] == subject.sent
    assert 568.2 == subject.end.expires_at


def test_a_refresh_without_a_notify_ends_it() -> None:
    subject = SubscriberSubject(3600).subscribed()
    subject.wait(3240.0)
    subject.respond(3240.1, 200, ("Expires", 3600))

    subject.wait(3272.0)

    assert TERMINATED is subject.end.state
    assert isinstance(subject.ended[0].error, RequestTimedOut)


@pytest.mark.parametrize("status", [404, 405, 410, 416, 480, 481, 485, 489, 501, 604])
def test_a_refresh_is_told_that_there_is_no_subscription(status: int) -> None:
    subject = SubscriberSubject(3600).subscribed()
    subject.wait(3240.0)

    subject.respond(3240.1, status)

    assert TERMINATED is subject.end.state
    assert isinstance(subject.ended[0].error, RequestRejected)


@pytest.mark.parametrize("status", [403, 500, 503])
def test_a_refresh_that_is_refused_otherwise_leaves_the_subscription(status: int) -> None:
    subject = SubscriberSubject(3600).subscribed()
    subject.wait(3240.0)

    subject.respond(3240.0, status)
    assert SUBSCRIBED is subject.end.state
    assert 3600.0 == subject.end.expires_at
    subject.wait(3420.0)
    assert (3, REFRESHING) == (len(subject.sent), subject.end.state)
    for now in (3420.0, 3510.0, 3555.0, 3577.5, 3588.75, 3594.375, 3597.1875, 3598.6):
        subject.respond(now, status)
        subject.wait(now + (3600.0 - now) / 2)
    subject.wait(3600.0)

    assert ("timeout", 0.0) == (subject.ended[0].reason, subject.ended[0].retry_after)


def test_the_user_may_refresh_at_once() -> None:
    subject = SubscriberSubject().subscribed().subscribe(5.0)

    assert ([3600, 3600], 37.0) == (subject.sent, subject.end.next_deadline())


def test_a_notifier_may_shorten_it() -> None:
    subject = SubscriberSubject().subscribed()

    subject.notify(10.0, "active;expires=60")

    assert (70.0, 40.0) == (subject.end.expires_at, subject.end.next_deadline())


@pytest.mark.parametrize(
    ("state", "reason", "retry_after"),
    [
        ("terminated", None, 0.0),
        ("terminated;reason=deactivated;retry-after=9", "deactivated", 0.0),
        ("terminated;reason=probation", "probation", 60.0),
        ("terminated;reason=probation;retry-after=9", "probation", 9.0),
        ("terminated;reason=giveup;retry-after=9", "giveup", 9.0),
        ("terminated;reason=timeout", "timeout", 0.0),
        ("terminated;reason=rejected", "rejected", None),
        ("terminated;reason=noresource;retry-after=9", "noresource", None),
        ("terminated;reason=Invariant", "invariant", None),
        ("terminated;reason=whim;retry-after=9", "whim", 9.0),
        ("terminated;reason=probation;retry-after=x", "probation", 60.0),
    ],
)
def test_the_reason_says_whether_to_come_back(
    state: str, reason: str | None, retry_after: float | None
) -> None:
    subject = SubscriberSubject().subscribed()

    subject.notify(1.0, state)

    assert (reason, retry_after, None) == (
        subject.ended[0].reason,
        subject.ended[0].retry_after,
        subject.ended[0].error,
    )
    assert ["active", "terminated"] == subject.notified
    assert math.inf == subject.end.next_deadline()


# -- how it ends


def test_leaving_asks_for_no_more_and_takes_the_last_notify() -> None:
    subject = SubscriberSubject().subscribed()
    subject.leave(5.0)
    assert ([3600, 0], LEAVING) == (subject.sent, subject.end.state)
    subject.respond(5.1, 200, ("Expires", 0))
    # One that crossed the SUBSCRIBE.
    subject.notify(5.1, "active;expires=3595")
    subject.notify(5.2, "terminated;reason=timeout")

    assert TERMINATED is subject.end.state
    assert ["active", "active", "terminated"] == subject.notified


@pytest.mark.parametrize("status", [None, 481, 503])
def test_leaving_ends_whatever_is_said(status: int | None) -> None:
    subject = SubscriberSubject().subscribed()
    subject.leave(5.0)
    if status is None:
        subject.wait(37.0)
    else:
        subject.respond(5.1, status)

    assert TERMINATED is subject.end.state


def test_leaving_during_a_refresh() -> None:
    subject = SubscriberSubject().subscribed().subscribe(5.0)
    subject.leave(5.1)

    assert ([3600, 3600, 0], LEAVING) == (subject.sent, subject.end.state)


def test_leaving_before_the_first_notify_lets_the_481_do_it() -> None:
    subject = SubscriberSubject().subscribe()
    subject.leave(0.1)
    subject.respond(0.2, 200, ("Expires", 3600))
    subject.notify(0.3, "active;expires=3600")

    assert ([3600], [481], TERMINATED) == (subject.sent, subject.answers, subject.end.state)


# -- with a REFER


def test_a_refer_subscribes_without_a_subscribe() -> None:
    subject = SubscriberSubject(event=refer_event(7))
    subject.end.send_refer(0.0)
    subject.look()
    subject.respond(0.1, 202, method="REFER")
    assert ([], 32.0) == (subject.sent, subject.end.next_deadline())
    subject.notify(0.2, "active;expires=60", "refer;id=7")
    subject.notify(0.3, "terminated;reason=noresource", "refer;id=7")

    assert (TERMINATED, ["active", "terminated"]) == (subject.end.state, subject.notified)
    with pytest.raises(LocalProtocolError):
        subject.end.send_refer(1.0)


@pytest.mark.parametrize(
    ("event", "status"), [("refer;id=7", 200), ("refer", 200), ("refer;id=8", 489), ("x", 489)]
)
def test_a_notify_about_a_refer_may_lack_the_id(event: str, status: int) -> None:
    subject = SubscriberSubject(event=refer_event(7))
    subject.end.send_refer(0.0)

    subject.notify(0.2, "active;expires=60", event)

    assert [status] == subject.answers


def test_a_refer_that_was_taken_without_a_subscription_is_over_at_once() -> None:
    subject = SubscriberSubject(event=refer_event(7))
    subject.end.send_refer(0.0)

    subject.respond(0.1, 202, ("Refer-Sub", "false"), method="REFER")

    assert TERMINATED is subject.end.state
    assert subject.ended[0].error is None


def test_a_refer_is_told_of_for_as_long_as_the_notify_says() -> None:
    subject = SubscriberSubject(event=refer_event(7))
    subject.end.send_refer(0.0)
    subject.notify(0.1, "active;expires=60", "refer;id=7")
    subject.respond(0.2, 202, method="REFER")

    assert (60.1, 30.1) == (subject.end.expires_at, subject.end.next_deadline())


def test_events_are_told_apart_by_their_id() -> None:
    one, other = Subscriber(Event("presence", {"id": "1"})), Subscriber(Event("presence"))

    assert one.is_about(Event("presence", {"id": "1"}))
    assert not one.is_about(Event("presence"))
    assert not other.is_about(Event("presence", {"id": "1"}))
    assert "NOTIFY" == notify().method
