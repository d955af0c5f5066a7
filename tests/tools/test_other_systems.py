"""The page about other systems: fresh, and about tests that there are."""

from __future__ import annotations

from tools.other_systems import PAGE, SYSTEMS, page, sentences, wrongs


def test_the_page_is_fresh() -> None:
    assert page() == PAGE.read_text("utf-8"), "run python -m tools.other_systems"


def test_what_is_wrong_is_wrong_in_a_test() -> None:
    assert {one.test for one in wrongs()} <= set(sentences())
    assert {one.system for one in wrongs()} <= set(SYSTEMS)
