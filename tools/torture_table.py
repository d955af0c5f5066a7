"""Writes docs/reference/torture.md: what becomes of every torture message.

Run it as ``python -m tools.torture_table``; a test fails when the page is stale.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from trio_sip._errors import RemoteProtocolError
from trio_sip.message import Request, check_request, check_response, parse_message_untrusted
from trio_sip.testing.suite import Case, cases

ROOT = Path(__file__).parent.parent
__all__ = ["PAGE", "Case", "cases", "page", "verdict"]

PAGE = ROOT / "docs" / "reference" / "torture.md"

_HEAD = """\
# The torture tests

<!-- Written by tools/torture_table.py.  Do not edit. -->

Every message of [RFC 4475](https://www.rfc-editor.org/rfc/rfc4475) and
[RFC 5118](https://www.rfc-editor.org/rfc/rfc5118), and what the parser and the validator make of
it.  *Accepted* means that the message reaches the services of the server, which may still refuse
it for what it asks.  A request that is not accepted gets the answer named; a response is dropped.
"""


def verdict(data: bytes) -> tuple[str | int, str]:
    """What we make of a message, and why."""
    try:
        message = parse_message_untrusted(data)
    except RemoteProtocolError:
        return "dropped", "cannot be framed"
    if isinstance(message, Request):
        fault = check_request(message)
        return ("accepted", "") if fault is None else (fault.status, fault.reason)
    fault = check_response(message)
    return ("accepted", "") if fault is None else ("dropped", fault.reason)


def page(answers: Mapping[str, str] | None = None) -> str:
    """The page as text.

    Args:
      answers: for each file, what a server answered; without them that column is left out.
    """
    return "".join([_HEAD, *_table(4475, answers), *_table(5118, answers)])


def _table(rfc: int, answers: Mapping[str, str] | None) -> Iterator[str]:
    heads = ["message", "section", "what it is", "what we do"]
    heads += [] if answers is None else ["what the server answers"]
    yield f"\n## RFC {rfc}\n\n"
    yield _row(heads)
    yield _row(["---"] * len(heads))
    for case in cases():
        if case.rfc == rfc:
            result, why = verdict(case.data)
            cells = [f"`{case.name}`", case.section, case.says, f"{result} {why}".strip()]
            cells += [] if answers is None else [answers.get(case.file, "")]
            yield _row(cells)


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |\n"


def main() -> None:
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
