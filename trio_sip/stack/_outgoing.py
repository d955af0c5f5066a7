"""A request of ours: where it goes, with what credentials, and what comes back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import attrs
import trio

from trio_sip._errors import LocalProtocolError, NoRoute, RequestTimedOut, TransportFailed
from trio_sip.auth import AuthenticationAttempt
from trio_sip.dialog import Dialog
from trio_sip.message import (
    NameAddr,
    Request,
    Response,
    Uri,
    create_request,
)
from trio_sip.transaction import ClientTransaction
from trio_sip.transport import Flow, Server

from ._authorize import CHALLENGES, authorize, take_challenge
from ._contact import LocalContact
from ._hop import find_servers, flow_to_hidden, put_via, secured
from ._owner import RequestOwner, failure_of

if TYPE_CHECKING:
    from ._parts import Parts
    from ._tokens import Tokens

__all__ = ["OutgoingRequest", "create_outgoing"]

_BACKLOG = 32
"""Provisional responses that wait to be read."""

_REMEMBERED = 100
"""Responses in the history of one request: whoever rings for an hour sends one a minute."""

_ROOM_FOR_VIA = 100
_ROOM_FOR_CONTACT = 100
_TRY_ELSEWHERE = frozenset({503})


def create_outgoing(
    tokens: Tokens,
    method: str,
    target: Uri | str,
    *,
    from_: NameAddr | str | None,
    to: NameAddr | str | None,
    headers: Iterable[tuple[str, object]],
    call_id: str | None = None,
    cseq: int = 1,
) -> tuple[Request, Uri]:
    """A request outside of dialogs, and where it goes first.  RFC 3261 section 8.1.1."""
    if method in ("ACK", "CANCEL"):
        raise LocalProtocolError(f"{method} belongs to the INVITE it is about")
    uri = Uri.parse(target)
    # RFC 3261 section 8.1.1.3: how to say that we would rather not say.
    sender = NameAddr.parse(from_ or '"Anonymous" <sip:anonymous@anonymous.invalid>')
    request = create_request(
        method,
        uri.without_headers(),
        from_=sender if sender.tag else sender.with_tag(tokens.tag()),
        to=NameAddr(uri.without_headers()) if to is None else to,
        call_id=tokens.call_id() if call_id is None else call_id,
        cseq=cseq,
        headers=headers,
    )
    # RFC 3261 section 8.1.2: the topmost Route, if there is one, is where it goes.
    routes = request.headers.get_all("Route")
    return request, NameAddr.parse(routes[0]).uri if routes else uri


class OutgoingRequest(RequestOwner):
    """A request that is being sent: made by `Stack.open_request`.

    ``async for response in outgoing`` gives the provisional responses and then the final one;
    `final` waits for the final one alone.  Challenges are answered, and servers that do not
    answer are passed over, before anything shows here.
    """

    def __init__(
        self,
        parts: Parts,
        request: Request,
        next_hop: Uri,
        attempt: AuthenticationAttempt | None,
        dialog: Dialog | None = None,
        contact: LocalContact | None = None,
    ) -> None:
        self._parts = parts
        self._contact = contact
        self._other_contacts = request.headers.get_all("Contact")
        self._next_hop = secured(next_hop, request)
        self._attempt = attempt
        self._transaction: ClientTransaction | None = None
        self._begun_at = 0
        self._candidates: list[Server] = []
        self._passed_over: Response | Exception | None = None
        self._final: Response | None = None
        self._send, self._receive = trio.open_memory_channel[Response | Exception](_BACKLOG)
        self.dialog = dialog
        """The dialog it is sent in."""

        self.request = request
        """The request as it was sent last."""

        self.flow: Flow | None = None
        """What it was sent on last."""

        self.history: list[Response] = []
        """The responses that came, the challenges that were answered included.

        Of more than a hundred the oldest provisional ones are forgotten, and counted.
        """

    # -- what comes back

    async def final(self) -> Response:
        """The final response, whatever its status.

        Raises:
          RequestTimedOut, TransportFailed, NoRoute: none came, from any server of the target.
          AuthenticationRejected: the credentials were refused, or there are none that fit.
        """
        while self._final is None:
            await self.receive()
        return self._final

    def __aiter__(self) -> OutgoingRequest:
        return self

    async def __anext__(self) -> Response:
        if self._final is not None:
            raise StopAsyncIteration
        return await self.receive()

    async def receive(self) -> Response:
        """The next response: provisional ones first, then the final one.  Raises as `final`."""
        while True:
            if self._transaction is None and (failure := await self._begin()) is not None:
                return self._end(failure)
            try:
                response = await self._next()
            except (RequestTimedOut, TransportFailed) as error:
                self._transaction = None
                if not self._another_server(error):
                    raise
                continue
            if response.is_provisional:
                return response
            self._transaction = None
            if self._attempt is not None and response.status in CHALLENGES:
                take_challenge(self.request, self._attempt, response, self.dialog)
            elif response.status not in _TRY_ELSEWHERE or not self._another_server(response):
                return self._end(response)

    def _another_server(self, failure: Response | Exception) -> bool:
        """RFC 3263 section 4.3: after *failure* the next server, in a new transaction."""
        if self._candidates[1:]:
            self._passed_over = failure
        del self._candidates[:1]
        return bool(self._candidates)

    def _end(self, result: Response | Exception) -> Response:
        if isinstance(result, Exception):
            raise result
        self._final = result
        return result

    async def _next(self) -> Response:
        received = await self._receive.receive()
        if isinstance(received, Exception):
            raise received
        return received

    def receive_response(self, response: Response) -> None:
        """The stack's: a response came."""
        if len(self.history) >= _REMEMBERED:
            self._forget_one()
        self.history.append(response)
        self._put(response)

    def _forget_one(self) -> None:
        oldest = next((at for at, one in enumerate(self.history) if one.is_provisional), 0)
        del self.history[oldest]
        if oldest < self._begun_at:
            self._begun_at -= 1
        self._parts.counters.forgotten_responses += 1

    def receive_failure(self, error: Exception | None) -> None:
        """The stack's: the transaction timed out (no error), or its transport failed."""
        self._put(failure_of(self.request, error))

    def receive_closing(self) -> None:
        """The stack's: it has closed, so nothing will come."""
        self._put(trio.ClosedResourceError("the stack was closed"))

    def _put(self, received: Response | Exception) -> None:
        try:
            self._send.send_nowait(received)
        except trio.WouldBlock:
            # Nobody has read the provisional ones: the oldest of them gives way.
            self._receive.receive_nowait()
            self._send.send_nowait(received)

    # -- where it goes

    async def _begin(self) -> Response | Exception | None:
        """Begin a transaction with the best server that has not failed yet.

        Returns:
          ``None``; or what to end with, because there is none: what the last one that was
          reached did is worth more than that the others cannot be.
        """
        hidden = flow_to_hidden(self._parts, self.dialog)
        if hidden is not None:
            self._candidates = [Server(hidden.transport, hidden.remote)]
        if not self._candidates:
            self._candidates = await find_servers(self._parts, self._next_hop)
        if self._attempt is not None:
            authorize(self.request, self._attempt, self._parts.tokens.token())
        if hidden is not None:
            await trio.lowlevel.checkpoint()
            self._transmit(hidden)
            return None
        size = self.request.rough_size() + _ROOM_FOR_VIA
        if self._contact is not None:
            size += _ROOM_FOR_CONTACT
        while True:
            transport, remote = self._candidates[0]
            try:
                flow = await self._parts.transport.flow_for_request(
                    remote, size, transport, self._next_hop.host
                )
            except (TransportFailed, NoRoute) as error:
                failure = error if self._passed_over is None else self._passed_over
                if not self._another_server(failure):
                    return failure
            else:
                self._transmit(flow)
                return None

    def _transmit(self, flow: Flow) -> None:
        parts = self._parts
        put_via(parts, self.request, flow)
        if self._contact is not None:
            # RFC 3261 section 8.1.1.8: where we can be reached by who got it this way.
            address = parts.transport.reachable_address(flow)
            contact = self._contact
            if self.request.uri.scheme == "sips":
                contact = attrs.evolve(contact, secure=True)
            self.request.headers.set("Contact", contact.at(flow.transport, address))
            for other in self._other_contacts:
                self.request.headers.add("Contact", other)
        self.flow = flow
        self._begun_at = len(self.history)
        self._transaction = parts.clients.begin(self, flow)

    def abandon(self) -> None:
        """Whoever waited has gone: an INVITE that may still be answered is cancelled."""
        clients = self._parts.clients
        clients.end(self)
        transaction, self._transaction = self._transaction, None
        if transaction is not None:
            came = self.history[self._begun_at :]
            clients.give_up(
                transaction,
                self.request,
                provisional=bool(came),
                final=any(not one.is_provisional for one in came),
            )
