"""Who owns a client transaction: whom the stack tells what becomes of a request."""

from __future__ import annotations

from trio_sip.dialog import Dialog
from trio_sip.message import Request, Response

__all__ = ["RequestOwner"]


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
