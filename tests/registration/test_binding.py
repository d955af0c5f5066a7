from __future__ import annotations

import pytest

from trio_sip.registration import Binding, contact_values, live_bindings


def binding(contact: str, expires_at: float = 60.0, q: float = 1.0, params: str = "") -> Binding:
    return Binding(
        aor="sip:a@h", contact=contact, expires_at=expires_at, call_id="c", cseq=1, q=q,
        params=params,
    )  # fmt: skip


def test_contact_values_carry_the_text_as_given_and_the_seconds_left() -> None:
    bindings = (binding("sip:%00@B;x", 60.0, 0.5, ';+sip.instance="<urn:x>"'),)

    values = contact_values(bindings, 10.0)

    assert ['<sip:%00@B;x>;+sip.instance="<urn:x>";q=0.5;expires=50'] == values


@pytest.mark.parametrize(
    ("now", "expires"), [(0.0, 60), (0.5, 60), (1.0, 59), (59.5, 1), (59.9999, 1)]
)
def test_the_seconds_left_are_rounded_up(now: float, expires: int) -> None:
    assert [f"<sip:b>;expires={expires}"] == contact_values((binding("sip:b"),), now)


@pytest.mark.parametrize("now", [0.1, 1234.567, 98765.4321, 1e6 / 3])
def test_the_seconds_left_are_those_granted_whatever_the_clock_says(now: float) -> None:
    assert ["<sip:b>;expires=3600"] == contact_values((binding("sip:b", now + 3600),), now)


def test_the_preferred_contact_comes_first_and_among_equals_the_newest() -> None:
    bindings = (binding("sip:old"), binding("sip:less", q=0.25), binding("sip:new"))

    values = contact_values(bindings, 0.0)

    assert [
        "<sip:new>;expires=60",
        "<sip:old>;expires=60",
        "<sip:less>;q=0.25;expires=60",
    ] == values


def test_expired_bindings_are_not_shown() -> None:
    bindings = (binding("sip:a", 5.0), binding("sip:b"))

    assert ["<sip:b>;expires=55"] == contact_values(bindings, 5.0)
    assert bindings[1:] == live_bindings(bindings, 5.0)
    assert bindings is live_bindings(bindings, 4.0)
