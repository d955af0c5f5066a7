"""What you do in a call: change it, hold it, send requests within it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import attrs
import trio

from trio_sip._errors import (
    CallEnded,
    LocalProtocolError,
    RequestRejected,
    RequestTimedOut,
    TransportFailed,
)
from trio_sip.dialog import Dialog
from trio_sip.message import Response
from trio_sip.sdp import SessionDescription
from trio_sip.session import (
    Description,
    DescriptionRole,
    Exchange,
    ExchangeEnded,
    ExchangeState,
)

from ._call_core import CallCore, Headers
from ._call_requests import DTMF, dtmf_body
from ._call_sdp import SDP, Sdp, as_next_body, held, matching_answer, parsed, renumbered

if TYPE_CHECKING:
    from ._call_service import Calls

__all__ = ["Answer", "CallChanges"]


_WAITING = frozenset({ExchangeState.DELAYED, ExchangeState.WAITING})


@attrs.frozen
class Answer:
    """What the other side said to an offer of ours, or to our having none."""

    response: Response
    dialog: Dialog | None = attrs.field(repr=False)
    description: Description | None

    @property
    def sdp(self) -> SessionDescription | None:
        """Their session description; an offer, if we made none.

        Raises:
          RemoteProtocolError: it cannot be read.
        """
        return parsed(self.description)


class CallChanges(CallCore):
    """The part of a call that sends requests of ours, and waits for their answers."""

    __slots__ = ("_exchanges", "_local", "_remote", "_wanted")

    def __init__(self, calls: Calls, grace: float) -> None:
        super().__init__(calls, grace)
        self._exchanges: dict[Exchange, tuple[bytes, ExchangeEnded | None]] | None = None
        self._local = b""
        self._wanted = b""
        self._remote: Description | None = None

    @property
    def local_sdp(self) -> SessionDescription | None:
        """What we have said last about our media."""
        return SessionDescription.parse(self._local) if self._local else None

    @property
    def remote_sdp(self) -> SessionDescription | None:
        """What they have said last about theirs.

        Raises:
          RemoteProtocolError: it cannot be read.
        """
        return parsed(self._remote)

    async def reinvite(self, sdp: Sdp | None = None, *, headers: Headers = ()) -> Answer:
        """Change the call: a re-INVITE with *sdp* as the offer, RFC 3261 section 14.

        Without one they are asked for their offer, which is answered with what we said last.
        A `SessionDescription` gets the origin of what we said last, with the next version.
        What cannot be sent now, because another change is going on, is sent when that is over.

        Raises:
          RequestRejected: they would not; the call goes on as it was.
          RequestTimedOut, TransportFailed: no answer came, which ends the call.
          CallEnded: the call is over, or ended meanwhile.
          LocalProtocolError: it has not been answered yet.

        Cancellation: the re-INVITE is cancelled.
        """
        self._check_talking("reinvite")
        body = as_next_body(sdp, self.host, self._local)
        exchange = self.session.send_reinvite(
            self.stack.now(), headers=headers, body=body, content_type=SDP
        )
        return await self._answer_to(exchange, body)

    async def update(self, sdp: Sdp | None = None, *, headers: Headers = ()) -> Answer:
        """Change the call, answered or not: an UPDATE, RFC 3311.  Raises as `reinvite`."""
        self._check_alive("update")
        body = as_next_body(sdp, self.host, self._local)
        exchange = self.session.send_update(
            self.stack.now(), headers=headers, body=body, content_type=SDP
        )
        return await self._answer_to(exchange, body)

    async def hold(self) -> Answer:
        """Receive no media any more, RFC 3264 section 8.4.  Raises as `reinvite`."""
        return await self._set_hold("hold", hold=True)

    async def resume(self) -> Answer:
        """Receive media again.  Raises as `reinvite`."""
        return await self._set_hold("resume", hold=False)

    async def _set_hold(self, what: str, *, hold: bool) -> Answer:
        self._check_talking(what)
        if not self._wanted:
            raise LocalProtocolError(f"{what}: the call has no session description of ours")
        return await self.reinvite(held(self._wanted, self._local, hold))

    async def send_request(
        self,
        method: str,
        body: bytes = b"",
        *,
        content_type: str | None = None,
        headers: Headers = (),
    ) -> Response:
        """Send a request within the call and wait for its success: INFO, MESSAGE, OPTIONS, ….

        Raises:
          RequestRejected, RequestTimedOut, TransportFailed, CallEnded: as `reinvite`.
          LocalProtocolError: there is no dialog yet, or the method has a function of its own.
        """
        self._check_alive(method)
        exchange = self.session.send_request(
            method, self.stack.now(), headers=headers, body=body, content_type=content_type
        )
        return (await self._answer_to(exchange, b"")).response

    async def info(
        self,
        body: bytes | str = b"",
        content_type: str | None = None,
        *,
        package: str | None = None,
        headers: Headers = (),
    ) -> Response:
        """Send an INFO, RFC 6086.  Raises as `send_request`."""
        if package is not None:
            headers = [
                *headers,
                ("Info-Package", package),
                *([("Content-Disposition", "Info-Package")] if body else []),
            ]
        data = body.encode() if isinstance(body, str) else body
        if data and content_type is None:
            content_type = "text/plain"
        return await self.send_request("INFO", data, content_type=content_type, headers=headers)

    async def send_dtmf(self, digits: str, *, milliseconds: int = 160) -> None:
        """Press keys: one INFO with ``application/dtmf-relay`` for each, each answered.

        Args:
          digits: of ``0123456789*#ABCD``.
          milliseconds: how long each is said to be held.

        Raises:
          LocalProtocolError: something is no key.  The rest as `send_request`.
        """
        keys = digits.upper()
        if not keys or keys.strip("0123456789*#ABCD"):
            raise LocalProtocolError(f"not keys of a telephone: {digits!r}")
        for key in keys:
            await self.info(dtmf_body(key, milliseconds), DTMF)

    async def _answer_to(self, exchange: Exchange, body: bytes) -> Answer:
        if self._exchanges is None:
            self._exchanges = {}
        self._exchanges[exchange] = (body, None)
        self._leg.perform()
        try:
            await trio.lowlevel.checkpoint_if_cancelled()
            while (result := self._exchanges[exchange][1]) is None:
                await self._change()
        except BaseException:
            self.session.withdraw(exchange, self.stack.now())
            self._leg.perform()
            raise
        finally:
            del self._exchanges[exchange]
        response = result.response
        if response is not None and response.is_success:
            return Answer(response, exchange.dialog, result.description)
        if response is not None:
            raise RequestRejected(response.status, response.reason, response)
        if result.status is None:
            raise CallEnded(f"the call ended before {exchange.method} was answered")
        if result.status == 408:
            raise RequestTimedOut(f"no answer to {exchange.method}")
        raise TransportFailed(f"{exchange.method} could not be sent")

    def _say(self, body: bytes) -> None:
        """*body* is what we answer to a change of theirs; what waits has the version after it."""
        exchanges = self._exchanges or {}
        for exchange, (waiting, result) in exchanges.items():
            if waiting and exchange.state in _WAITING:
                exchange.body = renumbered(waiting, body)
                exchanges[exchange] = (exchange.body, result)
        self._local = body

    def _exchange_ended(self, event: ExchangeEnded) -> None:
        exchanges = self._exchanges
        status = event.status
        accepted = status is not None and 200 <= status < 300
        if exchanges is not None and event.exchange in exchanges:
            body, _ = exchanges[event.exchange]
            exchanges[event.exchange] = (body, event)
            if accepted and body:
                self._local = self._wanted = body
            self._notify()
        description = event.description
        if accepted and description is not None:
            self._remote = description
            if description.role is DescriptionRole.OFFER:
                self._acknowledge(description)

    def _acknowledge(self, offer: Description) -> None:
        """The 2xx to a re-INVITE of ours without an offer had theirs: the ACK answers it."""
        body = matching_answer(self._wanted, self._local, offer)
        if body is None:
            # RFC 3261 section 14.1: what cannot be answered in an ACK ends the session.
            self._end(488)
        else:
            self.session.send_ack(self.stack.now(), body=body, content_type=SDP)
            self._local = body
            self._leg.perform()

    _tells: ClassVar[dict[type[object], Callable[[Any, Any], None]]] = {
        **CallCore._tells,
        ExchangeEnded: _exchange_ended,
    }
