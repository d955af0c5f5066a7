"""RFC 5922 section 7: whose certificate it is."""

from __future__ import annotations

import pytest

from trio_sip.transport import PeerIdentity


def identity(*names: tuple[str, str], common_name: str = "cn.example.com") -> PeerIdentity:
    certificate: dict[str, object] = {"subject": ((("commonName", common_name),),)}
    if names:
        certificate["subjectAltName"] = names
    return PeerIdentity.of_certificate(certificate)


def test_a_sip_uri_names_the_domain_and_dns_names_count_no_more() -> None:
    found = identity(("DNS", "proxy.example.com"), ("URI", "sip:example.com"))

    assert ("example.com",) == found.domains
    assert found.is_of("EXAMPLE.com.")
    assert not found.is_of("proxy.example.com")


def test_without_a_sip_uri_dns_names_count() -> None:
    found = identity(("DNS", "a.example.com"), ("URI", "https://example.com"), ("DNS", "B.example"))

    assert ("a.example.com", "b.example") == found.domains


def test_a_uri_of_another_scheme_names_no_domain_not_even_sips() -> None:
    found = identity(("URI", "sips:example.org"), ("DNS", "example.com"))

    assert ("example.com",) == found.domains


def test_a_uri_with_a_user_is_a_person_and_speaks_for_no_domain() -> None:
    assert () == identity(("URI", "sip:alice@example.com"), ("DNS", "example.com")).domains


def test_the_common_name_counts_only_without_other_names() -> None:
    assert identity().is_of("cn.example.com")
    assert not identity(("DNS", "a.example.com")).is_of("cn.example.com")
    for kind, name in [
        ("IP Address", "192.0.2.1"),
        ("email", "alice@example.com"),
        ("URI", "https://example.com"),
        ("othername", "<unsupported>"),
    ]:
        assert not identity((kind, name)).is_of("cn.example.com")


@pytest.mark.parametrize("name", ["a.example.com", "example.com", "b.a.example.com"])
def test_a_wildcard_stands_for_nothing_but_itself(name: str) -> None:
    assert not identity(("DNS", "*.example.com")).is_of(name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("192.0.2.1", True),
        ("192.0.2.10", False),
        ("2001:db8::1", True),
        ("[2001:DB8:0::1]", True),
        ("192.0.2.1.", False),
    ],
)
def test_an_address_is_compared_as_an_address(name: str, expected: bool) -> None:
    found = identity(
        ("IP Address", "192.0.2.1"), ("IP Address", "2001:DB8:0:0:0:0:0:1"), ("DNS", "192.0.2.10")
    )

    assert expected == found.is_of(name)


@pytest.mark.parametrize("uri", ["sip:", "sip:%", "sip:exa mple", "sip:[::1", "sips"])
def test_a_uri_that_cannot_be_read_names_nobody(uri: str) -> None:
    found = identity(("URI", uri), ("DNS", "example.com"))

    assert not found.is_of("")
    assert not found.is_of("exa mple")


def test_what_it_is_called_for_people() -> None:
    assert "example.com, 192.0.2.1" == str(
        identity(("URI", "sip:example.com"), ("IP Address", "192.0.2.1"))
    )
    assert "commonName=x" == str(identity(("URI", "sip:a@b"), common_name="x"))
    assert "nobody" == str(PeerIdentity())
