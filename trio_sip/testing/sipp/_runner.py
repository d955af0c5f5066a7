"""The calls of a run: begun in time, given their messages, and counted."""

from __future__ import annotations

import contextlib
import itertools
import math
import random
from collections import deque

import trio

from trio_sip.testing.recordings import Wire
from trio_sip.transport import Address

from ._actions import Stop
from ._call import ScenarioCall
from ._exchange import Exchange
from ._failure import CallFailed, ScenarioFailure
from ._fields import CallFields, CallSettings
from ._headers import call_id_of
from ._pace import Pace, ScenarioPlan
from ._port import NoPort, ScenarioPort
from ._rules import ScenarioRules, automatic_answer
from ._scenario import Scenario
from ._sockets import Sockets
from ._tally import Tally
from ._twin import Twin
from ._variables import Value, Variables

__all__ = ["Runner"]

# How long messages still find a call that has ended; SIPp's ``-deadcall_wait``.
_REMEMBERED = 33.0


class Runner:
    """Runs a scenario."""

    def __init__(
        self,
        scenario: Scenario,
        settings: CallSettings,
        rules: ScenarioRules,
        plan: ScenarioPlan,
        sockets: Sockets,
        twin: Twin | None,
        *,
        calls: int | None,
        seed: int,
        keeps_wires: bool,
    ) -> None:
        variables = settings.given.variables
        self.tally = Tally(scenario, trio.current_time())
        self.failures: list[str] = []
        self.log: list[str] = []
        self.wires: list[Wire] = []
        self._scenario = scenario
        self._settings = settings
        self._rules = rules
        self._plan = plan
        self._sockets = sockets
        self._twin = twin
        self._most = calls
        self._keeps_wires = keeps_wires
        self._dice = random.Random(seed)  # noqa: S311
        self._shared: dict[str, Value] = dict(variables)
        self._shared_names = scenario.shared_variables | variables.keys()
        self._of_users: dict[int | None, dict[str, Value]] = {}
        self._calls: dict[str, ScenarioCall] = {}
        self._ended: deque[tuple[float, str]] = deque()
        self._count = 0
        self._open = 0
        self._is_closing = False
        self._starting = trio.CancelScope()
        self._is_over = trio.Event()
        self._users = trio.open_memory_channel[int](math.inf)
        self._limiter = None if plan.limit is None else trio.CapacityLimiter(plan.limit)

    async def run(self, remote: Address | None) -> None:
        """Run until the calls have ended, or the patience has."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            if self._sockets.shared is not None:
                nursery.start_soon(self._read, self._sockets.shared, name="scenario reader")
            if self._scenario.beginning is not None:
                await self._run_beginning(self._scenario.beginning)
            if self._twin is not None:
                nursery.start_soon(self._obey, self._twin, remote, name="scenario commands")
            if remote is not None and not self._waits:
                nursery.start_soon(self._start_calls, remote, name="scenario calls")
            if self._plan.duration < math.inf:
                nursery.start_soon(self._close_in_time, name="scenario duration")
            with trio.move_on_after(self._plan.patience) as patience:
                await self._is_over.wait()
            if patience.cancelled_caught:
                self._give_up()
            nursery.cancel_scope.cancel()

    @property
    def _waits(self) -> bool:
        return self._scenario.is_server or self._scenario.is_commanded

    @property
    def _may_begin(self) -> bool:
        return not self._is_closing and (self._most is None or self._count < self._most)

    # -- beginning and end

    async def _start_calls(self, remote: Address) -> None:
        pace = Pace(self._plan.rate, trio.current_time())
        for free in range(self._plan.users or 0):
            self._users[0].send_nowait(free)
        with self._starting:
            for number in itertools.count(1):
                user: int | None = None
                if self._plan.users is None:
                    await trio.sleep_until(pace.next())
                else:
                    user = await self._users[1].receive()
                if self._limiter is not None:
                    await self._limiter.acquire_on_behalf_of(number)
                if not self._may_begin:
                    break
                call_id = f"{number}-{self._settings.pid}@{self._settings.host}"
                self._place_call(call_id, remote, user)
                if self._count == self._most:
                    break
        self._end_if_over()

    async def _close_in_time(self) -> None:
        await trio.sleep(self._plan.duration)
        self._close()

    def _close(self) -> None:
        """Begin no more calls."""
        self._is_closing = True
        self._starting.cancel()
        self._end_if_over()

    def _end_if_over(self) -> None:
        if not self._open and not self._may_begin:
            self._is_over.set()

    def _give_up(self) -> None:
        after = f"after {self._plan.patience:g} s"
        for call in self._calls.values():
            if not call.has_ended:
                self.failures.append(f"call {call.fields.number}: had not ended {after}")
                length = trio.current_time() - call.began
                self.tally.end(length, ScenarioFailure.UNFINISHED)
                self.log += call.fields.log
        if self._may_begin and self._most is not None:
            self.failures.append(f"only {self._count} of {self._most} calls had begun {after}")

    # -- calls

    def _place_call(
        self, call_id: str, remote: Address, user: int | None = None, command: str | None = None
    ) -> None:
        number = self._count_call(incoming=False)
        self._nursery.start_soon(
            self._call, number, call_id, remote, user, command, name=f"call {number}"
        )

    def _count_call(self, *, incoming: bool) -> int:
        self._forget_ended()
        self._count += 1
        self._open += 1
        self.tally.begin(incoming=incoming)
        return self._count

    async def _call(
        self, number: int, call_id: str, remote: Address, user: int | None, command: str | None
    ) -> None:
        try:
            port = await self._sockets.of_call(remote)
        except OSError as error:
            words = f"call {number}: {error.strerror or error}"
            self._fail(words, ScenarioFailure.CONNECTION_CLOSED, 0.0)
            self._end_call(number, user)
            return
        call = self._create(number, call_id, port, remote, user)
        if command is not None:
            call.deliver(command.encode("utf-8", "surrogateescape"), None)
        if port is self._sockets.shared:
            await self._run_call(call, user)
            return
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._read, port, name=f"reader of call {number}")
            await self._run_call(call, user)
            nursery.cancel_scope.cancel()
        self._sockets.release(port)

    def _create(
        self, number: int, call_id: str, port: ScenarioPort, remote: Address, user: int | None
    ) -> ScenarioCall:
        dice = random.Random(self._dice.getrandbits(64))  # noqa: S311
        scenario = self._scenario
        variables = Variables(
            self._shared,
            self._of_users.setdefault(user, {}) if user is not None else None,
            shared=self._shared_names,
            of_user=scenario.user_variables,
        )
        fields = CallFields(
            self._settings, number, call_id, port.local, remote, variables, dice, user
        )
        exchange = Exchange(port, self._rules, self._record)
        call = ScenarioCall(scenario, fields, exchange, self._rules, self.tally, self._twin)
        self._calls[call_id] = call
        return call

    async def _run_call(self, call: ScenarioCall, user: int | None = None) -> None:
        number = call.fields.number
        try:
            await call.run()
        except CallFailed as failure:
            length = trio.current_time() - call.began
            self._fail(f"call {number}: {failure}", failure.reason, length)
        else:
            self.tally.end(trio.current_time() - call.began, None)
        self.log += call.fields.log
        self._ended.append((trio.current_time(), call.fields.call_id))
        if call.fields.stop is Stop.NOW:
            self._is_over.set()
        elif call.fields.stop is Stop.GRACEFULLY:
            self._close()
        self._end_call(number, user)

    def _fail(self, words: str, reason: ScenarioFailure, length: float) -> None:
        self.failures.append(words)
        self.tally.end(length, reason)

    def _end_call(self, number: int, user: int | None) -> None:
        self._open -= 1
        if user is not None:
            self._users[0].send_nowait(user)
        if self._limiter is not None and not self._waits:
            self._limiter.release_on_behalf_of(number)
        self._end_if_over()

    def _forget_ended(self) -> None:
        until = trio.current_time() - _REMEMBERED
        while self._ended and self._ended[0][0] < until:
            self._calls.pop(self._ended.popleft()[1], None)

    async def _run_beginning(self, beginning: Scenario) -> None:
        """Do what is done once: it sets variables, and sends nothing."""
        variables = Variables(self._shared, shared=self._shared_names)
        nowhere = Address("0.0.0.0", 0)  # noqa: S104
        fields = CallFields(
            self._settings, 0, "", nowhere, nowhere, variables, random.Random(0)  # noqa: S311
        )  # fmt: skip
        exchange = Exchange(NoPort(), self._rules, self._record)
        tally = Tally(beginning, trio.current_time())
        call = ScenarioCall(beginning, fields, exchange, self._rules, tally, None)
        try:
            await call.run()
        except CallFailed as failure:
            self.failures.append(f"<init>: {failure}")
        self.log += fields.log

    # -- messages

    async def _read(self, port: ScenarioPort) -> None:
        while True:
            data, source = await port.receive()
            if not data:
                self._lose_connection(port, source)
                continue
            self._record(data, port.local, source, False)
            self._receive(data, source, port)

    def _receive(self, data: bytes, source: Address, port: ScenarioPort) -> None:
        text = data.decode("utf-8", "surrogateescape")
        call_id = call_id_of(text)
        method = "" if text.startswith("SIP/2.0 ") else text.partition(" ")[0]
        call = self._calls.get(call_id)
        if not call_id:
            # No call is without, so it is no SIP.
            return
        if call is not None:
            self.tally.dead_calls += call.has_ended
            call.deliver(data, source)
        elif method and self._scenario.is_server and self._may_begin:
            call = self._create(self._count_call(incoming=True), call_id, port, source, None)
            call.deliver(data, source)
            self._nursery.start_soon(self._run_call, call, name=f"call {self._count}")
        elif self._rules.answers(method):
            self.tally.auto_answered += 1
            answer = automatic_answer(text)
            self._record(answer, port.local, source, True)
            port.send(answer, source)
        elif method and self._rules.out_of_call is not None:
            self.tally.auto_answered += 1
            self._begin_out_of_call(self._rules.out_of_call, call_id, port, data, source)
        else:
            self.tally.out_of_call += 1

    def _begin_out_of_call(
        self, scenario: Scenario, call_id: str, port: ScenarioPort, data: bytes, source: Address
    ) -> None:
        """A request belongs to no call; there is a scenario for those, which is not counted."""
        dice = random.Random(self._dice.getrandbits(64))  # noqa: S311
        variables = Variables(self._shared, shared=self._shared_names)
        fields = CallFields(self._settings, 0, call_id, port.local, source, variables, dice)
        exchange = Exchange(port, self._rules, self._record)
        tally = Tally(scenario, trio.current_time())
        call = ScenarioCall(scenario, fields, exchange, self._rules, tally, None)
        self._calls[call_id] = call
        call.deliver(data, source)
        self._nursery.start_soon(self._run_aside, call, name="call out of the scenario")

    async def _run_aside(self, call: ScenarioCall) -> None:
        # How it goes is nobody's business, as it is with SIPp.
        with contextlib.suppress(CallFailed):
            await call.run()
        self.log += call.fields.log
        self._ended.append((trio.current_time(), call.fields.call_id))

    def _lose_connection(self, port: ScenarioPort, remote: Address) -> None:
        for call in self._calls.values():
            if call.uses(port, remote) and not call.has_ended:
                call.deliver(b"", remote)

    async def _obey(self, twin: Twin, remote: Address | None) -> None:
        while True:
            text = await twin.receive()
            call_id = call_id_of(text)
            call = self._calls.get(call_id)
            if call is not None:
                call.deliver(text.encode("utf-8", "surrogateescape"), None)
            elif self._scenario.is_commanded and remote is not None and self._may_begin:
                self._place_call(call_id, remote, command=text)
            else:
                self.tally.out_of_call += 1

    def _record(self, data: bytes, local: Address, other: Address, outgoing: bool) -> None:
        if not self._keeps_wires:
            return
        self.wires.append(
            Wire(
                time=trio.current_time(),
                source=local if outgoing else other,
                destination=other if outgoing else local,
                transport=self._settings.transport,
                data=data,
            )
        )
