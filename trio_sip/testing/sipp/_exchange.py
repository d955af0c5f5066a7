"""What goes in and out of one call: repeated until it is answered, and taken once."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection

import attrs
import trio

from trio_sip.testing.recordings import Label
from trio_sip.transport import Address

from ._failure import CallFailed, ScenarioFailure
from ._headers import values_of
from ._port import ScenarioPort
from ._rules import ScenarioRules
from ._tally import StepTally

__all__ = ["Exchange", "Incoming"]

_QUEUE = 100


@attrs.frozen
class Incoming:
    """A message that came, or a command."""

    text: str
    source: Address | None
    """``None``: it is a command of another scenario."""


@attrs.define(eq=False)
class _Repetition:
    data: bytes
    remote: Address
    step: StepTally
    interval: float
    at: float
    count: int = 0


class Exchange:
    """The messages and commands of one call."""

    def __init__(
        self,
        port: ScenarioPort,
        rules: ScenarioRules,
        record: Callable[[bytes, Address, Address, bool], None],
    ) -> None:
        self.port = port
        self.history: list[bytes] = []
        """What the scenario has sent."""

        self._rules = rules
        self._record = record
        self._inbox = trio.open_memory_channel[tuple[bytes, Address | None]](_QUEUE)
        self._commands: list[str] = []
        self._repetition: _Repetition | None = None
        # What was repeated until the latest message came.
        self._before: _Repetition | None = None
        # What was sent after each message that came, for when that comes again.
        self._answers: dict[bytes, list[tuple[bytes, Address, StepTally]]] = {}
        self._latest: list[tuple[bytes, Address, StepTally]] | None = None

    @property
    def came(self) -> Collection[bytes]:
        """The messages that came."""
        return self._answers.keys()

    def deliver(self, data: bytes, source: Address | None) -> None:
        """Put a message into the inbox; a command if it comes from nowhere."""
        try:
            self._inbox[0].send_nowait((data, source))
        except trio.WouldBlock:
            # Too many, like a full socket buffer.
            return

    def answer_again(self, data: bytes) -> bool:
        """Whether this came before; then what was sent after it is sent again."""
        if not self._rules.retransmits or data not in self._answers:
            return False
        answers = self._answers[data]
        if answers:
            # A request is owed its latest response, a response whatever followed it, an ACK mostly.
            again, remote, step = answers[0] if data.startswith(b"SIP/2.0") else answers[-1]
            step.retransmissions += 1
            self.transmit(again, remote)
        return True

    def send(
        self, data: bytes, remote: Address, step: StepTally, interval: float | None, *, lost: bool
    ) -> None:
        """Send what the scenario says; again after *interval*, until something comes."""
        step.count += 1
        self.history.append(data)
        if self._latest is not None:
            self._latest.append((data, remote, step))
        self._repetition = None
        if interval is not None and self._rules.retransmits and not self.port.is_reliable:
            at = trio.current_time() + interval
            self._repetition = _Repetition(data, remote, step, interval, at)
        if not lost:
            self.transmit(data, remote)

    def transmit(self, data: bytes, remote: Address) -> None:
        """Send it once."""
        self._record(data, self.port.local, remote, True)
        self.port.send(data, remote)

    def forget(self, text: str) -> None:
        """Take a message for one that has not come: it was lost on purpose."""
        self._answers.pop(text.encode("utf-8", "surrogateescape"), None)
        self._latest = None
        self._repetition = self._before

    def _command(self, twin: str) -> str | None:
        for text in self._commands:
            if not twin or values_of(text, "From")[:1] == [twin]:
                self._commands.remove(text)
                return text
        return None

    async def next(self, deadline: float, *, command_of: str | None = None) -> Incoming | None:
        """The next message that has not come before, or command; ``None`` at the deadline.

        Commands wait until one is asked for: of the scenario of that name, or of any if it is "".

        Raises:
          CallFailed: nothing comes of what was sent, or the connection is gone.
        """
        while True:
            command = None if command_of is None else self._command(command_of)
            if command is not None:
                return Incoming(command, None)
            repetition = self._repetition
            wakes = math.inf if repetition is None else repetition.at
            with trio.CancelScope(deadline=min(deadline, wakes)) as scope:
                data, source = await self._inbox[1].receive()
            if scope.cancelled_caught:
                if trio.current_time() >= deadline:
                    return None
                if repetition is not None:
                    self._repeat(repetition)
            elif source is None:
                self._commands.append(data.decode("utf-8", "surrogateescape"))
            elif not data:
                raise CallFailed("the connection is gone", ScenarioFailure.CONNECTION_CLOSED)
            elif not self.answer_again(data):
                self._latest = self._answers[data] = []
                self._before, self._repetition = self._repetition, None
                return Incoming(data.decode("utf-8", "surrogateescape"), source)

    def _repeat(self, repetition: _Repetition) -> None:
        label = Label.of(repetition.data)
        is_invite = label.status is None and label.method == "INVITE"
        rules = self._rules
        repetition.count += 1
        if repetition.count > rules.most_repetitions(is_invite=is_invite):
            repetition.step.timeouts += 1
            words = f"{label.text} was sent {repetition.count} times, and nothing came of it"
            raise CallFailed(words, ScenarioFailure.NO_ANSWER)
        repetition.step.retransmissions += 1
        repetition.interval *= 2
        if not is_invite:
            repetition.interval = min(repetition.interval, rules.longest_interval)
        repetition.at = trio.current_time() + repetition.interval
        self.transmit(repetition.data, repetition.remote)
