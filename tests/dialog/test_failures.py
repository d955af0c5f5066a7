"""What a failure ends: RFC 5057 section 5.1, and what of it we follow."""

from __future__ import annotations

import pytest

from trio_sip.dialog import Ends, ends_session, what_ends


@pytest.mark.parametrize(
    ("ends", "statuses"),
    [
        (Ends.DIALOG, (404, 410, 416, 482, 483, 484, 485, 502, 604)),
        (Ends.USAGE, (405, 408, 480, 481, 501)),
        (
            Ends.TRANSACTION,
            (302, 400, 401, 403, 406, 407, 413, 415, 420, 422, 423, 486, 487, 488, 489, 491, 499),
        ),
        (Ends.TRANSACTION, (500, 503, 504, 505, 513, 580, 600, 603, 606)),
    ],
)
def test_the_table_of_what_a_failure_ends(ends: Ends, statuses: tuple[int, ...]) -> None:
    assert {ends} == {what_ends(status, "INVITE") for status in statuses}


@pytest.mark.parametrize("status", [405, 489, 501])
def test_a_method_that_is_not_allowed_ends_no_usage_of_another(status: int) -> None:
    assert Ends.TRANSACTION is what_ends(status, "INFO")
    assert Ends.USAGE is what_ends(status, "SUBSCRIBE")


def test_a_subscription_ends_by_what_rfc6665_lists() -> None:
    # RFC 6665 section 4.1.2.2; 408 and 502 are RFC 5057's own.
    listed = {404, 405, 410, 416, *range(480, 486), 489, 501, 604}
    ending = {
        status
        for status in range(300, 700)
        if what_ends(status, "SUBSCRIBE") is not Ends.TRANSACTION
    }

    assert listed | {408, 502} == ending


def test_only_408_and_481_end_a_session() -> None:
    ending = {status for status in range(300, 700) if ends_session(status, "INFO")}

    assert {408, 481} == ending


@pytest.mark.parametrize("method", ["SUBSCRIBE", "NOTIFY", "REFER"])
def test_a_subscription_ends_alone(method: str) -> None:
    assert not ends_session(481, method)
    assert not ends_session(408, method)
    assert Ends.USAGE is what_ends(481, method)
