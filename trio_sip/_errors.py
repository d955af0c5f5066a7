"""The one tree of errors: who broke the rules, and what may be done about it.

``Local…`` means that this program asked for something SIP forbids; nothing was sent.
``Remote…`` means that the other side did.  trio's own errors keep their meaning
(`trio.ClosedResourceError`: you closed it; `trio.TooSlowError`: your deadline) and have no
synonyms here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trio_sip.message import Response

__all__ = [
    "AuthenticationRejected",
    "CallEnded",
    "CallRejected",
    "LocalProtocolError",
    "NoRoute",
    "Overloaded",
    "ProtocolError",
    "RemoteProtocolError",
    "RequestRejected",
    "RequestTimedOut",
    "SipError",
    "TransportFailed",
    "WorkDeadlock",
]


class SipError(Exception):
    """Everything that this package raises on purpose, apart from trio's own errors."""


class ProtocolError(SipError):
    """Somebody broke the rules of SIP.  Never raised itself: see its two subclasses."""


class LocalProtocolError(ProtocolError, ValueError):
    """You asked for something that SIP forbids.  Nothing was sent.

    It is also a `ValueError`, because that is what a bad argument is.
    """


class RemoteProtocolError(ProtocolError):
    """They sent something that SIP forbids."""

    def __init__(self, message: str, status_hint: int = 400) -> None:
        super().__init__(message)
        self.status_hint = status_hint
        """The status that a response to it would carry, if it can be answered at all."""


class RequestRejected(SipError):
    """A request got a final response other than 2xx.

    Args:
      response: there for every one that this package raises; yours may do without.
    """

    response: Response
    """The response itself."""

    def __init__(self, status: int, reason: str, response: Response | None = None) -> None:
        super().__init__(status, reason, response)
        self.status = status
        self.reason = reason
        if response is not None:
            self.response = response

    def __str__(self) -> str:
        return f"{self.status} {self.reason}".rstrip()


class AuthenticationRejected(RequestRejected):
    """Challenged again after credentials were sent, or challenged with nothing to answer."""


class CallRejected(RequestRejected):
    """An INVITE got a final response other than 2xx: busy, declined, not found, sent elsewhere."""


class CallEnded(SipError):
    """A call was used after it was over."""


class RequestTimedOut(SipError):
    """No final response came in time: Timer B or F.  RFC 3261 section 8.1.3.1 treats it as 408."""


class TransportFailed(SipError):
    """The request could not be sent, or its connection broke: treated as 503.

    The `OSError` behind it is its ``__cause__``.
    """


class NoRoute(SipError):
    """The target resolves to nothing, or no transport leads there."""


class Overloaded(SipError):
    """A queue is full: a work has too many tasks waiting."""


class WorkDeadlock(SipError):
    """Works wait for each other in a circle, so none of them would ever go on."""

    def __init__(self, cycle: Sequence[str]) -> None:
        super().__init__(" → ".join(cycle))
        self.cycle: tuple[str, ...] = tuple(cycle)
        """The names of the works in the circle; the first one stands again at the end."""
