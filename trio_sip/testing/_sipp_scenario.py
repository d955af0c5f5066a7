"""SIPp scenario files, read: the steps of a call, and what of the file cannot be done here.

Written from SIPp's documentation and from files that are around.  No media, no 3PCC, no commands.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Collection, Iterable

import attrs

from ._sipp_actions import Action, read_actions
from ._sipp_keywords import Template, read_template
from ._sipp_xml import Element, ScenarioError, parse_elements

__all__ = ["Scenario", "Step", "StepKind", "Unsupported", "load_sipp_scenario"]

# They shape SIPp's statistics, which are not made here.
_IGNORED = {"ResponseTimeRepartition", "CallLengthRepartition", "Global", "User", "Reference"}
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
              "sanity_check"},
    "timewait": {"milliseconds"},
    "nop": set(),
    "label": {"id"},
}  # fmt: skip
_TRANSACTIONS = {"start_txn", "ack_txn", "response_txn"}
_TRUE = {"true", "1", "yes"}


class StepKind(enum.Enum):
    """What a step does."""

    SEND = "send"
    RECV = "recv"
    PAUSE = "pause"
    NOP = "nop"


@attrs.frozen
class Unsupported:
    """Something in a scenario file that cannot be done here."""

    line: int
    what: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.what}"


@attrs.frozen(kw_only=True)
class Pause:
    """How long a pause is, in seconds."""

    kind: str = "default"
    """``default``, ``fixed``, ``uniform``, ``normal``, ``exponential`` or ``variable``."""

    first: float = 0.0
    second: float = 0.0
    variable: str = ""


@attrs.frozen(kw_only=True)
class Step:
    """One step of a call."""

    kind: StepKind
    line: int
    actions: tuple[Action, ...] = ()
    next: str | None = None
    """The label to go on at."""

    test: str | None = None
    """The variable that must be set for `next` to count."""

    chance: float = 1.0
    """How likely it is that `next` counts."""

    condition: str | None = None
    """The variable that must be set, or must not, for the step to happen."""

    inverse: bool = False
    start_rtd: str | None = None
    rtd: str | None = None
    # Of a send.
    template: Template | None = None
    retrans: float | None = None
    """Seconds until it is sent again for the first time."""

    lost: float = 0.0
    """How likely it is that the message is lost on purpose."""

    # Of a recv.
    request: str | None = None
    response: str | None = None
    optional: bool = False
    timeout: float | None = None
    on_timeout: str | None = None
    auth: bool = False
    record_routes: bool = False
    is_pattern: bool = False
    # Of a pause.
    pause: Pause = Pause()

    @property
    def words(self) -> str:
        """What it is, for people."""
        if self.kind is StepKind.RECV:
            return f"{self.request or self.response} (line {self.line})"
        return f"{self.kind.value} (line {self.line})"


@attrs.frozen
class Scenario:
    """A scenario file."""

    name: str
    steps: tuple[Step, ...]
    labels: dict[str, int]
    """The step that each label stands before."""

    unsupported: tuple[Unsupported, ...]
    """What cannot be done here, in the order of lines.  Empty: the file runs as it is."""

    @property
    def is_server(self) -> bool:
        """Whether a call begins with a request that comes in."""
        for step in self.steps:
            if step.kind is StepKind.SEND:
                return False
            if step.kind is StepKind.RECV and not step.optional:
                return step.request is not None
        return False


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
    reader.check_labels()
    unsupported = sorted(reader.unsupported, key=lambda one: one.line)
    name = root.attributes.get("name", "")
    return Scenario(name, tuple(reader.steps), reader.labels, tuple(unsupported))


class _Reader:
    def __init__(self, keys: Collection[str]) -> None:
        self._keys = keys
        self.steps: list[Step] = []
        self.labels: dict[str, int] = {}
        self.unsupported: list[Unsupported] = []

    def read(self, element: Element) -> None:
        tag, given = element.tag, element.attributes
        if tag in _IGNORED:
            return
        if tag not in _ATTRIBUTES:
            self._refuse(element.line, f"<{tag}>")
            return
        for name in given.keys() - _ATTRIBUTES[tag] - _EVERYWHERE:
            self._refuse(element.line, f"<{tag} {name}=…>")
        for name in given.keys() & _TRANSACTIONS:
            self._refuse(element.line, f"<{tag} {name}=…>: transactions by name")
        if tag == "label":
            self.labels[given.get("id", "")] = len(self.steps)
        elif tag == "send":
            self.steps.append(self._send(element))
        elif tag == "recv":
            self.steps.append(self._recv(element))
        elif tag == "nop":
            self.steps.append(self._step(element, StepKind.NOP))
        else:
            self.steps.append(self._step(element, StepKind.PAUSE, pause=self._pause(element)))

    def check_labels(self) -> None:
        for step in self.steps:
            jumps = [action.label for action in step.actions]
            for label in (step.next, step.on_timeout, *jumps):
                if label is not None and label not in self.labels:
                    raise ScenarioError(f"line {step.line}: there is no label {label}")

    def _refuse(self, line: int, what: str) -> None:
        self.unsupported.append(Unsupported(line, what))

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
            lost=self._number(element, "lost", 0.0) / 100,
        )
        return attrs.evolve(step, **more) if more else step  # type: ignore[arg-type]  # see above

    def _refuse_all(self, refused: Iterable[tuple[int, str]]) -> None:
        for line, what in refused:
            self._refuse(line, what)

    def _send(self, element: Element) -> Step:
        template, refused = read_template(element.text, element.text_line, self._keys)
        self._refuse_all(refused)
        retrans = self._number(element, "retrans", 0.0) / 1000 or None
        return self._step(element, StepKind.SEND, template=template, retrans=retrans)

    def _recv(self, element: Element) -> Step:
        given = element.attributes
        request, response = given.get("request"), given.get("response")
        if (request is None) == (response is None):
            raise ScenarioError(f"line {element.line}: <recv> wants a request or a response")
        timeout = self._number(element, "timeout", 0.0) / 1000 or None
        return self._step(
            element,
            StepKind.RECV,
            request=request,
            response=response,
            optional=given.get("optional", "false").lower() in {*_TRUE, "global"},
            timeout=timeout,
            on_timeout=given.get("ontimeout"),
            auth=_is_true(given.get("auth")),
            record_routes=_is_true(given.get("rrs")),
            is_pattern=_is_true(given.get("regexp_match")),
        )

    def _pause(self, element: Element) -> Pause:
        given = element.attributes
        if "milliseconds" in given:
            return Pause(kind="fixed", first=self._number(element, "milliseconds", 0.0) / 1000)
        if "variable" in given:
            return Pause(kind="variable", variable=given["variable"])
        kind = given.get("distribution", "default")
        names = {
            "default": (),
            "fixed": ("value",),
            "uniform": ("min", "max"),
            "normal": ("mean", "stdev"),
            "exponential": ("mean",),
        }.get(kind)
        if names is None:
            self._refuse(element.line, f'<pause distribution="{kind}">')
            return Pause()
        values = [self._number(element, name, 0.0) / 1000 for name in names] + [0.0, 0.0]
        return Pause(kind=kind, first=values[0], second=values[1])

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
