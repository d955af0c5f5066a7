"""What a registration wants done is done here: REGISTERs are sent, and its clock is kept."""

from __future__ import annotations

import math
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

import attrs
import trio

from trio_sip._errors import SipError
from trio_sip.message import NameAddr, Params, Response, Uri
from trio_sip.registration import (
    RegistrationChanged,
    RegistrationClient,
    RegistrationLost,
    RegistrationPace,
    RegistrationState,
    SendRegister,
)
from trio_sip.stack import LocalContact, OutgoingRequest, Service
from trio_sip.transport import Flow

from ._flow_keeper import FlowKeeper

if TYPE_CHECKING:
    from ._user_agent import UserAgent

__all__ = ["RegistrationDriver", "RegistrationRequest"]


@attrs.frozen(kw_only=True)
class RegistrationRequest:
    """What is the same in all REGISTERs of a registration."""

    registrar: Uri
    params: Params
    """Of our Contact."""

    contacts: tuple[NameAddr | str, ...]
    """Others than ours."""

    headers: tuple[tuple[str, object], ...]

    keep_alive: float | None
    """Seconds from one keep-alive to the next; ``None`` for what the registrar asks for."""


class RegistrationDriver(Service):
    """Performs the effects of one `RegistrationClient`, and tells it of lost connections.

    Everything but `leave` runs in tasks that are cancelled by `end` only, so that a block which
    is cancelled can still say goodbye.
    """

    def __init__(
        self,
        user_agent: UserAgent,
        client: RegistrationClient,
        request: RegistrationRequest,
        pace: RegistrationPace | None,
    ) -> None:
        self._user_agent = user_agent
        self._client = client
        self._request = request
        self._pace = pace
        self._scope = trio.CancelScope(shield=True)
        self._alarm = trio.CancelScope()
        self._flow: Flow | None = None
        self._outgoing: OutgoingRequest | None = None
        self._dead: Flow | None = None
        self._keeper: FlowKeeper = FlowKeeper(user_agent.stack, request.keep_alive)
        self._ended = trio.Event()
        self.name: str = f"registration {user_agent.account.name} at {request.registrar}"
        self.opened: trio.Event = trio.Event()
        """Set by the first success."""

        self.changed: trio.Event = trio.Event()
        """Set by the next change of the state, and then another one."""

        self.contact: NameAddr | None = None
        """Our Contact as it was sent last."""

    # -- life

    async def keep(self) -> None:
        """Register and stay registered, until `leave` or `end`.

        Raises whatever the registration is lost by.
        """
        client = self._client
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    if client.state is not RegistrationState.TERMINATED:
                        client.send_register(trio.current_time())
                    self._perform(nursery)
                    while client.state is not RegistrationState.TERMINATED:
                        deadline = min(client.next_deadline(), self._keeper.next_deadline())
                        with trio.CancelScope(deadline=deadline) as self._alarm:
                            await trio.sleep_forever()
                        client.handle_timeout(trio.current_time())
                        self._keeper.handle_timeout(trio.current_time())
                        self._perform(nursery)
        finally:
            self._keeper.follow(None)
            self._hold(None)
            self._user_agent.service_route = ()
            self._ended.set()

    async def leave(self) -> None:
        """Remove the registration, and wait until it is."""
        self._client.send_unregister(trio.current_time())
        self.wake()
        await self._ended.wait()

    def end(self) -> None:
        """Stop, whatever is on its way."""
        self._scope.cancel()

    def wake(self) -> None:
        """The client has been told something: see what it wants."""
        self._alarm.deadline = -math.inf

    def on_flow_closed(self, flow: Flow) -> None:
        """Tell the client if it was registered over this connection."""
        if not flow.reliable:
            # An unreachable port says little: the refresh will find out.
            return
        if self._outgoing is not None and flow == self._outgoing.flow:
            # Its response may have come just before.
            self._dead = flow
        if flow == self._flow:
            self._keeper.follow(None)
            self._client.receive_flow_lost(trio.current_time())
            self.wake()

    # -- effects

    def _perform(self, nursery: trio.Nursery) -> None:
        for effect in self._client.effects():
            match effect:
                case SendRegister():
                    nursery.start_soon(self._register, effect, name="REGISTER")
                case RegistrationLost(error):
                    raise error
                case RegistrationChanged(state):
                    self._tell(state)

    def _tell(self, state: RegistrationState) -> None:
        if state is RegistrationState.REGISTERED:
            self.opened.set()
        changed, self.changed = self.changed, trio.Event()
        changed.set()

    async def _register(self, effect: SendRegister) -> None:
        if self._pace is not None and effect.expires:
            await trio.sleep_until(self._pace.take_turn(trio.current_time()))
        outgoing: OutgoingRequest | None = None
        try:
            async with self._open_request(effect) as outgoing:
                self._outgoing = outgoing
                response = await outgoing.final()
        except (SipError, trio.ClosedResourceError) as error:
            request = None if outgoing is None else outgoing.request
            self._client.receive_failure(request, error, trio.current_time())
        else:
            self._receive(outgoing, response)
        self._outgoing = None
        if outgoing is not None:
            self.contact = outgoing.request.contact or self.contact
        self.wake()

    def _receive(self, outgoing: OutgoingRequest, response: Response) -> None:
        if response.is_success and outgoing.flow is not None:
            self._hold(outgoing.flow)
        self._client.receive_response(outgoing.request, response, trio.current_time())
        if outgoing.flow is not None and outgoing.flow == self._dead:
            self._client.receive_flow_lost(trio.current_time())
        if response.is_success:
            self._keeper.follow(self._flow, self._client.grant)
        route = self._client.grant.service_route
        user_agent = self._user_agent
        user_agent.service_route = route
        user_agent.account = user_agent.account.trusting(*(hop.uri.host for hop in route))

    def _open_request(self, effect: SendRegister) -> AbstractAsyncContextManager[OutgoingRequest]:
        account, request = self._user_agent.account, self._request
        route = account.outbound_proxy
        contact: LocalContact | NameAddr
        others = request.contacts
        if effect.expires or self.contact is None:
            first_hop = route[0].uri if route else request.registrar
            contact = account.contact(first_hop, request.params)
        else:
            # Remove what was registered, even if we are somewhere else by now.
            contact = self.contact
        if not effect.expires:
            others = tuple(_to_be_removed(other) for other in others)
        return self._user_agent.stack.open_request(
            "REGISTER",
            request.registrar,
            from_=account.from_(),
            to=account.from_(),
            contact=contact,
            call_id=effect.call_id,
            cseq=effect.cseq,
            headers=[
                # RFC 3608 section 5: the service route is not for REGISTER.
                *(("Route", hop) for hop in route),
                *(("Contact", other) for other in others),
                ("Expires", effect.expires),
                # RFC 3327 section 5.1, RFC 5626 section 4.2.1
                ("Supported", "path, outbound" if "reg-id" in request.params else "path"),
                *request.headers,
            ],
            credentials=account.authenticator,
        )

    def _hold(self, flow: Flow | None) -> None:
        """Keep the connection open that we are registered over."""
        before, self._flow = self._flow, flow
        if before == flow:
            return
        if flow is not None:
            self._user_agent.stack.hold_flow(flow)
        if before is not None:
            self._user_agent.stack.release_flow(before)


def _to_be_removed(contact: NameAddr | str) -> NameAddr:
    # RFC 3261 section 10.2.1.1: its own "expires" would count, and not the header's 0.
    address = NameAddr.parse(contact)
    params = {name: value for name, value in address.params.items() if name != "expires"}
    return NameAddr(address.uri, address.display_name, params)
