"""Events, publication, reliable provisional responses."""

from __future__ import annotations

from typing import Any

import pytest

from trio_sip._errors import RemoteProtocolError
from trio_sip.message import (
    ALLOW_EVENTS,
    EVENT,
    RACK,
    RSEQ,
    SIP_ETAG,
    SIP_IF_MATCH,
    SUBSCRIPTION_STATE,
    Event,
    Headers,
    RAck,
    SubscriptionState,
)


def test_an_event_has_a_package_and_perhaps_an_id() -> None:
    event = Headers([("o", "presence.winfo;id=7")])[EVENT]

    assert ("presence.winfo", "7") == (event.package, event.id)
    assert event.matches(Event("presence.winfo", {"id": "7", "x": None}))
    assert not event.matches(Event("presence.winfo"))


def test_packages_have_case() -> None:
    assert Event("presence") != Event("Presence")
    assert not Event("presence").matches(Event("Presence"))


def test_a_subscription_state_says_how_long_and_why() -> None:
    text = "Terminated;reason=NoResource;retry-after=9;expires=60"
    state = Headers([("Subscription-State", text)])[SUBSCRIPTION_STATE]

    assert ("terminated", "noresource", 9, 60) == (
        state.state,
        state.reason,
        state.retry_after,
        state.expires,
    )
    assert SubscriptionState("active").expires is None
    assert SubscriptionState("active").reason is None
    assert SubscriptionState("active").retry_after is None


def test_numbers_in_a_subscription_state_are_judged_when_they_are_asked_for() -> None:
    state = SubscriptionState.parse("active;expires=soon")

    with pytest.raises(RemoteProtocolError):
        state.expires  # noqa: B018


def test_a_prack_names_the_response_it_is_for() -> None:
    assert Headers([("RAck", "776656 1 INVITE")])[RACK] == RAck(776656, 1, "INVITE")
    assert Headers([("RSeq", "0988789")])[RSEQ] == 988789


def test_the_token_fields_are_read() -> None:
    headers = Headers([("u", "presence, refer"), ("SIP-ETag", "a1"), ("SIP-If-Match", "b2")])

    assert ["presence", "refer"] == headers[ALLOW_EVENTS]
    assert ("a1", "b2") == (headers[SIP_ETAG], headers[SIP_IF_MATCH])


@pytest.mark.parametrize(
    ("field", "text"),
    [
        (EVENT, ""), (EVENT, ";id=1"), (EVENT, "a b"), (SUBSCRIPTION_STATE, ";x"), (RSEQ, "0"),
        (RSEQ, "4294967296"), (RSEQ, "-1"), (RSEQ, "x"), (RSEQ, "9" * 5000), (RACK, "1 INVITE"),
        (RACK, "0 1 INVITE"), (RACK, "1 4294967296 A"), (RACK, "1 1 A B"), (RACK, "1 1 A:"),
        (SIP_ETAG, ""), (SIP_IF_MATCH, "a b"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(field: Any, text: str) -> None:
    with pytest.raises(RemoteProtocolError, match=field.name):
        field.read([text])
