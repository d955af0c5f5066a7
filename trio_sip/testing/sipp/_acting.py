"""The actions of SIPp scenarios, carried out."""

from __future__ import annotations

import operator
import urllib.parse
from collections.abc import Callable, Sequence

from ._actions import Action, ActionKind
from ._credentials import is_proved
from ._failure import CallFailed, ScenarioFailure
from ._fields import CallFields
from ._headers import header_lines
from ._variables import Value, number_of, text_of

__all__ = ["act"]

_RECKONING: dict[ActionKind, Callable[[float, float], float]] = {
    ActionKind.ADD: operator.add,
    ActionKind.SUBTRACT: operator.sub,
    ActionKind.MULTIPLY: operator.mul,
    ActionKind.DIVIDE: operator.truediv,
}
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "equal": operator.eq,
    "not_equal": operator.ne,
    "greater_than": operator.gt,
    "less_than": operator.lt,
    "greater_than_equal": operator.ge,
    "less_than_equal": operator.le,
}


def act(action: Action, fields: CallFields) -> str | None:
    """Carry out one action of a call; the label or step to go to, if it says so.

    Raises:
      CallFailed: a check has failed, or the scenario gives up.
    """
    kind, variables = action.kind, fields.variables
    line = fields.line(action.template)
    match kind:
        case ActionKind.EREG:
            _search(action, fields)
        case ActionKind.LOG | ActionKind.WARNING:
            fields.log.append(line)
        case ActionKind.ERROR:
            words = line or f"the scenario gives up in line {action.line}"
            raise CallFailed(words, ScenarioFailure.REJECTED)
        case ActionKind.JUMP:
            if action.label is not None:
                return action.label
            return str(int(variables.number(action.variable)))
        case ActionKind.STOP:
            fields.stop = action.stop
        case ActionKind.URL_ENCODE | ActionKind.URL_DECODE | ActionKind.TRIM:
            _rewrite(action, fields)
        case ActionKind.INSERT:
            fields.settings.rows.insert(action.file, line)
        case ActionKind.REPLACE:
            row = int(number_of(fields.line(action.more.get("line"))))
            fields.settings.rows.replace(action.file, row, line)
        case ActionKind.TIME_OF_DAY:
            now = round((fields.now + fields.settings.epoch) * 1_000_000)
            _assign(action.targets[:1], float(now // 1_000_000), fields)
            _assign(action.targets[1:], float(now % 1_000_000), fields)
        case _:
            _assign(action.targets, _result(action, line, fields), fields)
    return None


def _result(action: Action, line: str, fields: CallFields) -> Value:
    """What an action assigns that does nothing else."""
    variables = fields.variables
    match action.kind:
        case ActionKind.ASSIGN_STRING:
            return line
        case ActionKind.ASSIGN:
            return variables.number(action.variable) if action.variable else number_of(line)
        case ActionKind.TODOUBLE:
            return variables.number(action.variable)
        case ActionKind.TEST:
            return _compare(action, line, fields)
        case ActionKind.STRCMP:
            value = text_of(variables.get(action.variable, ""))
            other = text_of(variables.get(action.other, "")) if action.other else line
            # As in C: 0 if they are equal.
            return float((value > other) - (value < other))
        case ActionKind.VERIFY_AUTH:
            name, password = fields.filled(action.username), fields.filled(action.password)
            return is_proved(fields.last, name, password)
        case ActionKind.LOOKUP:
            key = fields.line(action.more.get("key"))
            return float(fields.settings.rows.look_up(action.file, key))
        case ActionKind.SAMPLE:
            return action.sample.draw(fields.dice)
    return _reckon(action, line, fields)


def _assign(targets: Sequence[str], value: Value, fields: CallFields) -> None:
    for target in targets:
        fields.variables.set(target, value)


def _reckon(action: Action, line: str, fields: CallFields) -> float:
    variables = fields.variables
    other = variables.number(action.variable) if action.variable else number_of(line)
    value = variables.number(action.targets[0]) if action.targets else 0.0
    try:
        return _RECKONING[action.kind](value, other)
    except (OverflowError, ZeroDivisionError):
        words = f"division by zero in line {action.line}"
        raise CallFailed(words, ScenarioFailure.REJECTED) from None


def _compare(action: Action, line: str, fields: CallFields) -> bool:
    value = fields.variables.get(action.variable, "")
    other = fields.variables.get(action.other, "") if action.other else line
    is_text = isinstance(value, str) and isinstance(other, str) and action.other
    if is_text and action.value in {"equal", "not_equal"}:
        return (value == other) is (action.value == "equal")
    compared = _COMPARISONS.get(action.value)
    return compared is not None and compared(number_of(value), number_of(other))


def _rewrite(action: Action, fields: CallFields) -> None:
    name = action.targets[0] if action.targets else action.variable
    text = text_of(fields.variables.get(name, ""))
    if action.kind is ActionKind.URL_ENCODE:
        text = urllib.parse.quote(text, safe="", errors="surrogateescape")
    elif action.kind is ActionKind.URL_DECODE:
        text = urllib.parse.unquote(text, errors="surrogateescape")
    else:
        text = text.strip()
    fields.variables.set(name, text)


def _search(action: Action, fields: CallFields) -> None:
    assert action.pattern is not None
    searched = _searched(action, fields)
    if searched is None and action.must_match:
        words = f"there is no header {action.header} (line {action.line})"
        raise CallFailed(words, ScenarioFailure.HEADER_NOT_FOUND)
    match = action.pattern.search(searched or "")
    if action.must_match is not None and action.must_match != (match is not None):
        found, reason = (
            ("was found", ScenarioFailure.PATTERN_FOUND)
            if match is not None
            else ("was not found", ScenarioFailure.PATTERN_NOT_FOUND)
        )
        raise CallFailed(f"{action.pattern.pattern!r} {found} (line {action.line})", reason)
    groups = [] if match is None else [match[0], *match.groups("")]
    for place, target in enumerate(action.targets):
        if place < len(groups):
            fields.variables.set(target, groups[place])
        else:
            fields.variables.unset(target)


def _searched(action: Action, fields: CallFields) -> str | None:
    """What is searched; ``None`` if it is a header that is not there."""
    if action.search_in == "var":
        return text_of(fields.variables.get(action.variable, ""))
    if action.search_in == "body":
        return fields.last.partition("\r\n\r\n")[2]
    if action.search_in == "hdr":
        lines = header_lines(fields.last, action.header.strip().rstrip(":"))
        place = action.occurrence - 1
        return lines[place].partition(":")[2] if 0 <= place < len(lines) else None
    return fields.last
