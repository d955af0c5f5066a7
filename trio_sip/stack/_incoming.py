"""A request on its way through the stack."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from trio_sip._errors import LocalProtocolError
from trio_sip.auth import AuthOutcome, DigestChallengeData
from trio_sip.message import CheckedHeaders, NameAddr, Request, Response, Uri, create_response
from trio_sip.transaction import ServerTransaction
from trio_sip.transport import Address, Flow
from trio_sip.work import Work, current_work

from ._contact import LocalContact
from ._endpoint import ANONYMOUS, Endpoint

if TYPE_CHECKING:
    from ._dialogs import DialogEntry
    from ._parts import Parts
    from ._stack import Stack

__all__ = ["AnswerState", "Canceller", "IncomingRequest"]


class AnswerState(enum.Enum):
    """How far the answer to a request has come."""

    UNANSWERED = "unanswered"
    DEFERRED = "deferred"
    """Somebody promised to answer it later."""

    ANSWERED = "answered"
    """A final response was sent."""

    ABANDONED = "abandoned"
    """It was deferred, and nobody answered in time: now nobody waits for an answer any more."""


# An enumeration's member costs 150 ns to look up in CPython 3.11, a global 10.
_UNANSWERED, _ANSWERED = AnswerState.UNANSWERED, AnswerState.ANSWERED
_DEFERRED = AnswerState.DEFERRED


class Canceller(Protocol):
    """Who has taken an INVITE and answers it when it is cancelled.  Nothing here waits."""

    def receive_cancel(self, request: IncomingRequest, cancel: Request) -> None:
        """*cancel* came for *request*; it has been answered 200."""


class IncomingRequest:
    """A request that was received, with what the stack knows about it, and its answers.

    `message` is the request as it came; nobody changes it.  Identifiers, authenticators and
    services are given this object, one after the other, in the request's own work.
    """

    # Plain slots: one is made for each request that is not a copy.
    __slots__ = (
        "_parts",
        "_to_tag",
        "auth_outcome",
        "canceller",
        "dialog",
        "endpoint",
        "flow",
        "identified_by",
        "message",
        "serving",
        "state",
        "transaction",
    )

    message: Request
    flow: Flow
    """Where its answers go."""

    transaction: ServerTransaction | None
    """``None`` for an ACK, which is never answered."""

    endpoint: Endpoint
    """Who sent it; the anonymous endpoint until identification has run."""

    identified_by: str | None
    """The name of the identifier that knew."""

    dialog: DialogEntry | None
    """The dialog it belongs to."""

    auth_outcome: AuthOutcome | None
    """What verification found, once it has run.  Not for the sender."""

    state: AnswerState

    serving: Work | None
    """The work in which an INVITE is being handled at this moment."""

    canceller: Canceller | None
    """Who was named when it was deferred."""

    def __init__(
        self,
        parts: Parts,
        message: Request,
        flow: Flow,
        transaction: ServerTransaction | None,
        dialog: DialogEntry | None = None,
    ) -> None:
        self._parts = parts
        self._to_tag: str | None = None
        self.canceller = None
        self.serving = None
        self.message = message
        self.flow = flow
        self.transaction = transaction
        self.endpoint = ANONYMOUS
        self.identified_by = None
        self.dialog = dialog
        self.auth_outcome = None
        self.state = _UNANSWERED

    @property
    def stack(self) -> Stack:
        """The stack that received it."""
        return self._parts.stack

    @property
    def method(self) -> str:
        return self.message.method

    @property
    def uri(self) -> Uri:
        """The Request-URI."""
        return self.message.uri

    @property
    def source(self) -> Address:
        """Where it came from, as the network says; no header has a say in it."""
        remote, port = self.flow.remote, self.message.received_port
        return remote if port is None or port == remote.port else Address(remote.host, port)

    @property
    def direct_flow(self) -> Flow | None:
        """The flow back to who made the request; ``None`` if a proxy has brought it.

        See `trio_sip.dialog.Dialog.flow`.
        """
        via = self.message.via_text
        if via is None or "," in via or len(self.message.headers.get_all("Via")) > 1:
            return None
        flow, source = self.flow, self.source
        return flow if source == flow.remote else Flow(flow.transport, flow.local, source)

    @property
    def work(self) -> Work | None:
        """The work it runs in, while it does."""
        return current_work()

    @property
    def is_answered(self) -> bool:
        """Whether a final response was sent, or none is wanted."""
        return self.state is _ANSWERED or self.transaction is None

    @property
    def to_tag(self) -> str:
        """The tag that we put behind the To of every answer; the same one each time."""
        if self._to_tag is None:
            self._to_tag = self._parts.tokens.tag()
        return self._to_tag

    def create_response(self, status: int, reason: str | None = None) -> Response:
        """A response that can be added to before `send_response` sends it."""
        # RFC 3261 section 8.2.6.2: every response but 100 has a To tag.
        tag = None if status == 100 else self.to_tag
        return create_response(self.message, status, reason, to_tag=tag)

    def respond(
        self,
        status: int,
        reason: str | None = None,
        *,
        headers: Iterable[tuple[str, object]] | CheckedHeaders = (),
        body: bytes = b"",
        content_type: str | None = None,
    ) -> Response:
        """Answer: a provisional response (once or more often), or the final one (once).

        It is sent, and sent again, as RFC 3261 section 17.2 wants; this returns at once.

        Args:
          reason: the reason phrase; the usual one if left out.
          headers: more headers, for example ``[("Contact", "<sip:me@192.0.2.1>")]``; those that
            go into many answers can be checked once, as `CheckedHeaders`.

        Returns:
          The response as it was sent.

        Raises:
          LocalProtocolError: it has been answered finally, it is an ACK, or the method does not
            allow such a response.
        """
        response = self.create_response(status, reason)
        _fill(response, headers, body, content_type)
        self.send_response(response)
        return response

    def respond_stateless(
        self,
        status: int,
        reason: str | None = None,
        *,
        headers: Iterable[tuple[str, object]] | CheckedHeaders = (),
        body: bytes = b"",
        content_type: str | None = None,
    ) -> Response:
        """Answer finally and forget the request, as RFC 3261 section 8.2.7 has it.

        Nothing is kept: the answer is not sent again by itself, a copy of the request is handled
        anew (so answer it alike), and an ACK that follows is a stray one.  For floods, and for
        what strangers ask, whom `respond` would let cost a transaction for 32 seconds each.

        The arguments are those of `respond`; the To tag is the same for each copy.

        Raises:
          LocalProtocolError: as for `respond`, and for a provisional response, which nobody
            could keep going.
        """
        if self.transaction is None:
            raise LocalProtocolError(f"{self.method} is not answered")
        if self.state is not _UNANSWERED:
            self._check_deferred()
        # RFC 3261 section 8.2.7: "generate To header tags for responses in a stateless manner - in
        # a manner that will generate the same tag for the same request consistently".
        if self._to_tag is None:
            self._to_tag = self._parts.tokens.stateless_tag(self.message)
        response = self.create_response(status, reason)
        if response.is_provisional:
            raise LocalProtocolError(f"a {status} cannot be sent without a transaction")
        _fill(response, headers, body, content_type)
        self._parts.pipeline.send_response_once(self, response)
        if self.state is _DEFERRED:
            self._note_deferred(response)
        self.state = _ANSWERED
        return response

    def send_response(self, response: Response) -> None:
        """Send a response made by `create_response`.  Raises as `respond`."""
        if self.transaction is None:
            raise LocalProtocolError(f"{self.method} is not answered")
        if self.state is not _UNANSWERED:
            self._check_deferred()
        self._parts.pipeline.send_response(self, response)
        if self.state is _DEFERRED:
            self._note_deferred(response)
        if response.status >= 200:
            self.state = _ANSWERED

    def repeat_response(self, response: Response) -> None:
        """Send a response to INVITE again, as it was sent: a 2xx without ACK, a 1xx without PRACK.

        Nothing happens when its transaction is over.
        """
        if self.transaction is not None:
            self._parts.pipeline.repeat_response(self.transaction, response)

    def defer(self, canceller: Canceller | None = None) -> None:
        """Promise to answer later, from another task; `on_request` may then return.

        That must be within 64*T1, which is 32 seconds: then the client has given up, and the
        request is `AnswerState.ABANDONED`.  An INVITE may ring for longer, but not without a
        provisional response for more than `StackSettings.ringing_seconds`: it is answered 408.

        Args:
          canceller: told of a CANCEL, and answers the request then; nothing is held against it
            that it takes its time.  Without one the stack answers a cancelled request 487.
        """
        if self.state is not _UNANSWERED or self.transaction is None:
            return
        self.state = _DEFERRED
        self.canceller = canceller
        if canceller is None:
            self._parts.deferred.add(self)
        else:
            # A call rings for a minute and is no work: who takes calls counts them himself.
            self._parts.pipeline.unanswered -= 1

    def _check_deferred(self) -> None:
        """Whether there is still somebody who waits for an answer."""
        if self.state is not _DEFERRED:
            raise LocalProtocolError(f"{self.message!r} has been {self.state.value} already")

    def _note_deferred(self, response: Response) -> None:
        if self.canceller is not None:
            return
        if response.is_provisional:
            self._parts.deferred.add(self)
        else:
            self._parts.deferred.discard(self)

    def abandon(self) -> None:
        """The stack's: nobody waits for an answer any longer, so none is sent."""
        self.state = AnswerState.ABANDONED
        self._parts.pipeline.abandon(self)

    def share_tag(self, other: IncomingRequest) -> None:
        """Answer with the same To tag as *other*, which this request is about."""
        self._to_tag = other.to_tag

    def cancel(self, cancel: Request) -> None:
        """A CANCEL came: answer 487, and end whoever is handling the request."""
        if self.canceller is not None:
            self.canceller.receive_cancel(self, cancel)
            return
        self.respond(487)
        if self.serving is not None:
            self.serving.cancel_running()

    def local_contact(self, contact: LocalContact) -> NameAddr:
        """*contact* with the address at which its sender can reach us: for our answers."""
        address = self._parts.transport.reachable_address(self.flow)
        return contact.at(self.flow.transport, address)

    def verify_digest(self, data: DigestChallengeData | Sequence[DigestChallengeData]) -> bool:
        """Whether its Authorization proves one of these secrets: what an authenticator asks.

        What went wrong is kept in `auth_outcome` for the security events.
        """
        return self._parts.authentication.verify(self, data)

    def __repr__(self) -> str:
        return f"<IncomingRequest {self.method} from {self.source} {self.state.value}>"


def _fill(
    response: Response,
    headers: Iterable[tuple[str, object]] | CheckedHeaders,
    body: bytes,
    content_type: str | None,
) -> None:
    if isinstance(headers, CheckedHeaders):
        response.headers.add_checked(headers)
    else:
        for name, value in headers:
            response.add_header(name, value)
    if body:
        response.headers.set("Content-Type", content_type or "application/octet-stream")
        response.body = body
