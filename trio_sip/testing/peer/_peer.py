"""The other side of a SIP conversation, by script.

A peer is no stack: it has no transactions and no opinions.  It can say anything, and it notices
everything.
"""

from __future__ import annotations

import copy
import random
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio

from trio_sip._errors import LocalProtocolError
from trio_sip.message import NameAddr, Request, Uri
from trio_sip.stack import Tokens, unwrapping_single_errors
from trio_sip.transport import Address, Network, TlsSettings

from ._aka import AkaSecret
from ._answers import Answers, Credential
from ._call import PeerCall, SentRequest, call_of_response
from ._digest import PeerDigest
from ._message_pattern import MessagePattern
from ._messages import PeerRequest, PeerResponse
from ._misbehaviours import Rude
from ._open_calls import open_calls
from ._profiles import PROFILES, PeerProfile
from ._script import PeerScript
from ._sockets import PeerPath
from ._statistics import PeerStatistics, count_wires
from ._voice import PeerVoice, session_description

__all__ = ["SipPeer"]

Credentials = Credential | Iterable[Credential] | None

# Less than 64*T1: the script of a test speaks before everybody's transactions give up.
_PATIENCE = 30.0
_SETTINGS = ("patience", "retransmits", "loss", "rude", "automatic", "losing")


class SipPeer(PeerScript):
    """A scripted SIP peer on a network, simulated or real.

    Made by the fixtures ``sip_peer`` and ``make_sip_peer``, or by `SipPeer.open`::

        async with SipPeer.open(SocketNetwork(), "127.0.0.1", port=0) as peer:
            invite = await peer.expect("INVITE", to__user="bob")
            await invite.respond(486)
            await peer.expect("ACK")

    When the block ends well, messages that came and were not expected are an error.

    Args:
      network: a host of a `MemoryNetwork`, or `trio_sip.transport.SocketNetwork`.
      host: the address to bind.
      port: the same for UDP and TCP; 0 lets the network choose.  The other transports have their
        usual ones then: 5061, 80 and 443.
      transports: what it listens on: ``UDP``, ``TCP``, ``TLS``, ``WS``, ``WSS``.
      tls: its certificate and whom it trusts, for TLS and WSS.
      name: the user part of its URI, and what failures and drawings call it.
      profile: how it speaks: a name of `PROFILES`, or one of your own.
      patience: seconds that `expect` waits unless told otherwise.
      retransmits: over UDP, whether it repeats what it has sent until it is answered.
      seed: of its dice, which are thrown for `loss` only.
    """

    def __init__(
        self,
        network: Network,
        host: str,
        *,
        port: int = 5060,
        name: str = "peer",
        transports: Sequence[str] = ("UDP", "TCP"),
        profile: str | PeerProfile = "plain",
        patience: float = _PATIENCE,
        retransmits: bool = True,
        tokens: Tokens | None = None,
        seed: int = 0,
        tls: TlsSettings | None = None,
    ) -> None:
        spoken = PROFILES[profile] if isinstance(profile, str) else profile
        dice = random.Random(f"{seed} {name}")  # noqa: S311
        super().__init__(network, name, spoken, dice, tls)
        self.patience = patience
        self.retransmits = retransmits
        self.address: Address = self.sockets.bind_all(host, port, transports)
        self._made_with = (tokens, seed, tls)
        tokens = tokens or Tokens.sequential(name)
        self.voice: PeerVoice = PeerVoice(name, self.address, spoken, tokens, self.addresses)
        self.digest: PeerDigest = PeerDigest()
        self._numbers: dict[AkaSecret, int] = {}

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        network: Network,
        host: str,
        *,
        port: int = 5060,
        name: str = "peer",
        transports: Sequence[str] = ("UDP", "TCP"),
        profile: str | PeerProfile = "plain",
        patience: float = _PATIENCE,
        retransmits: bool = True,
        seed: int = 0,
        tls: TlsSettings | None = None,
    ) -> AsyncIterator[SipPeer]:
        """Run a peer for as long as the block runs; the arguments are those of the class."""
        with unwrapping_single_errors():
            async with trio.open_nursery() as nursery:
                peer = cls(
                    network,
                    host,
                    port=port,
                    name=name,
                    profile=profile,
                    patience=patience,
                    retransmits=retransmits,
                    seed=seed,
                    transports=transports,
                    tls=tls,
                )
                await nursery.start(peer.run)
                yield peer
                nursery.cancel_scope.cancel()
        peer.check_nothing_is_left()

    # Any: each has a type of its own.
    def settings(self) -> dict[str, Any]:
        """What a script may have changed of it, for `begin_again`."""
        found = {name: copy.copy(getattr(self, name)) for name in _SETTINGS}
        return {**found, "ignored": list(self.inbox.ignored)}

    def begin_again(self, settings: Mapping[str, Any]) -> None:
        """Forget everything, and have new sockets at the same address and these *settings*."""
        tokens, seed, tls = self._made_with
        addresses = self.addresses
        dice = random.Random(f"{seed} {self.name}")  # noqa: S311
        super().__init__(self._network, self.name, self.profile, dice, tls)
        for transport, address in addresses.items():
            self.sockets.addresses[transport] = self.sockets.bind(transport, address)
        tokens = tokens or Tokens.sequential(self.name)
        self.voice = PeerVoice(self.name, self.address, self.profile, tokens, self.addresses)
        self.digest = PeerDigest()
        self._numbers = {}
        for name in _SETTINGS:
            setattr(self, name, copy.copy(settings[name]))
        self.inbox.ignored = list(settings["ignored"])

    # -- who it is

    @property
    def uri(self) -> Uri:
        """Where it can be reached over UDP."""
        return Uri.parse(f"sip:{self.name}@{self.address}")

    @property
    def tcp_uri(self) -> Uri:
        """Where it can be reached over TCP."""
        return Uri.parse(f"sip:{self.name}@{self.address};transport=tcp")

    @property
    def tls_uri(self) -> Uri:
        """Where it can be reached over TLS."""
        return self._uri_of("TLS")

    @property
    def ws_uri(self) -> Uri:
        """Where it can be reached over a WebSocket."""
        return self._uri_of("WS")

    def _uri_of(self, transport: str) -> Uri:
        if transport not in self.addresses:
            raise LocalProtocolError(f"{self.name} does not listen on {transport}")
        place = self.addresses[transport]
        return Uri.parse(f"sip:{self.name}@{place};transport={transport.lower()}")

    @property
    def contact(self) -> NameAddr:
        """Its Contact, as its profile has it."""
        return self.voice.contact

    @property
    def sdp(self) -> bytes:
        """A session description that offers, or accepts, PCMA at its address."""
        return session_description(self.address)

    def statistics(self) -> PeerStatistics:
        """What it has done so far, in numbers."""
        return count_wires(
            self.wires,
            self.names(),
            automatically_answered=self.automatically_answered,
            unexpected=self.inbox.unexpected + len(self.inbox.leftovers()),
        )

    def open_lines(self) -> list[str]:
        """A line for each call that was confirmed and that no BYE has ended: who began it where."""
        return [
            f"{self.name}: call {call.dialog.id.call_id}, begun at {call.opened}"
            for call in open_calls(self._calls.values(), self.wires)
        ]

    def token(self) -> str:
        """A word of its own that it has not used before."""
        return self.voice.tokens.token()

    # -- what it says

    def create_request(
        self,
        method: str,
        target: Uri | str,
        *,
        from_: NameAddr | str | None = None,
        to: NameAddr | str | None = None,
        call_id: str | None = None,
        cseq: int | None = None,
        contact: NameAddr | str | None = None,
        headers: Iterable[tuple[str, object]] = (),
        body: bytes | str = b"",
        content_type: str = "application/sdp",
    ) -> Request:
        """A request outside of calls, for you to alter before `send`.

        Args:
          from_: the peer itself, with a new tag, if left out.
          to: the target, if left out.
          call_id, cseq: new ones, if left out.
          content_type: of *body*.
        """
        return self.voice.create_request(
            method,
            target,
            from_=from_,
            to=to,
            call_id=call_id,
            cseq=cseq,
            contact=contact,
            headers=headers,
            body=body,
            content_type=content_type,
        )

    async def request(
        self,
        method: str,
        target: Uri | str,
        *,
        from_: NameAddr | str | None = None,
        to: NameAddr | str | None = None,
        headers: Iterable[tuple[str, object]] = (),
        body: bytes | str = b"",
        content_type: str = "application/sdp",
        credentials: Credentials = None,
        rude: Rude = (),
        lost: bool = False,
        t1: float | None = None,
    ) -> SentRequest:
        """Make a request and send it; see `create_request`.

        Args:
          credentials: what `SentRequest.final` answers challenges with, of one realm or several.
          t1: seconds until its first copy over UDP; `math.inf` for none at all.
        """
        request = self.create_request(
            method,
            target,
            from_=from_,
            to=to,
            headers=headers,
            body=body,
            content_type=content_type,
        )
        return await self.send(request, credentials=credentials, rude=rude, lost=lost, t1=t1)

    async def send(
        self,
        request: Request,
        *,
        to: Address | None = None,
        path: PeerPath | None = None,
        credentials: Credentials = None,
        rude: Rude = (),
        lost: bool = False,
        t1: float | None = None,
    ) -> SentRequest:
        """Send a request of your own making; a Via is added unless it has one.

        Args:
          to: where to, instead of where its Route or Request-URI says.
          path: the very way, such as that of an earlier message.
          rude: names of `MISBEHAVIOURS` for this message.
          lost: note it, and let it never arrive.
          t1: seconds until its first copy over UDP; `math.inf` for none at all.
        """
        path = path or await self.path_to(request, to)
        if "Via" not in request:
            request.headers.insert_first("Via", self.voice.via_of(path))
            self.voice.adjust_contact(request, path)
        answers = None
        if credentials is not None:
            known = [credentials] if isinstance(credentials, Credential) else credentials
            answers = Answers(known, path.remote.host, self._numbers)
        sent = SentRequest(self, request, path, answers)
        await self.transmit_request(sent, rude=rude, lost=lost, t1=t1)
        return sent

    async def send_raw(
        self, data: bytes, to: Address | str | Uri, *, transport: str = "UDP"
    ) -> None:
        """Send octets as they are, to an address, or to the one of a URI."""
        await self.sockets_ready()
        remote = to if isinstance(to, Address) else await self.resolve(Uri.parse(to), transport)
        if transport.upper() == "UDP":
            path = self.sockets.datagram_path(remote)
        else:
            name = None if isinstance(to, Address) else Uri.parse(to).host
            path = await self.sockets.stream_path(remote, transport.upper(), name)
        await self.transmit(data, path)

    def again(self, request: Request) -> Request:
        """The same request as a new transaction: CSeq one higher, another branch."""
        return self.voice.again(request)

    # -- calls

    async def invite(
        self,
        target: Uri | str,
        *,
        body: bytes | str | None = None,
        from_: NameAddr | str | None = None,
        headers: Iterable[tuple[str, object]] = (),
        credentials: Credentials = None,
        within: float | None = None,
        rude: Rude = (),
    ) -> PeerCall:
        """Call *target*, wait until it is answered with 2xx, acknowledge: the call.

        Args:
          body: a session description; `sdp` if left out.
          rude: how it misbehaves, in INVITE and ACK: ``rude=["no ACK"]``.
        """
        sent = await self.request(
            "INVITE",
            target,
            from_=from_,
            headers=headers,
            body=self.sdp if body is None else body,
            credentials=credentials,
            rude=rude,
        )
        response = await sent.final(within=within)
        call = call_of_response(self, response)
        await response.ack(rude=rude)
        return call

    async def answer(
        self,
        invite: PeerRequest | None = None,
        *,
        body: bytes | str | None = None,
        ring: float = 0.0,
        within: float | None = None,
        rude: Rude = (),
        **fields: object,
    ) -> PeerCall:
        """Expect an INVITE, ring, answer it with 200 and expect the ACK: the call.

        Args:
          invite: the one that came already.
          body: a session description; `sdp` if left out.
          ring: for how many seconds.
          fields: of the INVITE, as for `expect`.
        """
        if invite is None:
            came = await self.expect(MessagePattern("INVITE", **fields), within=within)
            assert isinstance(came, PeerRequest)
            invite = came
        body = self.sdp if body is None else body
        has_spoken = await self._ring(invite, body)
        await trio.sleep(ring)
        response = await invite.respond(200, body=b"" if has_spoken else body, rude=rude)
        call = PeerCall(self, self.voice.dialog_of(invite.message, response))
        await call.expect("ACK", within=within)
        return call

    async def _ring(self, invite: PeerRequest, body: bytes | str) -> bool:
        """Ring as the profile does; whether it has said for sure what there will be to hear."""
        status = self.profile.provisional
        early: bytes | str = body if status == 183 else b""
        if not (self.profile.reliable and invite.supports_reliability):
            await invite.respond(status, body=early)
            return False
        await invite.respond_reliably(status, body=early)
        # RFC 3262 section 5: what was said reliably is not said again.
        return bool(early)

    def call_of(self, message: PeerRequest | PeerResponse) -> PeerCall:
        """The call, or whatever dialog, that a request which came or a 2xx to ours has begun.

        A request need not be answered yet: a notifier may speak before its 202.
        """
        if isinstance(message, PeerResponse):
            return call_of_response(self, message)
        answer = self.answer_to(message) or message.create_response(200)
        return PeerCall(self, self.voice.dialog_of(message.message, answer))
