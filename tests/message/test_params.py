"""Parameters of header values."""

from __future__ import annotations

import pytest

from trio_sip._errors import LocalProtocolError, RemoteProtocolError
from trio_sip.message import Params


def test_parameters_are_a_mapping_without_case_in_their_names() -> None:
    params = Params.parse(";Tag=AbC;lr")

    assert params["TAG"] == "AbC"
    assert params["lr"] is None
    assert "LR" in params
    assert ["tag", "lr"] == list(params)
    assert len(params) == 2


def test_quoted_values_lose_their_quotes_and_get_them_back() -> None:
    params = Params.parse(r';a="x;y\"z";b=plain')

    assert params["a"] == 'x;y"z'
    assert str(params) == r';a="x;y\"z";b=plain'


def test_white_space_around_the_punctuation_is_ignored() -> None:
    assert Params.parse(" ; a = b ;c") == Params({"a": "b", "c": None})


@pytest.mark.parametrize(
    "text", [";", ";;a", ";=b", ";a b", "x;a", ';a="b', ";a=b c", ";a=<", ";ä=1"]
)
def test_what_is_no_parameter_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        Params.parse(text)


@pytest.mark.parametrize("extra", ["", ';x="y"'])
def test_too_many_parameters_are_refused(extra: str) -> None:
    with pytest.raises(RemoteProtocolError, match="too many"):
        Params.parse("".join(f";p{number}" for number in range(300)) + extra)


def test_the_order_of_parameters_does_not_matter() -> None:
    assert Params({"a": "1", "b": None}) == Params({"B": None, "A": "1"})
    assert hash(Params({"a": "1", "b": None})) == hash(Params({"b": None, "a": "1"}))
    assert Params({"a": "1"}) != Params({"a": None})


def test_changed_copies_leave_the_original_alone() -> None:
    params = Params({"tag": "1", "q": "0.5"})

    assert params.replace(tag="2") == Params({"tag": "2", "q": "0.5"})
    assert params.without("TAG") == Params({"q": "0.5"})
    assert params == Params({"tag": "1", "q": "0.5"})


@pytest.mark.parametrize(("name", "value"), [("a b", "x"), ("a", "x\r\ny"), ("a", "\0"), ("", "x")])
def test_a_parameter_that_cannot_stand_in_a_header_is_refused(name: str, value: str) -> None:
    with pytest.raises(LocalProtocolError):
        Params({name: value})


def test_an_ipv6_reference_needs_no_quotes() -> None:
    assert str(Params({"maddr": "[::1]"})) == ";maddr=[::1]"


@pytest.mark.parametrize("text", [";a=1;b;A=2", ';a=1;b;A="2"', ";A = 1;b;a=2"])
def test_of_two_parameters_with_one_name_the_first_counts(text: str) -> None:
    assert Params.parse(text) == Params({"a": "1", "b": None})
    assert repr(Params.parse(";a")) == "Params(';a')"
