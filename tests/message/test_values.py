"""Laws that every typed value keeps: it is what is read back from what it writes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import trio_sip.message as package
from trio_sip._errors import LocalProtocolError, RemoteProtocolError
from trio_sip.message import (
    CSeq,
    Date,
    Disposition,
    Event,
    Field,
    Identity,
    ListField,
    MediaType,
    NameAddr,
    Params,
    Privacy,
    RAck,
    Reason,
    Replaces,
    RetryAfter,
    SessionExpires,
    SubscriptionState,
    TargetDialog,
    Timestamp,
    TokenValue,
    Uri,
    UserToUser,
    Via,
    WarningValue,
)

tokens = st.text("abcXYZ019-.!%*_+`'~", min_size=1, max_size=8)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), max_size=12)
params = st.dictionaries(tokens, st.none() | texts, max_size=3).map(Params)
numbers = st.integers(0, 2**32 - 1)
hosts = st.sampled_from(["example.com", "192.0.2.1", "[2001:db8::1]", "A-b.c"])
ports = st.none() | st.integers(1, 65535)
uris = st.builds(
    Uri,
    st.sampled_from(["sip", "sips"]),
    st.none() | texts.filter(bool),
    hosts,
    ports,
    password=st.none() | texts,
    params=st.dictionaries(tokens, st.none() | texts, max_size=2),
    headers=st.dictionaries(tokens, texts, max_size=2),
)
moments = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))
decimals = st.decimals(0, 10**10, places=4)
# A comment holds brackets that balance and backslashes that quote.
comments = st.text("abc ;,é", max_size=9) | st.sampled_from(["a (b) c", "\\(", "(()())"])

VALUES: dict[Callable[[str], Any], st.SearchStrategy[Any]] = {
    CSeq.parse: st.builds(CSeq, numbers, tokens),
    Date.parse: st.builds(Date, moments),
    Disposition.parse: st.builds(Disposition, tokens, params),
    Event.parse: st.builds(Event, tokens, params),
    Identity.parse: st.builds(
        Identity, st.text("aZ0-_.=", min_size=1), st.just(Uri("https", "//a/b.pem")), params
    ),
    MediaType.parse: st.builds(MediaType, tokens, tokens, params),
    NameAddr.parse: st.builds(NameAddr, uris, st.none() | texts, params),
    Params.parse: params.filter(bool),
    Privacy.parse: st.builds(Privacy, st.lists(tokens, min_size=1, max_size=3).map(tuple)),
    RAck.parse: st.builds(RAck, st.integers(1, 2**32 - 1), numbers, tokens),
    Reason.parse: st.builds(Reason, tokens, params),
    Replaces.parse: st.builds(Replaces, tokens, tokens, tokens, st.booleans()),
    RetryAfter.parse: st.builds(RetryAfter, numbers, st.none() | comments, params),
    SessionExpires.parse: st.builds(
        SessionExpires, numbers, st.sampled_from([Params(), Params({"refresher": "uac"})])
    ),
    SubscriptionState.parse: st.builds(SubscriptionState, tokens, params),
    TargetDialog.parse: st.builds(TargetDialog, tokens, tokens, tokens),
    Timestamp.parse: st.builds(Timestamp, decimals, st.none() | decimals),
    TokenValue.parse: st.builds(TokenValue, tokens, params),
    Uri.parse: uris,
    UserToUser.parse: st.builds(UserToUser, texts, params),
    Via.parse: st.builds(Via, tokens, hosts, ports, params),
    WarningValue.parse: st.builds(WarningValue, st.integers(100, 999), tokens, texts),
}


@pytest.mark.parametrize("parse", VALUES, ids=lambda parse: parse.__self__.__name__)
@given(data=st.data())
def test_what_a_value_writes_reads_as_the_same_value(
    parse: Callable[[str], Any], data: st.DataObject
) -> None:
    value = data.draw(VALUES[parse])

    again = parse(str(value))

    assert value == again
    assert hash(value) == hash(again)
    assert str(value) == str(again)


@pytest.mark.parametrize("parse", VALUES, ids=lambda parse: parse.__self__.__name__)
@given(text=texts)
def test_any_text_is_a_value_or_a_remote_protocol_error(
    parse: Callable[[str], Any], text: str
) -> None:
    try:
        value = parse(text)
    except RemoteProtocolError:
        return
    assert parse(str(value)) == value


FIELDS: list[Any] = [
    value for value in vars(package).values() if isinstance(value, (Field, ListField))
]


@pytest.mark.parametrize("field", FIELDS, ids=repr)
@settings(max_examples=25)
@given(text=texts)
def test_any_line_is_read_by_a_field_or_refused_in_its_name(field: Any, text: str) -> None:
    try:
        field.read([text])
    except RemoteProtocolError as error:
        complaint = str(error)
    else:
        complaint = f"{field.name}: none"

    assert complaint.startswith(field.name)


@pytest.mark.parametrize(
    "make",
    [
        Disposition,
        Event,
        lambda bad: Event("a", {"id": bad}),
        lambda bad: MediaType(bad, "b"),
        lambda bad: MediaType("a", bad),
        lambda bad: MediaType("a", "b", {"c": bad}),
        lambda bad: RAck(1, 1, bad),
        lambda bad: Privacy((bad,)),
        Reason,
        lambda bad: Reason("SIP", {"text": bad}),
        lambda bad: Replaces(bad, "a", "b"),
        lambda bad: Replaces("a", bad, "b"),
        lambda bad: TargetDialog("a", "b", bad),
        lambda bad: RetryAfter(1, bad),
        lambda bad: WarningValue(399, bad, "x"),
        lambda bad: WarningValue(399, "x", bad),
        UserToUser,
        lambda bad: Identity(bad, Uri("https", "//x")),
        lambda bad: NameAddr("sip:a@b", bad),
        lambda bad: NameAddr("sip:a@b", None, {"x": bad}),
        lambda bad: Via("UDP", "h", None, {"x": bad}),
        lambda bad: Via(bad, "h"),
        lambda bad: CSeq(1, bad),
    ],
)
@pytest.mark.parametrize("bad", ["a\r\nb", "a\nb", "a\rb", "a\0b", "\r\n"])
def test_no_value_takes_a_line_break_or_nul(make: Callable[[str], object], bad: str) -> None:
    with pytest.raises(LocalProtocolError):
        make(bad)


@pytest.mark.parametrize(
    "make",
    [
        lambda: RAck(0, 1, "A"),
        lambda: RAck(1, -1, "A"),
        lambda: SessionExpires(-1),
        lambda: RetryAfter(2**32),
        lambda: RetryAfter(1, "(unbalanced"),
        lambda: RetryAfter(1, "a) (b"),
        lambda: WarningValue(99, "a", "b"),
        lambda: WarningValue(399, "a b", "b"),
        lambda: Timestamp(Decimal(-1)),
        lambda: Timestamp(Decimal("NaN")),
        lambda: Timestamp(Decimal("1E+30")),
        lambda: Date(datetime(2010, 1, 1)),
        lambda: Replaces("", "a", "b"),
        lambda: Replaces("a;b", "a", "b"),
    ],
)
def test_a_value_out_of_range_is_not_built(make: Callable[[], object]) -> None:
    with pytest.raises(LocalProtocolError):
        make()
