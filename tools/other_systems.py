"""Writes docs/explanation/other-systems.md: one set of tests, aimed at systems that are not ours.

Run it as ``python -m tools.other_systems``; a test fails when the page is stale.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import attrs

__all__ = ["PAGE", "SYSTEMS", "TESTS", "Wrong", "page", "sentences", "wrongs"]

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "explanation" / "other-systems.md"
TESTS = ROOT / "tests" / "interop" / "test_other_systems.py"
_DATA = ROOT / "tests" / "data" / "other_systems.toml"

SYSTEMS = {
    "baresip": "a telephone in C",
    "aiosipua": "0.7.1, a Python library on asyncio",
    "rfcvoip": "2.10.3, a Python library that runs in threads",
}
"""What each of them is; the versions are those that the tests install."""

_HEAD = """\
# What other systems get wrong

<!-- Written by tools/other_systems.py.  Do not edit. -->

The peer of `trio_sip.testing` knows nothing of the system that it talks to.
To show it, one set of tests runs against systems that are not ours, and that have nothing in common:

{systems}
The tests are written once, with the fixture `sip_peer_thread`:

```console
$ pytest tests/interop/test_other_systems.py
```

A test that a system fails because it does not do what RFC 3261 says is *expected* to fail, and in that very way:
when the system is mended, the test says so.
This is no ranking.
A library that was made for one kind of server, on a network that loses nothing, may do without much of it;
but whoever tests a program that is built on it will want to know.

## Sentence by sentence

"""


@attrs.frozen(kw_only=True)
class Wrong:
    """One thing that a system does otherwise than RFC 3261 says."""

    system: str
    test: str
    seen: str
    """What is found in the failure of the test, a regular expression."""

    does: str
    section: str
    """Where RFC 3261 says what is right."""


def wrongs() -> list[Wrong]:
    """All of them."""
    table = tomllib.loads(_DATA.read_text("utf-8"))
    return [Wrong(**one) for one in table["wrong"]]


def sentences() -> list[str]:
    """The names of the tests, in their order."""
    tree = ast.parse(TESTS.read_text("utf-8"))
    names = [one.name for one in tree.body if isinstance(one, ast.FunctionDef)]
    return [one.removeprefix("test_").replace("_", " ") for one in names if one[:5] == "test_"]


def page() -> str:
    """The page as text."""
    systems = "".join(f"- {name}, {what};\n" for name, what in SYSTEMS.items())
    return "".join([_HEAD.format(systems=systems), *_table(), "\n", *_details()])


def _table() -> Iterator[str]:
    known = {(one.system, one.test) for one in wrongs()}
    yield _row(["", *SYSTEMS])
    yield _row(["---"] * (1 + len(SYSTEMS)))
    for sentence in sentences():
        cells = ["no" if (name, sentence) in known else "yes" for name in SYSTEMS]
        yield _row([sentence, *cells])


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |\n"


def _details() -> Iterator[str]:
    yield "## What they do instead\n"
    for name in SYSTEMS:
        found = [one for one in wrongs() if one.system == name]
        yield f"\n{name}:\n\n"
        if not found:
            yield "- nothing of it.\n"
        for one in found:
            yield f"- {one.does} (RFC 3261 section {one.section});\n"


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
