"""Statistics as Prometheus reads them: the text format, version 0.0.4."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs

from trio_sip.stack import Stack

__all__ = ["metrics_text"]

# Numbers of what is there now; all others count since the start.
_GAUGES = frozenset(
    {
        "busy", "clients", "connections", "dialogs", "flows_held", "open", "overloaded", "parked",
        "servers", "unanswered", "waiting",
    }
)  # fmt: skip
_PREFIX = "trio_sip"


def metrics_text(stack: Stack) -> str:
    """What `Stack.statistics`, and each service that has ``statistics()``, say at this moment."""
    lines = [f"# TYPE {_PREFIX}_up gauge", f"{_PREFIX}_up 1"]
    lines += _lines(_PREFIX, stack.statistics())
    for service in stack.services:
        statistics = getattr(service, "statistics", None)
        if callable(statistics):
            found = statistics()
            if attrs.has(type(found)):
                lines += _lines(f"{_PREFIX}_{_name(service.name)}", found)
    return "\n".join([*lines, ""])


def _lines(prefix: str, statistics: attrs.AttrsInstance) -> Iterator[str]:
    for field in attrs.fields(type(statistics)):
        value = getattr(statistics, field.name)
        name = f"{prefix}_{field.name}"
        if attrs.has(type(value)):
            yield from _lines(name, value)
        elif isinstance(value, Mapping):
            yield f"# TYPE {name}_total counter"
            for kind, number in sorted(value.items()):
                yield f'{name}_total{{kind="{kind}"}} {number}'
        elif isinstance(value, int | float):
            gauge = field.name in _GAUGES
            full = name if gauge else f"{name}_total"
            yield f"# TYPE {full} {'gauge' if gauge else 'counter'}"
            yield f"{full} {value}"


def _name(text: str) -> str:
    """The characters that a metric's name may have, and underscores for all others."""
    return "".join(one if one.isascii() and one.isalnum() else "_" for one in text)
