"""Services: what looks at messages as they pass, in one order for all of them."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

import trio

from trio_sip._errors import LocalProtocolError
from trio_sip.message import Request, Response
from trio_sip.transaction import State, Transaction
from trio_sip.transport import Flow

if TYPE_CHECKING:
    from ._incoming import IncomingRequest
    from ._stack import Stack

__all__ = ["Service", "ServicePriority", "ServiceRegistry", "Supplement", "service_name"]


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


class ServiceRegistry:
    """The services of one stack, in order, with what each message needs precomputed.

    A hook that a service does not override is never called: looking costs nothing then.
    """

    def __init__(self) -> None:
        self._services: list[Service] = []
        self._scopes: dict[Service, trio.CancelScope] = {}
        self.revision: int = 0
        """How often services came or went: what was made from them is outdated by the next one."""

        self._arrange()

    def _arrange(self) -> None:
        # sorted() is stable: equal priorities keep the order of registration.
        self.revision += 1
        ordered = self._services = sorted(self._services, key=lambda service: service.priority)

        def having(hook: str) -> tuple[Service, ...]:
            return tuple(service for service in ordered if _overrides(service, hook))

        self.for_requests: tuple[Service, ...] = having("on_request")
        self.for_responses: tuple[Service, ...] = having("on_response")
        self.for_sent_requests: tuple[Service, ...] = having("on_send_request")
        self.for_sent_responses: tuple[Service, ...] = having("on_send_response")
        self.for_closed_flows: tuple[Service, ...] = having("on_flow_closed")
        self.for_transaction_states: tuple[Service, ...] = having("on_transaction_state")
        before = [one for one in self.for_requests if one.priority < ServicePriority.DIALOGS]
        self.dialogs_are_first: bool = len(before) <= 1
        """Nobody sees the requests of dialogs before their usages do, but for identification,
        which has nothing to say about them."""

        self.methods: frozenset[str] = frozenset().union(*(s.methods for s in ordered))
        self.extensions: frozenset[str] = frozenset().union(*(s.extensions for s in ordered))
        self.allow: str = ", ".join(sorted(self.methods))

    def check_name(self, service: Service) -> None:
        """Raise LocalProtocolError if there is a service of its name."""
        name = service_name(service)
        if any(name == other.name for other in self._services):
            raise LocalProtocolError(f"there is a service named {name!r} already")

    def add(self, service: Service) -> None:
        """Put it in its place; the next message sees it."""
        self.check_name(service)
        service.name = service_name(service)
        self._services.append(service)
        self._arrange()

    def remove(self, service: Service) -> None:
        """Take it out; messages that are inside it finish there."""
        if service not in self._services:
            raise LookupError(f"no such service: {service.name!r}")
        self._services = [other for other in self._services if other is not service]
        scope = self._scopes.pop(service, None)
        if scope is not None:
            scope.cancel()
        self._arrange()

    async def run(self, service: Service, stack: Stack) -> None:
        """Run its task, if it has one, until it is removed."""
        with trio.CancelScope() as self._scopes[service]:
            await service.run(stack)

    def __iter__(self) -> Iterator[Service]:
        return iter(tuple(self._services))

    def __contains__(self, service: object) -> bool:
        return service in self._services

    def runs(self, service: Service) -> bool:
        """Whether it has a task of its own."""
        return _overrides(service, "run")


def service_name(service: Service) -> str:
    """Its name; that of its class if it has none."""
    return service.name or type(service).__name__


def _overrides(service: Service, hook: str) -> bool:
    return getattr(type(service), hook) is not getattr(Service, hook)
