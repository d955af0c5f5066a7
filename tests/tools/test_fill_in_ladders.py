from __future__ import annotations

import pytest

from tests.conversations.races import RACES
from tools.fill_in_ladders import DOCS, LADDERS, filled, names, stale

PLACE = "Before.\n\n<!-- ladder {} -->\n```text\nsomething old\n```\n\nAfter.\n"


def test_the_pages_show_the_ladders_of_the_tests() -> None:
    assert [] == stale()


def test_a_ladder_takes_the_place_of_what_was_there() -> None:
    name = "rfc5407_3_2_1_bye_meets_bye"
    ladder = (LADDERS / f"{name}.txt").read_text("utf-8")
    page = filled(PLACE.format(name))

    assert PLACE.format(name).replace("something old\n", ladder) == page
    assert page == filled(page)


def test_a_ladder_that_there_is_not_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        filled(PLACE.format("nonsense"))


def test_the_page_of_the_races_shows_every_race() -> None:
    shown = names((DOCS / "explanation" / "races.md").read_text("utf-8"))

    assert list(RACES) == shown
