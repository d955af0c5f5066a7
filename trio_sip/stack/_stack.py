"""The stack as its users see it: the page's public functions, and a few around them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any

from trio_sip._errors import LocalProtocolError, RemoteProtocolError
from trio_sip.auth import DigestChallengeData
from trio_sip.dialog import Dialog, DialogId
from trio_sip.message import NameAddr, Response, Uri
from trio_sip.transport import Address, Flow
from trio_sip.work import Work

from ._authenticate import Authenticator, CheckAuthResult
from ._authorize import Credentials, authenticator_for
from ._contact import LocalContact
from ._dialogs import DialogEntry, Usage
from ._endpoint import ANONYMOUS, Endpoint, EndpointIdentifier
from ._incoming import IncomingRequest
from ._outgoing import OutgoingRequest, create_outgoing
from ._registered import Registered
from ._registry import service_name
from ._service import Service
from ._view import StackView

__all__ = ["Stack"]


class Stack(StackView):
    """A running SIP stack, made by `open_stack`."""

    # -- service registration

    def register_service(self, service: Service) -> Registered:
        """Let *service* see messages, from the next one on, in the order of its priority.

        Its `Service.setup` must have been done; `add_service` does both.

        Returns:
          A handle: ``with stack.register_service(service):`` for as long as the block runs.

        Raises:
          LocalProtocolError: there is a service of that name.
        """
        self._check_running()
        self._parts.services.add(service)
        self._services_changed()
        if self._parts.services.runs(service):
            self._nursery.start_soon(self._run_service, service, name=f"service {service.name}")
        return Registered(partial(self._unregister_if_there, service))

    async def add_service(self, service: Service) -> None:
        """Set *service* up and register it; it is torn down when the stack closes."""
        self._check_running()
        self._parts.services.check_name(service)
        try:
            await service.setup(self)
        except Exception as error:
            error.add_note(f"while service {service_name(service)!r} was set up")
            raise
        self._parts.set_up.append(service)
        self.register_service(service)

    async def _run_service(self, service: Service) -> None:
        try:
            await self._parts.services.run(service, self)
        except Exception as error:
            self._parts.pipeline.failed(f"service {service.name}", error)

    def unregister_service(self, service: Service) -> None:
        """Let it see no more messages; those inside it finish.  LookupError if it is unknown."""
        self._parts.services.remove(service)
        self._services_changed()

    def _services_changed(self) -> None:
        # Changes of state are told only while somebody listens.
        self._parts.layer.tells_states = bool(self._parts.services.for_transaction_states)

    registered = register_service
    """The same, where that reads better: ``with stack.registered(service):``."""

    def _unregister_if_there(self, service: Service) -> None:
        if service in self._parts.services:
            self.unregister_service(service)

    @property
    def services(self) -> tuple[Service, ...]:
        """The services in order, built-in stages included: the way of a request."""
        return tuple(self._parts.services)

    def register_authenticator(
        self, authenticator: Authenticator, *, replace: bool = False
    ) -> Registered:
        """Let *authenticator* decide who has to prove what; the handle puts back the one before.

        Raises:
          LocalProtocolError: there is another one, and it is not to be replaced.
        """
        authentication = self._parts.authentication
        if authentication.authenticator is not None and not replace:
            raise LocalProtocolError("there is an authenticator; say replace=True to replace it")
        return Registered(authentication.install(authenticator))

    def unregister_authenticator(self, authenticator: Authenticator) -> None:
        """Without one, known endpoints pass unproved and unknown ones get 403."""
        if self._parts.authentication.authenticator is not authenticator:
            raise LookupError("that authenticator is not registered")
        self._parts.authentication.authenticator = None

    def register_endpoint_identifier(
        self,
        identifier: EndpointIdentifier,
        *,
        name: str | None = None,
        before: EndpointIdentifier | str | None = None,
    ) -> Registered:
        """Ask *identifier* who sends a request, after those registered before it; gives a handle.

        Args:
          name: what logs and `StackSettings.identifier_order` know it by; its own ``name``, or
            that of its class, if left out.
          before: put it before this one, given by itself or by name.

        Raises:
          LocalProtocolError: there is one of that name.
        """
        return Registered(self._parts.identification.add(identifier, name, before))

    def unregister_endpoint_identifier(self, identifier: EndpointIdentifier | str) -> None:
        """Stop asking it; `LookupError` if it is not there."""
        self._parts.identification.remove(identifier)

    @property
    def identifier_order(self) -> tuple[str, ...]:
        """The names of identifiers that are asked first, in this order; assign to change it."""
        return self._parts.identification.order

    @identifier_order.setter
    def identifier_order(self, order: Sequence[str]) -> None:
        self._parts.identification.order = tuple(order)

    # -- works

    def create_work(self, name: str | None = None) -> Work:
        """A new `Work`: tasks pushed to it run one after another.

        Raises:
          LocalProtocolError: there is a work of that name.
          trio.ClosedResourceError: the stack is closing.
        """
        return self._parts.works.create(name)

    async def destroy_work(self, work: Work) -> None:
        """Take no more tasks, run those that wait, end."""
        await work.aclose()

    def push_task(self, work: Work | None, task: Any, *args: Any) -> None:
        """Run ``task(*args)``, sync or async, in *work*; without one, at once and in no order.

        Raises:
          Overloaded: the work has too many waiting.
          trio.ClosedResourceError: it takes no more.
        """
        # Any: the types of a callable and its arguments are checked by `Work.push` itself.
        (self._parts.works if work is None else work).push(task, *args)

    # -- common SIP methods

    async def send_request(
        self,
        method: str,
        target: Uri | str | None = None,
        body: bytes | str | None = None,
        *,
        dialog: Dialog | None = None,
        content_type: str | None = None,
        headers: Iterable[tuple[str, object]] = (),
        from_: NameAddr | str | None = None,
        to: NameAddr | str | None = None,
        contact: LocalContact | NameAddr | str | None = None,
        call_id: str | None = None,
        cseq: int = 1,
        credentials: Credentials | None = None,
    ) -> Response:
        """Send a request and wait for its final response, whatever the status.

        Challenges are answered with *credentials*; a server that does not answer is passed over
        for the next one of the target.

        Args:
          method: any token but ACK and CANCEL, which belong to an INVITE.
          target: where to; in a dialog it is the dialog's business.
          dialog: send it within this dialog.
          content_type: of *body*; ``text/plain`` if that is text.
          from_: who we say we are; an anonymous address if left out.
          to: the target, if left out.
          contact: where we can be reached; a `LocalContact` gets the address that the request
            is sent from.
          call_id: a new one, if left out.  A REGISTER keeps that of the one before it.
          cseq: the number; in a dialog it is the dialog's business, like the Call-ID.

        Raises:
          RequestTimedOut: no answer (RFC 3261 treats it as 408).
          TransportFailed: it could not be sent (as 503).
          NoRoute: the target leads nowhere.
          AuthenticationRejected: the credentials were refused or do not fit.
          LocalProtocolError: such a request cannot be made.

        Cancellation: the transaction ends quietly; an INVITE is cancelled with CANCEL.
        """
        async with self.open_request(
            method,
            target,
            body,
            dialog=dialog,
            content_type=content_type,
            headers=headers,
            from_=from_,
            to=to,
            contact=contact,
            call_id=call_id,
            cseq=cseq,
            credentials=credentials,
        ) as outgoing:
            return await outgoing.final()

    def open_request(
        self,
        method: str,
        target: Uri | str | None = None,
        body: bytes | str | None = None,
        *,
        dialog: Dialog | None = None,
        content_type: str | None = None,
        headers: Iterable[tuple[str, object]] = (),
        from_: NameAddr | str | None = None,
        to: NameAddr | str | None = None,
        contact: LocalContact | NameAddr | str | None = None,
        call_id: str | None = None,
        cseq: int = 1,
        credentials: Credentials | None = None,
    ) -> AbstractAsyncContextManager[OutgoingRequest]:
        """Like `send_request`, for who wants the provisional responses, too.

        ``async with stack.open_request(…) as outgoing: async for response in outgoing: …``
        """
        self._check_running()
        local = contact if isinstance(contact, LocalContact) else None
        if contact is not None and local is None:
            headers = [("Contact", contact), *headers]
        if dialog is not None:
            request, next_hop = dialog.create_request(method, headers=headers), dialog.next_hop
        elif target is None:
            raise LocalProtocolError("a request needs a target or a dialog")
        else:
            try:
                request, next_hop = create_outgoing(
                    self._parts.tokens,
                    method,
                    target,
                    from_=from_,
                    to=to,
                    headers=headers,
                    call_id=call_id,
                    cseq=cseq,
                )
            except RemoteProtocolError as error:
                # Here it is our own side that cannot spell.
                raise LocalProtocolError(str(error)) from None
        if body is not None:
            request.add_body(body, content_type)
        authenticator = authenticator_for(credentials)
        attempt = None if authenticator is None else authenticator.start_attempt(next_hop.host)
        return self._open(OutgoingRequest(self._parts, request, next_hop, attempt, dialog, local))

    @asynccontextmanager
    async def _open(self, outgoing: OutgoingRequest) -> AsyncIterator[OutgoingRequest]:
        try:
            yield outgoing
        finally:
            outgoing.abandon()

    async def requires_authentication(self, endpoint: Endpoint, request: IncomingRequest) -> bool:
        """Whether *request* must prove who sent it; without an authenticator it need not."""
        return await self._parts.authentication.requires_authentication(endpoint, request)

    async def authenticate_request(self, endpoint: Endpoint, request: IncomingRequest) -> bool:
        """Whether *request* proves that *endpoint* sent it; true without an authenticator."""
        return await self._parts.authentication.authenticate(endpoint, request)

    async def get_authentication_credentials(
        self, endpoint: Endpoint
    ) -> Sequence[DigestChallengeData]:
        """What a challenge to *endpoint* is made of; LocalProtocolError without authenticator."""
        return await self._parts.authentication.credentials(endpoint)

    async def check_authentication(
        self, endpoint: Endpoint, request: IncomingRequest
    ) -> CheckAuthResult:
        """Ask, verify, and challenge if need be.

        After CHALLENGE_SENT and FAILED the request has been answered.
        """
        return await self._parts.authentication.check(endpoint, request)

    async def challenge_request(
        self,
        request: IncomingRequest,
        challenge: DigestChallengeData | Sequence[DigestChallengeData],
        *,
        status: int = 401,
        stale: bool = False,
    ) -> None:
        """Answer *request* with a challenge: 401, or 407 as a proxy does.

        Nonce and opaque are provided where the data leave them out.

        Raises:
          LocalProtocolError: an ACK or CANCEL, or a request that has been answered.
        """
        self._parts.authentication.challenge(request, challenge, status=status, stale=stale)

    async def identify_endpoint(self, request: IncomingRequest) -> Endpoint | None:
        """Who sent *request*: the first answer of the identifiers, or ``None``."""
        return await self._parts.identification.identify(request)

    async def resolve(self, host: str, port: int | None = None) -> list[Address]:
        """Where requests to ``sip:host:port`` go, best first (RFC 3263); `NoRoute` if nowhere."""
        return [one.address for one in await self._parts.transport.locate(host, port, None)]

    # -- dialogs

    def add_dialog(
        self,
        dialog: Dialog,
        usage: Usage,
        *,
        work: Work | None = None,
        endpoint: Endpoint = ANONYMOUS,
        prompt: bool = False,
        flow: Flow | None = None,
    ) -> DialogEntry:
        """Route the requests of *dialog* to *usage*, in *work*, as coming from *endpoint*.

        Args:
          prompt: *usage* never waits, so that a request need not be handed to a task first.
          flow: by which the far end was heard, if it was heard itself: see
            `StackSettings.answers_by_flow`.
        """
        if flow is not None:
            dialog.flow = flow
        if work is None:
            work = self._parts.works.grouped(dialog.id)
        entry = DialogEntry(dialog=dialog, usage=usage, work=work, endpoint=endpoint, prompt=prompt)
        self._parts.dialogs.add(entry)
        return entry

    def remove_dialog(self, dialog: Dialog) -> None:
        """Its requests are answered 481 from now on."""
        self._parts.dialogs.remove(dialog)

    def find_dialog(self, dialog_id: DialogId) -> DialogEntry | None:
        """The dialog of that name, and whose it is; ``None`` if there is none."""
        return self._parts.dialogs.get(dialog_id)
