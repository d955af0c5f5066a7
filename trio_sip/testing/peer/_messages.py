"""What a peer has received, and what can be done with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import trio

from trio_sip._errors import RemoteProtocolError
from trio_sip.auth import AuthOutcome, HashedSecret, PlainSecret
from trio_sip.message import Request, Response, Uri
from trio_sip.testing.recordings import Wire

from ._aka import AkaSecret
from ._failures import MissingMessage, ScriptFailed
from ._message_pattern import MessagePattern
from ._misbehaviours import Rude
from ._sockets import PeerPath

if TYPE_CHECKING:
    from ._peer import SipPeer

__all__ = ["PeerMessage", "PeerRequest", "PeerResponse"]


class PeerMessage:
    """A message that a `SipPeer` has received: `PeerRequest` or `PeerResponse`."""

    def __init__(
        self, peer: SipPeer, message: Request | Response, path: PeerPath, wire: Wire
    ) -> None:
        self.peer = peer
        self.message = message
        """As it came; the names below are short for its own."""

        self.path = path
        """Where it came from and by which socket."""

        self.wire = wire
        """Its record, the octets among them."""

        self.time: float = wire.time - peer.began
        """When it came first: in virtual seconds, or in seconds since the peer began."""

        self.copies: list[float] = []
        """When the same octets came again."""

        self.is_owned = False
        """It belongs to a call or a request of the peer, which take their own."""

    def __getitem__(self, name: str) -> str:
        return self.message.headers[name]

    def __contains__(self, name: object) -> bool:
        return name in self.message.headers

    @property
    def body(self) -> bytes:
        return self.message.body

    @property
    def label(self) -> str:
        """``INVITE``, ``200 (INVITE)``."""
        return self.wire.label.text

    @property
    def is_incidental(self) -> bool:
        """A script need not mention it: 100, and the ACK of a refusal."""
        return False

    # -- retransmissions

    @property
    def retransmissions(self) -> list[float]:
        """How many seconds after the first one each copy came."""
        return [round(time - self.wire.time, 6) for time in self.copies]

    async def expect_retransmissions(self, *seconds: float, tolerance: float = 0.05) -> None:
        """Wait, and fail unless copies came at just these times, give or take *tolerance*.

        Args:
          seconds: after the first one, as in ``(0.5, 1.5, 3.5)``; none for no copies at all.
          tolerance: in seconds.  On real sockets, allow for the other side's haste and leisure.
        """
        due = self.wire.time + (max(seconds) if seconds else 0.0) + tolerance
        await trio.sleep_until(due)
        found = [one for one in self.retransmissions if one <= due - self.wire.time]
        agree = len(found) == len(seconds) and all(
            abs(a - b) <= tolerance for a, b in zip(found, sorted(seconds), strict=True)
        )
        if not agree:
            kind = MissingMessage if len(found) < len(seconds) else ScriptFailed
            raise kind(
                f"{self.label} should have been repeated {_at(seconds)}, and was {_at(found)}"
            )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.label} from {self.path.remote}>"


class PeerRequest(PeerMessage):
    """A request that came, and its answers."""

    message: Request
    _reliable = 0

    @property
    def method(self) -> str:
        return self.message.method

    @property
    def uri(self) -> Uri:
        """The Request-URI."""
        return self.message.uri

    @property
    def is_incidental(self) -> bool:
        return self.method == "ACK" and self.peer.has_refused(self.message)

    def create_response(
        self,
        status: int,
        reason: str | None = None,
        *,
        headers: Iterable[tuple[str, object]] = (),
        body: bytes | str = b"",
        content_type: str = "application/sdp",
    ) -> Response:
        """An answer to it, for you to alter before `send`; see `respond`."""
        return self.peer.create_response(
            self, status, reason, headers=headers, body=body, content_type=content_type
        )

    async def respond(
        self,
        status: int,
        reason: str | None = None,
        *,
        headers: Iterable[tuple[str, object]] = (),
        body: bytes | str = b"",
        content_type: str = "application/sdp",
        rude: Rude = (),
        lost: bool = False,
        t1: float | None = None,
    ) -> Response:
        """Answer it.  A Contact and our tag are added where they belong.

        Args:
          headers: more of them; one that is there already is replaced.
          content_type: of *body*.
          rude: names of `MISBEHAVIOURS` for this one answer.
          lost: make it, note it, and let it never arrive.
          t1: seconds until the first copy of a final answer to an INVITE; `math.inf` for none.
        """
        response = self.create_response(
            status, reason, headers=headers, body=body, content_type=content_type
        )
        await self.send(response, rude=rude, lost=lost, t1=t1)
        return response

    @property
    def supports_reliability(self) -> bool:
        """Whether its provisional answers may be reliable ones: it knows ``100rel``."""
        values = (self.message.headers.get_all(name) for name in ("Supported", "Require"))
        tags = ",".join(one for several in values for one in several).lower().split(",")
        return "100rel" in {one.strip() for one in tags}

    async def respond_reliably(
        self,
        status: int = 183,
        reason: str | None = None,
        *,
        headers: Iterable[tuple[str, object]] = (),
        body: bytes | str = b"",
        content_type: str = "application/sdp",
        rude: Rude = (),
        within: float | None = None,
    ) -> PeerRequest:
        """Answer an INVITE provisionally until it is heard: the PRACK, to which 200 was said.

        RFC 3262 section 3: the answer has ``Require: 100rel`` and an RSeq, and is repeated, over
        TCP as well, until the PRACK has come.  The arguments are those of `respond`.
        """
        __tracebackhide__ = True
        self._reliable += 1
        own = [("Require", "100rel"), ("RSeq", self._reliable)]
        response = self.create_response(
            status, reason, headers=[*headers, *own], body=body, content_type=content_type
        )
        await self.peer.send_reliably(self, response, self._reliable, rude=rude)
        call_id = self.message.call_id
        prack = await self.peer.take(
            [MessagePattern("PRACK", rack=re.compile(rf"{self._reliable}\s"))],
            within=within,
            belongs=lambda one: isinstance(one, PeerRequest) and one.message.call_id == call_id,
            call_id=call_id,
        )
        assert isinstance(prack, PeerRequest)
        await prack.respond(200)
        return prack

    async def send(
        self,
        response: Response | bytes,
        *,
        rude: Rude = (),
        lost: bool = False,
        t1: float | None = None,
    ) -> None:
        """Send an answer of your own making, whatever it is, the way that answers go."""
        await self.peer.send_response(self, response, rude=rude, lost=lost, t1=t1)

    # -- who sent it

    async def challenge(
        self,
        realm: str,
        secret: PlainSecret | HashedSecret | AkaSecret,
        *,
        status: int = 401,
        algorithms: Sequence[str] = ("MD5",),
        qop: Sequence[str] = ("auth",),
        stale: bool = False,
    ) -> None:
        """Answer with a challenge: 401, or 407 as a proxy does.

        Args:
          secret: an `AkaSecret` asks for AKAv1-MD5, whatever *algorithms* says.
          qop: what is on offer: ``["auth-int"]`` covers the body; none is RFC 2069.
        """
        values = self.challenges(realm, secret, algorithms=algorithms, qop=qop, stale=stale)
        name = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
        response = self.create_response(status)
        for value in values:
            response.add_header(name, value)
        await self.send(response)

    def challenges(
        self,
        realm: str,
        secret: PlainSecret | HashedSecret | AkaSecret,
        *,
        algorithms: Sequence[str] = ("MD5",),
        qop: Sequence[str] = ("auth",),
        stale: bool = False,
    ) -> list[str]:
        """The values of a challenge, for an answer that has those of several realms."""
        return self.peer.digest.challenges(self, realm, secret, algorithms, qop, stale)

    def check_credentials(
        self, realm: str, secret: PlainSecret | HashedSecret | AkaSecret
    ) -> AuthOutcome:
        """Whether its credentials answer a challenge of ours: `AuthOutcome.OK`, or what is wrong.

        A subscriber who asks to start from another sequence number (``auts`` of RFC 3310) is
        obeyed, and it is `AuthOutcome.STALE`: challenge again.
        """
        return self.peer.digest.verify(self, realm, secret)


class PeerResponse(PeerMessage):
    """A response that came."""

    message: Response
    request: Request | None = None
    """What it answers, if the peer has sent that."""

    @property
    def status(self) -> int:
        return self.message.status

    @property
    def method(self) -> str:
        """That of its CSeq; empty if it has none that can be read."""
        try:
            return self.message.cseq.method
        except (KeyError, RemoteProtocolError):
            return ""

    @property
    def is_incidental(self) -> bool:
        return self.status == 100

    async def ack(
        self,
        *,
        headers: Iterable[tuple[str, object]] = (),
        body: bytes | str = b"",
        content_type: str = "application/sdp",
        rude: Rude = (),
        lost: bool = False,
    ) -> Request:
        """Acknowledge it: in the transaction of a refused INVITE, in the dialog of a 2xx.

        Later copies of it are acknowledged by the peer itself.
        """
        return await self.peer.send_ack(
            self, headers=headers, body=body, content_type=content_type, rude=rude, lost=lost
        )


def _at(seconds: Sequence[float]) -> str:
    if not seconds:
        return "never"
    times = ", ".join(f"{one:g}" for one in seconds)
    return f"{len(seconds)} times, at {times} s"
