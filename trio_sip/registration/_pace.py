"""Turns for many registrations, so that a registrar gets no more of them a second than it can."""

from __future__ import annotations

import math

from trio_sip._errors import LocalProtocolError

__all__ = ["RegistrationPace"]


class RegistrationPace:
    """Hands out turns, evenly spaced: share one among all registrations with a registrar.

    Args:
      per_second: REGISTERs a second.

    Raises:
      LocalProtocolError: not above 0.
    """

    def __init__(self, per_second: float) -> None:
        if not 0 < per_second < math.inf:
            raise LocalProtocolError(f"a pace is above 0 a second, not {per_second!r}")
        self._interval = 1 / per_second
        self._next = -math.inf

    def take_turn(self, now: float) -> float:
        """When whoever asks may send: now, or later."""
        turn = max(now, self._next)
        self._next = turn + self._interval
        return turn
