"""One measured figure, and the floors that give it a meaning."""

from __future__ import annotations

import attrs

from ._timing import SPLIT_ON_THE_SCALE, Timing

__all__ = ["Figure", "Floor", "measured", "noted", "of_floor", "timed", "unavailable"]


@attrs.frozen
class Floor:
    """The least that an operation of this kind costs in Python, measured in this run."""

    measured: float
    """CPU microseconds, in this run."""

    reference: float
    """CPU microseconds on the reference machine."""


@attrs.frozen(kw_only=True)
class Figure:
    """One line of the table."""

    part: str
    """The part of the benchmark that it belongs to."""

    name: str
    value: float | None
    """None when it could not be measured; then `note` says why."""

    unit: str
    to_floor: float | None = None
    """How many times the floor of the same run it is; not always measured with the same batch."""

    on_the_scale: float | None = None
    """What it would be on the reference machine, in the same unit."""

    note: str = ""


def measured(part: str, name: str, value: float, floor: Floor, note: str = "") -> Figure:
    """CPU microseconds an operation, compared with the floor."""
    ratio = value / floor.measured
    return Figure(
        part=part,
        name=name,
        value=value,
        unit="µs",
        to_floor=ratio,
        on_the_scale=ratio * floor.reference,
        note=note,
    )


def timed(part: str, name: str, timing: Timing, note: str = "") -> Figure:
    """An operation that was measured side by side with the floor of parsing."""
    return Figure(
        part=part,
        name=name,
        value=timing.microseconds,
        unit="µs",
        to_floor=timing.to_floor,
        on_the_scale=timing.to_floor * SPLIT_ON_THE_SCALE,
        note=note,
    )


def of_floor(name: str, floor: Floor, note: str = "") -> Figure:
    """The floor itself, and the factor that takes this run's figures to the scale."""
    factor = f"× {floor.reference / floor.measured:.2f} gives the scale"
    return measured("floor", name, floor.measured, floor, f"{factor}; {note}" if note else factor)


def noted(part: str, name: str, value: float, unit: str, note: str = "") -> Figure:
    """A figure that has no floor, such as memory or a pause."""
    return Figure(part=part, name=name, value=value, unit=unit, note=note)


def unavailable(part: str, name: str, why: str) -> Figure:
    """What could not be measured is reported, and stops nothing."""
    return Figure(part=part, name=name, value=None, unit="", note=why)
