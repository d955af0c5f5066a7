"""The actions of SIPp scenarios, read: what is taken from a message, reckoned with, and logged."""

from __future__ import annotations

import enum
import re
from collections.abc import Collection, Mapping

import attrs

from ._keywords import Template, read_template
from ._pause import Pause, read_pause
from ._xml import Element, ScenarioError

__all__ = ["Action", "ActionKind", "Stop", "check_pattern", "read_actions"]

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
# Attributes in which keywords stand, and which are not what an action is mostly about.
_MORE = ("key", "line", "host", "port", "protocol")


class Stop(enum.Enum):
    """What ends; the values are SIPp's words."""

    CALL = "stop_call"
    """This call."""

    NOW = "stop_now"
    """All of them."""

    GRACEFULLY = "stop_gracefully"
    """Those that have begun end by themselves, and none begins."""


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
    LOOKUP = "lookup"
    INSERT = "insert"
    REPLACE = "replace"
    URL_ENCODE = "urlencode"
    URL_DECODE = "urldecode"
    TIME_OF_DAY = "gettimeofday"
    SAMPLE = "sample"
    SET_DESTINATION = "setdest"
    CLOSE_CONNECTION = "closecon"


@attrs.frozen(kw_only=True)
class Action:
    """One action."""

    kind: ActionKind
    line: int
    targets: tuple[str, ...] = ()
    """The variables that are set."""

    variable: str = ""
    other: str = ""
    """The variable that stands for a value."""

    value: str = ""
    stop: Stop = Stop.CALL
    file: str = ""
    more: Mapping[str, Template] = attrs.field(factory=dict)
    """``key``, ``line``, ``host``, ``port`` and ``protocol``."""

    sample: Pause = attrs.field(factory=Pause)
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
        try:
            return Action(kind=kind, line=line, stop=Stop(given.get("int_cmd", "")))
        except ValueError:
            # Commands of the operating system, and media.
            refused.append((line, f"<exec {' '.join(given) or '?'}>"))
            return None
    if kind is ActionKind.EREG:
        return _ereg(element, targets, refused)
    if kind is ActionKind.JUMP:
        variable = given.get("variable", "")
        label = None if variable else given.get("value", "")
        return Action(kind=kind, line=line, label=label, variable=variable)
    sample = Pause()
    if kind is ActionKind.SAMPLE:
        sample, what = read_pause(given)
        if what is not None:
            refused.append((line, f"<sample {what}>"))
    message = given.get("message", given.get("value", ""))
    template, unknown = read_template(message, line, keys)
    refused += unknown
    more: dict[str, Template] = {}
    for name in given.keys() & set(_MORE):
        more[name], unknown = read_template(given[name], line, keys)
        refused += unknown
    return Action(
        kind=kind,
        line=line,
        targets=targets,
        other=given.get("variable2", ""),
        file=given.get("file", ""),
        more=more,
        sample=sample,
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
        pattern=check_pattern(given.get("regexp", ""), line, given.get("case_indep", "")),
        search_in=search_in,
        header=given.get("header", ""),
        occurrence=int(occurrence) if occurrence.isdigit() and len(occurrence) < 4 else 1,
        at_line_start=given.get("start_line", "").lower() == "true",
        must_match=must,
        variable=given.get("variable", ""),
    )


def check_pattern(text: str, line: int, case: str = "") -> re.Pattern[str]:
    """A POSIX extended regular expression as one of Python's.

    Raises:
      ScenarioError: it is none.
    """
    if len(text) > _LARGEST_PATTERN:
        raise ScenarioError(f"line {line}: the regular expression is too long")
    python = _POSIX_CLASS.sub(lambda match: _POSIX_CLASSES.get(match[1], match[0]), text)
    try:
        # In POSIX a dot matches line breaks, too.
        flags = re.DOTALL | (re.IGNORECASE if case.lower() == "true" else 0)
        return re.compile(python, flags)
    except re.error as error:
        raise ScenarioError(f"line {line}: bad regular expression: {error}") from None
