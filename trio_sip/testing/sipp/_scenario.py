"""Scenarios: the steps of a call, and what of a file cannot be done here."""

from __future__ import annotations

import enum

import attrs

from ._actions import Action
from ._keywords import Template
from ._pause import Pause

__all__ = ["Scenario", "Step", "StepKind", "Unsupported"]


class StepKind(enum.Enum):
    """What a step does."""

    SEND = "send"
    RECV = "recv"
    PAUSE = "pause"
    NOP = "nop"
    SEND_COMMAND = "sendCmd"
    RECEIVE_COMMAND = "recvCmd"


@attrs.frozen
class Unsupported:
    """Something in a scenario file that cannot be done here."""

    line: int
    what: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.what}"


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
    repeat_rtd: bool = False
    """Whether `rtd` may count once more in the same call."""

    counter: str | None = None
    lost: float | None = None
    """How likely it is that the message is lost on purpose; ``None``: as for all messages."""

    # Of a send.
    template: Template | None = None
    retrans: float | None = None
    """Seconds until it is sent again for the first time."""

    begins: str | None = None
    """The name of the transaction that it begins, for responses to be told apart."""

    # Of a recv.
    request: str | None = None
    response: str | None = None
    answers: str | None = None
    """The name of the transaction that the response must belong to."""

    methods: frozenset[str] | None = None
    """What the response may answer if it says so: the requests that stand before it in the file,
    but those that have names.  ``None``: anything."""

    optional: bool = False
    is_global: bool = False
    """Whether it may come wherever the call is from then on."""

    timeout: float | None = None
    on_timeout: str | None = None
    auth: bool = False
    record_routes: bool = False
    is_pattern: bool = False
    # Of a pause.
    pause: Pause = attrs.field(factory=Pause)
    # Of a command to or from the other scenario.
    twin: str = ""
    """Its name, where there are several."""

    @property
    def label(self) -> str:
        """What it is, in a word: a method, a status, or its kind."""
        if self.kind is StepKind.RECV:
            return self.request or self.response or ""
        if self.template is None or self.kind is not StepKind.SEND:
            return str(self.kind.value)
        first = self.template.pieces[0] if self.template.pieces else ""
        words: list[str] = first.split(" ") if isinstance(first, str) else ["send"]
        return words[1] if words[0] == "SIP/2.0" and len(words) > 1 else words[0]

    @property
    def words(self) -> str:
        """What it is, for people."""
        if self.kind is StepKind.RECV:
            return f"{self.label} (line {self.line})"
        return f"{self.kind.value} (line {self.line})"


@attrs.frozen(kw_only=True)
class Scenario:
    """A scenario file."""

    name: str
    steps: tuple[Step, ...]
    labels: dict[str, int]
    """The step that each label stands before."""

    unsupported: tuple[Unsupported, ...]
    """What cannot be done here, in the order of lines.  Empty: the file runs as it is."""

    beginning: Scenario | None = None
    """What is done once, before the first call: ``<init>``."""

    shared_variables: frozenset[str] = frozenset()
    """The variables that are the same in all calls: ``<Global>``."""

    user_variables: frozenset[str] = frozenset()
    """The variables that are the same in all calls of one user: ``<User>``."""

    response_bounds: tuple[float, ...] = ()
    """Seconds: ``<ResponseTimeRepartition>``."""

    length_bounds: tuple[float, ...] = ()
    """Seconds: ``<CallLengthRepartition>``."""

    @property
    def is_server(self) -> bool:
        """Whether a call begins with a request that comes in."""
        first = self._first_exchange
        return first is not None and first.kind is StepKind.RECV and first.request is not None

    @property
    def is_commanded(self) -> bool:
        """Whether a call begins with a command of another scenario."""
        first = self._first_exchange
        return first is not None and first.kind is StepKind.RECEIVE_COMMAND

    @property
    def has_commands(self) -> bool:
        """Whether it needs another scenario to talk with."""
        return any(step.kind in _COMMANDS for step in self.steps)

    @property
    def commands_first(self) -> bool:
        """Whether the first command goes to the other scenario, and not from there."""
        first = next((step for step in self.steps if step.kind in _COMMANDS), None)
        return first is not None and first.kind is StepKind.SEND_COMMAND

    @property
    def _first_exchange(self) -> Step | None:
        silent = {StepKind.PAUSE, StepKind.NOP}
        steps = (step for step in self.steps if step.kind not in silent and not step.optional)
        return next(steps, None)


_COMMANDS = {StepKind.SEND_COMMAND, StepKind.RECEIVE_COMMAND}
