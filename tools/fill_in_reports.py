"""Fills what pytest says about the tests of a page into that page, and draws their conversations.

Run it as ``python -m tools.fill_in_reports``.  A page says whose report it wants, and the block below
is filled in; a picture is written beside the page::

    <!-- report test_bob_takes_the_call -->
    ```text
    ```

    <!-- picture test_bob_takes_the_call -->

A check fails when a page is stale; so does tests/docs/test_pytest_pages.py, which runs them all.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

__all__ = ["all_filled", "filled", "stale"]

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"

_PROGRAM = re.compile(r"^```python\n(.*?)^```$|^<!-- python\n(.*?)^-->$", re.MULTILINE | re.DOTALL)
_PLACE = re.compile(
    r"^(?P<wanted>(?:<!-- fails: \w+ -->\n)?<!-- report (?P<name>\w+) -->\n```text\n).*?^```$",
    re.MULTILINE | re.DOTALL,
)
_PICTURE = re.compile(r"^<!-- picture (?P<name>\w+) -->\n(?:\n!\[.*\]\(.*\)\n)?", re.MULTILINE)
_ARGUMENTS = re.compile(r"\A(?:\w+ = .*\n)+\n")
_REPORT = re.compile(r"^_{3,} (?:ERROR at \w+ of )?(\w+) _{3,}\n", re.MULTILINE)


def filled(page: Path) -> dict[Path, str]:
    """The page and its pictures, by their paths, as its tests would have them now."""
    text = page.read_text(encoding="utf-8")
    program = "\n\n".join(shown or hidden for shown, hidden in _PROGRAM.findall(text))
    files = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        reports = _run(program, folder)
        for picture in _PICTURE.finditer(text):
            (file,) = (folder / "svg").glob(f"*{picture['name']}.svg")
            target = page.parent / "diagrams" / f"{_short(picture['name'])}.svg"
            files[target] = file.read_text(encoding="utf-8")
    text = _PLACE.sub(lambda place: f"{place['wanted']}{reports[place['name']]}```", text)
    return files | {page: _PICTURE.sub(_picture, text)}


def all_filled() -> dict[Path, str]:
    """Those of all pages that want reports."""
    pages = [one for one in sorted(DOCS.rglob("*.md")) if _PLACE.search(one.read_text("utf-8"))]
    return {path: text for page in pages for path, text in filled(page).items()}


def stale() -> list[Path]:
    """The files that would be others now."""
    return [
        path
        for path, text in all_filled().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]


def _run(program: str, folder: Path) -> dict[str, str]:
    (folder / "test_page.py").write_text(program, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    quiet = (
        "-p",
        "no:randomly",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:cov",
        "-rf",
        "--log-level=ERROR",
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *quiet, f"--sip-svg={folder / 'svg'}"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    told, *_ = re.split(
        r"^=+ (?:short test summary info|\d+ failed).*$", done.stdout, flags=re.MULTILINE
    )
    parts = _REPORT.split(told)
    lines = {
        name: [
            line.rstrip()
            for line in re.split("^=+ .* =+$", report, flags=re.MULTILINE)[0].splitlines()
        ]
        for name, report in zip(parts[1::2], parts[2::2], strict=True)
    }
    return {name: _without_arguments("\n".join(one)) for name, one in lines.items()}


def _without_arguments(report: str) -> str:
    """The fixtures, above the program, are shown with addresses that change from run to run."""
    return _ARGUMENTS.sub("", report.lstrip("\n"), count=1).strip("\n") + "\n"


def _picture(place: re.Match[str]) -> str:
    name = place["name"]
    alt = name.removeprefix("test_").replace("_", " ")
    return f"<!-- picture {name} -->\n\n![{alt}](diagrams/{_short(name)}.svg)\n"


def _short(name: str) -> str:
    return "failure-" + name.removeprefix("test_").replace("_", "-")


def main() -> None:
    for path, text in all_filled().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
