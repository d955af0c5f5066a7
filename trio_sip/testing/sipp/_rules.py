"""What calls do that their scenario does not say."""

from __future__ import annotations

import enum
import math

import attrs

from ._headers import header_lines
from ._scenario import Scenario

__all__ = ["DefaultBehaviour", "ScenarioRules", "automatic_answer"]

# SIPp's own; its documentation says 7 of what is no INVITE.
_INVITE_REPETITIONS = 5
_OTHER_REPETITIONS = 9


class DefaultBehaviour(enum.Flag):
    """What is done although no scenario says so: SIPp's ``-default_behaviors``."""

    NONE = 0
    """Nothing: what is not expected is passed over.  SIPp's ``-nd``."""

    GOODBYE = enum.auto()
    """A call that fails is ended with CANCEL or BYE."""

    ABORT = enum.auto()
    """A message that is not expected fails the call; BYE and CANCEL are answered."""

    ANSWER_PING = enum.auto()
    """A PING that is not expected is answered, and the call goes on."""

    ALL = GOODBYE | ABORT | ANSWER_PING


@attrs.frozen(kw_only=True)
class ScenarioRules:
    """What is done that a scenario does not say."""

    retransmits: bool = True
    """Over UDP.  Without it, nothing is repeated, and a copy of what came is one more message, as
    with SIPp's option ``-nr``."""

    repetitions: int | None = None
    """How often a message is sent again before the call fails; if left out, 5 times if it is an
    INVITE, and otherwise 9, as with SIPp."""

    longest_interval: float = 4.0
    """T2, seconds: the most between repetitions, but of an INVITE."""

    loss: float = 0.0
    """How likely it is that a message is lost on purpose, where the scenario does not say."""

    pause: float = 0.0
    """Seconds, for a ``<pause>`` that does not say how long."""

    receive_timeout: float = math.inf
    """Seconds to wait for a message, where the scenario does not say."""

    automatic_answers: bool = False
    """INFO, NOTIFY, OPTIONS and UPDATE are answered wherever they come."""

    defaults: DefaultBehaviour = DefaultBehaviour.ALL
    """What else is done."""

    out_of_call: Scenario | None = None
    """The scenario of requests that belong to no call."""

    skips_unsupported: bool = False
    """Leave out what cannot be done here instead of refusing the scenario."""

    def most_repetitions(self, *, is_invite: bool) -> int:
        """How often a message is sent again."""
        if self.repetitions is not None:
            return self.repetitions
        return _INVITE_REPETITIONS if is_invite else _OTHER_REPETITIONS

    def answers(self, method: str) -> bool:
        """Whether this request is answered wherever it comes, and the call goes on."""
        if method == "PING":
            return DefaultBehaviour.ANSWER_PING in self.defaults
        return self.automatic_answers and method in _AUTOMATIC

    def ends_call(self, method: str) -> bool:
        """Whether this request is answered wherever it comes, and ends the call."""
        return DefaultBehaviour.ABORT in self.defaults and method in {"BYE", "CANCEL"}


_AUTOMATIC = {"INFO", "NOTIFY", "OPTIONS", "UPDATE"}


def automatic_answer(request: str) -> bytes:
    """A 200 to a request."""
    lines = ["SIP/2.0 200 OK"]
    for name in ("Via", "From", "To", "Call-ID", "CSeq"):
        lines += header_lines(request, name)
    lines += ["Content-Length: 0", "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape")
