"""Why a call of a scenario has failed, in SIPp's words."""

from __future__ import annotations

import enum

__all__ = ["CallFailed", "ScenarioFailure"]


class ScenarioFailure(enum.Enum):
    """Why a call has failed; the values are the names of SIPp's counters."""

    CANNOT_SEND = "FailedCannotSendMessage"
    NO_ANSWER = "FailedMaxUDPRetrans"
    """A message was sent as often as it may be, and nothing came of it."""

    CONNECTION_CLOSED = "FailedTcpClosed"
    """The connection of the call could not be made, or broke."""

    UNEXPECTED_MESSAGE = "FailedUnexpectedMessage"
    REJECTED = "FailedCallRejected"
    """An action failed, or gave the call up."""

    COMMAND_NOT_SENT = "FailedCmdNotSent"
    PATTERN_NOT_FOUND = "FailedRegexpDoesntMatch"
    PATTERN_FOUND = "FailedRegexpShouldntMatch"
    HEADER_NOT_FOUND = "FailedRegexpHdrNotFound"
    TIMEOUT = "FailedTimeoutOnRecv"
    UNFINISHED = "FailedUnfinished"
    """It had not ended when the run had to.  SIPp does not count these."""


class CallFailed(Exception):
    """A call did not go as the scenario says."""

    def __init__(
        self, words: str, reason: ScenarioFailure = ScenarioFailure.UNEXPECTED_MESSAGE
    ) -> None:
        super().__init__(words)
        self.reason = reason
