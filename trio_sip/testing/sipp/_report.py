"""The statistics of scenarios as files: SIPp's CSV, and JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from trio_sip.testing._histogram import Histogram

from ._failure import ScenarioFailure

if TYPE_CHECKING:
    from ._statistics import ScenarioStatistics

__all__ = ["as_csv", "as_json"]

_PERCENTILES = (50, 90, 95, 99)
# SIPp counts these, and here they cannot happen.
_NEVER = ("FailedTcpConnect", "FailedOutboundCongestion", "FailedTimeoutOnSend")


def as_csv(statistics: ScenarioStatistics) -> str:
    """See `ScenarioStatistics.csv`."""
    columns = list(_columns(statistics))
    return "".join(";".join(one[place] for one in columns) + ";\n" for place in (0, 1))


def _columns(statistics: ScenarioStatistics) -> Iterator[tuple[str, str]]:
    elapsed = _clock(statistics.elapsed)
    yield from _both("ElapsedTime", elapsed[:8])
    yield from _both("CallRate", f"{statistics.rate:g}")
    yield from _both("IncomingCall", statistics.incoming)
    yield from _both("OutgoingCall", statistics.outgoing)
    yield "TotalCallCreated", str(statistics.created)
    yield "CurrentCall", str(statistics.current)
    yield from _both("SuccessfulCall", statistics.successful)
    yield from _both("FailedCall", statistics.failures)
    for reason in ScenarioFailure:
        yield from _both(reason.value, statistics.failed.get(reason, 0))
    for name in _NEVER:
        yield from _both(name, 0)
    yield from _both("OutOfCallMsgs", statistics.out_of_call)
    yield from _both("DeadCallMsgs", statistics.dead_calls)
    yield from _both("Retransmissions", statistics.retransmissions)
    yield from _both("AutoAnswered", statistics.auto_answered)
    for name, count in statistics.counters.items():
        yield from _both(_word(name), count)
    for name, times in statistics.response_times.items():
        yield from _times(f"ResponseTime{_word(name)}", times)
    yield from _times("CallLength", statistics.call_length)
    for name, times in statistics.response_times.items():
        title = f"ResponseTimeRepartition{_word(name)}"
        yield from _repartition(title, times, statistics.response_bounds)
    title = "CallLengthRepartition"
    yield from _repartition(title, statistics.call_length, statistics.length_bounds)


def _both(name: str, value: object) -> Iterator[tuple[str, str]]:
    yield f"{name}(P)", str(value)
    yield f"{name}(C)", str(value)


def _times(name: str, times: Histogram) -> Iterator[tuple[str, str]]:
    yield from _both(name, _clock(times.mean))
    yield from _both(f"{name}StDev", _clock(times.deviation))


def _repartition(
    title: str, times: Histogram, bounds: tuple[float, ...]
) -> Iterator[tuple[str, str]]:
    if not bounds:
        return
    yield title, ""
    for bound, count in times.repartition(bounds).items():
        last = math.isinf(bound)
        edge = f">={max(bounds) * 1000:g}" if last else f"<{bound * 1000:g}"
        yield f"{title}_{edge}", str(count)


def _clock(seconds: float) -> str:
    """Hours, minutes, seconds and microseconds, as SIPp writes them."""
    whole = 0 if math.isnan(seconds) else round(seconds * 1_000_000)
    rest, microseconds = divmod(whole, 1_000_000)
    return f"{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}:{microseconds:06d}"


def _word(name: str) -> str:
    # A semicolon in it would shift the columns.
    return "".join(one if one.isalnum() or one in "_-." else "_" for one in name)


def as_json(statistics: ScenarioStatistics) -> str:
    """See `ScenarioStatistics.json`."""
    told = {
        "elapsed": statistics.elapsed,
        "rate": statistics.rate,
        "calls": {
            "created": statistics.created,
            "incoming": statistics.incoming,
            "outgoing": statistics.outgoing,
            "current": statistics.current,
            "peak": statistics.peak,
            "successful": statistics.successful,
            "failed": statistics.failures,
        },
        "failures": {reason.value: count for reason, count in statistics.failed.items()},
        "messages": {
            "retransmissions": statistics.retransmissions,
            "unexpected": statistics.unexpected,
            "out_of_call": statistics.out_of_call,
            "dead_calls": statistics.dead_calls,
            "auto_answered": statistics.auto_answered,
        },
        "counters": dict(statistics.counters),
        "response_times": {
            name: _told(times, statistics.response_bounds)
            for name, times in statistics.response_times.items()
        },
        "call_length": _told(statistics.call_length, statistics.length_bounds),
        "steps": [
            {
                "kind": step.kind.value,
                "line": step.line,
                "label": step.label,
                "count": step.count,
                "retransmissions": step.retransmissions,
                "timeouts": step.timeouts,
                "unexpected": step.unexpected,
            }
            for step in statistics.steps
        ],
    }
    return json.dumps(told, indent=2) + "\n"


def _told(times: Histogram, bounds: Iterable[float]) -> Mapping[str, object]:
    if not times.count:
        return {"count": 0}
    return {
        "count": times.count,
        "minimum": times.minimum,
        "mean": times.mean,
        "maximum": times.maximum,
        "deviation": times.deviation,
        "percentiles": {str(percent): times.percentile(percent) for percent in _PERCENTILES},
        "repartition": [
            {"below": None if math.isinf(bound) else bound, "count": count}
            for bound, count in times.repartition(bounds).items()
        ],
    }
