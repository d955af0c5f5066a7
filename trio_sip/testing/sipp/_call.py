"""One call of a scenario: step after step."""

from __future__ import annotations

import math
import re

import trio

from trio_sip.testing.recordings import Label
from trio_sip.transport import Address

from ._acting import act
from ._actions import Action, ActionKind, Stop
from ._exchange import Exchange, Incoming
from ._failure import CallFailed, ScenarioFailure
from ._fields import CallFields
from ._goodbye import goodbye
from ._headers import branch_of, cseq_method_of
from ._pause import Distribution
from ._port import ScenarioPort
from ._rules import DefaultBehaviour, ScenarioRules, automatic_answer
from ._scenario import Scenario, Step, StepKind
from ._tally import Tally
from ._twin import Twin
from ._variables import number_of

__all__ = ["ScenarioCall"]

# A scenario that has these is told of what it does not expect.
_UNEXPECTED = "_unexp.main"
_RETURN = "_unexp.retaddr"


class ScenarioCall:
    """A call.  `deliver` gives it its messages, `run` goes through the steps."""

    def __init__(
        self,
        scenario: Scenario,
        fields: CallFields,
        exchange: Exchange,
        rules: ScenarioRules,
        tally: Tally,
        twin: Twin | None,
    ) -> None:
        self.fields = fields
        self.began = trio.current_time()
        self.has_ended = False
        self._scenario = scenario
        self._exchange = exchange
        self._rules = rules
        self._tally = tally
        self._twin = twin
        self._started: dict[str, float] = {}
        self._branches: dict[str, str] = {}
        """Of the transactions that have names."""
        self._was_ended = False

    def deliver(self, data: bytes, source: Address | None) -> None:
        """Hand it a message of its own.  When it has ended, it answers what comes again."""
        if self.has_ended:
            self._exchange.answer_again(data)
        else:
            self._exchange.deliver(data, source)

    def uses(self, port: ScenarioPort, remote: Address) -> bool:
        """Whether that is where its messages go."""
        return self._exchange.port is port and self.fields.remote == remote

    async def run(self) -> None:
        """Go through the scenario.  A call that fails is ended with CANCEL or BYE.

        Raises:
          CallFailed: it did not go as written; the text says what came instead.
        """
        await trio.lowlevel.checkpoint()
        try:
            await self._run()
        except CallFailed:
            if DefaultBehaviour.GOODBYE in self._rules.defaults and not self._was_ended:
                for data in goodbye(self._exchange.history, self._exchange.came):
                    self._exchange.transmit(data, self.fields.remote)
            raise
        finally:
            self.has_ended = True

    async def _run(self) -> None:
        index, fields = 0, self.fields
        steps = self._scenario.steps
        while index < len(steps) and fields.stop not in {Stop.CALL, Stop.NOW}:
            step = steps[index]
            if step.condition is None or fields.variables.is_set(step.condition) != step.inverse:
                index = await self._do(step, index)
            else:
                index += 1

    async def _do(self, step: Step, index: int) -> int:
        fields = self.fields
        fields.now = trio.current_time()
        if step.kind is StepKind.RECV:
            return await self._receive(index)
        if step.kind is StepKind.RECEIVE_COMMAND:
            return await self._receive_command(step, index)
        if step.kind is StepKind.SEND:
            self._send(step, index)
        else:
            self._tally.steps[index].count += 1
        if step.kind is StepKind.SEND_COMMAND:
            await self._send_command(step, index)
        elif step.kind is StepKind.PAUSE:
            after = await self._pause(self._duration(step), index)
            if after is not None:
                return after
        return self._after(step, index, await self._act(step))

    async def _act(self, step: Step) -> str | None:
        now = trio.current_time()
        self.fields.now = now
        if step.counter is not None:
            self._tally.counters[step.counter] += 1
        if step.rtd is not None:
            name = _timer(step.rtd)
            started = self._started.get(name, self.began)
            if started < math.inf:
                self._tally.respond(name, now - started)
            if not step.repeat_rtd:
                self._started[name] = math.inf
        if step.start_rtd is not None:
            self._started[_timer(step.start_rtd)] = now
        jump: str | None = None
        for action in step.actions:
            if action.kind is ActionKind.SET_DESTINATION:
                await self._set_destination(action)
            elif action.kind is ActionKind.CLOSE_CONNECTION:
                self._exchange.port.close_connection(self.fields.remote)
            else:
                jump = act(action, self.fields) or jump
        return jump

    async def _set_destination(self, action: Action) -> None:
        host, port, protocol = (
            self.fields.line(action.more.get(name)).strip() for name in ("host", "port", "protocol")
        )
        transport = self._exchange.port.transport
        if protocol and protocol.upper() != transport:
            words = f"line {action.line}: cannot change from {transport} to {protocol}"
            raise CallFailed(words, ScenarioFailure.REJECTED)
        try:
            number = int(number_of(port)) or 5060
            where = await self.fields.settings.network.resolve(host.strip("[]"), number, transport)
            self.fields.remote = Address(where[0].host, number)
        except (OSError, ValueError, IndexError):
            words = f"line {action.line}: there is no {host}:{port}"
            raise CallFailed(words, ScenarioFailure.REJECTED) from None

    def _after(self, step: Step, index: int, jump: str | None) -> int:
        label = jump
        if label is None and step.next is not None:
            counts = step.test is None or self.fields.variables.is_set(step.test)
            if counts and (step.chance >= 1 or self.fields.dice.random() < step.chance):
                label = step.next
        return index + 1 if label is None else self._place(label)

    def _place(self, label: str) -> int:
        """Where a label stands; a jump may give the number of a step as well."""
        place = self._scenario.labels.get(label)
        return max(int(number_of(label)), 0) if place is None else place

    # -- sending

    def _send(self, step: Step, index: int) -> None:
        assert step.template is not None
        fields = self.fields
        text = fields.message(step.template, index)
        if step.begins is not None:
            self._branches[step.begins] = branch_of(text)
        data = text.encode("utf-8", "surrogateescape")
        tally = self._tally.steps[index]
        lost = self._is_lost(step)
        self._exchange.send(data, fields.remote, tally, step.retrans, lost=lost)

    def _is_lost(self, step: Step) -> bool:
        chance = self._rules.loss if step.lost is None else step.lost
        return chance > 0 and self.fields.dice.random() < chance

    async def _send_command(self, step: Step, index: int) -> None:
        assert self._twin is not None
        self.fields.index = index
        text = self.fields.line(step.template) + "\r\n"
        try:
            await self._twin.send(text, step.twin)
        except (OSError, trio.ClosedResourceError, trio.BrokenResourceError, KeyError):
            words = f"the command of line {step.line} could not be sent"
            raise CallFailed(words, ScenarioFailure.COMMAND_NOT_SENT) from None

    # -- waiting

    async def _pause(self, duration: float, index: int) -> int | None:
        deadline = trio.current_time() + duration
        while (came := await self._exchange.next(deadline)) is not None:
            after = await self._unexpected(came, index, "a pause")
            if after is not None:
                return after
        return None

    def _duration(self, step: Step) -> float:
        pause = step.pause
        if pause.distribution is Distribution.DEFAULT:
            return self._rules.pause
        if pause.distribution is Distribution.VARIABLE:
            return max(self.fields.variables.number(pause.variable), 0.0) / 1000
        return pause.seconds(self.fields.dice)

    # -- receiving

    async def _receive(self, index: int) -> int:
        """Wait for what stands at *index* or, while that is optional, behind it."""
        window = self._window(index)
        if self._scenario.steps[window[-1]].optional:
            # Nothing has to come; what may come is not waited for.
            return window[-1] + 1
        places = (place for place in window if self._scenario.steps[place].timeout is not None)
        timed = next(places, window[-1])
        deadline = self._deadline(self._scenario.steps[timed])
        while True:
            came = await self._exchange.next(deadline)
            if came is None:
                return self._late(timed)
            place = await self._take(window, came)
            if place is not None:
                return place

    async def _receive_command(self, step: Step, index: int) -> int:
        deadline = self._deadline(step)
        while True:
            came = await self._exchange.next(deadline, command_of=step.twin)
            if came is None:
                return self._late(index)
            if came.source is None:
                self._tally.steps[index].count += 1
                self.fields.last = came.text
                return self._after(step, index, await self._act(step))
            after = await self._unexpected(came, index, step.words)
            if after is not None:
                return after

    def _deadline(self, step: Step) -> float:
        timeout = self._rules.receive_timeout if step.timeout is None else step.timeout
        return trio.current_time() + timeout

    def _late(self, index: int) -> int:
        step = self._scenario.steps[index]
        self._tally.steps[index].timeouts += 1
        if step.on_timeout is not None:
            return self._place(step.on_timeout)
        timeout = self._rules.receive_timeout if step.timeout is None else step.timeout
        words = f"{step.words} did not come within {timeout:g} s"
        raise CallFailed(words, ScenarioFailure.TIMEOUT)

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

    async def _take(self, window: list[int], came: Incoming) -> int | None:
        """Where to go on; ``None`` to keep waiting."""
        for place in window:
            step = self._scenario.steps[place]
            if not self._fits(step, came.text):
                continue
            if self._is_lost(step):
                self._exchange.forget(came.text)
                return None
            after = await self._took(step, place, came)
            return None if step.optional and after == place + 1 else after
        expected = " or ".join(self._scenario.steps[place].words for place in window)
        return await self._unexpected(came, window[-1], expected)

    def _fits(self, step: Step, text: str) -> bool:
        if step.answers is not None and self._branches.get(step.answers) != branch_of(text):
            return False
        return _fits(step, text) and _is_asked_for(step, text)

    async def _took(self, step: Step, place: int, came: Incoming) -> int:
        self._tally.steps[place].count += 1
        if not came.text.startswith("SIP/2.0 ") and came.source is not None:
            # Answers go where the request came from.
            self.fields.remote = came.source
        self.fields.took(came.text, auth=step.auth, record_routes=step.record_routes)
        return self._after(step, place, await self._act(step))

    async def _unexpected(self, came: Incoming, index: int, expected: str) -> int | None:
        """Where to go on after what the scenario has not at this place; ``None``: as before."""
        for place, step in enumerate(self._scenario.steps[:index]):
            if step.is_global and self._fits(step, came.text):
                after = await self._took(step, place, came)
                return None if after == place + 1 else after
        method = "" if came.text.startswith("SIP/2.0 ") else came.text.partition(" ")[0]
        rules, tally = self._rules, self._tally
        if rules.answers(method):
            tally.auto_answered += 1
            self._answer(came)
            return None
        tally.steps[index].unexpected += 1
        if _UNEXPECTED in self._scenario.labels:
            self.fields.variables.set(_RETURN, float(index))
            self.fields.took(came.text, auth=False, record_routes=False)
            return self._scenario.labels[_UNEXPECTED]
        if DefaultBehaviour.ABORT not in rules.defaults:
            return None
        if rules.ends_call(method):
            self._was_ended = True
            self._answer(came)
        word = Label.of(came.text.encode("utf-8", "surrogateescape")).text
        between = "during" if expected == "a pause" else "instead of"
        raise CallFailed(f"{word} came {between} {expected}")

    def _answer(self, came: Incoming) -> None:
        assert came.source is not None
        self._exchange.transmit(automatic_answer(came.text), came.source)


def _fits(step: Step, text: str) -> bool:
    line = text.split("\r\n", 1)[0].split(" ", 2)
    if step.request is not None:
        return line[0] != "SIP/2.0" and _equal(step, step.request, line[0])
    is_response = line[0] == "SIP/2.0" and len(line) > 1
    return is_response and _equal(step, step.response or "", line[1])


def _is_asked_for(step: Step, text: str) -> bool:
    if step.response is None or step.answers is not None or step.methods is None:
        return True
    method = cseq_method_of(text)
    return not method or method in step.methods


def _equal(step: Step, expected: str, came: str) -> bool:
    if step.is_pattern:
        return re.fullmatch(expected, came) is not None
    return expected == came


def _timer(name: str) -> str:
    return "1" if name.lower() == "true" else name
