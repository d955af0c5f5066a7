"""A request of somebody who cannot wait: a session tells it to go, and is told what came."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

import trio

from trio_sip._errors import (
    AuthenticationRejected,
    NoRoute,
    TransportFailed,
)
from trio_sip.auth import AuthenticationAttempt
from trio_sip.dialog import Dialog
from trio_sip.message import Request, Response, Uri, create_response
from trio_sip.transaction import ClientTransaction
from trio_sip.transport import Flow, Server

from ._authorize import CHALLENGES, authorize, take_challenge
from ._hop import find_servers, find_servers_nowait, flow_to_hidden, put_via, secured
from ._owner import RequestOwner, failure_of

if TYPE_CHECKING:
    from ._parts import Parts

__all__ = ["RequestUser", "SentRequest"]

_ROOM_FOR_VIA = 100
_TRY_ELSEWHERE = 503

Headers = Iterable[tuple[str, object]]


class RequestUser(Protocol):
    """Whom a `SentRequest` tells.  Nothing here waits."""

    def request_leaves(self, sent: SentRequest, flow: Flow) -> None:
        """It is about to go out by *flow*: the moment to write down where we can be reached."""

    def receive_response(self, sent: SentRequest, response: Response) -> None:
        """A response came; for an INVITE each 2xx is one, copies and other forks included."""

    def receive_failure(self, sent: SentRequest, error: Exception) -> None:
        """No response will come: `RequestTimedOut`, `TransportFailed` or `NoRoute`."""


class _At(enum.Enum):
    """How far it has come."""

    FINDING = "finding a way"
    ASKED = "asked"
    PROCEEDING = "proceeding"
    CANCELLING = "cancelled, as soon as a provisional response allows it"
    CANCELLED = "cancelled; the answer is still to come"
    ANSWERED = "answered"
    LEFT = "left"
    """Nobody is told anything any more."""


# An enumeration's member costs 150 ns to look up in CPython 3.11, a global 10.
_FINDING, _ASKED, _PROCEEDING, _CANCELLING, _CANCELLED, _ANSWERED, _LEFT = _At
_IS_CANCELLED = frozenset({_CANCELLING, _CANCELLED})


class SentRequest(RequestOwner):
    """A request on its way, made by `Stack.start_request`.

    Challenges are answered, and servers that do not answer are passed over, before its user is
    told anything, as with `OutgoingRequest`; but nobody has to sit and wait for it.
    """

    __slots__ = (
        "_at",
        "_attempt",
        "_cancel_headers",
        "_next_hop",
        "_parts",
        "_passed_over",
        "_servers",
        "_transaction",
        "_user",
        "dialog",
        "refusal",
        "request",
    )

    request: Request
    """The request as it was sent last."""

    dialog: Dialog | None
    """Whose next sequence number it takes when it is sent again after a challenge."""

    refusal: AuthenticationRejected | None
    """Why a challenge was not answered, when the final response is one."""

    def __init__(
        self,
        parts: Parts,
        request: Request,
        next_hop: Uri,
        user: RequestUser,
        attempt: AuthenticationAttempt | None,
        dialog: Dialog | None,
    ) -> None:
        self._parts = parts
        self._next_hop = secured(next_hop, request)
        self._user = user
        self._attempt = attempt
        self._at = _FINDING
        self._cancel_headers: Headers = ()
        self._passed_over: Response | Exception | None = None
        self._servers: list[Server] | None = None
        self._transaction: ClientTransaction | None = None
        self.request = request
        self.dialog = dialog
        self.refusal = None

    # -- what its user does

    def cancel(self, headers: Headers = ()) -> None:
        """Send a CANCEL with these *headers*, as soon as RFC 3261 section 9.1 allows it.

        What comes of it comes as a response: 487, or the 2xx that crossed it.
        """
        if self._at is _FINDING:
            # It has not left the house: what the far end would say is said here.
            self._at = _ANSWERED
            self._user.receive_response(self, create_response(self.request, 487))
        elif self._at is _ASKED:
            self._at = _CANCELLING
            self._cancel_headers = headers
        elif self._at is _PROCEEDING:
            assert self._transaction is not None, "something came by it"
            self._at = _CANCELLED
            self._parts.clients.cancel(self._transaction, self.request, headers)

    def leave(self) -> None:
        """Be told no more.  An INVITE that may still be answered is cancelled.

        If somebody takes it nevertheless, he gets an ACK and a BYE.
        """
        at, self._at = self._at, _LEFT
        transaction, self._transaction = self._transaction, None
        if transaction is not None:
            self._parts.clients.give_up(
                transaction,
                self.request,
                provisional=at is _PROCEEDING,
                final=at is _ANSWERED,
                cancelled=at is _CANCELLED,
            )
        self._parts.clients.end(self)

    # -- where it goes

    def start(self) -> None:
        """Send it: at once if the way is known, and otherwise as soon as it has been found."""
        try:
            flow = flow_to_hidden(self._parts, self.dialog)
            if flow is not None:
                self._servers = [Server(flow.transport, flow.remote)]
            else:
                if self._servers is None:
                    self._servers = find_servers_nowait(self._parts, self._next_hop)
                flow = None if self._servers is None else self._flow_nowait(self._servers[0])
        except NoRoute as error:
            self._try_elsewhere(error)
            return
        if flow is None:
            self._parts.works.push(self._find_way)
        else:
            self._transmit(flow)

    def _flow_nowait(self, server: Server) -> Flow | None:
        transport, remote = server
        return self._parts.transport.flow_for_request_nowait(
            remote, self._size(), transport, self._next_hop.host
        )

    def _size(self) -> int:
        return self.request.rough_size() + _ROOM_FOR_VIA

    async def _find_way(self) -> None:
        parts = self._parts
        try:
            if self._servers is None:
                self._servers = await find_servers(parts, self._next_hop)
            transport, remote = self._servers[0]
            flow = await parts.transport.flow_for_request(
                remote, self._size(), transport, self._next_hop.host
            )
        except (TransportFailed, NoRoute) as error:
            self._try_elsewhere(error)
        except trio.ClosedResourceError:
            self.receive_closing()
        else:
            if self._at is _FINDING:
                self._transmit(flow)

    def _transmit(self, flow: Flow) -> None:
        parts = self._parts
        self._user.request_leaves(self, flow)
        if self._attempt is not None:
            authorize(self.request, self._attempt, parts.tokens.token())
        put_via(parts, self.request, flow)
        self._at = _ASKED
        self._transaction = parts.clients.begin(self, flow)

    def _try_elsewhere(self, failure: Response | Exception) -> None:
        """RFC 3263 section 4.3: after *failure* the next server, in a new transaction."""
        if self._at in (_ANSWERED, _LEFT):
            return
        self._pass_over()
        servers = self._servers
        cancelled = self._at in _IS_CANCELLED
        self._at = _FINDING
        if servers and servers[1:] and not cancelled:
            self._passed_over = failure
            del servers[0]
            self.start()
            return
        if isinstance(failure, NoRoute) and self._passed_over is not None:
            # What one that was reached did is worth more than that another cannot be.
            failure = self._passed_over
        self._at = _ANSWERED
        self._parts.clients.end(self)
        if isinstance(failure, Response):
            self._user.receive_response(self, failure)
        else:
            self._user.receive_failure(self, failure)

    def _pass_over(self) -> None:
        transaction, self._transaction = self._transaction, None
        if transaction is not None:
            self._parts.clients.pass_over(transaction)

    # -- what comes back

    def receive_response(self, response: Response) -> None:
        """The stack's: a response came."""
        if response.is_provisional:
            if self._at is _ASKED:
                self._at = _PROCEEDING
            elif self._at is _CANCELLING:
                self._at = _PROCEEDING
                self.cancel(self._cancel_headers)
            self._user.receive_response(self, response)
            return
        if response.status in CHALLENGES and self._answer(response):
            self._pass_over()
            self._at = _FINDING
            self.start()
        elif response.status == _TRY_ELSEWHERE and self._servers and self._servers[1:]:
            self._try_elsewhere(response)
        else:
            if self._at is not _ANSWERED:
                self._at = _ANSWERED
                self._parts.clients.end(self)
                if self.request.method != "INVITE" and self._transaction is not None:
                    # It goes on for a while, and need not keep a whole call alive meanwhile.
                    self._transaction.owner = None
                    self._transaction = None
            self._user.receive_response(self, response)

    def _answer(self, response: Response) -> bool:
        """Whether the challenge is one to be answered."""
        if self._attempt is None or self._at in _IS_CANCELLED:
            return False
        try:
            take_challenge(self.request, self._attempt, response, self.dialog)
        except AuthenticationRejected as error:
            self.refusal = error
            return False
        return True

    def receive_failure(self, error: Exception | None) -> None:
        """The stack's: the transaction timed out (no error), or its transport failed."""
        self._try_elsewhere(failure_of(self.request, error))

    def receive_closing(self) -> None:
        """The stack's: it has closed, so nothing will come."""
        if self._at not in (_ANSWERED, _LEFT):
            self._at = _ANSWERED
            self._user.receive_failure(self, TransportFailed("the stack was closed"))
