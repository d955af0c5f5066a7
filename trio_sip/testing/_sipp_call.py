"""One call of a scenario: step after step, with retransmissions on both sides."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable

import trio

from trio_sip.transport import Address

from ._sipp_fields import CallFailed, CallFields, header_lines
from ._sipp_goodbye import goodbye
from ._sipp_port import ScenarioPort
from ._sipp_scenario import Scenario, Step, StepKind
from ._wire import Label

__all__ = ["ScenarioCall", "call_id_of"]

# SIPp's limits: a call is given up after so many repetitions.
_INVITE_REPETITIONS = 5
_OTHER_REPETITIONS = 10
_T2 = 4.0
_QUEUE = 100


class ScenarioCall:
    """A call.  `deliver` gives it its messages, `run` goes through the steps."""

    def __init__(
        self,
        scenario: Scenario,
        fields: CallFields,
        port: ScenarioPort,
        dice: random.Random,
        default_pause: float,
        record: Callable[[bytes, Address, bool], None],
        *,
        retransmits: bool = True,
    ) -> None:
        self.fields = fields
        self.response_times: list[tuple[str, float]] = []
        self.retransmissions = 0
        self._scenario = scenario
        self._port = port
        self._dice = dice
        self._default_pause = default_pause
        self._record = record
        self._retransmits = retransmits
        self._inbox = trio.open_memory_channel[tuple[bytes, Address]](_QUEUE)
        self._sent = b""
        self._history: list[bytes] = []
        self._interval = 0.0
        self._repetitions = 0
        self._repeat_at = math.inf
        # What was sent after each message that came, for when that comes again.
        self._answers: dict[bytes, list[bytes]] = {}
        self._latest: list[bytes] | None = None
        self._started: dict[str, float] = {}
        self._has_ended = False

    def deliver(self, data: bytes, source: Address) -> None:
        """Hand it a message of its own.  When it has ended, it answers what comes again."""
        if self._has_ended:
            if self._retransmits and data in self._answers:
                self._answer_again(data)
            return
        try:
            self._inbox[0].send_nowait((data, source))
        except trio.WouldBlock:
            # Too many, like a full socket buffer.
            return

    async def run(self) -> None:
        """Go through the scenario.  A call that fails is ended with CANCEL or BYE.

        Raises:
          CallFailed: it did not go as written; the text says what came instead.
        """
        try:
            await self._run()
        except CallFailed:
            for data in goodbye(self._history, self._answers):
                self._transmit(data)
            raise

    async def _run(self) -> None:
        index = 0
        steps = self._scenario.steps
        while index < len(steps) and self.fields.stop is None:
            step = steps[index]
            if step.condition is None or self.fields.is_set(step.condition) != step.inverse:
                index = await self._do(step, index)
            else:
                index += 1
        self._has_ended = True
        await trio.lowlevel.checkpoint()

    async def _do(self, step: Step, index: int) -> int:
        self.fields.now = trio.current_time()
        jump: str | None = None
        if step.kind is StepKind.RECV:
            return await self._receive(index)
        if step.kind is StepKind.SEND:
            self._send(step, index)
        elif step.kind is StepKind.PAUSE:
            await self._pause(self._duration(step))
        jump = self._act(step)
        return self._after(step, index, jump)

    def _act(self, step: Step) -> str | None:
        now = trio.current_time()
        if step.start_rtd is not None:
            self._started[_timer(step.start_rtd)] = now
        if step.rtd is not None:
            name = _timer(step.rtd)
            self.response_times.append((name, now - self._started.get(name, self._began)))
        jump: str | None = None
        for action in step.actions:
            jump = self.fields.act(action) or jump
        return jump

    @property
    def _began(self) -> float:
        return self._started.setdefault("call", trio.current_time())

    def _after(self, step: Step, index: int, jump: str | None) -> int:
        label = jump
        if label is None and step.next is not None:
            counts = step.test is None or self.fields.is_set(step.test)
            if counts and (step.chance >= 1 or self._dice.random() < step.chance):
                label = step.next
        return index + 1 if label is None else self._scenario.labels[label]

    # -- sending

    def _send(self, step: Step, index: int) -> None:
        assert step.template is not None
        _ = self._began
        data = self.fields.message(step.template, index).encode("utf-8", "surrogateescape")
        self._history.append(data)
        if self._latest is not None:
            self._latest.append(data)
        self._sent, self._repetitions = data, 0
        self._repeat_at = math.inf
        if step.retrans is not None and self._retransmits and not self._port.is_reliable:
            self._interval = step.retrans
            self._repeat_at = trio.current_time() + step.retrans
        if self._dice.random() >= step.lost:
            self._transmit(data)

    def _transmit(self, data: bytes) -> None:
        self._record(data, self.fields.remote, True)
        self._port.send(data, self.fields.remote)

    def _repeat(self) -> None:
        label = Label.of(self._sent)
        is_invite = label.status is None and label.method == "INVITE"
        self._repetitions += 1
        if self._repetitions > (_INVITE_REPETITIONS if is_invite else _OTHER_REPETITIONS):
            raise CallFailed(
                f"{label.text} was sent {self._repetitions} times, and nothing came of it"
            )
        self.retransmissions += 1
        self._interval *= 2
        if not is_invite:
            self._interval = min(self._interval, _T2)
        self._repeat_at = trio.current_time() + self._interval
        self._transmit(self._sent)

    # -- waiting

    async def _next(self, deadline: float) -> tuple[str, Address] | None:
        """The next message that has not come before; ``None`` at the deadline."""
        while True:
            with trio.CancelScope(deadline=min(deadline, self._repeat_at)) as scope:
                data, source = await self._inbox[1].receive()
            if scope.cancelled_caught:
                if trio.current_time() >= deadline:
                    return None
                self._repeat()
            elif self._retransmits and data in self._answers:
                self._answer_again(data)
            else:
                self._latest = self._answers[data] = []
                self._repeat_at = math.inf
                return data.decode("utf-8", "surrogateescape"), source

    def _answer_again(self, data: bytes) -> None:
        answers = self._answers[data]
        if not answers:
            return
        self.retransmissions += 1
        # A request is owed its latest response, a response whatever followed it, an ACK mostly.
        self._transmit(answers[0] if data.startswith(b"SIP/2.0") else answers[-1])

    async def _pause(self, duration: float) -> None:
        deadline = trio.current_time() + duration
        while True:
            came = await self._next(deadline)
            if came is None:
                return
            raise CallFailed(f"{_word(came[0])} came during a pause")

    def _duration(self, step: Step) -> float:
        pause, dice = step.pause, self._dice
        match pause.kind:
            case "fixed":
                return pause.first
            case "uniform":
                return dice.uniform(pause.first, pause.second)
            case "normal":
                return max(dice.gauss(pause.first, pause.second), 0.0)
            case "exponential":
                return dice.expovariate(1 / pause.first) if pause.first > 0 else 0.0
            case "variable":
                value = self.fields.variables.get(pause.variable, 0.0)
                return max(float(value), 0.0) / 1000 if isinstance(value, float) else 0.0
        return self._default_pause

    # -- receiving

    async def _receive(self, index: int) -> int:
        """Wait for what stands at *index* or, while that is optional, behind it."""
        window = self._window(index)
        if self._scenario.steps[window[-1]].optional:
            # Nothing has to come; what may come is not waited for.
            return window[-1] + 1
        timeouts = [self._scenario.steps[place] for place in window]
        timed = next((step for step in timeouts if step.timeout is not None), None)
        deadline = math.inf
        if timed is not None and timed.timeout is not None:
            deadline = trio.current_time() + timed.timeout
        while True:
            came = await self._next(deadline)
            if came is None:
                assert timed is not None
                if timed.on_timeout is not None:
                    return self._scenario.labels[timed.on_timeout]
                raise CallFailed(f"{timed.words} did not come within {timed.timeout:g} s")
            place = self._take(window, *came)
            if place is not None:
                return place

    def _window(self, index: int) -> list[int]:
        steps = self._scenario.steps
        window = []
        for place in range(index, len(steps)):
            if steps[place].kind is not StepKind.RECV:
                break
            window.append(place)
            if not steps[place].optional:
                break
        return window

    def _take(self, window: list[int], text: str, source: Address) -> int | None:
        """Where to go on; ``None`` to keep waiting."""
        for place in window:
            step = self._scenario.steps[place]
            if not _fits(step, text):
                continue
            if not text.startswith("SIP/2.0 "):
                # Answers go where the request came from.
                self.fields.remote = source
            self.fields.took(text, auth=step.auth, record_routes=step.record_routes)
            jump = self._act(step)
            after = self._after(step, place, jump)
            return None if step.optional and after == place + 1 else after
        expected = " or ".join(self._scenario.steps[place].words for place in window)
        raise CallFailed(f"{_word(text)} came instead of {expected}")


def _fits(step: Step, text: str) -> bool:
    line = text.split("\r\n", 1)[0].split(" ", 2)
    if step.request is not None:
        return line[0] != "SIP/2.0" and _equal(step, step.request, line[0])
    is_response = line[0] == "SIP/2.0" and len(line) > 1
    return is_response and _equal(step, step.response or "", line[1])


def _equal(step: Step, expected: str, came: str) -> bool:
    if step.is_pattern:
        return re.fullmatch(expected, came) is not None
    return expected == came


def _word(text: str) -> str:
    return Label.of(text.encode("utf-8", "surrogateescape")).text


def _timer(name: str) -> str:
    return "1" if name.lower() == "true" else name


def call_id_of(text: str) -> str:
    """Which call a message belongs to."""
    lines = header_lines(text, "Call-ID")
    return lines[0].partition(":")[2].strip() if lines else ""
