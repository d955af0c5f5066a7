"""The calls of a user agent: where an INVITE becomes a call, and a call finds its stack."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

from trio_sip._errors import LocalProtocolError, RemoteProtocolError
from trio_sip.dialog import DialogId, DialogState
from trio_sip.message import REPLACES, NameAddr, Uri
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

from ._account import parse_address
from ._call import Call, RequestHandler
from ._call_core import CallCore
from ._call_incoming import IncomingCall
from ._call_leg import NOBODY, Leg
from ._call_supplement import CallSupplement

if TYPE_CHECKING:
    from ._referral_service import TakesReferrals
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
    extensions: frozenset[str] = frozenset({"100rel", "norefersub", "replaces", "timer"})
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
        self._draining = False

    # -- who we are

    @property
    def from_(self) -> NameAddr:
        """The From of our calls, but for its tag."""
        return self._user_agent.account.from_()

    def referrer(self, who: NameAddr | str | None) -> NameAddr:
        """Who sends others elsewhere: we do, unless somebody else is named."""
        return self._user_agent.account.address if who is None else parse_address(who, None)

    @property
    def referrals(self) -> TakesReferrals:
        """Who is given the REFERs that come in calls."""
        return self._user_agent.referrals

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

    def find(self, dialog_id: DialogId) -> Call | None:
        """The call with this dialog, early ones included; ``None`` if it is none of this user."""
        entry = self.stack.find_dialog(dialog_id)
        call = entry.usage.user if entry is not None and isinstance(entry.usage, Leg) else None
        return call if isinstance(call, Call) and call.belongs_to(self) else None

    async def aclose(self) -> None:
        """End the calls that there are still, and wait until the goodbyes are answered."""
        users = [leg.user for leg in self._legs if not leg.terminated]
        calls = [user for user in users if isinstance(user, CallCore)]
        for call in calls:
            call.hang_up()
        for call in calls:
            await call.wait_until_over()

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
        else:
            replaced = self._replaced_by(request)
            if isinstance(replaced, int):
                request.respond(replaced)
            else:
                self._begin(server, request, replaced)
        return True

    def _replaced_by(self, request: IncomingRequest) -> Call | int | None:
        """The call that an INVITE wants to take the place of, or how it is refused.

        RFC 3891 section 3, to which the numbers below belong.
        """
        headers = request.message.headers
        if "Replaces" not in headers:
            return None
        try:
            replaces = headers.get(REPLACES)
        except RemoteProtocolError:
            return 400
        if replaces is None or len(headers.get_all("Replaces")) > 1 or "Join" in headers:
            return 400
        entry = self.stack.find_dialog(DialogId.of_replaces(replaces))
        if entry is None or not isinstance(entry.usage, Leg):
            return 481
        call = self.find(entry.dialog.id)
        if call is None or call.ended is not None:
            # The dialog is there because somebody still says goodbye in it.
            return 603 if entry.usage.session.ended is not None else 481
        if entry.dialog.state is DialogState.CONFIRMED:
            return 486 if replaces.early_only else call
        # "an early dialog that was not initiated by this UA"
        return 481 if isinstance(call, IncomingCall) else call

    def _begin(self, server: _Server, request: IncomingRequest, replaced: Call | None) -> None:
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
            settings=self.settings.allowing(self.handlers),
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
        call.replaces = replaced
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
