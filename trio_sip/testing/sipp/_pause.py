"""How long a pause is: the distributions of SIPp, with its names for their parameters."""

from __future__ import annotations

import enum
import math
import random
from collections.abc import Callable, Mapping

import attrs

__all__ = ["Distribution", "Pause", "read_pause"]


class Distribution(enum.Enum):
    """Where a number comes from; the values are SIPp's names."""

    FIXED = "fixed"
    UNIFORM = "uniform"
    NORMAL = "normal"
    LOGNORMAL = "lognormal"
    EXPONENTIAL = "exponential"
    WEIBULL = "weibull"
    PARETO = "pareto"
    GAMMA = "gamma"
    NEGATIVE_BINOMIAL = "negbin"
    VARIABLE = "variable"
    """A variable of the call."""

    DEFAULT = "default"
    """Whoever runs the scenario says it."""


_PARAMETERS = {
    Distribution.FIXED: ("value",),
    Distribution.UNIFORM: ("min", "max"),
    Distribution.NORMAL: ("mean", "stdev"),
    Distribution.LOGNORMAL: ("mean", "stdev"),
    Distribution.EXPONENTIAL: ("mean",),
    Distribution.WEIBULL: ("lambda", "k"),
    Distribution.PARETO: ("k", "x_m"),
    Distribution.GAMMA: ("k", "theta"),
    Distribution.NEGATIVE_BINOMIAL: ("p", "n"),
}
# A lognormal or a Pareto distribution has no longest pause.
_LONGEST = 2**31 - 1


@attrs.frozen(kw_only=True)
class Pause:
    """How long a pause is.  SIPp counts in milliseconds, and so do the parameters."""

    distribution: Distribution = Distribution.DEFAULT
    first: float = 0.0
    second: float = 0.0
    variable: str = ""

    def draw(self, dice: random.Random) -> float:
        """A number of it, in milliseconds if it is a pause; 0 if it is not of a distribution."""
        one, two = self.first, self.second
        draws: dict[Distribution, Callable[[], float]] = {
            Distribution.FIXED: lambda: one,
            Distribution.UNIFORM: lambda: dice.uniform(one, two),
            Distribution.NORMAL: lambda: dice.gauss(one, two),
            Distribution.LOGNORMAL: lambda: dice.lognormvariate(one, two),
            Distribution.EXPONENTIAL: lambda: dice.expovariate(1 / one) if one > 0 else 0.0,
            Distribution.WEIBULL: lambda: dice.weibullvariate(one, two),
            # Python's Pareto distribution begins at 1, and SIPp's at x_m.
            Distribution.PARETO: lambda: two * dice.paretovariate(one),
            Distribution.GAMMA: lambda: dice.gammavariate(one, two),
            Distribution.NEGATIVE_BINOMIAL: lambda: _failures_before(one, two, dice),
        }
        try:
            value = draws.get(self.distribution, lambda: 0.0)()
        except (OverflowError, ValueError, ZeroDivisionError):
            # Parameters of which there is no such distribution.
            return 0.0
        return min(value, _LONGEST)

    def seconds(self, dice: random.Random) -> float:
        """How long this time."""
        return max(self.draw(dice), 0.0) / 1000


def _failures_before(chance: float, successes: float, dice: random.Random) -> float:
    """How often it fails before it has succeeded so often: a Poisson number of a gamma's rate."""
    if not 0 < chance <= 1:
        return 0.0
    if chance == 1:
        return 0.0
    rate = dice.gammavariate(successes, (1 - chance) / chance)
    return float(_poisson(rate, dice))


def _poisson(rate: float, dice: random.Random) -> int:
    """How many events there are in a second of which there are *rate* a second, mostly."""
    if rate > 500:
        return max(round(dice.gauss(rate, math.sqrt(rate))), 0)
    count, left = 0, math.exp(-rate)
    product = dice.random()
    while product > left:
        count += 1
        product *= dice.random()
    return count


def read_pause(given: Mapping[str, str]) -> tuple[Pause, str | None]:
    """What the attributes of a pause or of a ``<sample>`` say; also what cannot be done."""
    if "milliseconds" in given:
        given = {"distribution": "fixed", "value": given["milliseconds"]}
    elif "distribution" not in given:
        if "variable" in given:
            return Pause(distribution=Distribution.VARIABLE, variable=given["variable"]), None
        if "min" in given and "max" in given:
            given = {"distribution": "uniform", **given}
        else:
            return Pause(), None
    name = given["distribution"].lower()
    kinds = {one.value: one for one in _PARAMETERS}
    if name not in kinds:
        return Pause(), f'distribution="{given["distribution"]}"'
    numbers: list[float] = []
    for parameter in _PARAMETERS[kinds[name]]:
        text = given.get(parameter, "0").strip()
        try:
            numbers.append(float(text))
        except ValueError:
            return Pause(), f'{parameter}="{text}": want a number'
        if not math.isfinite(numbers[-1]):
            return Pause(), f'{parameter}="{text}": want a number'
    return Pause(distribution=kinds[name], first=numbers[0], second=[*numbers, 0.0][1]), None
