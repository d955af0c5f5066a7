"""The variables of scenarios: text, numbers and truths, of a call, of its user, or of all."""

from __future__ import annotations

import re
from collections.abc import Collection

__all__ = ["Value", "Variables", "number_of", "text_of"]

Value = str | float | bool

_NUMBER = re.compile(r"\s*[-+]?\d{1,15}(?:\.\d{1,9})?")


class Variables:
    """The variables that one call sees."""

    def __init__(
        self,
        everybody: dict[str, Value] | None = None,
        user: dict[str, Value] | None = None,
        *,
        shared: Collection[str] = (),
        of_user: Collection[str] = (),
    ) -> None:
        self._own: dict[str, Value] = {}
        self._everybody = {} if everybody is None else everybody
        self._user = self._own if user is None else user
        self._shared = shared
        self._of_user = of_user

    def get(self, name: str, default: Value) -> Value:
        """What it is."""
        return self._scope(name).get(name, default)

    def set(self, name: str, value: Value) -> None:
        """Make it that."""
        self._scope(name)[name] = value

    def unset(self, name: str) -> None:
        """Make it nothing."""
        self._scope(name).pop(name, None)

    def is_set(self, name: str) -> bool:
        """Whether it has a value, and not the value false."""
        value = self.get(name, False)
        return value is not False and value != ""

    def number(self, name: str) -> float:
        """What it is as a number."""
        return number_of(self.get(name, 0.0))

    def _scope(self, name: str) -> dict[str, Value]:
        if name in self._shared:
            return self._everybody
        return self._user if name in self._of_user else self._own


def number_of(value: Value) -> float:
    """A value as a number: what text begins with, or 0."""
    if isinstance(value, float):
        return value
    match = _NUMBER.match(value) if isinstance(value, str) else None
    return float(match[0]) if match is not None else float(value is True)


def text_of(value: Value) -> str:
    """A value as it stands in a message: numbers with six places, as SIPp writes them."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:f}" if isinstance(value, float) else value
