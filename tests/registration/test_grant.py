"""What a 2xx grants: how long ours is bound, and the ways from and to us."""

from __future__ import annotations

import pytest

from trio_sip._errors import RemoteProtocolError
from trio_sip.message import NameAddr
from trio_sip.registration import read_grant_untrusted

from .clients import CONTACT, response_with

OURS = NameAddr.parse(CONTACT)
TAGGED = NameAddr.parse('<sip:alice@192.0.2.1:5060>;+sip.instance="<urn:uuid:1>"')
Header = tuple[str, object]


def granted(*headers: Header, contacts: tuple[NameAddr, ...] = (OURS,), asked: int = 3600) -> int:
    return read_grant_untrusted(response_with(*headers), contacts, asked).expires


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        # The parameter wins over the header, and the header over what was asked for.
        ([("Contact", f"{CONTACT};expires=60"), ("Expires", 600)], 60),
        ([("Contact", CONTACT), ("Expires", 600)], 600),
        ([("Contact", CONTACT)], 3600),
        ([("Contact", f"{CONTACT};expires=7200")], 7200),
        # Ours among those of others.
        ([("Contact", "<sip:bob@192.0.2.7>;expires=9"), ("Contact", f"{CONTACT};expires=60")], 60),
        ([("Contact", f"<sip:bob@192.0.2.7>;expires=9, {CONTACT};expires=60")], 60),
        # The same URI in other letters.
        ([("Contact", "<sip:alice@192.0.2.1:5060;ob>;expires=60")], 60),
        # A registrar that lists nobody, but says for how long.
        ([("Expires", 600)], 600),
        # Something in between has rewritten our address.
        ([("Contact", "<sip:alice@198.51.100.1:33000>;expires=60")], 60),
        # Not ours.
        ([("Contact", "<sip:bob@192.0.2.7>;expires=9")], 0),
        ([("Contact", "<sip:alice@192.0.2.8>, <sip:alice@192.0.2.9>")], 0),
        ([("Contact", f"{CONTACT};expires=0")], 0),
        ([], 0),
        ([("Expires", "never")], 0),
        ([("Contact", "<sip:x@[::1>;expires=9, <sip:alice@192.0.2.1:5060>;expires=60")], 60),
    ],
)
def test_what_counts_is_what_our_contact_got(headers: list[Header], expected: int) -> None:
    assert expected == granted(*headers)


def test_an_instance_is_found_wherever_it_has_moved() -> None:
    listed = (
        '<sip:alice@192.0.2.8>;+sip.instance="<urn:uuid:2>";expires=10,'
        '<sip:alice@192.0.2.9>;+sip.instance="<urn:uuid:1>";expires=20'
    )

    assert 20 == granted(("Contact", listed), contacts=(TAGGED,))
    # A registrar that does not know about instances leaves them out.
    assert 30 == granted(("Contact", f"{CONTACT};expires=30"), contacts=(TAGGED,))


def test_of_several_contacts_the_one_that_ends_first_counts() -> None:
    other = NameAddr.parse("<sip:alice@voicemail.example>")
    both = f"{CONTACT};expires=60, {other};expires=30"

    assert 30 == granted(("Contact", both), contacts=(OURS, other))
    assert 0 == granted(("Contact", f"{CONTACT};expires=60"), contacts=(OURS, other))


def test_the_ways_are_remembered() -> None:
    response = response_with(
        ("Contact", f"{CONTACT};expires=60"),
        ("Service-Route", "<sip:orig@home.example;lr>, <sip:second.example;lr>"),
        ("Path", "<sip:edge.example;lr>"),
        ("P-Associated-URI", "<sip:alice@example.com>, <tel:+4930123>"),
    )

    grant = read_grant_untrusted(response, (OURS,), 60)

    assert ["<sip:orig@home.example;lr>", "<sip:second.example;lr>"] == [
        str(hop) for hop in grant.service_route
    ]
    assert ["<sip:edge.example;lr>"] == [str(hop) for hop in grant.path]
    assert ["sip:alice@example.com", "tel:+4930123"] == [
        str(one.uri) for one in grant.associated_uris
    ]
    assert [("sip:alice@192.0.2.1:5060", "60")] == [
        (one.uri, one.expires) for one in grant.bindings
    ]


@pytest.mark.parametrize("header", [("Contact", "nonsense <"), ("Service-Route", "<")])
def test_what_cannot_be_read_grants_nothing(header: Header) -> None:
    with pytest.raises(RemoteProtocolError):
        granted(header)


def test_several_flows_of_an_instance_are_told_apart() -> None:
    # RFC 5626 section 4.2
    listed = (
        '<sip:alice@192.0.2.8>;+sip.instance="<urn:uuid:1>";reg-id=1;expires=10,'
        '<sip:alice@192.0.2.9>;+sip.instance="<urn:uuid:1>";reg-id=2;expires=20'
    )
    ours = NameAddr.parse('<sip:alice@192.0.2.1:5060>;+sip.instance="<urn:uuid:1>";reg-id=2')

    assert 20 == granted(("Contact", listed), contacts=(ours,))
    # A registrar that knows instances only.
    without = '<sip:alice@192.0.2.8>;+sip.instance="<urn:uuid:1>";expires=10'
    assert 10 == granted(("Contact", without), contacts=(ours,))


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], (False, None)),
        ([("Require", "outbound"), ("Flow-Timer", 120)], (True, 120)),
        ([("Require", "path,, Outbound")], (True, None)),
        ([("Flow-Timer", "0")], (False, None)),
        ([("Flow-Timer", "soon")], (False, None)),
    ],
)
def test_what_a_registrar_says_about_flows(
    headers: list[Header], expected: tuple[bool, int | None]
) -> None:
    grant = read_grant_untrusted(response_with(("Contact", CONTACT), *headers), (OURS,), 60)

    assert expected == (grant.outbound, grant.flow_timer)
