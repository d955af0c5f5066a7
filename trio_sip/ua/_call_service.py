"""The calls of a user agent: where an INVITE becomes a call, and a call finds its stack."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

from trio_sip._errors import LocalProtocolError
from trio_sip.message import NameAddr, Request, Uri
from trio_sip.session import IncomingSession, SessionSettings
from trio_sip.stack import (
    Credentials,
    IncomingRequest,
    LocalContact,
    Service,
    ServicePriority,
    Stack,
    unwrapping_single_errors,
)
from trio_sip.transport import Address, Flow

from ._call import RequestHandler
from ._call_incoming import IncomingCall
from ._call_leg import NOBODY, Leg
from ._call_sdp import SDP
from ._call_supplement import CallSupplement

if TYPE_CHECKING:
    from ._user_agent import UserAgent

__all__ = ["CallHandler", "Calls"]

CallHandler = Callable[[IncomingCall], Awaitable[None]]


_CACHED_CONTACTS = 256


class Calls(Service):
    """The service behind `UserAgent.call` and `UserAgent.serve_calls`: one for each user agent."""

    priority: int = ServicePriority.APPLICATION
    methods: frozenset[str] = frozenset(
        {"INVITE", "ACK", "CANCEL", "BYE", "PRACK", "UPDATE", "INFO"}
    )
    extensions: frozenset[str] = frozenset({"100rel", "timer"})
    body_types: frozenset[str] = frozenset({"application/sdp"})

    def __init__(self, user_agent: UserAgent, settings: SessionSettings, *, limit: int) -> None:
        self._user_agent = user_agent
        self.name: str = f"calls {user_agent.account.name}"
        self.stack: Stack = user_agent.stack
        self.settings: SessionSettings = settings
        """What sessions ask for and put up with."""

        self.limit: int = limit
        """So many calls at once; a further one is answered 486."""

        self.dice: random.Random = random.Random()  # noqa: S311  # for the back-off after a collision
        self.handlers: dict[str, RequestHandler] = {}
        """What answers requests within calls that have no handler of their own for the method."""

        self.supplements: tuple[CallSupplement, ...] = ()
        """What looks at each call that begins from now on."""

        self._contacts: dict[tuple[str, Address, bool], NameAddr] = {}
        self._legs: set[Leg] = set()
        self._server: _Server | None = None
        self._idle: trio.Event | None = None
        self._draining = False

    # -- who we are

    @property
    def from_(self) -> NameAddr:
        """The From of our calls, but for its tag."""
        return self._user_agent.account.from_()

    @property
    def route(self) -> tuple[NameAddr, ...]:
        """The Route of our INVITEs."""
        return self._user_agent.route

    @property
    def credentials(self) -> Credentials | None:
        """What answers challenges."""
        return self._user_agent.account.authenticator

    def contact(self, first_hop: Uri) -> LocalContact:
        """Where we can be reached, but for the address."""
        return self._user_agent.account.contact(first_hop)

    def _contact_at(self, flow: Flow, *, secure: bool) -> NameAddr:
        """The Contact of answers on *flow*; there are as many as we have addresses."""
        address = self.stack.reachable_address(flow)
        key = flow.transport, address, secure
        contact = self._contacts.get(key)
        if contact is None:
            if len(self._contacts) >= _CACHED_CONTACTS:
                self._contacts.clear()
            local = LocalContact(user=self._user_agent.account.contact_user, secure=secure)
            contact = self._contacts[key] = local.at(flow.transport, address)
        return contact

    # -- which calls there are

    def __len__(self) -> int:
        """How many sessions there are, those included that only wait for late copies."""
        return len(self._legs)

    def remember(self, leg: Leg) -> None:
        """A session has begun."""
        self._legs.add(leg)

    def forget(self, leg: Leg) -> None:
        """Nothing can come for it any more."""
        self._legs.discard(leg)

    # -- calls that come

    async def on_request(self, request: IncomingRequest) -> bool:
        """Make a call of an INVITE to this user, and start its handler."""
        if request.method != "INVITE" or not self._user_agent.is_addressed_by(request.uri):
            return False
        server = self._server
        if self._draining:
            retry_after = self.stack.settings.retry_after
            request.respond(503, headers=[("Retry-After", retry_after)])
        elif server is None:
            # RFC 3261 section 21.4.18: "currently unavailable (for example, is not logged in)".
            request.respond(480)
        elif server.calls >= self.limit:
            request.respond(486)
        elif not _is_understood(request.message):
            # RFC 3261 section 8.2.3.
            request.respond(415, headers=[("Accept", SDP)])
        else:
            self._begin(server, request)
        return True

    def _begin(self, server: _Server, request: IncomingRequest) -> None:
        stack = self.stack
        message = request.message
        flow = request.flow
        contact = self._contact_at(flow, secure=message.uri.scheme == "sips")
        session = IncomingSession(
            message,
            stack.now(),
            local_tag=request.to_tag,
            contact=contact,
            dice=self.dice,
            settings=self.settings,
        )
        work = request.work or stack.grouped_work((message.call_id, message.from_.tag))
        leg = Leg(
            stack,
            NOBODY,
            work,
            credentials=self.credentials,
            endpoint=request.endpoint,
            invite=request,
            supplements=self.supplements,
        )
        leg.session = session
        call = leg.user = IncomingCall(self, request, leg, server.grace)
        self._legs.add(leg)
        if self.supplements:
            self._ask_supplements(call)
        leg.perform()
        if call.ended is None:
            request.defer(leg)
            server.start(call)

    def _ask_supplements(self, call: IncomingCall) -> None:
        for supplement in self.supplements:
            status = self._ask(supplement, call)
            if status is not None:
                call.session.hang_up(self.stack.now(), status=status)
                return

    def _ask(self, supplement: CallSupplement, call: IncomingCall) -> int | None:
        try:
            return supplement.on_call(call)
        except Exception as error:
            self.stack.handler_failed(f"{supplement.on_call.__qualname__}", error)
            return 500

    @asynccontextmanager
    async def serving(self, handler: CallHandler, grace: float) -> AsyncIterator[None]:
        """Run *handler* for each call that comes, as long as the block runs."""
        if self._server is not None:
            raise LocalProtocolError("the calls to this user are being served already")
        with unwrapping_single_errors():
            async with trio.open_nursery() as nursery:
                self._server = _Server(self.stack, nursery, handler, grace)
                try:
                    yield
                finally:
                    self._server = None

    async def drain(self) -> None:
        """Refuse new calls with 503 from now on, and wait until those there are have ended."""
        self._draining = True
        await trio.lowlevel.checkpoint()
        while self._server is not None and self._server.calls:
            await self._server.fewer()


class _Server:
    """What runs handlers, for as long as calls are served."""

    __slots__ = ("_changed", "_handler", "_nursery", "_stack", "calls", "grace")

    def __init__(
        self, stack: Stack, nursery: trio.Nursery, handler: CallHandler, grace: float
    ) -> None:
        self._stack = stack
        self._nursery = nursery
        self._handler = handler
        self._changed: trio.Event | None = None
        self.grace = grace
        self.calls = 0
        """How many there are now."""

    def start(self, call: IncomingCall) -> None:
        """Start the handler's task for *call*."""
        self.calls += 1
        self._nursery.start_soon(self._run, call, name="call")

    async def fewer(self) -> None:
        """Wait until a call has ended."""
        if self._changed is None:
            self._changed = trio.Event()
        await self._changed.wait()

    async def _run(self, call: IncomingCall) -> None:
        try:
            await call._handle(self._handler)
        finally:
            self.calls -= 1
            if self._changed is not None:
                self._changed.set()
                self._changed = None


def _is_understood(invite: Request) -> bool:
    """Whether its body is none, or a description, or may be passed over."""
    kind = invite.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if not invite.body or kind == SDP or kind.startswith("multipart/"):
        return True
    return "handling=optional" in invite.headers.get("Content-Disposition", "").replace(" ", "")
