"""What calls do that their scenario does not say."""

from __future__ import annotations

import enum

import attrs

from trio_sip.transport import Network

from ._sipp_headers import header_lines

__all__ = ["CallRules", "DefaultBehaviour", "automatic_answer"]


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
class CallRules:
    """What is the same for all calls of a run."""

    network: Network
    retransmits: bool
    invite_repetitions: int
    other_repetitions: int
    longest_interval: float
    pause: float
    receive_timeout: float
    loss: float
    automatic_answers: bool
    defaults: DefaultBehaviour

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
