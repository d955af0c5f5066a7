"""Calls that we get."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar

import trio

from trio_sip._errors import (
    CallEnded,
    LocalProtocolError,
    NoRoute,
    RemoteProtocolError,
    RequestRejected,
    RequestTimedOut,
    TransportFailed,
)
from trio_sip.message import NameAddr, Uri
from trio_sip.sdp import SessionDescription
from trio_sip.session import (
    Acknowledged,
    Ended,
    IncomingSession,
    SessionState,
    Side,
)
from trio_sip.stack import Endpoint, IncomingRequest, single_error

from ._call import Call
from ._call_core import Headers, says_only_that_it_is_over
from ._call_leg import Leg
from ._call_sdp import SDP, Sdp, as_next_body, parsed

if TYPE_CHECKING:
    from ._call_service import Calls

__all__ = ["IncomingCall"]

Target = NameAddr | Uri | str

_NOT_HANDED_ON = frozenset({401, 407, 503})


class IncomingCall(Call):
    """A call that we get, given to the handler of `UserAgent.serve_calls`.

    When the handler returns, the call is ended; when the call ends, the handler is cancelled.
    """

    __slots__ = ("_offer", "replaces", "request")

    request: IncomingRequest
    """The INVITE."""

    replaces: Call | None
    """The call of ours that it wants to take the place of, because somebody has transferred it.

    `answer` ends that one; `reject` leaves it as it is.  RFC 3891 section 3 wants you to make
    sure that the caller may do that: that `endpoint` is one that you trust, or that its
    Referred-By names the other side of that call.
    """

    def __init__(self, calls: Calls, request: IncomingRequest, leg: Leg, grace: float) -> None:
        super().__init__(calls, grace)
        self.request = request
        self._leg = leg
        self.replaces = None
        self._offer: SessionDescription | None = None

    # -- who calls, and what for

    @property
    def target(self) -> Uri:
        """Whom they call: the Request-URI."""
        return self.request.uri

    @property
    def caller(self) -> NameAddr:
        """Who they say they are: From.  `endpoint` is who they have proved to be."""
        return self.request.message.from_

    @property
    def endpoint(self) -> Endpoint:
        """Who calls, as far as the stack knows."""
        return self.request.endpoint

    @property
    def offer(self) -> SessionDescription | None:
        """What they offer; ``None`` if they want our offer.

        Raises:
          RemoteProtocolError: it cannot be read.
        """
        if self._offer is None:
            session = self._leg.session
            assert isinstance(session, IncomingSession), "they call us"
            self._offer = parsed(session.description)
        return self._offer

    @property
    def remote_sdp(self) -> SessionDescription | None:
        """What they have said last about their media.  Raises as `offer`."""
        return self.offer if self._remote is None else super().remote_sdp

    @property
    def host(self) -> str:
        """The address of ours that the other side reaches."""
        return self.stack.reachable_address(self.request.flow).host

    # -- what to do about it

    async def ring(self, *, headers: Headers = ()) -> None:
        """Say that we ring: 180.  Raises as `progress`."""
        await self.progress(180, headers=headers)

    async def progress(
        self,
        status: int = 183,
        sdp: Sdp | None = None,
        *,
        reason: str | None = None,
        headers: Headers = (),
        reliable: bool | None = None,
    ) -> None:
        """Send a provisional response, perhaps with early media.

        Args:
          status: 101 to 199.
          reliable: whether it is repeated until it has been heard (RFC 3262).  If left out it
            is, if they can and it has a session description, or if they insist.

        Raises:
          CallEnded: they have given up.
          LocalProtocolError: the call has been answered, or they cannot do what you want.
        """
        self._check_unanswered("progress")
        if not 100 < status < 200:
            raise LocalProtocolError(f"progress: {status} is no provisional response of yours")
        body = as_next_body(sdp, self.host, self._local)
        self.session.send_response(
            self.session.invite,
            status,
            self.stack.now(),
            reason=reason,
            headers=headers,
            body=body,
            content_type=SDP,
            reliable=reliable,
        )
        if body:
            self._local = self._wanted = body
        self._leg.perform()
        await trio.lowlevel.checkpoint_if_cancelled()

    async def answer(
        self, sdp: Sdp | None = None, *, headers: Headers = ()
    ) -> SessionDescription | None:
        """Take the call: 200, repeated until the ACK comes, for which this waits.

        Args:
          sdp: the answer to their offer; our offer, if they made none.  May be left out when
            `progress` has said it reliably.

        Returns:
          Their answer, when the offer was ours: it comes in the ACK.

        Raises:
          CallEnded: they have given up, or no ACK came (64*T1 seconds).
          LocalProtocolError: it has been answered already.
          RemoteProtocolError: their answer cannot be read.
        """
        self._check_unanswered("answer")
        session = self._leg.session
        body = as_next_body(sdp, self.host, self._local)
        session.send_response(
            session.invite, 200, self.stack.now(), headers=headers, body=body, content_type=SDP
        )
        if body:
            self._local = self._wanted = body
        self._leg.perform()
        if session.state is not SessionState.ACCEPTING:
            self._replace()
        owed = session.owed_by() is Side.REMOTE
        while True:
            self._check_alive("answer")
            if session.state is SessionState.CONFIRMED:
                self._replace()
                return self.remote_sdp if owed else None
            await self._change()

    def _replace(self) -> None:
        """The 2xx is out: the call that this one replaces is over, by BYE or CANCEL."""
        replaced = self.replaces
        if replaced is not None and replaced.ended is None:
            replaced.replaced_by = self
            replaced.hang_up()

    async def reject(
        self, status: int = 486, reason: str | None = None, *, headers: Headers = ()
    ) -> None:
        """Refuse the call: 300 to 699.

        The handler goes on, and has nothing left to do.

        Raises:
          CallEnded: they have given up.
          LocalProtocolError: it has been answered already, or that is no refusal.
        """
        self._check_unanswered("reject")
        if not 300 <= status <= 699:
            raise LocalProtocolError(f"reject: {status} is no refusal")
        self.session.send_response(
            self.session.invite, status, self.stack.now(), reason=reason, headers=headers
        )
        self._leg.perform()
        await trio.lowlevel.checkpoint_if_cancelled()

    async def redirect(self, targets: Target | Iterable[Target], *, status: int = 302) -> None:
        """Send the caller elsewhere: 302, or 300, 301, 305, 380.  Raises as `reject`.

        Args:
          targets: where to, one or several; a ``q`` parameter says how much one is wanted.
        """
        several = [targets] if isinstance(targets, NameAddr | Uri | str) else targets
        try:
            contacts: list[tuple[str, object]] = [
                ("Contact", NameAddr(one) if isinstance(one, Uri) else NameAddr.parse(one))
                for one in several
            ]
        except RemoteProtocolError as error:
            raise LocalProtocolError(f"redirect: {error}") from None
        if not 300 <= status <= 399 or not contacts:
            raise LocalProtocolError("redirect: want a status of 300 to 399 and a target")
        await self.reject(status, headers=contacts)

    def _check_unanswered(self, what: str) -> None:
        self._check_alive(what)
        if self.state is not SessionState.PROCEEDING:
            raise LocalProtocolError(f"{what}: the call has been answered already")

    # -- its handler

    async def _handle(self, handler: Callable[[IncomingCall], Awaitable[None]]) -> None:
        """Run the handler in the call's scope, and end the call however that ends."""
        # What is said if it has not been answered: nothing has gone wrong, and nobody is there.
        status = 480
        try:
            with self._scope:
                await handler(self)
        except Exception as error:
            if not says_only_that_it_is_over(error):
                status = self._status_for(error)
        except BaseException:
            status = 503
            raise
        finally:
            if self.ended is None or self._tasks is not None or not self._leg.terminated:
                await self._say_goodbye(status)
        failure = self._failure
        if isinstance(failure, Exception):
            self.stack.handler_failed(f"a task of {self!r}", failure)
        elif failure is not None:
            raise failure

    def _status_for(self, error: Exception) -> int:
        """What an error of the handler means to the caller; one that is a bug is told."""
        if isinstance(error, ExceptionGroup):
            only = single_error(error)
            error = only if isinstance(only, Exception) else error
        if isinstance(error, RequestRejected):
            # RFC 3261 section 16.7: what a caller could do nothing with is not handed on.
            foreign = error.status in _NOT_HANDED_ON or error.status < 400
            return 500 if foreign else error.status
        if isinstance(error, RequestTimedOut):
            return 408
        if isinstance(error, NoRoute):
            return 404
        if isinstance(error, RemoteProtocolError):
            return error.status_hint
        if not isinstance(error, CallEnded | TransportFailed):
            self._end(500)
            self.stack.handler_failed(f"the handler of {self!r}", error)
        return 500

    def __repr__(self) -> str:
        return f"<IncomingCall from {self.caller.uri} {self.state.name.lower()}>"

    # -- told by the leg

    def _acknowledged_by_them(self, event: Acknowledged) -> None:
        self._take_answer(event)
        # The INVITE lives as long as the call; what has been read in it need not.
        self.request.message.headers.unread()
        self._notify()

    def _incoming_ended(self, event: Ended) -> None:
        self._session_ended(event)
        self._interrupt()

    _tells: ClassVar[dict[type[object], Any]] = {
        **Call._tells,
        Acknowledged: _acknowledged_by_them,
        Ended: _incoming_ended,
    }
