"""What a peer has begun: a request that is out, and a call that stands."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, overload

import trio

from trio_sip._errors import AuthenticationRejected, LocalProtocolError
from trio_sip.dialog import Dialog
from trio_sip.message import Request, create_cancel
from trio_sip.testing._calling_line import calling_line
from trio_sip.transport import Address

from ._answers import Answers
from ._failures import UnexpectedMessage
from ._message_pattern import MessagePattern, Wanted
from ._messages import PeerMessage, PeerRequest, PeerResponse
from ._misbehaviours import Rude
from ._sockets import PeerPath
from ._voice import WITH_CONTACT

if TYPE_CHECKING:
    from ._peer import SipPeer

__all__ = ["PeerCall", "SentRequest"]

_FINAL = range(200, 700)
_OF_AN_INVITE = {
    "ACK": (
        "the ACK of a 2xx is sent by `await response.ack()`; to send another one of your own, "
        "make it with `call.dialog.create_ack(invite)`, and give it to `peer.send`"
    ),
    "CANCEL": "a CANCEL is sent by `await sent.cancel()`, of the request that it is about",
}
_PROVISIONAL = MessagePattern(range(100, 200))


class SentRequest:
    """A request that a peer has sent, and its responses."""

    def __init__(
        self,
        peer: SipPeer,
        request: Request,
        path: PeerPath,
        answers: Answers | None = None,
    ) -> None:
        self.peer = peer
        self.request: Request = request
        """As it was sent last: another one after a challenge was answered."""

        self.path = path
        self._call_id: str | None = request.headers.get("Call-ID")
        self.time: float = trio.current_time()
        self._answers = answers

    def owns(self, message: PeerMessage) -> bool:
        """Whether that is a response to it."""
        return isinstance(message, PeerResponse) and message.request is self.request

    async def expect(
        self,
        status: int | Collection[int] | MessagePattern,
        /,
        *,
        within: float | None = None,
        optional: Iterable[Wanted] = (),
        **fields: object,
    ) -> PeerResponse:
        """The next response to it; see `SipPeer.expect`."""
        __tracebackhide__ = True
        message = await self.peer.take(
            [MessagePattern(status, **fields)],
            within=within,
            optional=optional,
            belongs=self.owns,
            call_id=self._call_id,
        )
        assert isinstance(message, PeerResponse)
        return message

    async def final(self, *, within: float | None = None) -> PeerResponse:
        """The final response, whatever it is, after challenges were answered.

        An INVITE that was refused is acknowledged.
        """
        __tracebackhide__ = True
        while True:
            response = await self.expect(_FINAL, within=within, optional=[_PROVISIONAL])
            if self.request.method == "INVITE" and response.status >= 300:
                await response.ack()
            if not await self.answer_challenge(response):
                return response

    async def answer_challenge(self, response: PeerResponse) -> bool:
        """Send it again with credentials, if it has some that *response* may accept."""
        if self._answers is None or response.status not in (401, 407):
            return False
        again = self.peer.again(self.request)
        try:
            headers = self._answers.answer(response.message, again, self.peer.token())
        except AuthenticationRejected:
            # There is nothing new to say: it is the answer, for the script to judge.
            return False
        # All of the old ones first: two proxies get a Proxy-Authorization each.
        for header in headers:
            again.headers.remove(header.name)
        for header in headers:
            again.headers.add(header.name, header.value)
        self.request = again
        await self.peer.transmit_request(self)
        return True

    async def cancel(self, *, rude: Rude = (), lost: bool = False) -> SentRequest:
        """Send a CANCEL for it."""
        return await self.peer.send(
            create_cancel(self.request), path=self.path, rude=rude, lost=lost
        )


class PeerCall:
    """A dialog of a peer, made by `SipPeer.invite` and `SipPeer.answer`, or from a script's messages.

    Its messages are its own: several calls of one peer can be followed by several tasks.
    """

    def __init__(self, peer: SipPeer, dialog: Dialog) -> None:
        self.peer = peer
        self.dialog = dialog
        """Tags, CSeq, route set and target.  Spoil them as you like."""

        self.opened: str = calling_line()
        """The line of the test that it began at."""

        peer.own(self)

    def owns(self, message: PeerMessage) -> bool:
        """Whether that belongs to it: by Call-ID and both tags, or as an answer to its request."""
        if isinstance(message, PeerResponse):
            return False
        call_id, local_tag, remote_tag = self.dialog.id
        request = message.message
        # Who was told no tag, as a peer of RFC 2543 does, cannot name it.
        return (
            call_id == request.call_id
            and remote_tag == (request.from_.tag or "")
            and request.to.tag in (local_tag, None)
        )

    @overload
    async def expect(
        self,
        what: str,
        /,
        *,
        within: float | None = ...,
        optional: Iterable[Wanted] = ...,
        **fields: object,
    ) -> PeerRequest: ...
    @overload
    async def expect(
        self,
        what: MessagePattern,
        /,
        *,
        within: float | None = ...,
        optional: Iterable[Wanted] = ...,
        **fields: object,
    ) -> PeerRequest: ...
    async def expect(
        self,
        what: str | MessagePattern,
        /,
        *,
        within: float | None = None,
        optional: Iterable[Wanted] = (),
        **fields: object,
    ) -> PeerRequest:
        """The next request in this call; see `SipPeer.expect`."""
        __tracebackhide__ = True
        message = await self.peer.take(
            [MessagePattern(what, **fields)],
            within=within,
            optional=optional,
            belongs=self.owns,
            call_id=self.dialog.id.call_id,
        )
        assert isinstance(message, PeerRequest)
        if message.method != "ACK":
            self.dialog.receive_request(message.message)
        return message

    async def expect_nothing(self, *, within: float) -> None:
        """Fail when any request comes in this call within so many seconds."""
        await self.peer.inbox.watch([MessagePattern()], within, self.owns)

    def create_request(
        self,
        method: str,
        *,
        headers: Iterable[tuple[str, object]] = (),
        body: bytes | str = b"",
        content_type: str = "application/sdp",
    ) -> Request:
        """The next request of ours in this call, for you to alter before `SipPeer.send`.

        Raises:
          LocalProtocolError: an ACK or a CANCEL, which belong to an INVITE: see `PeerResponse.ack`
            and `SentRequest.cancel`.
        """
        if method in _OF_AN_INVITE:
            raise LocalProtocolError(_OF_AN_INVITE[method])
        request = self.dialog.create_request(
            method,
            contact=self.peer.contact if method in WITH_CONTACT else None,
            headers=headers,
        )
        if body:
            request.add_body(body, content_type)
        return request

    async def send(
        self,
        method: str,
        *,
        headers: Iterable[tuple[str, object]] = (),
        body: bytes | str = b"",
        content_type: str = "application/sdp",
        to: Address | None = None,
        path: PeerPath | None = None,
        rude: Rude = (),
        lost: bool = False,
        t1: float | None = None,
    ) -> SentRequest:
        """Send a request in this call; see `SipPeer.send`.

        Args:
          to, path: where to, instead of where the dialog says.
        """
        request = self.create_request(method, headers=headers, body=body, content_type=content_type)
        return await self.peer.send(request, to=to, path=path, rude=rude, lost=lost, t1=t1)

    async def bye(self, *, rude: Rude = (), within: float | None = None) -> PeerResponse:
        """Hang up, and expect the 200."""
        sent = await self.send("BYE", rude=rude)
        return await sent.expect(200, within=within)

    async def expect_bye(self, *, within: float | None = None) -> PeerRequest:
        """Expect them to hang up, and say 200."""
        bye = await self.expect("BYE", within=within)
        await bye.respond(200)
        return bye


def call_of_response(peer: SipPeer, response: PeerResponse) -> PeerCall:
    """The call that a 2xx has made."""
    if response.request is None:
        raise LocalProtocolError("a call begins with a request of the peer")
    if not response.message.is_success:
        error = UnexpectedMessage(f"{peer.name} expected a 2xx, but got {response.label}")
        error.wire = response.wire
        error.call_id = response.request.call_id
        raise error
    return PeerCall(peer, Dialog.as_uac(response.request, response.message))
