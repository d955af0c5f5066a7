"""SIPp scenario files, read.

Written from SIPp's documentation and from files that are around.  No media, and no commands of the
operating system.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

import attrs

from ._actions import Action, check_pattern, read_actions
from ._keywords import Template, read_template
from ._pause import Pause, read_pause
from ._scenario import Scenario, Step, StepKind, Unsupported
from ._xml import Element, ScenarioError, parse_elements

__all__ = ["load_sipp_scenario"]

_EVERYWHERE = {
    "next", "test", "chance", "condexec", "condexec_inverse", "crlf", "rtd", "start_rtd",
    "repeat_rtd", "counter", "hide", "display", "start_txn", "ack_txn", "response_txn", "ignoresdp",
}  # fmt: skip
_ATTRIBUTES = {
    "send": {"retrans", "lost"},
    "recv": {
        "request", "response", "optional", "timeout", "ontimeout", "auth", "rrs", "lost",
        "regexp_match", "action",
    },
    "pause": {"milliseconds", "variable", "distribution", "value", "min", "max", "mean", "stdev",
              "lambda", "k", "x_m", "theta", "p", "n", "sanity_check"},
    "timewait": {"milliseconds"},
    "nop": set(),
    "label": {"id"},
    "sendCmd": {"dest"},
    "recvCmd": {"src", "timeout", "ontimeout"},
    "init": set(),
    "Global": {"variables"},
    "User": {"variables"},
    "Reference": {"variables"},
    "ResponseTimeRepartition": {"value"},
    "CallLengthRepartition": {"value"},
}  # fmt: skip
_TRUE = {"true", "1", "yes"}


def load_sipp_scenario(text: str | bytes, keys: Collection[str] = ()) -> Scenario:
    """Read a SIPp scenario.

    Args:
      text: what is in the file.  Bytes are decoded as its XML declaration says.
      keys: the keywords that `run_sipp_scenario` will be given a meaning of, as by SIPp's ``-key``.

    Raises:
      ScenarioError: it is not XML, not a scenario, or jumps to a label that is not there.
    """
    root = parse_elements(text)
    if root.tag != "scenario":
        raise ScenarioError(
            f"line {root.line}: a scenario begins with <scenario>, not <{root.tag}>"
        )
    reader = _Reader(keys)
    for element in root.children:
        reader.read(element)
    return reader.scenario(root.attributes.get("name", ""))


class _Reader:
    def __init__(self, keys: Collection[str]) -> None:
        self._keys = keys
        self._steps: list[Step] = []
        self._labels: dict[str, int] = {}
        self._methods: frozenset[str] | None = frozenset()
        """Of the requests so far; ``None``: of one it is known only when it is sent."""

        self._unsupported: list[Unsupported] = []
        self._beginning: Scenario | None = None
        self._names: dict[str, set[str]] = {"Global": set(), "User": set(), "Reference": set()}
        self._bounds: dict[str, tuple[float, ...]] = {}

    def read(self, element: Element) -> None:
        tag, given = element.tag, element.attributes
        if tag not in _ATTRIBUTES:
            self._refuse(element.line, f"<{tag}>")
            return
        for name in given.keys() - _ATTRIBUTES[tag] - _EVERYWHERE:
            self._refuse(element.line, f"<{tag} {name}=…>")
        match tag:
            case "label":
                self._labels[given.get("id", "")] = len(self._steps)
            case "Global" | "User" | "Reference":
                names = given.get("variables", "").split(",")
                self._names[tag] |= {name.strip() for name in names}
            case "ResponseTimeRepartition" | "CallLengthRepartition":
                self._bounds[tag] = self._read_bounds(element)
            case "init":
                self._read_beginning(element)
            case _:
                self._steps.append(self._read_step(element))

    def _read_step(self, element: Element) -> Step:
        match element.tag:
            case "send":
                return self._send(element)
            case "recv":
                return self._recv(element)
            case "sendCmd":
                return self._send_command(element)
            case "recvCmd":
                return self._receive_command(element)
            case "nop":
                return self._step(element, StepKind.NOP)
        return self._step(element, StepKind.PAUSE, pause=self._pause(element))

    def scenario(self, name: str) -> Scenario:
        self._check_labels()
        return Scenario(
            name=name,
            steps=tuple(self._steps),
            labels=self._labels,
            unsupported=tuple(sorted(self._unsupported, key=lambda one: one.line)),
            beginning=self._beginning,
            shared_variables=frozenset(self._names["Global"]),
            user_variables=frozenset(self._names["User"]),
            response_bounds=self._bounds.get("ResponseTimeRepartition", ()),
            length_bounds=self._bounds.get("CallLengthRepartition", ()),
        )

    def _read_beginning(self, element: Element) -> None:
        reader = _Reader(self._keys)
        for child in element.children:
            if child.tag in {"nop", "label"}:
                reader.read(child)
            else:
                self._refuse(child.line, f"<{child.tag}> in <init>")
        self._beginning = reader.scenario("init")
        self._unsupported += self._beginning.unsupported

    def _read_bounds(self, element: Element) -> tuple[float, ...]:
        bounds = [one.strip() for one in element.attributes.get("value", "").split(",")]
        if not all(one.isascii() and one.isdigit() and len(one) < 10 for one in bounds):
            self._refuse(element.line, f"<{element.tag}>: want numbers")
            return ()
        return tuple(int(one) / 1000 for one in bounds)

    def _check_labels(self) -> None:
        for step in self._steps:
            jumps = [action.label for action in step.actions]
            # A jump may also go to a step by its number.
            jumps = [one for one in jumps if one is not None and not one.strip().isdigit()]
            for label in (step.next, step.on_timeout, *jumps):
                if label is not None and label not in self._labels:
                    raise ScenarioError(f"line {step.line}: there is no label {label}")

    def _refuse(self, line: int, what: str) -> None:
        self._unsupported.append(Unsupported(line, what))

    # object: the keywords of Step, whose types attrs itself does not check either.
    def _step(self, element: Element, kind: StepKind, **more: object) -> Step:
        given = element.attributes
        actions: list[Action] = []
        for child in element.children:
            if child.tag == "action":
                found, refused = read_actions(child, self._keys)
                actions += found
                self._refuse_all(refused)
            else:
                self._refuse(child.line, f"<{child.tag}> in <{element.tag}>")
        step = Step(
            kind=kind,
            line=element.line,
            actions=tuple(actions),
            next=given.get("next"),
            test=given.get("test"),
            chance=self._number(element, "chance", 1.0),
            condition=given.get("condexec"),
            inverse=_is_true(given.get("condexec_inverse")),
            start_rtd=given.get("start_rtd"),
            rtd=given.get("rtd"),
            repeat_rtd=_is_true(given.get("repeat_rtd")),
            counter=given.get("counter"),
            lost=self._number(element, "lost", 0.0) / 100 if "lost" in given else None,
        )
        return attrs.evolve(step, **more) if more else step  # type: ignore[arg-type]  # see above

    def _refuse_all(self, refused: Iterable[tuple[int, str]]) -> None:
        for line, what in refused:
            self._refuse(line, what)

    def _send(self, element: Element) -> Step:
        template, refused = read_template(element.text, element.text_line, self._keys)
        self._refuse_all(refused)
        retrans = self._number(element, "retrans", 0.0) / 1000 or None
        given = element.attributes
        if not given.keys() & {"start_txn", "ack_txn"}:
            self._note_method(template)
        return self._step(
            element,
            StepKind.SEND,
            template=template,
            retrans=retrans,
            begins=given.get("start_txn"),
        )

    def _note_method(self, template: Template) -> None:
        if template.pieces and not isinstance(template.pieces[0], str):
            self._methods = None
        elif self._methods is not None and template.method is not None:
            self._methods |= {template.method}

    def _recv(self, element: Element) -> Step:
        given = element.attributes
        request, response = given.get("request"), given.get("response")
        if (request is None) == (response is None):
            raise ScenarioError(f"line {element.line}: <recv> wants a request or a response")
        if _is_true(given.get("regexp_match")):
            check_pattern(request or response or "", element.line)
        timeout = self._number(element, "timeout", 0.0) / 1000 or None
        return self._step(
            element,
            StepKind.RECV,
            request=request,
            response=response,
            answers=given.get("response_txn"),
            # SIPp takes any response for the first step of a file.
            methods=self._methods if self._steps else None,
            optional=given.get("optional", "false").lower() in {*_TRUE, "global"},
            is_global=given.get("optional", "").lower() == "global",
            timeout=timeout,
            on_timeout=given.get("ontimeout"),
            auth=_is_true(given.get("auth")),
            record_routes=_is_true(given.get("rrs")),
            is_pattern=_is_true(given.get("regexp_match")),
        )

    def _send_command(self, element: Element) -> Step:
        template, refused = read_template(element.text, element.text_line, self._keys)
        self._refuse_all(refused)
        twin = element.attributes.get("dest", "")
        return self._step(element, StepKind.SEND_COMMAND, template=template, twin=twin)

    def _receive_command(self, element: Element) -> Step:
        given = element.attributes
        return self._step(
            element,
            StepKind.RECEIVE_COMMAND,
            twin=given.get("src", ""),
            timeout=self._number(element, "timeout", 0.0) / 1000 or None,
            on_timeout=given.get("ontimeout"),
        )

    def _pause(self, element: Element) -> Pause:
        pause, what = read_pause(element.attributes)
        if what is not None:
            self._refuse(element.line, f"<{element.tag} {what}>")
        return pause

    def _number(self, element: Element, name: str, default: float) -> float:
        text = element.attributes.get(name)
        if text is None:
            return default
        if re.fullmatch(r"\s*[0-9]{1,12}(\.[0-9]{1,9})?\s*", text) is None:
            self._refuse(element.line, f'<{element.tag} {name}="{text}">: want a number')
            return default
        return float(text)


def _is_true(text: str | None) -> bool:
    return text is not None and text.lower() in _TRUE
