"""What a NOTIFY about a REFER says, and who wants none."""

from __future__ import annotations

import pytest

from trio_sip._errors import RemoteProtocolError
from trio_sip.message import Body
from trio_sip.subscription import (
    REFER_SUB,
    ReferProgress,
    read_progress_untrusted,
    refuses_subscription,
    sipfrag_body,
)

from .ends import message, notify


@pytest.mark.parametrize(
    ("body", "expected", "final"),
    [
        (sipfrag_body(100), ReferProgress(100, "Trying"), False),
        (sipfrag_body(603, "No"), ReferProgress(603, "No"), True),
        (Body(b"SIP/2.0 200 OK\r\n", "message/sipfrag"), ReferProgress(200, "OK"), True),
        (Body(b"SIP/2.0 180 Ringing", "message/sipfrag"), ReferProgress(180, "Ringing"), False),
        (
            Body(b"SIP/2.0 200 OK\r\nContact: <sip:c@d>\r\n", "message/sipfrag;version=2.0"),
            ReferProgress(200, "OK"),
            True,
        ),
        (Body(b"SIP/2.0 200 \r\n", "Message/SIPfrag"), ReferProgress(200, ""), True),
    ],
)
def test_progress_is_read_from_a_piece_of_a_response(
    body: Body, expected: ReferProgress, final: bool
) -> None:
    progress = read_progress_untrusted(notify(body=body))

    assert expected == progress
    assert progress is not None
    assert final is progress.is_final
    assert (expected.status == 200) is progress.is_success


def test_a_notify_without_a_body_says_nothing() -> None:
    assert read_progress_untrusted(notify()) is None


@pytest.mark.parametrize(
    "body",
    [
        Body("SIP/2.0 200 OK"),
        Body(b"OPTIONS sip:a SIP/2.0\r\n", "message/sipfrag"),
        Body(b"Subject: x\r\n", "message/sipfrag"),
        Body(b"\x00", "message/sipfrag"),
    ],
)
def test_anything_else_is_an_error(body: Body) -> None:
    with pytest.raises(RemoteProtocolError):
        read_progress_untrusted(notify(body=body))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, False),
        ("false", True),
        ("False;x=1", True),
        ("true", False),
        ("maybe", False),
        ("", False),
    ],
)
def test_who_wants_no_subscription_says_so(value: str | None, expected: bool) -> None:
    request = message("REFER", *([] if value is None else [("Refer-Sub", value)]))

    assert expected is refuses_subscription(request)


def test_refer_sub_is_a_header_like_others() -> None:
    assert "false" == message("REFER", ("Refer-Sub", "false")).headers[REFER_SUB].value
