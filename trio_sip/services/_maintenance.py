"""Maintenance: some endpoints, or all, begin nothing new, and what they have goes on."""

from __future__ import annotations

from collections.abc import Iterable

from trio_sip._errors import RemoteProtocolError
from trio_sip.message import CONTACT, EXPIRES, NameAddr, Request
from trio_sip.stack import IncomingRequest, Service, ServicePriority

__all__ = ["MaintenanceService"]


class MaintenanceService(Service):
    """Answers new requests of endpoints that are being worked on with 503 and Retry-After.

    Only once they have proved who they are, so strangers do not learn who exists.  What belongs
    to a dialog goes on, and so does whatever ends something: an Expires of 0.

    Args:
      endpoints: the names of those to begin with.
      retry_after: seconds, in the header that says when to come again.
    """

    name = "maintenance"
    # After the stage of the same number, which was there before.
    priority: int = ServicePriority.AUTHENTICATE

    def __init__(self, endpoints: Iterable[str] = (), *, retry_after: int = 300) -> None:
        self.endpoints: set[str] = set(endpoints)
        """Names; add and remove them as you go."""

        self.everybody: bool = False
        """Whether nobody at all may begin anything."""

        self._retry_after = retry_after

    async def on_request(self, request: IncomingRequest) -> bool:
        """Refuse, or let pass."""
        if not self.everybody and request.endpoint.name not in self.endpoints:
            return False
        if request.dialog is not None or request.transaction is None:
            return False
        if _ends_something(request.message):
            return False
        request.respond(503, headers=[("Retry-After", self._retry_after)])
        return True


def _ends_something(message: Request) -> bool:
    """Whether it unregisters or unsubscribes."""
    try:
        contacts = [one for one in message.headers[CONTACT] if isinstance(one, NameAddr)]
        expires = [one.params.get("expires") for one in contacts]
        if any(one is not None for one in expires):
            return all(one == "0" for one in expires)
        return message.headers.get(EXPIRES) == 0
    except RemoteProtocolError:
        # Whoever it is for answers 400.
        return False
