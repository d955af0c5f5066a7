"""The page of call flows shows the ladders that the tests have made."""

from __future__ import annotations

from pathlib import Path

from tools.call_flows import PAGE, Flow, flows, page


def test_the_page_is_what_would_be_written_now() -> None:
    assert page() == PAGE.read_text(encoding="utf-8"), "run python -m tools.call_flows"


def test_flows_stand_in_the_order_of_their_sections_and_strangers_last(tmp_path: Path) -> None:
    for name in (
        "lost",
        "rfc3665_3_10_b",
        "rfc3665_3_2_a",
        "rfc5407_3_1_1_c",
        "rfc9999_1_d",
        "rfc5407_a_re_invite_meets_bye",
    ):
        (tmp_path / f"{name}.txt").write_text(f"ladder of {name}\n")
    text = page(flows(tmp_path))

    headings = [line for line in text.splitlines() if line.startswith("##")]
    assert [
        "## RFC 3665",
        "### 3.2 A",
        "### 3.10 B",
        "## RFC 5407",
        "### 3.1.1 C",
        "### Appendix A: Re-INVITE meets BYE",
        "## RFC 9999",
        "### 1 D",
        "## Others",
        "### Lost",
    ] == headings
    assert "[Basic call flow examples](https://www.rfc-editor.org/rfc/rfc3665)" in text
    assert "```text\nladder of rfc3665_3_2_a\n```\n" in text


def test_a_ladder_is_shown_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "rfc3665_2_1_new_registration.txt"
    path.write_text("   0.000  |--REGISTER-->|\n")

    assert Flow(3665, "", (2, 1), "New registration", "   0.000  |--REGISTER-->|\n") == Flow.read(
        path
    )
