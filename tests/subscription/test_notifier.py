"""The notifier's end: RFC 6665 section 4.2 by numbers."""

from __future__ import annotations

import math

import pytest

from trio_sip._errors import LocalProtocolError, RequestTimedOut
from trio_sip.message import Event
from trio_sip.subscription import (
    NotifierPolicy,
    NotifierState,
    TerminationReason,
    refer_event,
    sipfrag_body,
)

from .ends import CLOSED, OPEN, NotifierSubject, reply, states

IDLE, PENDING, ACTIVE, TERMINATED = NotifierState


def test_a_subscribe_is_accepted_and_a_notify_follows_at_once() -> None:
    subject = NotifierSubject().receive(10.0, 600)

    assert [(200, (("Expires", 600),))] == subject.answers
    assert [("active;expires=600", OPEN)] == subject.sent
    assert (ACTIVE, 610.0) == (subject.end.state, subject.end.next_deadline())


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (None, (200, (("Expires", 3600),))),
        (86400, (200, (("Expires", 7200),))),
        (60, (200, (("Expires", 60),))),
        (59, (423, (("Min-Expires", 60),))),
        ("soon", (400, ())),
    ],
)
def test_how_long_is_granted(asked: object, answer: tuple[int, object]) -> None:
    assert [answer] == NotifierSubject().receive(0.0, asked).answers


def test_an_hour_is_never_too_brief() -> None:
    policy = NotifierPolicy(min_expires=5000, default_expires=5000)

    assert 200 == NotifierSubject(policy=policy).receive(0.0, 3600).answers[0][0]


@pytest.mark.parametrize(
    "changes", [{"min_expires": -1}, {"min_expires": 4000}, {"max_expires": 1}]
)
def test_a_policy_that_cannot_be_is_refused(changes: dict[str, int]) -> None:
    with pytest.raises(LocalProtocolError):
        NotifierPolicy(**changes)


@pytest.mark.parametrize("event", ["dialog", "presence;id=7"])
def test_another_event_is_a_bad_event(event: str) -> None:
    subject = NotifierSubject().receive(0.0, 600, event)

    assert ([(489, ())], IDLE) == (subject.answers, subject.end.state)


def test_who_only_asks_is_told_once() -> None:
    subject = NotifierSubject().receive(0.0, 0)

    assert [(200, (("Expires", 0),))] == subject.answers
    assert [("terminated;reason=timeout", OPEN)] == subject.sent
    assert (["timeout"], TERMINATED) == (subject.ended, subject.end.state)


def test_changes_are_told() -> None:
    subject = NotifierSubject().receive(0.0, 600)

    subject.change(100.0, CLOSED)

    assert ("active;expires=500", CLOSED) == subject.last


def test_a_refresh_is_answered_and_told_how_things_stand() -> None:
    subject = NotifierSubject().receive(0.0, 600)
    subject.change(100.0, CLOSED)
    subject.receive(500.0, 600)

    assert [200, 200] == [status for status, _ in subject.answers]
    assert ("active;expires=600", CLOSED) == subject.last
    assert 1100.0 == subject.end.next_deadline()


def test_a_refresh_that_is_too_brief_changes_nothing() -> None:
    subject = NotifierSubject().receive(0.0, 600).receive(100.0, 5)

    assert (423, (("Min-Expires", 60),)) == subject.answers[-1]
    assert (1, ACTIVE, 600.0) == (len(subject.sent), subject.end.state, subject.end.expires_at)


def test_what_is_not_refreshed_ends_with_a_last_notify() -> None:
    subject = NotifierSubject().receive(0.0, 600)

    subject.wait(600.0)

    assert ("terminated;reason=timeout", OPEN) == subject.last
    assert (["timeout"], math.inf) == (subject.ended, subject.end.next_deadline())


def test_a_subscriber_may_leave() -> None:
    subject = NotifierSubject().receive(0.0, 600).receive(100.0, 0)

    assert [(200, (("Expires", 0),))] == subject.answers[1:]
    assert ("terminated;reason=timeout", OPEN) == subject.last
    subject.receive(101.0, 600)
    assert (481, ()) == subject.answers[-1]


@pytest.mark.parametrize(
    ("reason", "retry_after", "expected"),
    [
        (TerminationReason.NORESOURCE, None, "terminated;reason=noresource"),
        (TerminationReason.PROBATION, 60, "terminated;reason=probation;retry-after=60"),
    ],
)
def test_the_user_may_end_it_and_say_why(
    reason: TerminationReason, retry_after: int | None, expected: str
) -> None:
    subject = NotifierSubject().receive(0.0, 600)

    for now in (1.0, 2.0):
        subject.end.terminate(reason, now, body=CLOSED, retry_after=retry_after)
    subject.look()

    assert [expected] == states(subject.sent[1:])
    assert (CLOSED, [reason.value]) == (subject.last[1], subject.ended)
    with pytest.raises(LocalProtocolError):
        subject.end.send_notify(OPEN, 3.0)


# -- pending


def test_who_is_pending_learns_nothing_but_that() -> None:
    subject = NotifierSubject().receive(0.0, 600, authorized=False)
    subject.change(1.0, CLOSED)
    subject.receive(2.0, 600)

    assert [("pending;expires=600", None)] * 2 == subject.sent
    assert PENDING is subject.end.state
    subject.end.authorize(10.0)
    subject.end.authorize(11.0)
    subject.look()

    assert [("active;expires=592", CLOSED)] == subject.sent[2:]


@pytest.mark.parametrize("way", ["rejected", "expired", "left"])
def test_who_was_pending_to_the_end_has_learnt_nothing(way: str) -> None:
    subject = NotifierSubject().receive(0.0, 600, authorized=False)
    if way == "rejected":
        subject.end.terminate(TerminationReason.REJECTED, 1.0, body=CLOSED)
        subject.look()
    elif way == "expired":
        subject.wait(600.0)
    else:
        subject.receive(1.0, 0)

    assert (TERMINATED, None) == (subject.end.state, subject.last[1])


def test_who_only_asks_and_may_not_know_learns_nothing() -> None:
    subject = NotifierSubject().receive(0.0, 0, authorized=False)

    assert [("terminated;reason=timeout", None)] == subject.sent


def test_permission_may_be_withdrawn() -> None:
    subject = NotifierSubject().receive(0.0, 600).receive(1.0, 600, authorized=False)

    assert ("pending;expires=600", None) == subject.last
    subject.receive(2.0, 0, authorized=False)
    assert ("terminated;reason=timeout", None) == subject.last


# -- NOTIFYs that fail


@pytest.mark.parametrize("status", [404, 481, 489, 501])
def test_a_notify_that_nobody_wants_ends_it(status: int) -> None:
    subject = NotifierSubject().receive(0.0, 600)

    subject.end.receive_response(reply(status, method="NOTIFY"), 0.1)
    subject.look()

    assert (TERMINATED, [None], 1) == (subject.end.state, subject.ended, len(subject.sent))


@pytest.mark.parametrize("status", [200, 202, 400, 500, 503])
def test_any_other_answer_leaves_it(status: int) -> None:
    subject = NotifierSubject().receive(0.0, 600)

    subject.end.receive_response(reply(status, method="NOTIFY"), 0.1)

    assert ACTIVE is subject.end.state


@pytest.mark.parametrize("authorized", [True, False])
def test_a_notify_that_is_not_answered_ends_it(authorized: bool) -> None:
    subject = NotifierSubject().receive(0.0, 600, authorized=authorized)

    subject.end.receive_failure(RequestTimedOut("no answer"), 32.0)
    subject.look()

    assert (TERMINATED, [None]) == (subject.end.state, subject.ended)


def test_the_answer_to_the_last_notify_ends_nothing_again() -> None:
    subject = NotifierSubject().receive(0.0, 0)

    subject.end.receive_response(reply(481, method="NOTIFY"), 0.1)
    subject.look()

    assert ["timeout"] == subject.ended


# -- with a REFER


def test_a_refer_is_told_how_it_goes() -> None:
    subject = NotifierSubject(
        sipfrag_body(100), NotifierPolicy(default_expires=300), refer_event(2)
    )
    subject.end.receive_refer(0.0)
    subject.look()
    subject.change(1.0, sipfrag_body(180))
    subject.end.terminate(TerminationReason.NORESOURCE, 5.0, body=sipfrag_body(200))
    subject.look()

    assert [
        "active;expires=300",
        "active;expires=299",
        "terminated;reason=noresource",
    ] == states(subject.sent)
    assert [b"SIP/2.0 100 Trying\r\n", b"SIP/2.0 180 Ringing\r\n", b"SIP/2.0 200 OK\r\n"] == [
        body.content for _, body in subject.sent if body is not None
    ]
    with pytest.raises(LocalProtocolError):
        subject.end.receive_refer(6.0)


def test_nobody_is_told_who_has_not_subscribed() -> None:
    subject = NotifierSubject(event=Event("dialog"))

    subject.end.terminate(TerminationReason.NORESOURCE, 0.0)
    with pytest.raises(LocalProtocolError):
        subject.end.send_notify(OPEN, 0.0)

    assert [] == subject.end.effects()
