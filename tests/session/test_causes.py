"""Q.850 causes and SIP statuses: RFC 3398, for Reason (RFC 3326)."""

from __future__ import annotations

import pytest

from trio_sip.session import cause_of_status, status_of_cause


@pytest.mark.parametrize(
    ("cause", "status"),
    [(1, 404), (17, 486), (18, 408), (19, 480), (21, 403), (34, 503), (127, 500), (99, 500)],
)
def test_the_status_of_a_cause(cause: int, status: int) -> None:
    assert status == status_of_cause(cause)


@pytest.mark.parametrize(
    ("status", "cause"),
    [(200, 16), (202, 16), (404, 1), (486, 17), (487, 16), (503, 41), (603, 21), (699, 127)],
)
def test_the_cause_of_a_status(status: int, cause: int) -> None:
    assert cause == cause_of_status(status)
