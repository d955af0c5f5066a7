"""Dates, delays, warnings, words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from trio_sip._errors import LocalProtocolError, RemoteProtocolError
from trio_sip.message import (
    DATE,
    IN_REPLY_TO,
    ORGANIZATION,
    PRIORITY,
    RETRY_AFTER,
    SERVER,
    SUBJECT,
    TIMESTAMP,
    USER_AGENT,
    USER_TO_USER,
    WARNING,
    Date,
    Headers,
    RetryAfter,
    Timestamp,
    UserToUser,
    WarningValue,
)


def test_a_date_is_a_moment_in_gmt() -> None:
    text = "Sat, 13 Nov 2010 23:29:00 GMT"
    date = Headers([("Date", text)])[DATE]

    assert date.moment == datetime(2010, 11, 13, 23, 29, tzinfo=UTC)
    assert text == str(date)


def test_a_date_in_another_zone_is_written_in_gmt() -> None:
    zone = timezone(timedelta(hours=2))

    assert str(Date(datetime(2010, 1, 1, 1, tzinfo=zone))) == "Thu, 31 Dec 2009 23:00:00 GMT"
    with pytest.raises(LocalProtocolError):
        Date(datetime(1, 1, 1, tzinfo=zone))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("18000;duration=3600", RetryAfter(18000, None, {"duration": "3600"})),
        ("120 (I'm in a (long) meeting)", RetryAfter(120, "I'm in a (long) meeting")),
        ("5(\\))  ; x", RetryAfter(5, "\\)", {"x": None})),
        ("9999999999999", RetryAfter(2**32 - 1)),
        ("0", RetryAfter(0)),
    ],
)
def test_how_long_to_stay_away_may_be_explained(text: str, value: RetryAfter) -> None:
    assert value == Headers([("Retry-After", text)])[RETRY_AFTER]


def test_how_long_one_may_be_reached_after_that_is_a_number() -> None:
    assert RetryAfter(1, None, {"duration": "60"}).duration == 60
    assert RetryAfter(1).duration is None


def test_warnings_are_a_list() -> None:
    text = '307 isi.edu "Session parameter \\"foo\\", not understood", 399 192.0.2.1:5060 ""'

    assert [
        WarningValue(307, "isi.edu", 'Session parameter "foo", not understood'),
        WarningValue(399, "192.0.2.1:5060", ""),
    ] == Headers([("Warning", text)])[WARNING]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("54", Timestamp(Decimal(54))),
        ("54.21 0.3", Timestamp(Decimal("54.21"), Decimal("0.3"))),
        ("54. .5", Timestamp(Decimal(54), Decimal("0.5"))),
    ],
)
def test_a_timestamp_is_exact(text: str, value: Timestamp) -> None:
    assert value == Headers([("Timestamp", text)])[TIMESTAMP]


def test_data_for_the_other_user_may_stand_in_quotes() -> None:
    headers = Headers([("User-to-User", '56a390;encoding=hex, "a;b,c" ;x')])

    assert [UserToUser("56a390", {"encoding": "hex"}), UserToUser("a;b,c", {"x": None})] == headers[
        USER_TO_USER
    ]


def test_words_are_words() -> None:
    headers = Headers(
        [("s", "a, b; c"), ("User-Agent", "x/1 (y)"), ("Server", "z"), ("Organization", ""),
         ("Priority", "urgent"), ("In-Reply-To", "a@b, c@d")]
    )  # fmt: skip

    assert ("a, b; c", "x/1 (y)", "z", "") == (
        headers[SUBJECT],
        headers[USER_AGENT],
        headers[SERVER],
        headers[ORGANIZATION],
    )
    assert headers[PRIORITY] == "urgent"
    assert ["a@b", "c@d"] == headers[IN_REPLY_TO]


@pytest.mark.parametrize(
    ("field", "text"),
    [
        (DATE, "Fri, 01 Jan 2010 16:00:00 EST"), (DATE, "Sat, 31 Feb 2010 16:00:00 GMT"),
        (DATE, "Sat, 13 Nov 2010 24:00:00 GMT"), (DATE, "Sat, 13 Nov 0000 23:00:00 GMT"), (DATE, ""),
        (DATE, "2010-11-13T23:29:00Z"), (RETRY_AFTER, ""), (RETRY_AFTER, "x"), (RETRY_AFTER, "1 (a"),
        (RETRY_AFTER, "1 a"), (RETRY_AFTER, "1 (a) b"), (RETRY_AFTER, "1 (a\\"), (WARNING, "399 a b"),
        (WARNING, '39 a "b"'), (WARNING, '3999 a "b"'), (WARNING, '399 a "b" c"'), (WARNING, '099 a "b"'),
        (TIMESTAMP, ""), (TIMESTAMP, "."), (TIMESTAMP, "1e5"), (TIMESTAMP, "-1"), (TIMESTAMP, "9" * 99),
        (USER_TO_USER, ""), (USER_TO_USER, '"a'), (USER_TO_USER, "a b"), (USER_TO_USER, '"a" b'),
        (PRIORITY, "a b"), (IN_REPLY_TO, "a b"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(field: Any, text: str) -> None:
    with pytest.raises(RemoteProtocolError, match=field.name):
        field.read([text])
