"""The counters of a run while it goes on."""

from __future__ import annotations

from collections import Counter

import attrs

from trio_sip.testing._histogram import Histogram

from ._failure import ScenarioFailure
from ._scenario import Scenario, Step
from ._statistics import ScenarioStatistics, StepCount

__all__ = ["StepTally", "Tally"]


@attrs.define(eq=False)
class StepTally:
    """What has become of one step so far."""

    step: Step
    count: int = 0
    retransmissions: int = 0
    timeouts: int = 0
    unexpected: int = 0


@attrs.define(eq=False)
class Tally:
    """What has been counted so far.  Its calls count into it as they go."""

    scenario: Scenario
    began: float
    incoming: int = 0
    outgoing: int = 0
    current: int = 0
    peak: int = 0
    successful: int = 0
    out_of_call: int = 0
    dead_calls: int = 0
    auto_answered: int = 0
    failed: Counter[ScenarioFailure] = attrs.field(factory=Counter)
    counters: Counter[str] = attrs.field(factory=Counter)
    response_times: dict[str, Histogram] = attrs.field(factory=dict)
    call_length: Histogram = attrs.field(factory=Histogram)
    steps: list[StepTally] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.steps = [StepTally(step) for step in self.scenario.steps]

    def begin(self, *, incoming: bool) -> None:
        """A call has begun."""
        if incoming:
            self.incoming += 1
        else:
            self.outgoing += 1
        self.current += 1
        self.peak = max(self.peak, self.current)

    def end(self, seconds: float, failure: ScenarioFailure | None) -> None:
        """A call has ended after so long."""
        self.current -= 1
        self.call_length.add(seconds)
        if failure is None:
            self.successful += 1
        else:
            self.failed[failure] += 1

    def respond(self, name: str, seconds: float) -> None:
        """A response time was measured."""
        self.response_times.setdefault(name, Histogram()).add(seconds)

    @property
    def retransmissions(self) -> int:
        """Messages that were sent again."""
        return sum(step.retransmissions for step in self.steps)

    def statistics(self, now: float) -> ScenarioStatistics:
        """What it comes to."""
        return ScenarioStatistics(
            elapsed=now - self.began,
            incoming=self.incoming,
            outgoing=self.outgoing,
            current=self.current,
            peak=self.peak,
            successful=self.successful,
            failed=dict(self.failed),
            retransmissions=self.retransmissions,
            unexpected=sum(step.unexpected for step in self.steps),
            out_of_call=self.out_of_call,
            dead_calls=self.dead_calls,
            auto_answered=self.auto_answered,
            response_times={
                name: Histogram.of(times) for name, times in self.response_times.items()
            },
            call_length=Histogram.of(self.call_length),
            response_bounds=self.scenario.response_bounds,
            length_bounds=self.scenario.length_bounds,
            counters=dict(self.counters),
            steps=tuple(
                StepCount(
                    kind=one.step.kind,
                    line=one.step.line,
                    label=one.step.label,
                    count=one.count,
                    retransmissions=one.retransmissions,
                    timeouts=one.timeouts,
                    unexpected=one.unexpected,
                )
                for one in self.steps
            ),
        )
