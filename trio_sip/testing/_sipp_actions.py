"""The actions of SIPp scenarios: what is taken from a message, reckoned with, and logged."""

from __future__ import annotations

import enum
import re
from collections.abc import Collection

import attrs

from ._sipp_keywords import Template, read_template
from ._sipp_xml import Element, ScenarioError

__all__ = ["Action", "ActionKind", "read_actions"]

_POSIX_CLASSES = {
    "alnum": "A-Za-z0-9",
    "alpha": "A-Za-z",
    "digit": "0-9",
    "lower": "a-z",
    "upper": "A-Z",
    "space": r"\s",
    "blank": r" \t",
    "punct": r"!-/:-@\[-`{-~",
    "xdigit": "0-9A-Fa-f",
    "print": r" -~",
    "graph": "!-~",
    "cntrl": r"\x00-\x1f\x7f",
}
_POSIX_CLASS = re.compile(r"\[:(\w+):\]")
_LARGEST_PATTERN = 1000
_STOPS = {"stop_call": "call", "stop_now": "now", "stop_gracefully": "now"}


class ActionKind(enum.Enum):
    """What an action does; the values are the names of elements."""

    EREG = "ereg"
    LOG = "log"
    WARNING = "warning"
    ERROR = "error"
    ASSIGN = "assign"
    ASSIGN_STRING = "assignstr"
    ADD = "add"
    SUBTRACT = "subtract"
    MULTIPLY = "multiply"
    DIVIDE = "divide"
    TODOUBLE = "todouble"
    TRIM = "trim"
    TEST = "test"
    STRCMP = "strcmp"
    JUMP = "jump"
    VERIFY_AUTH = "verifyauth"
    STOP = "exec"


@attrs.frozen(kw_only=True)
class Action:
    """One action."""

    kind: ActionKind
    line: int
    targets: tuple[str, ...] = ()
    """The variables that are set."""

    variable: str = ""
    value: str = ""
    template: Template | None = None
    pattern: re.Pattern[str] | None = None
    search_in: str = "msg"
    header: str = ""
    occurrence: int = 1
    at_line_start: bool = False
    must_match: bool | None = None
    label: str | None = None
    username: str = ""
    password: str = attrs.field(default="", repr=False)


def read_actions(
    element: Element, keys: Collection[str]
) -> tuple[list[Action], list[tuple[int, str]]]:
    """What an ``<action>`` holds; also what of it cannot be done, with lines."""
    found: list[Action] = []
    refused: list[tuple[int, str]] = []
    for child in element.children:
        action = _read(child, keys, refused)
        if action is not None:
            found.append(action)
    return found, refused


def _read(element: Element, keys: Collection[str], refused: list[tuple[int, str]]) -> Action | None:
    given, line = element.attributes, element.line
    try:
        kind = ActionKind(element.tag)
    except ValueError:
        refused.append((line, f"<{element.tag}> as an action"))
        return None
    targets = tuple(one.strip() for one in given.get("assign_to", "").split(",") if one.strip())
    if kind is ActionKind.STOP:
        command = given.get("int_cmd", "")
        if command not in _STOPS:
            # Commands of the operating system, and media.
            refused.append((line, f"<exec {' '.join(given) or '?'}>"))
            return None
        return Action(kind=kind, line=line, value=_STOPS[command])
    if kind is ActionKind.EREG:
        return _ereg(element, targets, refused)
    if kind is ActionKind.JUMP:
        return Action(kind=kind, line=line, label=given.get("value", ""))
    message = given.get("message", given.get("value", ""))
    template, unknown = read_template(message, line, keys)
    refused += unknown
    return Action(
        kind=kind,
        line=line,
        targets=targets,
        variable=given.get("variable", ""),
        value=given.get("compare", given.get("value", "")),
        template=template,
        username=given.get("username", ""),
        password=given.get("password", ""),
    )


def _ereg(
    element: Element, targets: tuple[str, ...], refused: list[tuple[int, str]]
) -> Action | None:
    given, line = element.attributes, element.line
    search_in = given.get("search_in", "msg")
    if search_in not in {"msg", "hdr", "body", "var"}:
        refused.append((line, f'<ereg search_in="{search_in}">'))
        return None
    must = None
    if given.get("check_it", "").lower() == "true":
        must = True
    elif given.get("check_it_inverse", "").lower() == "true":
        must = False
    occurrence = given.get("occurrence", given.get("occurence", "1"))
    return Action(
        kind=ActionKind.EREG,
        line=line,
        targets=targets,
        pattern=_pattern(given.get("regexp", ""), given.get("case_indep", ""), line),
        search_in=search_in,
        header=given.get("header", ""),
        occurrence=int(occurrence) if occurrence.isdigit() and len(occurrence) < 4 else 1,
        at_line_start=given.get("start_line", "").lower() == "true",
        must_match=must,
        variable=given.get("variable", ""),
    )


def _pattern(text: str, case: str, line: int) -> re.Pattern[str]:
    """A POSIX extended regular expression as one of Python's."""
    if len(text) > _LARGEST_PATTERN:
        raise ScenarioError(f"line {line}: the regular expression is too long")
    python = _POSIX_CLASS.sub(lambda match: _POSIX_CLASSES.get(match[1], match[0]), text)
    try:
        # In POSIX a dot matches line breaks, too.
        flags = re.DOTALL | (re.IGNORECASE if case.lower() == "true" else 0)
        return re.compile(python, flags)
    except re.error as error:
        raise ScenarioError(f"line {line}: bad regular expression: {error}") from None
