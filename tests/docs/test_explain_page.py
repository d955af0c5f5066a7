"""The page about `explain` has a table of all its rules."""

from __future__ import annotations

from trio_sip.testing.findings._explain import RULES

from .pages import ROOT

PAGE = ROOT / "docs" / "howto" / "explain.md"


def table() -> str:
    """The rules in their order: name, kind, what it sees, and where that is written."""
    lines = ["| rule | kind | what it sees | where to read on |", "|---|---|---|---|"]
    for rule in RULES:
        sees = (rule.find.__doc__ or "").partition("\n")[0]
        lines.append(f"| `{rule.name}` | {rule.kind.value} | {sees} | {rule.section or '-'} |")
    return "\n".join(lines) + "\n"


def test_the_table_of_rules_is_that_of_the_program() -> None:
    assert table() in PAGE.read_text("utf-8")
