"""Writes docs/explanation/other-systems.md: one set of tests, aimed at systems that are not ours.

Run it as ``python -m tools.other_systems``; a test fails when the page is stale.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import attrs

__all__ = [
    "PAGE", "SYSTEMS", "TARGETS", "TESTS", "Failure", "Target", "Wrong", "failures", "page",
    "sentences", "wrongs",
]  # fmt: skip

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


@attrs.frozen(kw_only=True)
class Target:
    """A program that the suite is aimed at."""

    what: str
    options: tuple[str, ...]
    """How the suite is told of it, and which of its tests are run."""

    passes: int
    """So many tests at least; what it does not do is skipped."""


_NO_TORTURE = ("-k", "not torture")

TARGETS = {
    "trio-sip answer": Target(
        what="our telephone for a terminal", options=("--sip-user=bob", *_NO_TORTURE), passes=55
    ),
    "trio-sip serve": Target(
        what="our registrar",
        options=("--sip-user=alice", "--sip-credentials=alice:wonderland", *_NO_TORTURE),
        passes=20,
    ),
    "SIPp": Target(
        what="3.6.1, `sipp -sn uas`, a script that answers everything",
        options=("--sip-user=service", "-k", "test_answers"),
        passes=15,
    ),
    "baresip": Target(
        what="a telephone in C, which answers at once",
        options=("--sip-user=alice", *_NO_TORTURE),
        passes=45,
    ),
    "baresip, ringing": Target(
        what="the same where nobody answers, asked about CANCEL and early dialogs",
        options=(
            "--sip-user=alice",
            "--sip-ringing-user=alice",
            "-k",
            "rings or to_tag_of or 487 or cancel_that_comes or another_way or before_the_200",
        ),
        passes=6,
    ),
    "linphone": Target(
        what="`linphonec -a`, a telephone in C++",
        options=("--sip-user=carol", *_NO_TORTURE),
        passes=40,
    ),
}
"""What the suite is aimed at by a test."""

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


@attrs.frozen(kw_only=True)
class Failure:
    """One test of the suite that a program fails."""

    system: str
    test: str
    """Its name, with its parameter."""

    seen: str
    """What is found in its failure, a regular expression."""

    does: str
    section: str
    rfc: int = 3261


def failures() -> list[Failure]:
    """All of them."""
    table = tomllib.loads(_DATA.read_text("utf-8"))
    return [Failure(**one) for one in table["failure"]]


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
    return "".join([_HEAD.format(systems=systems), *_table(), "\n", *_details(), *_suite()])


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


def _suite() -> Iterator[str]:
    yield "\n## The suite, aimed at programs\n\n"
    yield "[The suite that anyone can aim](../howto/aim-the-suite.md) is aimed at these by a test, "
    yield "over UDP, without its torture, and of SIPp only about its answers:\n\n"
    yield "".join(f"- {name}: {one.what};\n" for name, one in TARGETS.items())
    for name in TARGETS:
        found = [one for one in failures() if one.system == name]
        yield f"\n### {name}\n\n"
        if not found:
            yield "It fails none of the tests.\n"
            continue
        yield "| the test that fails | what it does | where the RFC says otherwise |\n"
        yield "| --- | --- | --- |\n"
        for one in found:
            sentence = one.test.removeprefix("test_").replace("_", " ")
            yield _row([sentence, one.does, f"RFC {one.rfc} section {one.section}"])


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
