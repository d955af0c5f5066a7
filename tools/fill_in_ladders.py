"""Fills the ladders of the tests into the pages that show them.

Run it as ``python -m tools.fill_in_ladders``; a check fails when a page is stale.  A page says which
one it wants, and the block below is filled in::

    <!-- ladder rfc5407_3_2_1_bye_meets_bye -->
    ```text
    ```
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
LADDERS = ROOT / "tests" / "data" / "ladders"
DOCS = ROOT / "docs"

_PLACE = re.compile(
    r"^(?P<wanted><!-- ladder (?P<name>\w+) -->\n```text\n)(?P<ladder>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


def names(text: str) -> list[str]:
    """The ladders that a page shows."""
    return [place["name"] for place in _PLACE.finditer(text)]


def filled(text: str) -> str:
    """The page with its ladders; FileNotFoundError if it wants one that there is not."""
    return _PLACE.sub(_fill, text)


def _fill(place: re.Match[str]) -> str:
    ladder = (LADDERS / f"{place['name']}.txt").read_text(encoding="utf-8")
    return f"{place['wanted']}{ladder}```"


def stale() -> list[Path]:
    """The pages whose ladders are not those of the tests."""
    found = []
    for page in sorted(DOCS.rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        if text != filled(text):
            found.append(page)
    return found


def main() -> None:
    for page in stale():
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
