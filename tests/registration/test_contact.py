from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_sip._errors import RemoteProtocolError
from trio_sip.registration import Contact, read_contacts_untrusted
from trio_sip.registration._contact import read_seconds


@pytest.mark.parametrize(
    ("value", "contact"),
    [
        ("<sip:a@b>", Contact("sip:a@b")),
        ("sip:a@b", Contact("sip:a@b")),
        ("*", Contact("*")),
        ("*;expires=0", Contact("*", expires="0")),
        ("  <sip:a@b>  ", Contact("sip:a@b")),
        ("< sip:a@b >", Contact("sip:a@b")),
        ("<sip:a@b>;expires=60", Contact("sip:a@b", expires="60")),
        ("sip:a@b;EXPIRES=60;Q=0.7", Contact("sip:a@b", q="0.7", expires="60")),
        ("<sip:a@b;x=1>;expires", Contact("sip:a@b;x=1", expires="")),
        ("<sip:a@b> ; q = 0.5 ;x", Contact("sip:a@b", ";x", q="0.5")),
        ('"A, \\"<b>" <sip:a@b>;z', Contact("sip:a@b", ";z")),
        ("Mr A <sip:a@b>", Contact("sip:a@b")),
        ("sip:+1;ext=3@gw;unknown", Contact("sip:+1;ext=3@gw", ";unknown")),
        (
            '<sip:a@b;ob>;+sip.Instance="<urn:uuid:1;2>";reg-id=1',
            Contact("sip:a@b;ob", ';+sip.Instance="<urn:uuid:1;2>";reg-id=1'),
        ),
        # RFC 4475: cparam01, cparam02, regescrt, escnull, unksm2
        (
            "sip:+19725552222@gw1.example.net;unknownparam",
            Contact("sip:+19725552222@gw1.example.net", ";unknownparam"),
        ),
        (
            "<sip:+19725552222@gw1.example.net;unknownparam>",
            Contact("sip:+19725552222@gw1.example.net;unknownparam"),
        ),
        (
            "<sip:user@example.com?Route=%3Csip:sip.example.com%3E>",
            Contact("sip:user@example.com?Route=%3Csip:sip.example.com%3E"),
        ),
        ("<sip:%00%00@host5.example.com>", Contact("sip:%00%00@host5.example.com")),
        ("<name:John_Smith>", Contact("name:John_Smith")),
    ],
)
def test_a_contact_is_cut_up_and_its_text_kept(value: str, contact: Contact) -> None:
    assert (contact,) == read_contacts_untrusted([value])


def test_contacts_come_from_lists_and_from_several_fields() -> None:
    values = ['<sip:a@h>;q=1, "x,y" <sip:b,c@h>,sip:d@h', "<sip:e@h>"]

    contacts = read_contacts_untrusted(values)

    assert ["sip:a@h", "sip:b,c@h", "sip:d@h", "sip:e@h"] == [each.uri for each in contacts]


@pytest.mark.parametrize(
    "value",
    ["", "<>", "<sip:a@b", "sip:a@b>", "<sip:a@b>,", "<sip:a@b>x", '"a <sip:a@b>', "<sip:a@b>;=1",
     "<sip:a@b>;;x", '<sip:a@b>;x="', "<a b>", "<<sip:a@b>>", "<sip:a@b>;x y"],
)  # fmt: skip
def test_what_is_no_list_of_contacts_is_refused(value: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        read_contacts_untrusted([value])

    assert 400 == caught.value.status_hint
    # The answer names the header at fault, as it does for all others.
    assert str(caught.value).startswith("Contact: ")


@given(st.lists(st.text(alphabet='<>";,= \t\\@:*sipqexpires0.1?'), max_size=3))
def test_any_text_is_contacts_or_a_remote_protocol_error(values: list[str]) -> None:
    try:
        contacts = read_contacts_untrusted(values)
    except RemoteProtocolError:
        return

    assert len(contacts) >= len(values)
    assert all(contact.uri for contact in contacts)


@pytest.mark.parametrize("text", ['"' * 60_000, "<" * 60_000, " " * 60_000, '"\\' * 30_000,
                                  "a" * 60_000 + "<", "a;" * 30_000, "<a:b>" + ';a="' * 20_000,
                                  "<a:b>" + ";a  " * 20_000, "a@" * 30_000])  # fmt: skip
def test_reading_contacts_is_linear(text: str) -> None:
    # Quadratic steps would take minutes here and run into the suite's time limit.
    try:
        contacts = read_contacts_untrusted([text])
    except RemoteProtocolError:
        contacts = ()

    assert len(contacts) <= 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("00", 0),
        (" 60 ", 60),
        ("4294967295", 2**32 - 1),
        ("4294967296", 2**32 - 1),
        ("1" + "0" * 100, 2**32 - 1),
        ("9" * 20_000, 2**32 - 1),
        ("0" * 100 + "7", 7),
        ("0" * 100, 0),
        ("-1", None),
        ("+1", None),
        ("1.5", None),
        ("x", None),
        ("", None),
        ("٣", None),
        ("²", None),
    ],
)
def test_seconds_are_clipped_and_never_wrap(text: str, seconds: int | None) -> None:
    assert seconds == read_seconds(text)
