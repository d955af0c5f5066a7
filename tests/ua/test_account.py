"""Who a user agent is: From, Contact, Route and credentials by rule."""

from __future__ import annotations

import pytest

from trio_sip._errors import LocalProtocolError
from trio_sip.auth import OutboundAuthenticator, OutboundCredential, PlainSecret
from trio_sip.message import NameAddr, Params, Uri
from trio_sip.stack import Credentials, LocalContact
from trio_sip.transport import Address
from trio_sip.ua import Account, AnswersFor
from trio_sip.ua._account import as_loose_route, create_account, parse_address

ALICE = NameAddr.parse('"Alice" <sip:alice@example.com>')
ACCOUNT = Account(address=ALICE, contact_user="alice")


@pytest.mark.parametrize(
    ("transport", "address", "secure", "expected"),
    [
        ("UDP", Address("192.0.2.1", 5060), False, "<sip:alice@192.0.2.1:5060>"),
        ("TCP", Address("192.0.2.1", 5070), False, "<sip:alice@192.0.2.1:5070;transport=tcp>"),
        ("UDP", Address("2001:db8::1", 5060), False, "<sip:alice@[2001:db8::1]:5060>"),
        ("TLS", Address("192.0.2.1", 5061), False, "<sip:alice@192.0.2.1:5061;transport=tls>"),
        ("TLS", Address("192.0.2.1", 5061), True, "<sips:alice@192.0.2.1:5061>"),
        ("WSS", Address("192.0.2.1", 443), False, "<sip:alice@192.0.2.1:443;transport=wss>"),
        ("WSS", Address("192.0.2.1", 443), True, "<sips:alice@192.0.2.1:443;transport=ws>"),
    ],
)
def test_the_contact_is_where_the_transport_that_sends_is_reached(
    transport: str, address: Address, secure: bool, expected: str
) -> None:
    contact = LocalContact(user="alice", secure=secure)

    assert expected == str(contact.at(transport, address))


def test_a_contact_keeps_its_parameters_and_name() -> None:
    contact = LocalContact(
        user="alice",
        display_name="Alice",
        uri_params=Params({"ob": None}),
        params=Params({"expires": "60"}),
    )

    assert '"Alice" <sip:alice@192.0.2.1:5060;ob>;expires=60' == str(
        contact.at("UDP", Address("192.0.2.1", 5060))
    )


@pytest.mark.parametrize(
    ("hop", "secure"), [("sips:example.com", True), ("sip:example.com", False)]
)
def test_the_contact_is_secure_exactly_if_the_first_hop_is(hop: str, secure: bool) -> None:
    # RFC 3261 section 8.1.1.8

    assert secure is ACCOUNT.contact(Uri.parse(hop)).secure


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("sip:proxy.example.com", "<sip:proxy.example.com;lr>"),
        ("sip:proxy.example.com;lr", "<sip:proxy.example.com;lr>"),
        ("<sip:192.0.2.5:5070;transport=tcp>", "<sip:192.0.2.5:5070;transport=tcp;lr>"),
    ],
)
def test_an_outbound_proxy_is_a_loose_route(given: str, expected: str) -> None:
    assert expected == str(as_loose_route(given))


@pytest.mark.parametrize("given", ["tel:+4930", "<sip:", "nobody"])
def test_what_is_no_proxy_is_refused(given: str) -> None:
    with pytest.raises(LocalProtocolError):
        as_loose_route(given)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("sip:alice@192.0.2.1:5060", True),
        ("sip:alice@example.com", True),
        ("sip:alice@EXAMPLE.com;transport=tcp", True),
        ("sip:bob@example.com", False),
        ("sip:example.com", False),
        ("tel:alice", False),
    ],
)
def test_requests_for_its_contact_or_its_address_are_its_own(uri: str, expected: bool) -> None:
    assert expected is ACCOUNT.is_addressed_by(Uri.parse(uri))


def test_a_contact_user_of_its_own_does_not_hide_the_address() -> None:
    account = Account(address=ALICE, contact_user="line1")

    assert account.is_addressed_by(Uri.parse("sip:line1@192.0.2.1"))
    assert account.is_addressed_by(Uri.parse("sip:alice@example.com"))
    assert not account.is_addressed_by(Uri.parse("sip:alice@192.0.2.1"))


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("sip:+4930123@example.com", "sip:+4930123@example.com;user=phone"),
        ("sip:*21#@example.com", "sip:*21%23@example.com;user=phone"),
        ("sip:bob@example.com", "sip:bob@example.com"),
        ("sip:123@example.com;user=ip", "sip:123@example.com;user=ip"),
        ("sip:example.com", "sip:example.com"),
    ],
)
def test_a_number_is_a_phone_where_that_is_wanted(target: str, expected: str) -> None:
    account = Account(address=NameAddr.parse("sip:100@example.com"), user_phone=True)

    assert expected == str(account.target(target))
    assert "<sip:100@example.com;user=phone>" == str(account.from_())
    assert target == str(ACCOUNT.target(target))


@pytest.mark.parametrize("target", ["", "sip:", "sip:bob@[::"])
def test_a_target_that_cannot_be_read_is_our_own_fault(target: str) -> None:
    with pytest.raises(LocalProtocolError):
        ACCOUNT.target(target)


@pytest.mark.parametrize(
    ("address", "name", "expected"),
    [
        ("sip:alice@example.com", None, "<sip:alice@example.com>"),
        ("sip:alice@example.com", "Alice", '"Alice" <sip:alice@example.com>'),
        ('"A" <sip:alice@example.com>;tag=1', None, '"A" <sip:alice@example.com>'),
        (Uri.parse("sip:alice@example.com?Subject=x"), None, "<sip:alice@example.com>"),
    ],
)
def test_the_address_is_kept_without_what_belongs_to_one_request(
    address: str | Uri, name: str | None, expected: str
) -> None:
    assert expected == str(parse_address(address, name))


@pytest.mark.parametrize("address", ["alice", "tel:123", "<sip:alice@example.com"])
def test_an_address_is_a_sip_uri(address: str) -> None:
    with pytest.raises(LocalProtocolError):
        parse_address(address, None)


def account(
    address: NameAddr = ALICE, password: str | None = None, credentials: Credentials | None = None
) -> Account:
    return create_account(
        address,
        password=password,
        credentials=credentials,
        outbound_proxy=(NameAddr.parse("<sip:proxy;lr>"),),
        contact_user=None,
        user_phone=False,
        answers_for=AnswersFor.ITSELF,
    )


def test_a_password_is_shown_to_its_own_hosts_only() -> None:
    alice = account(password="secret")

    def shown(to: str, alice: Account = alice) -> bool:
        assert alice.authenticator is not None
        return [] != alice.authenticator._credentials_for("any", to)

    assert (True, True, False) == (shown("example.com"), shown("proxy"), shown("192.0.2.9"))
    assert shown("192.0.2.9", alice.trusting("192.0.2.9"))
    assert alice is alice.trusting("PROXY")
    assert "secret" not in repr(alice)


def test_credentials_of_any_kind_make_an_authenticator() -> None:
    credential = OutboundCredential(PlainSecret("alice", "secret"), realm="example.com")
    ready = OutboundAuthenticator([credential])

    assert ready is account(credentials=ready).authenticator
    assert isinstance(account(credentials=credential).authenticator, OutboundAuthenticator)
    assert isinstance(account(credentials=[credential]).authenticator, OutboundAuthenticator)
    assert account().authenticator is None
    with pytest.raises(LocalProtocolError):
        account(password="secret", credentials=credential)
    with pytest.raises(LocalProtocolError):
        account(NameAddr.parse("sip:example.com"), "secret")
