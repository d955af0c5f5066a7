"""From, To, Contact, Route: a URI with a name and parameters."""

from __future__ import annotations

import pytest

from trio_sip._errors import LocalProtocolError, RemoteProtocolError
from trio_sip.message import CONTACT, WILDCARD, Headers, NameAddr, Uri


@pytest.mark.parametrize("form", ["<{}>", "<{}>;tag=1", '"B" <{};lr>;tag=1', "Bob <{}>;x", "<{}> "])
@pytest.mark.parametrize(
    ("port", "legal"),
    [("0", False), ("1", True), ("5060", True), ("64999", True), ("65000", True),
     ("65535", True), ("65536", False), ("99999", False), ("123456", False), ("05060", True)],
)  # fmt: skip
def test_a_port_is_read_alike_in_every_form_of_address(form: str, port: str, legal: bool) -> None:
    text = form.format(f"sip:a@b:{port}")

    if legal:
        assert int(port) == NameAddr.parse(text).uri.port
    else:
        with pytest.raises(RemoteProtocolError):
            _ = NameAddr.parse(text).uri.port


@pytest.mark.parametrize("form", ["<{}>", "<{}>;tag=1", '"B" <{}>;tag=1', "Bob <{}>;x", "<{}> "])
@pytest.mark.parametrize(
    ("uri", "user", "host"),
    [("sip:a;x=y@[::1]", "a;x=y", "[::1]"), ("sip:a;x@h:65000", "a;x", "h"),
     ("sip:a?x=y@[::1]", "a?x=y", "[::1]"), ("sip:h;x=[::1]", None, "h")],
)  # fmt: skip
def test_the_at_sign_ends_the_user_in_every_form_of_address(
    form: str, uri: str, user: str | None, host: str
) -> None:
    read = NameAddr.parse(form.format(uri)).uri

    assert (user, host) == (read.user, read.host)


@pytest.mark.parametrize("form", ["<{}>", "<{}>;tag=1", '"B" <{}>;tag=1', "Bob <{}>;x", "<{}> "])
def test_too_many_parameters_of_a_uri_are_refused_when_the_address_is_read(form: str) -> None:
    with pytest.raises(RemoteProtocolError):
        NameAddr.parse(form.format("sip:a@b" + ";" * 201))


@pytest.mark.parametrize(
    ("text", "name", "uri", "params"),
    [
        ("<sip:a@b>", None, "sip:a@b", {}),
        ("Bob <sip:a@b>;tag=1", "Bob", "sip:a@b", {"tag": "1"}),
        ('"Bob"<sip:a@b>', "Bob", "sip:a@b", {}),
        ('"B \\"o\\" b" <sip:a@b>', 'B "o" b', "sip:a@b", {}),
        ("J. R. B <sip:a@b>", "J. R. B", "sip:a@b", {}),
        ("Jörg Müller <sip:a@b>", "Jörg Müller", "sip:a@b", {}),
        ('"" <sip:a@b>', "", "sip:a@b", {}),
        ("sip:a@b;tag=1", None, "sip:a@b", {"tag": "1"}),
        ("sip:+1;x=y@b;tag=1", None, "sip:+1;x=y@b", {"tag": "1"}),
        ("sip:a@b ; tag = 1", None, "sip:a@b", {"tag": "1"}),
        ("<sip:a@b;lr> ; x", None, "sip:a@b;lr", {"x": None}),
        ("<sip:a@[::1]:5060>", None, "sip:a@[::1]:5060", {}),
        ("<tel:+1>;tag=1", None, "tel:+1", {"tag": "1"}),
        ('"<sip:x@y>" <sip:a@b>', "<sip:x@y>", "sip:a@b", {}),
    ],
)
def test_an_address_is_read(
    text: str, name: str | None, uri: str, params: dict[str, str | None]
) -> None:
    address = NameAddr.parse(text)

    assert name == address.display_name
    assert uri == str(address.uri)
    assert params == dict(address.params)


@pytest.mark.parametrize(
    "text",
    [
        "", "Bob", "<sip:a@b", "sip:a@b>", '"Bob <sip:a@b>', '"Bob" sip:a@b', "Bell, A <sip:a@b>",
        "a:b <sip:c@d>", "<>", "<Bob>", "<sip:a@b> x", "<sip:a@b>;", "<sip:a@b>;;x", "sip:a@b?c=d",
        "sip:a,b@c", "< sip:a@b>", "<sip:@b>", "<sip::x@b>", "<sip:a@b:0>", "<sip:%zz@b>", ";tag=1",
        '"a"b <sip:c@d>',
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_when_it_is_read(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        NameAddr.parse(text)


def test_names_are_always_written_in_quotes_and_uris_in_brackets() -> None:
    address = NameAddr("sip:a@b", 'Bob "x" \\', {"tag": "1"})

    assert str(address) == '"Bob \\"x\\" \\\\" <sip:a@b>;tag=1'
    assert str(NameAddr.parse("sip:a@b;tag=1")) == "<sip:a@b>;tag=1"


def test_equality_is_that_of_the_parts() -> None:
    assert NameAddr.parse("<sip:a@B>;x=1") == NameAddr.parse("sip:a@b;X=1")
    assert hash(NameAddr.parse("<sip:a@B>;x=1")) == hash(NameAddr.parse("sip:a@b;X=1"))
    assert NameAddr.parse("<sip:a@b>;x=1") != NameAddr.parse("<sip:a@b>;x=2")
    assert NameAddr.parse("<sip:a@b>") != "<sip:a@b>"


def test_a_tag_is_given_without_touching_the_rest() -> None:
    address = NameAddr.parse('"B" <sip:a@b>;x').with_tag("7")

    assert address.tag == "7"
    assert str(address) == '"B" <sip:a@b>;x;tag=7'
    assert address.uri == Uri.parse("sip:a@b")


@pytest.mark.parametrize(
    ("text", "q"), [("", 1.0), (";q=0.5", 0.5), (";q=0", 0.0), (";q=1.000", 1.0)]
)
def test_the_preference_of_a_contact_is_a_number_up_to_one(text: str, q: float) -> None:
    assert q == NameAddr.parse("<sip:a@b>" + text).q


@pytest.mark.parametrize("text", ["2", "-1", "0.1234", "1.1", "x", "", "٠"])
def test_another_preference_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        NameAddr.parse(f'<sip:a@b>;q="{text}"').q  # noqa: B018


def test_the_wildcard_stands_for_itself() -> None:
    assert Headers([("Contact", "*")])[CONTACT] == [WILDCARD]


def test_a_name_with_a_line_break_is_refused() -> None:
    with pytest.raises(LocalProtocolError):
        NameAddr("sip:a@b", "a\r\nb")


def test_an_address_is_parsed_only_once() -> None:
    address = NameAddr("sip:a@b")

    assert NameAddr.parse(address) is address


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        (";tag=a", "a"), (";TAG=a", "a"), (";x;tag=a", "a"), (";tag=a;tag=b", "a"), (";tag=", ""),
        ("", None), (";x", None), (";tag", None), (';tag="a"', "a"),
    ],
)  # fmt: skip
def test_a_tag_is_the_same_before_and_after_its_parameters_were_read(
    text: str, tag: str | None
) -> None:
    address = NameAddr.parse("<sip:a@b>" + text)

    assert tag == address.tag
    assert tag == address.params.get("tag")
    assert tag == address.tag
    assert repr(address).startswith("NameAddr('<sip:a@b>")
