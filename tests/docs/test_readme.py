from __future__ import annotations

import re

import pytest

from trio_sip.cli import main

from .pages import ROOT, blocks_of

README = ROOT / "README.md"


def _without_numbers(text: str) -> str:
    return re.sub(r"\d+", "0", text)


def test_the_demo_prints_what_the_readme_shows(capsys: pytest.CaptureFixture[str]) -> None:
    shown = next(block.text for block in blocks_of(README) if block.language == "text")

    assert 0 == main(["demo"])
    assert _without_numbers(shown) == _without_numbers(capsys.readouterr().out)


def test_each_set_up_is_one_line_of_plain_python() -> None:
    lines = [
        line.removeprefix("$ ")
        for block in blocks_of(README)
        for line in block.text.splitlines()
        if line.startswith("$ python3 -m venv .venv && ")
    ]

    assert [".venv/bin/trio-sip demo", ".venv/bin/pytest"] == [
        line.split(" && ")[-1] for line in lines
    ]
