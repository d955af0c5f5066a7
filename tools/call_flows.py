"""Writes docs/reference/call-flows.md: the golden ladders of the tests, as they are.

Run it as ``python -m tools.call_flows``; a test fails when the page is stale.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

import attrs

ROOT = Path(__file__).parent.parent
LADDERS = ROOT / "tests" / "data" / "ladders"
PAGE = ROOT / "docs" / "reference" / "call-flows.md"

_HEAD = """\
# Call flows

<!-- Written by tools/call_flows.py.  Do not edit. -->

What goes over the wire, as the tests have seen it: the flows of the RFCs, played by two or more of
our own stacks on a network in memory where every message takes 20 milliseconds.
Each ladder is a file in `tests/data/ladders`, and a test fails when the stack does anything else.
"""

_NAME = re.compile(
    r"rfc(?P<rfc>[0-9]+)_(?:(?P<section>(?:[0-9]+_)+)|(?P<appendix>[a-z])_)(?P<title>.+)"
)

_SHOUTED = {"ack", "alg", "bye", "cancel", "invite", "refer", "sdp", "sip", "update"}

_TITLES = {
    3665: "Basic call flow examples",
    5359: "Session Initiation Protocol service examples",
    5407: "Example call flows of race conditions",
}


@attrs.frozen(order=True)
class Flow:
    """A ladder, and where its flow is written down."""

    rfc: int
    """0 for one that no RFC has."""

    appendix: str
    """Its letter; empty for a section."""

    section: tuple[int, ...]
    title: str
    ladder: str = attrs.field(order=False)

    @classmethod
    def read(cls, path: Path) -> Flow:
        """``rfc3665_2_1_new_registration.txt``, or any other name."""
        match = _NAME.fullmatch(path.stem)
        ladder = path.read_text(encoding="utf-8")
        if match is None:
            return cls(0, "", (), _words(path.stem), ladder)
        numbers = (match["section"] or "").split("_")
        section = tuple(int(number) for number in numbers if number)
        appendix = match["appendix"] or ""
        return cls(int(match["rfc"]), appendix, section, _words(match["title"]), ladder)

    @property
    def heading(self) -> str:
        """``2.1 New registration``."""
        place = f"Appendix {self.appendix.upper()}:" if self.appendix else ""
        return f"{place}{'.'.join(map(str, self.section))} {self.title}".lstrip()


def _words(name: str) -> str:
    words = " ".join(word.upper() if word in _SHOUTED else word for word in name.split("_"))
    words = words.replace("re INVITE", "re-INVITE")
    return words[:1].upper() + words[1:]


def flows(folder: Path = LADDERS) -> list[Flow]:
    """All of them, in the order of the RFCs; those that no RFC has come last."""
    found = sorted(Flow.read(path) for path in folder.glob("*.txt"))
    return [flow for flow in found if flow.rfc] + [flow for flow in found if not flow.rfc]


def page(found: Iterable[Flow] | None = None) -> str:
    """The page as text."""
    return _HEAD + "".join(_parts(flows() if found is None else found))


def _parts(found: Iterable[Flow]) -> Iterator[str]:
    for rfc, group in groupby(found, key=lambda flow: flow.rfc):
        yield from _chapter(rfc)
        for flow in group:
            yield f"\n### {flow.heading}\n\n```text\n{flow.ladder.rstrip()}\n```\n"


def _chapter(rfc: int) -> Iterator[str]:
    title = _TITLES.get(rfc)
    yield f"\n## {f'RFC {rfc}' if rfc else 'Others'}\n"
    if title is not None:
        yield f"\n[{title}](https://www.rfc-editor.org/rfc/rfc{rfc}).\n"


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
