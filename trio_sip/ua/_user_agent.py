"""A user agent: somebody with an address, on a stack."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext

import trio

from trio_sip.message import NameAddr, Params, Response, Uri
from trio_sip.services import OptionsService
from trio_sip.session import SessionSettings
from trio_sip.stack import (
    Credentials,
    OutgoingRequest,
    Service,
    Stack,
    StackSettings,
    Tokens,
    open_stack,
)
from trio_sip.transport import Listen, Network

from ._account import Account, as_authenticator, as_loose_route, parse_address
from ._call_fork import Fork
from ._call_outgoing import OutgoingCall
from ._call_sdp import Sdp
from ._call_service import CallHandler, Calls
from ._presence import AnswersOptions
from ._requests import checked
from ._texts import MessageHandler, serve_messages

__all__ = ["UserAgent", "open_user_agent"]

Route = NameAddr | Uri | str


class UserAgent:
    """Somebody with an address, who sends requests in its name and takes those to it.

    Made by `open_user_agent`.
    """

    def __init__(
        self, stack: Stack, account: Account, *, call_settings: SessionSettings, call_limit: int
    ) -> None:
        self.stack: Stack = stack
        """The stack it runs on."""

        self.account: Account = account
        """Its address, route and credentials."""

        self.calls: Calls = Calls(self, call_settings, limit=call_limit)
        """The service that takes and makes its calls."""

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
    ) -> Response:
        """Send a request and wait for its success.

        Returns:
          The 2xx.

        Raises:
          RequestRejected: the final response was another; it is the error's ``response``.
          AuthenticationRejected: a 401 or 407 that our credentials do not answer.
          RequestTimedOut, TransportFailed, NoRoute: nobody answered.
          LocalProtocolError: such a request cannot be made.

        Cancellation: the transaction ends quietly.
        """
        async with self.open_request(
            method,
            target,
            body,
            content_type=content_type,
            headers=headers,
            # RFC 3428 section 4: "MUST NOT contain a Contact".
            with_contact=method != "MESSAGE",
        ) as outgoing:
            return checked(await outgoing.final())

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

    # -- calls

    def call(
        self,
        target: Uri | str,
        offer: Sdp | None = None,
        *,
        headers: Iterable[tuple[str, object]] = (),
        from_: NameAddr | str | None = None,
        to: NameAddr | str | None = None,
        redirections: int = 0,
        grace: float = 4.0,
    ) -> OutgoingCall:
        """Call somebody: ``async with ua.call("sip:bob@example.com", offer) as call: …``.

        The block is the call.  Entering it sends the INVITE, and leaving it, for whatever reason,
        sends CANCEL or BYE, or nothing if the call is over; when the other side hangs up, the
        block is cancelled and left quietly, and ``call.ended_by`` and ``call.reason`` tell why.

        Args:
          offer: our session description; without one they are asked for theirs.
          headers: more of them for the INVITE.
          from_: who calls, if it is not this user; challenges are answered in its name still.
          to: whom we call, if it is not who is at *target*.
          redirections: how many 3xx responses to follow.
          grace: seconds in which the goodbye may be answered when the block is left.

        Raises:
          LocalProtocolError: *target* is no URI.  What entering and waiting raise is said at
            `OutgoingCall.start` and `OutgoingCall.answered`; what nobody has waited for leaves
            the block.
        """
        return OutgoingCall(
            self.calls,
            self.account.target(target),
            offer,
            headers=headers,
            from_=None if from_ is None else parse_address(from_, None),
            to=None if to is None else parse_address(to, None),
            redirections=redirections,
            grace=grace,
        )

    def fork(
        self,
        targets: Iterable[Uri | str],
        offer: Sdp | None = None,
        *,
        headers: Iterable[tuple[str, object]] = (),
        grace: float = 4.0,
    ) -> Fork:
        """Call several targets at once; whoever answers first has the call.

        ``async with ua.fork(targets, offer) as call: …`` waits for the first answer when it is
        entered, and is then the block of that call.  The others are told that it was completed
        elsewhere.  Arguments as `call`; errors as `Fork.__aenter__`.
        """
        headers = tuple(headers)
        return Fork([self.call(one, offer, headers=headers, grace=grace) for one in targets])

    async def start_call(
        self,
        nursery: trio.Nursery,
        target: Uri | str,
        offer: Sdp | None = None,
        *,
        headers: Iterable[tuple[str, object]] = (),
        from_: NameAddr | str | None = None,
        to: NameAddr | str | None = None,
        redirections: int = 0,
        grace: float = 4.0,
    ) -> OutgoingCall:
        """The same without a block: the call lives in *nursery*, until `OutgoingCall.aclose`.

        What becomes of it, `OutgoingCall.answered` tells; an error of its own tasks leaves by
        the nursery.  Arguments and errors as `call`.
        """
        call = self.call(
            target,
            offer,
            headers=headers,
            from_=from_,
            to=to,
            redirections=redirections,
            grace=grace,
        )
        await nursery.start(call._live, name=f"call {target}")
        return call

    async def serve_calls(
        self,
        handler: CallHandler,
        *,
        grace: float = 4.0,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Run *handler* for each call that comes, in a task of its own, until cancelled.

        When the handler returns, the call is ended: with BYE, or 480 if it was not answered.
        When the caller hangs up or gives up, the handler is cancelled.  An error in it that is
        not about the other side is answered 500 (or ends the call), is logged and counted, and
        harms nobody else; in a strict stack it leaves this function.

        Args:
          handler: called with the `IncomingCall`.
          grace: seconds in which the goodbye may be answered when a handler has ended.

        Raises:
          LocalProtocolError: the calls to this user are being served already.

        Cancellation: all calls are ended, and their goodbyes said, before it returns.
        """
        await self.calls.serve(handler, grace=grace, task_status=task_status)

    async def drain(self) -> None:
        """Refuse new calls with 503 from now on, and wait until those that came have ended.

        Cancellation: new calls are refused still.
        """
        await self.calls.drain()

    # -- what comes

    def is_addressed_by(self, uri: Uri) -> bool:
        """Whether a request to *uri* is for this user: it names our Contact, or our address."""
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
        await serve_messages(self, handler, body_types, task_status)


@asynccontextmanager
async def open_user_agent(
    address: NameAddr | Uri | str,
    *,
    display_name: str | None = None,
    password: str | None = None,
    credentials: Credentials | None = None,
    outbound_proxy: Route | Sequence[Route] = (),
    contact_user: str | None = None,
    user_phone: bool = False,
    listen: str | Listen | Sequence[str | Listen] = (),
    services: Iterable[Service] = (),
    call_settings: SessionSettings | None = None,
    call_limit: int = 10_000,
    stack: Stack | None = None,
    network: Network | None = None,
    settings: StackSettings | None = None,
    strict: bool = False,
    tokens: Tokens | None = None,
    grace: float = 4.0,
) -> AsyncIterator[UserAgent]:
    """Run a user agent for as long as the block runs.

    Args:
      address: who it is: ``sip:alice@example.com``, with a display name if it likes.
      display_name: what others see; instead of the one in *address*.
      password: answers challenges for the user of *address*.  It is shown to requests that go
        to the domain of *address* or to the outbound proxy, and to nobody else.
      credentials: instead of *password*, for who knows more: realms, hashes, other names.
      outbound_proxy: where every request outside of dialogs goes first; a loose route, or
        several.
      contact_user: the user part of Contact; that of *address* if left out.
      user_phone: say ``;user=phone`` where a user part is a number.
      listen: as for `trio_sip.stack.open_stack`; a UDP port if left out.
      services: more of them for its stack.
      call_settings: what calls ask for and put up with: 100rel, session timers; the defaults, with
        the timers of *settings*, if left out.
      call_limit: so many calls that came may be there at once; further ones are answered 486.
      stack: run on this one, with others; what concerns the sockets is then its business, and
        is not to be given here.
      network, settings, strict, tokens, grace: as for `trio_sip.stack.open_stack`.

    Raises:
      TransportFailed: an address cannot be bound.
      LocalProtocolError: something in the arguments cannot be.

    Cancellation: the block is cancelled first, over sockets that still work.
    """
    proxies = (
        [outbound_proxy] if isinstance(outbound_proxy, NameAddr | Uri | str) else outbound_proxy
    )
    routes = tuple(as_loose_route(proxy) for proxy in proxies)
    sender = parse_address(address, display_name)
    account = Account(
        address=sender,
        contact_user=sender.uri.user if contact_user is None else contact_user,
        outbound_proxy=routes,
        authenticator=as_authenticator(
            sender, password, credentials, {sender.uri.host, *(hop.uri.host for hop in routes)}
        ),
        user_phone=user_phone,
    )
    listens = [listen] if isinstance(listen, str | Listen) else listen
    services = tuple(services)
    if not any(isinstance(service, OptionsService) for service in services):
        services = (OptionsService(), *services)
    async with AsyncExitStack() as blocks:
        running = await blocks.enter_async_context(
            open_stack(
                *listens,
                services=services,
                network=network,
                settings=settings,
                strict=strict,
                tokens=tokens,
                grace=grace,
            )
            if stack is None
            else nullcontext(stack)
        )
        user_agent = UserAgent(
            running,
            account,
            call_settings=call_settings or SessionSettings(timers=running.settings.timers),
            call_limit=call_limit,
        )
        blocks.enter_context(running.registered(user_agent.calls))
        blocks.enter_context(running.registered(AnswersOptions(user_agent)))
        yield user_agent
