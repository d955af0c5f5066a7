"""Who owns a client transaction: whom the stack tells what becomes of a request."""

from __future__ import annotations

from trio_sip._errors import RequestTimedOut, TransportFailed
from trio_sip.dialog import Dialog
from trio_sip.message import Request, Response

__all__ = ["RequestOwner", "failure_of"]


class RequestOwner:
    """Told by `Clients`, from the listener's task; nothing here waits."""

    __slots__ = ()

    request: Request
    dialog: Dialog | None

    def receive_response(self, response: Response) -> None:
        """A response came."""
        raise NotImplementedError

    def receive_failure(self, error: Exception | None) -> None:
        """The transaction timed out (no error), or its transport failed."""
        raise NotImplementedError

    def receive_closing(self) -> None:
        """The stack has closed, so nothing will come."""
        raise NotImplementedError


def failure_of(request: Request, error: Exception | None) -> RequestTimedOut | TransportFailed:
    """What whoever sent *request* is told: it timed out (no error), or its transport failed.

    RFC 3261 section 8.1.3.1: the one is as good as a 408, the other as a 503.
    """
    if error is None:
        return RequestTimedOut(f"no answer to {request.method} {request.target}")
    if isinstance(error, TransportFailed):
        return error
    failure = TransportFailed(str(error))
    failure.__cause__ = error
    return failure
