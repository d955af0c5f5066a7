"""A user agent: somebody with an address, on a stack."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import (
    AbstractAsyncContextManager,
)

import trio

from trio_sip.message import NameAddr, Params, Response, Uri
from trio_sip.registration import Contact, RegistrationPace, RegistrationSettings
from trio_sip.session import SessionSettings
from trio_sip.stack import (
    OutgoingRequest,
    Stack,
)

from ._account import Account
from ._bindings import fetch_bindings, remove_bindings
from ._call_agent import CallingAgent
from ._call_redirect import Redirections
from ._call_service import Calls
from ._notifications import NotificationHandler, TakesNotifications
from ._referral_agent import ReferringAgent
from ._referral_service import TakesReferrals
from ._registration import Registration, open_registration
from ._requests import checked
from ._subscription_agent import SubscribingAgent
from ._subscription_service import TakesSubscriptions
from ._texts import MessageHandler, TakesTexts

__all__ = ["Route", "UserAgent"]

Route = NameAddr | Uri | str


class UserAgent(CallingAgent, ReferringAgent, SubscribingAgent):
    """Somebody with an address, who sends requests in its name and takes those to it.

    Made by `open_user_agent`.
    """

    def __init__(
        self, stack: Stack, account: Account, *, call_settings: SessionSettings, call_limit: int
    ) -> None:
        self.stack: Stack = stack
        """The stack it runs on."""

        self.account: Account = account
        self.calls: Calls = Calls(self, call_settings, limit=call_limit)

        self.referrals: TakesReferrals = TakesReferrals(self)
        self.notifications: TakesNotifications = TakesNotifications(self)
        self.subscriptions: TakesSubscriptions = TakesSubscriptions(self)
        self.service_route: tuple[NameAddr, ...] = ()
        """The way that its registrar wants requests to take (RFC 3608)."""

    @property
    def address(self) -> NameAddr:
        """Who it is."""
        return self.account.address

    @property
    def uri(self) -> Uri:
        """Its address, as a target for others."""
        return self.account.address.uri

    @property
    def route(self) -> tuple[NameAddr, ...]:
        """The Route of its requests outside of dialogs: its proxy, then the way home."""
        return (*self.account.outbound_proxy, *self.service_route)

    # -- requests outside of dialogs

    def open_request(
        self,
        method: str,
        target: Uri | str,
        body: bytes | str | None = None,
        *,
        content_type: str | None = None,
        headers: Iterable[tuple[str, object]] = (),
        to: NameAddr | str | None = None,
        contact_params: Params | None = None,
        with_contact: bool = True,
    ) -> AbstractAsyncContextManager[OutgoingRequest]:
        """`Stack.open_request` in the name of this user: From, Contact, Route and credentials.

        Args:
          contact_params: parameters of Contact.
          with_contact: leave it out for methods that have none, MESSAGE for example.
        """
        account = self.account
        uri = account.target(target)
        route = self.route
        return self.stack.open_request(
            method,
            uri,
            body,
            content_type=content_type,
            headers=[*(("Route", hop) for hop in route), *headers],
            from_=account.from_(),
            to=to,
            contact=account.contact(route[0].uri if route else uri, contact_params)
            if with_contact
            else None,
            credentials=account.authenticator,
        )

    async def send_request(
        self,
        method: str,
        target: Uri | str,
        body: bytes | str | None = None,
        *,
        content_type: str | None = None,
        headers: Iterable[tuple[str, object]] = (),
        redirections: int = 0,
    ) -> Response:
        """Send a request and wait for its success.

        Args:
          redirections: how many 3xx responses to follow: RFC 3261 section 8.1.3.4.

        Returns:
          The 2xx.

        Raises:
          RequestRejected: the final response was another; it is the error's ``response``.
          AuthenticationRejected: a 401 or 407 that our credentials do not answer.
          RequestTimedOut, TransportFailed, NoRoute: nobody answered.
          LocalProtocolError: such a request cannot be made.

        Cancellation: the transaction ends quietly.
        """
        headers = tuple(headers)
        uri = self.account.target(target)
        following = Redirections(uri, redirections)
        while True:
            async with self.open_request(
                method,
                uri,
                body,
                content_type=content_type,
                headers=headers,
                # RFC 3428 section 4: "MUST NOT contain a Contact".
                with_contact=method != "MESSAGE",
            ) as outgoing:
                response = await outgoing.final()
            other = following.next_target(response.status, response)
            if response.is_success or other is None:
                return checked(response)
            uri = other

    async def message(
        self, target: Uri | str, text: str | bytes, *, content_type: str = "text/plain"
    ) -> Response:
        """Send a text: MESSAGE, RFC 3428.  Returns and raises as `send_request`.

        A 202 says that it was stored for later.
        """
        return await self.send_request("MESSAGE", target, text, content_type=content_type)

    async def options(self, target: Uri | str) -> Response:
        """Ask what *target* can do: RFC 3261 section 11.  Returns and raises as `send_request`.

        Whoever only wants to know whether somebody is there takes a `RequestRejected` for a yes,
        too.
        """
        return await self.send_request("OPTIONS", target)

    # -- where it can be reached

    def register(
        self,
        expires: int = 3600,
        *,
        registrar: Uri | str | None = None,
        instance: str | None = None,
        reg_id: int | None = None,
        keep_alive: float | None = None,
        q: float | None = None,
        contacts: Iterable[NameAddr | str] = (),
        headers: Iterable[tuple[str, object]] = (),
        settings: RegistrationSettings | None = None,
        pace: RegistrationPace | None = None,
        grace: float = 4.0,
    ) -> AbstractAsyncContextManager[Registration]:
        """Be registered for as long as the block runs: ``async with alice.register(): …``

        Entering waits for the first 200.  Inside, the registration is refreshed before it runs
        out, tried again when the registrar has trouble, and made anew when its connection dies:
        see `Registration`.  Leaving removes it, for *grace* seconds at most.

        Args:
          expires: seconds to ask for; a registrar may grant less, or insist on more.
          registrar: the domain of the address if left out.  It is shown the password.
          instance: ``urn:uuid:…``, by which the registrar knows this machine again (RFC 5626).
          reg_id: the number of this flow among those of the instance: several registrations of one
            machine, by different ways, stand beside each other (RFC 5626 section 4.2).
          keep_alive: seconds, at most, from one keep-alive to the next: CRLF CRLF, by which NAT
            boxes remember UDP and TCP flows.  30 suits most of them.  A connection on which the
            registrar has answered such a ping once, and does not within ten seconds, is given up,
            and we are registered by a new one.  If left out, as often as the registrar asks for
            it (Flow-Timer), and not at all if it does not.
          q: preference among the contacts, 0 to 1.
          contacts: others than ours, to be registered with it.
          headers: more of them for the REGISTER.
          settings: when to refresh and when to try again.
          pace: shared among many registrations, lets so many REGISTERs a second go.

        Raises:
          RequestRejected: the first REGISTER was refused, or a later one was, for good: that is
            raised in the block.
          AuthenticationRejected: the credentials were refused, in the same way.
          RequestTimedOut, TransportFailed, NoRoute: the first REGISTER was not answered.
          RemoteProtocolError: it was answered 200 without our contact in it.
          LocalProtocolError: something in the arguments cannot be.

        Cancellation: the block is cancelled first; what has been registered, or may have been,
        is removed.
        """
        return open_registration(
            self,
            expires,
            registrar=registrar,
            instance=instance,
            reg_id=reg_id,
            keep_alive=keep_alive,
            q=q,
            contacts=contacts,
            headers=headers,
            settings=settings,
            pace=pace,
            grace=grace,
        )

    async def bindings(self, registrar: Uri | str | None = None) -> tuple[Contact, ...]:
        """Everybody who is registered under this address: a REGISTER that changes nothing.

        RFC 3261 section 10.2.3.  Raises as `send_request`.
        """
        return await fetch_bindings(self, registrar)

    async def remove_bindings(self, registrar: Uri | str | None = None) -> None:
        """Remove everybody who is registered under this address, whoever did it.

        RFC 3261 section 10.2.2.  Raises as `send_request`.
        """
        await remove_bindings(self, registrar)

    # -- what comes

    def is_addressed_by(self, uri: Uri) -> bool:
        """Whether a request to *uri* is for this user: see `AnswersFor`."""
        return self.account.is_addressed_by(uri)

    async def serve_messages(
        self,
        handler: MessageHandler,
        *,
        body_types: Iterable[str] = ("text/plain",),
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Hand each text that comes to *handler*, until cancelled.

        Args:
          handler: called with the `trio_sip.stack.IncomingRequest`; 200 is sent when it returns,
            unless it has answered by itself.
          body_types: the media types it takes; others are answered 415.
        """
        with self.stack.registered(TakesTexts(self, handler, body_types)):
            task_status.started()
            await trio.sleep_forever()

    async def serve_notifications(
        self,
        event: str,
        handler: NotificationHandler,
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Hand each NOTIFY about *event* that nobody has subscribed to to *handler*.

        Others are answered 481.  Runs until cancelled.

        Args:
          event: the event package: ``message-summary``, ``check-sync``.
          handler: called with the `trio_sip.stack.IncomingRequest`; 200 is sent when it returns,
            unless it has answered by itself.

        Raises:
          LocalProtocolError: those about *event* are being served already.
        """
        with self.notifications.serving(event, handler):
            task_status.started()
            await trio.sleep_forever()
