"""Session timers and references between calls."""

from __future__ import annotations

from typing import Any

import pytest

from trio_sip._errors import RemoteProtocolError
from trio_sip.message import (
    EXPIRES,
    FLOW_TIMER,
    MIN_SE,
    REASON,
    REFER_TO,
    REFERRED_BY,
    REPLACES,
    SESSION_EXPIRES,
    TARGET_DIALOG,
    Headers,
    Reason,
    Refresher,
    Replaces,
    SessionExpires,
    TargetDialog,
)


@pytest.mark.parametrize(
    ("text", "seconds", "refresher"),
    [
        ("1800", 1800, None),
        ("90;refresher=UAC", 90, Refresher.UAC),
        ("90 ; refresher=uas;x", 90, Refresher.UAS),
    ],
)
def test_a_session_lives_for_some_seconds(
    text: str, seconds: int, refresher: Refresher | None
) -> None:
    value = Headers([("x", text)])[SESSION_EXPIRES]

    assert (seconds, refresher) == (value.seconds, value.refresher)


def test_session_intervals_are_equal_by_value() -> None:
    assert SessionExpires(90, {"refresher": "uac"}) == SessionExpires.parse("090;refresher=uac")


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("60", 60), ("4294967296", 2**32 - 1), ("9" * 5000, 2**32 - 1),
     ("0" * 100 + "60", 60)],
)  # fmt: skip
def test_seconds_beyond_32_bits_are_clipped_and_never_wrap(text: str, seconds: int) -> None:
    assert seconds == Headers([("Expires", text)])[EXPIRES]
    assert seconds == Headers([("Min-SE", text + ";x=y")])[MIN_SE]
    assert seconds == Headers([("Flow-Timer", text)])[FLOW_TIMER]


def test_a_call_takes_the_place_of_another() -> None:
    text = "a@b;from-tag=f;x=y;to-tag=t;early-only"

    assert Headers([("Replaces", text)])[REPLACES] == Replaces("a@b", "t", "f", early_only=True)
    assert str(Replaces("a@b", "t", "f")) == "a@b;to-tag=t;from-tag=f"


def test_a_replaces_comes_out_of_the_uri_it_travels_in() -> None:
    headers = Headers([("r", "<sip:a@b?Replaces=c%40d%3Bto-tag%3Dt%3Bfrom-tag%3Df>")])
    uri = headers[REFER_TO].uri

    assert Replaces.parse(dict(uri.headers)["Replaces"]) == Replaces("c@d", "t", "f")


def test_a_request_names_the_dialog_it_belongs_to() -> None:
    text = "a@b;local-tag=l;remote-tag=r"

    assert Headers([("Target-Dialog", text)])[TARGET_DIALOG] == TargetDialog("a@b", "l", "r")


def test_a_reason_has_a_protocol_a_cause_and_words() -> None:
    headers = Headers(
        [("Reason", 'SIP ;cause=200 ;text="Call completed, elsewhere", Q.850;cause=16')]
    )
    sip, isdn = headers[REASON]

    assert ("SIP", 200, "Call completed, elsewhere") == (sip.protocol, sip.cause, sip.text)
    assert ("Q.850", 16, None) == (isdn.protocol, isdn.cause, isdn.text)
    assert Reason.parse("X;cause=y").cause is None
    assert Reason("SIP").cause is None


def test_the_words_of_a_reason_are_always_quoted() -> None:
    assert str(Reason("SIP", {"text": "Busy", "cause": "486"})) == 'SIP;cause=486;text="Busy"'


def test_referrals_are_addresses() -> None:
    assert Headers([("b", '"A" <sip:a@b>;cid="x"')])[REFERRED_BY].display_name == "A"


@pytest.mark.parametrize(
    ("field", "text"),
    [
        (SESSION_EXPIRES, ""), (SESSION_EXPIRES, "x"), (SESSION_EXPIRES, "90;refresher=me"),
        (SESSION_EXPIRES, "90;refresher"), (SESSION_EXPIRES, "-1"), (MIN_SE, "x"), (FLOW_TIMER, ""),
        (REPLACES, ""), (REPLACES, "a"), (REPLACES, "a;to-tag=t"), (REPLACES, "a;to-tag;from-tag=f"),
        (REPLACES, ";to-tag=t;from-tag=f"), (REPLACES, "a b;to-tag=t;from-tag=f"),
        (TARGET_DIALOG, "a;local-tag=l"), (REASON, ";cause=1"), (REASON, ""), (REFER_TO, "<"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(field: Any, text: str) -> None:
    with pytest.raises(RemoteProtocolError, match=field.name):
        field.read([text])
