"""The productions that everything else is made of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_sip._errors import LocalProtocolError, RemoteProtocolError
from trio_sip.message import is_token, quote, split_list, split_params, unquote
from trio_sip.message._grammar import checked_text, decode_escapes, encoded


@pytest.mark.parametrize("text", ["a", "-.!%*_+`'~09AZaz", "INVITE"])
def test_a_token_is_made_of_the_characters_that_the_grammar_lists(text: str) -> None:
    assert is_token(text)


@pytest.mark.parametrize("text", ["", "a b", "a:b", "ä", 'a"', "a\n", "a\0", "٣", "a@b"])
def test_anything_else_is_no_token(text: str) -> None:
    assert not is_token(text)


@given(st.text())
def test_quoting_and_unquoting_give_back_the_text(text: str) -> None:
    assert text == unquote(quote(text))


def test_text_without_quotes_is_unquoted_as_it_is() -> None:
    assert unquote("plain") == "plain"


@pytest.mark.parametrize("text", ['"', '"a', '"a\\"', '"a"b', '"a"b"'])
def test_quotes_that_do_not_balance_are_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        unquote(text)


def test_a_quoted_pair_stands_for_its_second_character() -> None:
    assert unquote(r'"a\"b\\c\d"') == r'a"b\cd'


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("a", ["a"]),
        ("a, b ,c", ["a", "b", "c"]),
        ('"a,b" <sip:x>, c', ['"a,b" <sip:x>', "c"]),
        ("<sip:a,b@c>, <sip:d>", ["<sip:a,b@c>", "<sip:d>"]),
        (r'"\",", b', [r'"\","', "b"]),
        ("a,,b", ["a", "", "b"]),
        ("<a, b", ["<a, b"]),
        ('"a, b', ['"a, b']),
    ],
)
def test_a_list_is_split_at_the_commas_outside_quotes_and_brackets(
    text: str, items: list[str]
) -> None:
    assert items == split_list(text)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [(";a;b=c", ["", "a", "b=c"]), (';a=";" ; b', ["", 'a=";"', "b"]), ("x ; y", ["x", "y"])],
)
def test_parameters_are_split_at_the_semicolons_outside_quotes(
    text: str, pieces: list[str]
) -> None:
    assert pieces == split_params(text)


def test_escapes_are_decoded_once() -> None:
    assert decode_escapes("%2541") == "%41"


def test_an_escaped_octet_that_is_no_utf_8_survives() -> None:
    assert encoded(decode_escapes("%FF%00")) == b"\xff\x00"


def test_a_percent_sign_that_escapes_nothing_stays() -> None:
    assert decode_escapes("100%zz") == "100%zz"


@pytest.mark.parametrize("text", ["a\rb", "a\nb", "a\0b", "\r\n"])
def test_text_with_a_line_break_or_nul_is_refused(text: str) -> None:
    with pytest.raises(LocalProtocolError):
        checked_text(text, "x")


def test_text_that_utf_8_cannot_write_is_refused_before_it_is_sent() -> None:
    with pytest.raises(LocalProtocolError):
        checked_text("\ud800", "x")


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(LocalProtocolError):
        checked_text(b"x", "x")  # type: ignore[arg-type]  # the point of the test
