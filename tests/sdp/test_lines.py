from __future__ import annotations

import pytest

from trio_sip._errors import LocalProtocolError
from trio_sip.sdp import PCMU, Media
from trio_sip.sdp._lines import attribute_value, attribute_values, in_order, shared, whole_number


def test_an_attribute_is_found_by_its_whole_name() -> None:
    lines = ["a=midx:1", "a=mid", "a=mid: 2 ", "b=mid:3", "a=mid\t4"]

    assert ["", "2", "4"] == attribute_values(lines, "mid")
    assert "" == attribute_value(lines, "mid")
    assert attribute_value(lines, "m") is None


@pytest.mark.parametrize(
    ("line", "place"), [("i=x", 0), ("c=x", 1), ("b=x", 2), ("k=x", 3), ("a=x", 4), ("Q=x", 4)]
)
def test_a_line_has_its_place_among_others(line: str, place: int) -> None:
    lines = ["i=0", "c=0", "b=0", "k=0"]

    assert place == in_order(lines, line).index(line) - (line[0] in "icbk")


def test_usual_lines_are_kept_once() -> None:
    one, other = "".join(["a=", "x"]), "".join(["a=", "x"])
    long = "a=" + "x" * 100

    assert one is not other
    assert shared([one])[0] is shared([other])[0]
    assert shared([long])[0] is long


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("0065535", 65535), ("", None), ("-1", None), ("+1", None), ("1_0", None), (" 1", None),
     ("٣", None), ("9" * 11, None)],
)  # fmt: skip
def test_a_whole_number_is_written_in_ascii_digits(text: str, number: int | None) -> None:
    assert number == whole_number(text)


def test_an_error_does_not_show_the_key_in_a_line() -> None:
    with pytest.raises(LocalProtocolError) as error:
        Media("audio", 1, [PCMU], attributes=["crypto:1 AES_CM_128 inline:c2VjcmV0\r\n"])

    assert "c2Vj" not in str(error.value)
