"""What came of a load."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType

import attrs

from trio_sip.testing._histogram import Histogram
from trio_sip.testing.peer import ScriptFailed, SipPeer, count_wires
from trio_sip.testing.recordings import Wire, ladder

__all__ = ["LoadFailure", "LoadResult", "LoadTally"]

_PERCENTILES = (50, 90, 95, 99)


@attrs.frozen(kw_only=True, eq=False)
class LoadFailure:
    """The first call that failed in one way."""

    number: int
    """Of the call."""

    time: float
    """When it began, in seconds after the load."""

    error: Exception
    ladder: str
    """Its messages, drawn; empty where nobody knows which they were."""


@attrs.frozen(kw_only=True, eq=False)
class LoadResult:
    """How a load went.  All times are in seconds."""

    created: int
    """Calls that have begun."""

    successful: int
    failed: Mapping[str, int]
    """How many failed in which way: ``"UnexpectedMessage: 486 (INVITE)"``."""

    first_failures: Mapping[str, LoadFailure]
    """The first of each."""

    most_open: int
    """How many calls were open at once, at most."""

    held_back: int
    """Calls that were due when the limit was reached."""

    duration: float
    """From the beginning to the end of the last call."""

    call_lengths: Histogram
    """Of the calls that went well."""

    response_times: Mapping[str, Histogram]
    """Those of the peers during the load, see `PeerStatistics`, and what the callers measured."""

    retransmissions_sent: int
    """By the peers, as are the following."""

    retransmissions_received: int
    lost: int
    automatically_answered: int
    unexpected: int

    @property
    def rate(self) -> float:
        """Calls per second, over the whole of it."""
        return self.created / self.duration if self.duration else 0.0

    def check(self) -> None:
        """Fail if a call has failed, and draw the first one of each kind.

        Raises:
          ScriptFailed: it says which calls failed and how.
        """
        __tracebackhide__ = True
        if not self.failed:
            return
        lines = [f"{sum(self.failed.values())} of {self.created} calls failed"]
        for kind, count in self.failed.items():
            first = self.first_failures[kind]
            lines += [f"{count} × {kind}; the first was call {first.number}:", str(first.error)]
            lines += [first.ladder] if first.ladder else []
        raise ScriptFailed("\n".join(lines))

    def as_rows(self) -> list[tuple[str, float]]:
        """All numbers with their names: ``("response_times 200 p99", 0.041)``."""
        rows: list[tuple[str, float]] = [
            (name, getattr(self, name))
            for name in (
                "created", "successful", "most_open", "held_back", "duration", "rate",
                "retransmissions_sent", "retransmissions_received", "lost",
                "automatically_answered", "unexpected",
            )
        ]  # fmt: skip
        rows += [(f"failed {kind}", count) for kind, count in self.failed.items()]
        rows += _histogram_rows("call_lengths", self.call_lengths)
        for stage, times in self.response_times.items():
            rows += _histogram_rows(f"response_times {stage}", times)
        return rows

    def as_csv(self) -> str:
        """The rows as CSV, with a heading."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("name", "value"))
        writer.writerows(self.as_rows())
        return text.getvalue()

    def as_json(self) -> str:
        """The rows as one JSON object."""
        return json.dumps(dict(self.as_rows()), indent=1)


def _histogram_rows(name: str, times: Histogram) -> Iterable[tuple[str, float]]:
    yield f"{name} count", times.count
    if times.count:
        yield f"{name} mean", times.mean
        yield from ((f"{name} p{one}", times.percentile(one)) for one in _PERCENTILES)
        yield f"{name} maximum", times.maximum


class LoadTally:
    """The numbers while they grow."""

    def __init__(self, *, peers: list[SipPeer]) -> None:
        self.held_back = 0
        self.stages: dict[str, Histogram] = {}
        self._peers = [(one, len(one.wires), one.statistics()) for one in peers]
        self._created = self._open = self._most_open = 0
        self._failed: Counter[str] = Counter()
        self._first: dict[str, LoadFailure] = {}
        self._lengths = Histogram()

    def begin(self) -> None:
        """One more call is open."""
        self._created += 1
        self._open += 1
        self._most_open = max(self._most_open, self._open)

    def succeed(self, seconds: float) -> None:
        """A call of that length went well."""
        self._open -= 1
        self._lengths.add(seconds)

    def fail(self, number: int, began: float, error: Exception) -> None:
        """A call did not go well."""
        self._open -= 1
        kind = type(error).__name__
        wire = getattr(error, "wire", None)
        if isinstance(wire, Wire):
            kind = f"{kind}: {wire.label.text}"
        self._failed[kind] += 1
        if kind not in self._first:
            self._first[kind] = LoadFailure(
                number=number, time=began, error=error, ladder=self._draw(error)
            )

    def _draw(self, error: Exception) -> str:
        call_id = getattr(error, "call_id", None)
        if not call_id:
            return ""
        wanted = call_id.encode()
        wires = [
            wire
            for peer, since, _ in self._peers
            for wire in peer.wires[since:]
            if wanted in wire.data
        ]
        names = {key: name for peer, _, _ in self._peers for key, name in peer.names().items()}
        return ladder(wires, names, fold=True)

    def result(self, duration: float) -> LoadResult:
        """The numbers as they are now."""
        stages = dict(self.stages)
        sent = received = lost = answered = unexpected = 0
        for peer, since, before in self._peers:
            now = count_wires(peer.wires[since:], peer.names())
            total = peer.statistics()
            sent += now.retransmissions_sent
            received += now.retransmissions_received
            lost += now.lost
            answered += total.automatically_answered - before.automatically_answered
            unexpected += total.unexpected - before.unexpected
            for stage, times in now.response_times.items():
                merged = Histogram.of(stages.get(stage, ()))
                merged.merge(times)
                stages[stage] = merged
        return LoadResult(
            created=self._created,
            successful=self._lengths.count,
            failed=MappingProxyType(dict(self._failed)),
            first_failures=MappingProxyType(self._first),
            most_open=self._most_open,
            held_back=self.held_back,
            duration=duration,
            call_lengths=self._lengths,
            response_times=MappingProxyType(stages),
            retransmissions_sent=sent,
            retransmissions_received=received,
            lost=lost,
            automatically_answered=answered,
            unexpected=unexpected,
        )
