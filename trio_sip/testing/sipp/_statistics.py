"""What came of a scenario, in SIPp's counters."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from trio_sip.testing._histogram import Histogram

from ._failure import ScenarioFailure
from ._report import as_csv, as_json
from ._scenario import StepKind

__all__ = ["ScenarioStatistics", "StepCount"]


@attrs.frozen(kw_only=True)
class StepCount:
    """How often one step was done, in all calls together."""

    kind: StepKind
    line: int
    label: str
    """Its method, its status, or what kind of step it is."""

    count: int = 0
    """How often it was sent, received, or done."""

    retransmissions: int = 0
    timeouts: int = 0
    unexpected: int = 0
    """Messages that came while it was waited for, and that failed the call."""


@attrs.frozen(kw_only=True)
class ScenarioStatistics:
    """The counters of a run.  What SIPp calls a call is one run through the scenario."""

    elapsed: float
    """Seconds since the run began."""

    incoming: int
    """Calls that began with something that came."""

    outgoing: int
    current: int
    """Calls that had not ended."""

    peak: int
    """The most calls that were open at once."""

    successful: int
    failed: Mapping[ScenarioFailure, int]
    """The calls that failed, by reason; reasons of which there was none are left out."""

    retransmissions: int
    unexpected: int
    """Messages that were not expected where they came."""

    out_of_call: int
    """Messages that belonged to no call."""

    dead_calls: int
    """Messages that came for calls that had ended."""

    auto_answered: int
    """Messages that were answered although the scenario does not mention them."""

    response_times: Mapping[str, Histogram]
    """By the name of the ``rtd``."""

    call_length: Histogram
    """Of all calls that have ended."""

    response_bounds: tuple[float, ...]
    """Seconds, as ``<ResponseTimeRepartition>`` has them."""

    length_bounds: tuple[float, ...]
    """Seconds, as ``<CallLengthRepartition>`` has them."""

    counters: Mapping[str, int]
    """What the scenario itself counts, by the attribute ``counter``."""

    steps: tuple[StepCount, ...]

    @property
    def created(self) -> int:
        """Calls that began."""
        return self.incoming + self.outgoing

    @property
    def failures(self) -> int:
        """Calls that failed, whatever the reason."""
        return sum(self.failed.values())

    @property
    def rate(self) -> float:
        """Calls that began in a second, on average."""
        return self.created / self.elapsed if self.elapsed > 0 else 0.0

    def csv(self) -> str:
        """Two lines with SIPp's names for the columns, as ``-trace_stat`` writes them.

        Of SIPp's columns those with times of day are left out.  There is one row, so what is
        counted in a period, ``(P)``, is what is counted in all, ``(C)``.
        """
        return as_csv(self)

    def json(self) -> str:
        """All of it; times are in seconds."""
        return as_json(self)
