"""The system that the suite is aimed at, from the other side of the wire."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import NoReturn

import attrs
import pytest
import trio

from trio_sip._errors import RemoteProtocolError
from trio_sip.auth import OutboundCredential
from trio_sip.dialog import Dialog
from trio_sip.message import Request, Response, Uri, Via, create_cancel, create_request
from trio_sip.testing import (
    MessagePattern,
    MissingMessage,
    PeerCall,
    PeerMessage,
    PeerRequest,
    PeerResponse,
    SentRequest,
    SipPeer,
    UnexpectedMessage,
)

__all__ = ["Answered", "Target"]

_PATIENCE = 4.0
_ANSWERS_WITHIN = 15.0
_PROVISIONAL = MessagePattern(range(100, 200))
_FINAL = range(200, 700)
_UNSUPPORTED = {405: "does not take", 420: "wants no extensions for", 501: "does not know"}
_NOBODY = frozenset({401, 403, 404, 407, 408, 410, 480, 486, 488, 500, 503, 600, 603, 604, 606})


def _patience(request: Request) -> float:
    """Only the first INVITE of a call waits for somebody to pick up (RFC 4320 section 3)."""
    is_first = request.method == "INVITE" and request.to.tag is None
    return _ANSWERS_WITHIN if is_first else _PATIENCE


@attrs.define(eq=False)
class Answered:
    """An INVITE of the peer that was answered with 2xx, and is not acknowledged yet."""

    target: Target
    sent: SentRequest
    provisional: list[PeerResponse]
    """What came before it, but for 100."""

    response: PeerResponse
    call: PeerCall
    is_over: bool = False
    """A BYE was answered."""

    async def ack(self) -> None:
        """Acknowledge it, now and whenever it comes again."""
        await self.response.ack()

    async def ask(self, method: str, **parts: object) -> PeerResponse:
        """Send a request in the call: its final response, which must come."""
        sent = await self.call.send(method, **parts)  # type: ignore[arg-type]  # handed on
        response = await self.target.final(sent)
        if method == "BYE" and response.status in (200, 481):
            self.is_over = True
        return response

    async def reinvite(self, body: bytes | None = None, **parts: object) -> PeerResponse:
        """Change the session: the final response, acknowledged."""
        body = self.target.peer.sdp if body is None else body
        response = await self.ask("INVITE", body=body, **parts)
        if response.status < 300:
            await response.ack()
        return response


class Target:
    """A peer that faces the system, and what one can ask of both.

    Args:
      peer: on a network from which the system can be reached.
      uri: of a user who answers.
      ringing: of one who lets it ring, if there is one.
      credentials: what challenges are answered with.
      is_virtual: time costs nothing.
      is_slow: tests that take more than ten real seconds are wanted.
    """

    def __init__(
        self,
        peer: SipPeer,
        uri: Uri,
        *,
        ringing: Uri | None,
        credentials: OutboundCredential | None,
        is_virtual: bool,
        is_slow: bool,
    ) -> None:
        self.peer = peer
        self.uri = uri
        self.ringing = ringing
        self.credentials = credentials
        self.is_virtual = is_virtual
        self.is_slow: bool = is_virtual or is_slow
        self.transport: str = (uri.params.get("transport") or "udp").upper()
        self._open: list[Answered] = []
        self._pending: list[SentRequest] = []

    @property
    def tolerance(self) -> float:
        """How much earlier or later than it should something may come, in seconds."""
        return 0.05 if self.is_virtual else 0.3

    def needs_datagrams(self) -> None:
        """Skip a test about repetitions where nothing is repeated."""
        if self.transport != "UDP":
            pytest.skip("over a stream nothing is repeated by the transaction")

    def needs_time(self, seconds: float) -> None:
        """Skip a test that takes so long in reality, unless it is wanted."""
        if not self.is_slow:
            pytest.skip(f"takes {seconds:g} s: run it with --sip-slow")

    # -- what is said

    def create(self, method: str, uri: Uri | None = None, **parts: object) -> Request:
        """A request for the user who answers, with its Via; alter it before it is sent."""
        request = self.peer.create_request(method, uri or self.uri, **parts)  # type: ignore[arg-type]  # handed on
        request.headers.insert_first("Via", self.peer.voice.via(self.transport))
        return request

    def create_invite(
        self,
        uri: Uri | None = None,
        *,
        headers: Iterable[tuple[str, object]] = (),
        body: bytes | None = None,
    ) -> Request:
        """An INVITE with an offer."""
        body = self.peer.sdp if body is None else body
        return self.create("INVITE", uri, headers=headers, body=body)

    async def send(self, request: Request, **how: object) -> SentRequest:
        """Send a request.  An INVITE is given up at the end of the test."""
        sent = await self.peer.send(
            request,
            to=await self.peer.resolve(self.uri, self.transport),
            credentials=self.credentials,
            **how,  # type: ignore[arg-type]  # handed on
        )
        if request.method == "INVITE":
            self._pending.append(sent)
        return sent

    async def send_octets(self, data: bytes) -> None:
        """Send octets as they are."""
        remote = await self.peer.resolve(self.uri, self.transport)
        await self.peer.send_raw(data, remote, transport=self.transport)

    # -- what comes of it

    async def maybe_final(
        self, sent: SentRequest, within: float = _PATIENCE
    ) -> PeerResponse | None:
        """Its final response, challenges answered; ``None`` if there is none in time."""
        try:
            response = await sent.final(within=within)
        except MissingMessage:
            return None
        if sent in self._pending:
            self._pending.remove(sent)
            if response.status < 300 and "tag" in response.message.to.params:
                self._remember(sent, [], response)
        return response

    async def final(self, sent: SentRequest, within: float | None = None) -> PeerResponse:
        """Its final response, which must come: at once, but to an INVITE."""
        within = _patience(sent.request) if within is None else within
        response = await self.maybe_final(sent, within)
        if response is None:
            raise MissingMessage(
                f"{sent.request.method} was not answered within {within:g} seconds"
            )
        return response

    async def asked(self, request: Request) -> PeerResponse:
        """Send a request: its final response; skip the test when there is none at all."""
        response = await self.maybe_final(await self.send(request), _patience(request))
        if response is None:
            pytest.skip(f"{request.method} is not answered")
        return response

    async def answered(self, request: Request | None = None) -> Answered:
        """Call somebody who answers: skip the test unless he does."""
        sent = await self.send(request or self.create_invite())
        provisional: list[PeerResponse] = []
        while True:
            response = await self._next(sent)
            if response.status >= 200:
                break
            if response.status > 100:
                provisional.append(response)
        self._pending.remove(sent)
        if response.status >= 300:
            await response.ack()
            self._cannot(response)
        return self._remember(sent, provisional, response)

    async def rings(self, request: Request | None = None) -> tuple[SentRequest, PeerResponse]:
        """Call somebody who lets it ring: skip the test unless he does."""
        if self.ringing is None:
            pytest.skip("nobody is there who only rings: name one with --sip-ringing-user")
        sent = await self.send(request or self.create_invite(self.ringing))
        response = await self._next(sent)
        while response.status == 100:
            response = await self._next(sent)
        if response.status >= 200:
            self._pending.remove(sent)
            if response.status < 300:
                self._remember(sent, [], response)
                pytest.skip("the user who should only ring has answered")
            await response.ack()
            self._cannot(response)
        return sent, response

    async def _next(self, sent: SentRequest) -> PeerResponse:
        while True:
            try:
                response = await sent.expect(range(100, 700), within=_ANSWERS_WITHIN)
            except MissingMessage:
                pytest.skip("INVITE is not answered")
            if response.status not in (401, 407) or self.credentials is None:
                return response
            await response.ack()
            await sent.answer_challenge(response)

    def _remember(
        self, sent: SentRequest, provisional: list[PeerResponse], response: PeerResponse
    ) -> Answered:
        answered = Answered(self, sent, provisional, response, self.peer.call_of(response))
        self._open.append(answered)
        return answered

    def _cannot(self, response: PeerResponse) -> NoReturn:
        if response.status not in _UNSUPPORTED and response.status not in _NOBODY:
            raise UnexpectedMessage(f"a call like others was refused: {response.label}")
        why = _UNSUPPORTED.get(response.status, "does not answer")
        pytest.skip(f"it {why} our INVITE: {response.status} {response.message.reason}")

    def early_call(self, sent: SentRequest, ringing: PeerResponse) -> PeerCall:
        """The early dialog that a provisional response has made."""
        return PeerCall(self.peer, Dialog.as_uac(sent.request, ringing.message))

    async def request_in(self, call: PeerCall, within: float) -> PeerRequest:
        """The re-INVITE or UPDATE that the other side sends in a call."""
        wanted = [MessagePattern("INVITE"), MessagePattern("UPDATE")]
        came = await self.peer.take(wanted, within=within, belongs=call.owns)
        assert isinstance(came, PeerRequest)
        call.dialog.receive_request(came.message)
        return came

    async def is_alive(self) -> bool:
        """Whether it answers an OPTIONS, or else an INVITE, or else anything."""
        for method in ("OPTIONS", "INVITE", "BYE"):
            request = self.create_invite() if method == "INVITE" else self.create(method)
            if await self.maybe_final(await self.send(request), within=_PATIENCE) is not None:
                return True
        return False

    # -- the end

    async def settle(self, seconds: float = 0.0) -> list[PeerMessage]:
        """Wait, and take whatever has come that nobody has asked for.

        Calls that were made by mistake are ended: the next test wants a free telephone.
        """
        await trio.sleep(seconds)
        taken = await self._take_all()
        parted = [one for one in taken if await self._part(one.message)]
        if parted:
            # What comes of the BYE is nobody's.
            await trio.sleep(0.1)
            await self._take_all()
        return taken

    async def _take_all(self) -> list[PeerMessage]:
        taken: list[PeerMessage] = []
        while self.peer.inbox.leftovers():
            taken.append(await self.peer.take([MessagePattern()], belongs=lambda _: True))
        return taken

    async def _part(self, response: Request | Response) -> bool:
        """Acknowledge the final response to an INVITE, and hang up; whether there was a call."""
        with contextlib.suppress(KeyError, RemoteProtocolError):
            if isinstance(response, Request) or response.cseq.method != "INVITE":
                return False
            if response.is_success:
                for method in ("ACK", "BYE"):
                    await self._say(method, response, self.peer.voice.via(self.transport))
                return True
            if response.status >= 300:
                await self._say("ACK", response, response.via)
        return False

    async def _say(self, method: str, response: Response, via: Via) -> None:
        contact = response.contact if response.is_success else None
        request = create_request(
            method,
            self.uri if contact is None else contact.uri,
            from_=response.from_,
            to=response.to,
            call_id=response.call_id,
            cseq=response.cseq.number + (method == "BYE"),
        )
        request.headers.insert_first("Via", via)
        await self.send_octets(bytes(request))

    async def close(self) -> None:
        """Leave no call behind, and forget what comes of that."""
        for sent in self._pending:
            await self._give_up(sent)
        for one in self._open:
            if not one.is_over:
                await self._acknowledge(one)
                with trio.move_on_after(_PATIENCE):
                    await self.maybe_final(await one.call.send("BYE"))
        self._pending, self._open = [], []
        await self.settle()
        self.peer.inbox.ignored.append(MessagePattern())
        await self.settle()

    async def _acknowledge(self, one: Answered) -> None:
        # Straight to its Contact: the proxies of a Record-Route are of our imagination.
        one.call.dialog.route_set = ()
        await self.peer.send(one.call.dialog.create_ack(one.sent.request))

    async def _give_up(self, sent: SentRequest) -> None:
        self.peer.answer_automatically("BYE")
        cancel = await self.peer.send(create_cancel(sent.request), path=sent.path)
        await self.maybe_final(cancel, within=1.0)
        response = await self.maybe_final(sent, within=1.0)
        if response is not None and response.status < 300:
            self._remember(sent, [], response)
