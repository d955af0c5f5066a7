"""Services: what looks at messages as they pass, in one order for all of them."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, ClassVar

from trio_sip.message import Request, Response
from trio_sip.transaction import State, Transaction
from trio_sip.transport import Flow

if TYPE_CHECKING:
    from ._incoming import IncomingRequest
    from ._stack import Stack

__all__ = ["Service", "ServicePriority", "Supplement"]


class ServicePriority(enum.IntEnum):
    """Where in the order a service stands.  Lower comes first; any number between will do."""

    TRANSPORT_LAYER = 8
    IDENTIFY = 13
    """`request.endpoint` is known behind it."""

    DIALOGS = 32
    """Requests within dialogs go no further."""

    AUTHENTICATE = 62
    """What comes behind it has been authenticated, if it has to be."""

    SUPPLEMENT = 63
    APPLICATION = 64


class Service:
    """Something that looks at messages as they pass.  Override what you need.

    The built-in stages (identification, dialogs, authentication) are services of the same list,
    so "before authentication" is a number.
    """

    name: str = ""
    """Unique within a stack; the class's name if left empty."""

    priority: int = ServicePriority.APPLICATION

    methods: frozenset[str] = frozenset()
    """The methods it serves: they make up Allow, and tell 405 from 501."""

    extensions: frozenset[str] = frozenset()
    """The option tags it understands in Require; any other is answered 420."""

    body_types: frozenset[str] = frozenset()
    """The media types it takes in requests: they make up Accept."""

    async def on_request(self, request: IncomingRequest) -> bool:
        """Look at a request, in its work.  ``True`` means: I have taken it, ask nobody else.

        Who takes a request answers it, or calls `IncomingRequest.defer` and answers it later.
        Cancellation: the work was cancelled, or the request was by a CANCEL.
        """
        return False

    def on_response(self, response: Response, request: Request) -> bool | None:
        """Look at a response to a request that this stack sent, before its sender does.

        ``True`` means: I have taken it.  No other service sees it, and neither does the sender,
        who is told of a final response that was taken as of one that never came
        (`RequestTimedOut`).  Whoever takes the 2xx to an INVITE has taken a call.
        """
        return None

    def on_transaction_state(self, transaction: Transaction, state: State) -> None:
        """Learn that a transaction, a client's or a server's, has come to another state.

        The first one is the state it begins in, the last one ``State.TERMINATED``.  The
        transaction belongs to the stack: look at it, and change nothing.  In a stack where no
        service overrides this nobody keeps track, and it costs nothing.
        """

    def on_send_request(self, request: Request) -> None:
        """Look at, or add to, a request that is about to be sent."""

    def on_send_response(self, response: Response, request: IncomingRequest) -> None:
        """Look at, or add to, a response that is about to be sent."""

    def on_flow_closed(self, flow: Flow) -> None:
        """Learn that a connection has ended: whoever is registered over it is not reachable."""

    async def setup(self, stack: Stack) -> None:
        """Before the first message: open what it needs.  An error stops the start."""

    async def teardown(self) -> None:
        """After the last message: the opposite.  Runs shielded, in a bounded time."""

    async def run(self, stack: Stack) -> None:
        """A task of its own that lives as long as the service is registered."""


class Supplement(Service):
    """Adds to, or refuses, requests and responses of certain methods, out of dialogs.

    `methods` says which.  Supplements come after authentication and before the applications.
    """

    priority: int = ServicePriority.SUPPLEMENT
    supplements: ClassVar[frozenset[str]] = frozenset()
    """The methods it looks at; empty for all of them.  It serves none of them itself."""

    async def incoming_request(self, request: IncomingRequest) -> Response | None:
        """Look at a request.  A response refuses it: it is sent, and nobody else is asked."""
        return None

    def incoming_response(self, response: Response, request: Request) -> None:
        """Look at a response that came for a request of ours."""

    def outgoing_request(self, request: Request) -> None:
        """Add to a request of ours."""

    def outgoing_response(self, response: Response, request: IncomingRequest) -> None:
        """Add to a response of ours."""

    def _concerns(self, method: str) -> bool:
        return not self.supplements or method in self.supplements

    async def on_request(self, request: IncomingRequest) -> bool:
        """Ask `incoming_request`."""
        if not self._concerns(request.method) or request.dialog is not None:
            return False
        response = await self.incoming_request(request)
        if response is None:
            return False
        request.send_response(response)
        return True

    def on_response(self, response: Response, request: Request) -> bool | None:
        """Ask `incoming_response`."""
        if self._concerns(request.method):
            self.incoming_response(response, request)
        return None

    def on_send_request(self, request: Request) -> None:
        """Ask `outgoing_request`."""
        if self._concerns(request.method):
            self.outgoing_request(request)

    def on_send_response(self, response: Response, request: IncomingRequest) -> None:
        """Ask `outgoing_response`."""
        if self._concerns(request.method):
            self.outgoing_response(response, request)
