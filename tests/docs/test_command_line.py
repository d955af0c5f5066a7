"""The page of the command line shows what the commands say about themselves."""

from __future__ import annotations

import re

import pytest

from trio_sip.cli import main
from trio_sip.cli._main import _COMMANDS

from .pages import ROOT

PAGE = ROOT / "docs" / "howto" / "command-line.md"

_HELP = re.compile(
    r"^\$ trio-sip (?P<tokens>[a-z -]*--help)\n```\n\n```text\n(?P<shown>.*?\n)```$",
    re.MULTILINE | re.DOTALL,
)
SHOWN = {match["tokens"]: match["shown"] for match in _HELP.finditer(PAGE.read_text("utf-8"))}


def test_every_command_is_on_the_page() -> None:
    assert {"--help", *(f"{name} --help" for name in _COMMANDS)} == set(SHOWN)


@pytest.mark.parametrize("tokens", SHOWN)
def test_a_command_says_of_itself_what_the_page_shows(
    tokens: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("FORCE_COLOR", raising=False)

    assert 0 == main(tokens.split())
    output = capsys.readouterr().out
    assert SHOWN[tokens].splitlines() == [line.rstrip() for line in output.strip("\n").splitlines()]
