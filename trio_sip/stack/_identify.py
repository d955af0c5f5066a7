"""Identification: the endpoint a request comes from, and the stage that finds it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import attrs
import trio

from trio_sip._errors import LocalProtocolError, RemoteProtocolError
from trio_sip.message import NameAddr

from ._endpoint import ANONYMOUS, ARTIFICIAL, Endpoint, EndpointIdentifier, EndpointKind
from ._incoming import IncomingRequest
from ._security import SecurityEvent, SecurityEventKind, SecurityEvents, Suspects
from ._service import Service, ServicePriority

__all__ = ["Identification"]

_logger = logging.getLogger("trio_sip.stack")


@attrs.frozen
class _Registered:
    identifier: EndpointIdentifier
    name: str


class Identification(Service):
    """Asks the identifiers in order; the first that knows the sender decides.

    ``order`` names identifiers that come first, in that order; the others follow as they were
    registered.
    """

    name = "identify"
    priority: int = ServicePriority.IDENTIFY

    def __init__(self, events: SecurityEvents, order: Sequence[str] = ()) -> None:
        self._events = events
        self._order = tuple(name.strip() for name in order)
        self._registered: list[_Registered] = []
        self._sorted: tuple[_Registered, ...] = ()
        self._suspects = Suspects()

    def add(
        self,
        identifier: EndpointIdentifier,
        name: str | None,
        before: EndpointIdentifier | str | None,
    ) -> Callable[[], None]:
        """Register one, last or before another; the result takes it out if it is still there."""
        chosen = name or getattr(identifier, "name", "") or type(identifier).__name__
        if any(chosen == other.name for other in self._registered):
            raise LocalProtocolError(f"there is an identifier named {chosen!r} already")
        place = len(self._registered) if before is None else self._find(before)
        entry = _Registered(identifier, chosen)
        self._registered.insert(place, entry)
        self._arrange()
        return partial(self._take_out, entry)

    def remove(self, identifier: EndpointIdentifier | str) -> None:
        """Unregister one, by itself or by name."""
        del self._registered[self._find(identifier)]
        self._arrange()

    def _take_out(self, entry: _Registered) -> None:
        self._registered = [one for one in self._registered if one is not entry]
        self._arrange()

    def _find(self, wanted: EndpointIdentifier | str) -> int:
        for place, one in enumerate(self._registered):
            if wanted is one.identifier or wanted == one.name:
                return place
        raise LookupError(f"no such identifier: {wanted!r}")

    @property
    def order(self) -> tuple[str, ...]:
        """The names that come first."""
        return self._order

    @order.setter
    def order(self, order: Sequence[str]) -> None:
        self._order = tuple(name.strip() for name in order)
        known = [one.name for one in self._registered]
        for name in self._order:
            if name not in known:
                _logger.warning("no identifier named %r; there are: %s", name, ", ".join(known))
        self._arrange()

    def _arrange(self) -> None:
        ranks = {name: rank for rank, name in enumerate(self._order)}
        self._sorted = tuple(
            sorted(self._registered, key=lambda one: ranks.get(one.name, len(ranks)))
        )

    def __iter__(self) -> Iterator[str]:
        return iter([one.name for one in self._sorted])

    async def identify(self, request: IncomingRequest) -> Endpoint | None:
        """The endpoint that the first identifier to know it names, or ``None``."""
        for one in self._sorted:
            endpoint = await one.identifier.identify_endpoint(request)
            if endpoint is not None:
                request.identified_by = one.name
                return endpoint
        return None

    async def on_request(self, request: IncomingRequest) -> bool:
        """Set `request.endpoint`: the sender, the anonymous or the artificial endpoint."""
        if request.dialog is not None:
            # Their dialog was identified when it began.
            request.endpoint = request.dialog.endpoint
            return False
        if not self._sorted:
            request.endpoint = ANONYMOUS
            return False
        endpoint = await self.identify(request)
        if endpoint is None:
            endpoint = ARTIFICIAL
        else:
            if self._suspects.seen and endpoint.kind is EndpointKind.KNOWN:
                self._suspects.hit(request.source.host)
            if (endpoint.acl or endpoint.contact_acl) and not _is_permitted(endpoint, request):
                self._tell(SecurityEventKind.ACCESS_DENIED, request, endpoint.name)
                # It is answered like anybody unknown, so that nobody learns who exists.
                endpoint = ARTIFICIAL
        request.endpoint = endpoint
        return False

    def note_unidentified(self, request: IncomingRequest) -> None:
        """Tell that nobody knows the sender, now that it is asked to prove who it is.

        Not before: the OPTIONS of a monitor, answered without a question, is no attack.
        """
        if request.identified_by is not None:
            # Somebody knows it, and it may not come from there: that has been told.
            return
        count = 1
        if any(one.name == "auth_username" for one in self._sorted):
            # The next try, with credentials, may still identify the sender.
            count = self._suspects.miss(request.source.host, trio.current_time())
        if count:
            self._tell(SecurityEventKind.UNIDENTIFIED, request, "unknown", count)

    def _tell(
        self, kind: SecurityEventKind, request: IncomingRequest, name: str, count: int = 1
    ) -> None:
        self._events.tell(
            SecurityEvent(
                kind=kind,
                source=request.source,
                method=request.method,
                endpoint=name,
                count=count,
            )
        )


def _is_permitted(endpoint: Endpoint, request: IncomingRequest) -> bool:
    if endpoint.acl is not None and not endpoint.acl.permits(request.source.host):
        return False
    if endpoint.contact_acl is None:
        return True
    try:
        contacts = [one for one in request.message.contacts if isinstance(one, NameAddr)]
        return all(endpoint.contact_acl.permits(contact.uri.host) for contact in contacts)
    except RemoteProtocolError:
        # A 400 of its own would tell that this endpoint exists.
        return False
