"""URIs: parsing, escaping, and the comparison of RFC 3261 section 19.1.4."""

from __future__ import annotations

import pytest

from trio_sip._errors import LocalProtocolError, RemoteProtocolError
from trio_sip.message import Uri

EQUAL = [
    ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
    (
        "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
        "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
    ),
    (
        "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
        "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
    ),
    ("tel:+1-201-555-0123", "tel:+12015550123"),
    ("urn:service:sos", "urn:service:sos"),
]
UNEQUAL = [
    ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
    ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
    ("sip:bob@biloxi.com", "sips:bob@biloxi.com"),
    ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
    ("sip:bob@biloxi.com", "tel:+1"),
    ("sip:bob:a@biloxi.com", "sip:bob:b@biloxi.com"),
    ("tel:+1", "tel:1"),
    ("urn:service:sos", "urn:service:police"),
]


@pytest.mark.parametrize(("a", "b"), EQUAL)
def test_uris_that_the_rfc_calls_equivalent_are_equal(a: str, b: str) -> None:
    assert Uri.parse(a) == Uri.parse(b)
    assert Uri.parse(b) == Uri.parse(a)
    assert hash(Uri.parse(a)) == hash(Uri.parse(b))


@pytest.mark.parametrize(("a", "b"), UNEQUAL)
def test_uris_that_the_rfc_calls_different_are_not_equal(a: str, b: str) -> None:
    assert Uri.parse(a) != Uri.parse(b)
    assert Uri.parse(b) != Uri.parse(a)


def test_equivalence_is_not_transitive_as_the_rfc_notes() -> None:
    on, off = Uri.parse("sip:carol@c.com;security=on"), Uri.parse("sip:carol@c.com;security=off")
    plain = Uri.parse("sip:carol@c.com")

    assert on == plain == off
    assert on != off


@pytest.mark.parametrize(
    "param", ["user=phone", "ttl=1", "method=INVITE", "maddr=h", "transport=tcp"]
)
def test_five_parameters_must_stand_in_both_or_in_neither(param: str) -> None:
    assert Uri.parse("sip:a@b") != Uri.parse(f"sip:a@b;{param}")


def test_a_uri_equals_nothing_but_uris() -> None:
    assert Uri.parse("sip:a@b") != "sip:a@b"


def test_all_parts_of_a_uri_are_there() -> None:
    uri = Uri.parse("sips:al%20ice:se%3Acret@Example.com:5061;transport=tcp;lr?Subject=a%20b&X=")

    assert ("sips", "al ice", "se:cret") == (uri.scheme, uri.user, uri.password)
    assert ("Example.com", 5061, "Example.com:5061") == (uri.host, uri.port, uri.address)
    assert {"transport": "tcp", "lr": None} == dict(uri.params)
    assert [("Subject", "a b"), ("X", "")] == uri.headers
    assert str(uri.without_headers()).endswith(";lr")


@pytest.mark.parametrize(
    ("text", "user"),
    [
        ("sip:+1555;ext=3@gw", "+1555;ext=3"),
        ("sip:*98#1@gw", "*98#1"),
        ("sip:a?b/c,d@gw", "a?b/c,d"),
        ("sip:null-%00-null@gw", "null-\0-null"),
        ("sip:gw", None),
        ("tel:+1-201;phone-context=x", "+1-201"),
        ("urn:service:sos", "service:sos"),
    ],
)
def test_the_user_is_what_stands_before_the_at_sign(text: str, user: str | None) -> None:
    assert Uri.parse(text).user == user


@pytest.mark.parametrize(
    "text",
    [
        "", "sip", "sip:", ":a", "sip:@h", "sip::p@h", "sip:a@", "sip:a@b@c", "sip:a@h:", "sip:a@h:0",
        "sip:a@h:65536", "sip:a@h:-1", "sip:a@h:123456", "sip:a@[::1", "sip:a@::1", "sip:a@[zz]",
        "sip:a@[::::1]", "sip:a@[1.2.3.4]", "sip:a b@h", "sip:a@h;x y", "sip:<a@h>", 'sip:"a"@h',
        "sip:a@h\r\n", "sip:a@h\0", "sip:%zz@h", "sip:%4@h", "sip:a@h;p=%", "1a:b", "x:", "x:a b",
        "sip:a@h\u2028", "sip:h;x@[zz]", "sip:h?x@[zz]", "sip:h;x@h:0",
    ],
)  # fmt: skip
def test_what_is_no_uri_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        Uri.parse(text)


def test_a_uri_that_is_too_long_is_answered_414() -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        Uri.parse("sip:" + "a" * 9000)

    assert caught.value.status_hint == 414


def test_a_uri_with_too_many_parameters_is_refused_at_once() -> None:
    with pytest.raises(RemoteProtocolError, match="too many"):
        Uri.parse("sip:a@b" + ";p" * 300)


@pytest.mark.parametrize("text", ["sip:A@B;Ob;x-y=%41?a=b", "SIPS:a@[::1]:5061", "tel:+1-2", "x:y"])
def test_a_parsed_uri_goes_out_letter_by_letter(text: str) -> None:
    assert text == str(Uri.parse(text))
    assert Uri.parse(Uri.parse(text)) is not None


def test_building_escapes_what_must_be_escaped() -> None:
    uri = Uri(user="a b@c#", host="h", password=":", params={"x": "a;b"}, headers={"S": "a&b"})

    assert str(uri) == "sip:a%20b%40c%23:%3A@h;x=a%3Bb?S=a%26b"
    assert ("a b@c#", ":", "a;b") == (uri.user, uri.password, uri.params["x"])
    assert [("S", "a&b")] == uri.headers


def test_building_another_scheme_keeps_its_colons() -> None:
    assert str(Uri("urn", "service:sos")) == "urn:service:sos"
    assert Uri("tel", "+1", params={"phone-context": "x"}).params["phone-context"] == "x"


@pytest.mark.parametrize(
    "arguments",
    [
        {"host": ""}, {"host": "a b"}, {"host": "h\r\n"}, {"host": "h", "port": 0},
        {"host": "h", "port": 70000}, {"host": "::1"}, {"host": "h>"}, {"host": "h", "user": ""},
        {"host": "h", "user": "a\r\nb"}, {"host": "h", "user": "a\0"}, {"host": "h;lr"},
        {"scheme": "s p", "host": "h"}, {"host": "h", "params": {"a": "\n"}},
        {"host": "h", "headers": {"a": "\r"}}, {"host": "h", "user": "\ud800"},
    ],
)  # fmt: skip
def test_a_uri_that_cannot_be_written_is_not_built(arguments: dict[str, object]) -> None:
    with pytest.raises(LocalProtocolError):
        Uri(**arguments)  # type: ignore[arg-type]  # the types are right, the values are not


def test_replacing_keeps_the_rest() -> None:
    uri = Uri.parse("sip:a@h:5062;lr")

    assert str(uri.replace(host="i", user="b")) == "sip:b@i:5062;lr"
    assert str(uri.replace(params={})) == "sip:a@h:5062"


def test_a_password_is_never_in_the_repr() -> None:
    assert repr(Uri.parse("sip:a:secret@h")) == "Uri('sip:a:…@h')"
    assert repr(Uri.parse("sip:a@h")) == "Uri('sip:a@h')"


def test_of_two_parameters_of_a_uri_the_first_counts() -> None:
    assert {"a": "1"} == dict(Uri.parse("sip:h;a=1;;A=2").params)


@pytest.mark.parametrize("scheme", ["sip", "SIPS"])
def test_a_question_mark_in_the_user_is_not_where_the_headers_begin(scheme: str) -> None:
    uri = Uri.parse(f"{scheme}:a?b@example.com;lr?Subject=x")

    assert f"{scheme}:a?b@example.com;lr" == str(uri.without_headers())
    assert "a?b" == uri.without_headers().user
