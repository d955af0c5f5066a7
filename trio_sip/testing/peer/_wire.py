"""A peer's wire: what goes out and what comes in, noted, spoiled and lost as told."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Mapping
from typing import Any

import trio
import trio.testing

from trio_sip._errors import LocalProtocolError, RemoteProtocolError
from trio_sip.dialog import DialogId
from trio_sip.message import ROUTE, Request, Response, Uri, create_ack, parse_message_untrusted
from trio_sip.testing.recordings import Fate, Wire, ladder
from trio_sip.transport import Address, Network, TlsSettings

from ._call import PeerCall, SentRequest
from ._failures import UnexpectedMessage
from ._inbox import Inbox
from ._keys import invite_of, keys, reliable_key, reliable_of, response_key
from ._message_pattern import MessagePattern
from ._messages import PeerMessage, PeerRequest, PeerResponse
from ._misbehaviours import Misbehaviour, Outgoing, Rude, misbehave
from ._profiles import PeerProfile
from ._repeats import T1, Repeats
from ._sockets import PeerPath, PeerSockets
from ._voice import PeerVoice

__all__ = ["PeerWire"]

_Answer = tuple[PeerRequest, Response | None, list[tuple[bytes, PeerPath, Rude]]]


class PeerWire:
    """The part of `SipPeer` below its script."""

    voice: PeerVoice
    retransmits: bool

    def __init__(
        self,
        network: Network,
        name: str,
        profile: PeerProfile,
        dice: random.Random,
        tls: TlsSettings | None = None,
    ) -> None:
        self.name = name
        self.profile = profile
        self.wires: list[Wire] = []
        """Everything it has sent and received, as it saw it."""

        self.loss: float = 0.0
        """The share of datagrams that are lost, each way, by its own dice."""

        self.rude: list[str | Misbehaviour] = list(profile.rude)
        """What it does to everything it sends, until you change it."""

        self.automatic: dict[str, int] = {}
        self.automatically_answered: int = 0
        self.began: float = 0.0
        self.losing: list[MessagePattern] = []
        self.inbox: Inbox = Inbox(name)
        self.sockets: PeerSockets = PeerSockets(network, self._receive, tls)
        self._network = network
        self._dice = dice
        self._repeats = Repeats()
        self._nursery: trio.Nursery | None = None
        self._running = trio.Event()
        self._seen: dict[tuple[bytes, Address], PeerMessage] = {}
        self._sent: dict[tuple[str, str], SentRequest] = {}
        self._answers: dict[int, _Answer] = {}
        self._acks: dict[tuple[str, int, str | None], tuple[bytes, PeerPath]] = {}
        self._refused: set[tuple[str, int]] = set()
        self._calls: dict[DialogId, PeerCall] = {}
        self._calls_by_call_id: dict[str, list[PeerCall]] = {}
        self._local: set[str | Address] = set()

    # -- its life

    @property
    def addresses(self) -> Mapping[str, Address]:
        """Where it listens, by transport: ``UDP``, ``TLS``, …"""
        return self.sockets.addresses

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Read its sockets until cancelled, and close them.  `SipPeer.open` does it."""
        try:
            async with trio.open_nursery() as self._nursery:
                await self._nursery.start(self.sockets.run)
                if not isinstance(trio.lowlevel.current_clock(), trio.testing.MockClock):
                    # On virtual time everybody's zero is the same.
                    self.began = trio.current_time()
                self._running.set()
                task_status.started()
                await trio.sleep_forever()
        finally:
            self._nursery = None
            self.sockets.close()

    async def sockets_ready(self) -> None:
        """Wait until `run` has begun."""
        await self._running.wait()

    def close_streams(self) -> None:
        """Close its connections, in the middle of whatever."""
        self.sockets.close_streams()

    def alert_streams(self) -> None:
        """Break its connections over TLS with a fatal alert: the end of them."""
        self.sockets.alert_streams()

    def own(self, call: PeerCall) -> None:
        """Let a call have the messages of its dialog."""
        self._calls[call.dialog.id] = call
        self._calls_by_call_id.setdefault(call.dialog.id.call_id, []).append(call)

    def ladder(self) -> str:
        """What it has sent and received, drawn."""
        return ladder(self.wires, self.names())

    def names(self) -> dict[str | Address, str]:
        """What to call its addresses in a drawing."""
        return dict.fromkeys(self._local, self.name)

    # -- what comes

    def _receive(self, data: bytes, path: PeerPath) -> None:
        lost = path.transport == "UDP" and self._dice.random() < self.loss
        message = _parsed(data)
        if message is not None:
            for pattern in self.losing:
                if pattern.fits(message):
                    self.losing.remove(pattern)
                    lost = True
                    break
        fate = Fate.LOST if lost else Fate.DELIVERED
        wire = self._note(data, path.remote, path.local, path.transport, fate, ours=False)
        if lost or not data.strip(b"\r\n"):
            return
        original = self._seen.get((data, path.remote))
        if original is not None:
            original.copies.append(wire.time)
            self._copied(original)
            self.inbox.touch()
        elif message is None:
            error = UnexpectedMessage(f"{self.name} got {wire.label.text} that are no SIP message")
            error.wire = wire
            self.inbox.fail(error)
        else:
            self._arrived(data, message, path, wire)

    def _arrived(
        self, data: bytes, message: Request | Response, path: PeerPath, wire: Wire
    ) -> None:
        came: PeerMessage
        if isinstance(message, Request):
            came = PeerRequest(self, message, path, wire)  # type: ignore[arg-type]  # the peer above us
            self._answers[id(came)] = (came, None, [])
            if message.method == "ACK":
                self._repeats.stop(("response", *invite_of(message)))
            if message.method == "PRACK":
                self._repeats.stop(reliable_of(message))
            status = self.automatic.get(message.method)
            self._seen[data, path.remote] = came
            if status is not None:
                self.automatically_answered += 1
                self._soon(came.respond, status)
                return
        else:
            came = PeerResponse(self, message, path, wire)  # type: ignore[arg-type]  # as above
            self._answered(came)
            self._seen[data, path.remote] = came
        came.is_owned = self._is_owned(came)
        self.inbox.put(came)

    def _is_owned(self, came: PeerMessage) -> bool:
        if isinstance(came, PeerResponse):
            return came.request is not None
        try:
            named = DialogId.of_request(came.message)  # type: ignore[arg-type]  # a request
            if named is None:
                same = self._calls_by_call_id.get(came.message.call_id, ())
                return any(call.owns(came) for call in same)
            return named in self._calls
        except (KeyError, RemoteProtocolError):
            return False

    def _answered(self, response: PeerResponse) -> None:
        try:
            known = keys(response.message)
        except (KeyError, RemoteProtocolError):
            return
        sent = next((self._sent[key] for key in known if key in self._sent), None)
        if sent is not None:
            response.request = sent.request
            if response.status >= 200 or sent.request.method == "INVITE":
                self._repeats.stop(("request", sent))

    def _copied(self, original: PeerMessage) -> None:
        if not self.retransmits:
            return
        if isinstance(original, PeerRequest):
            for data, path, rude in self._answers[id(original)][2][-1:]:
                self._soon(functools.partial(self.transmit, data, path, rude=rude))
        elif isinstance(original, PeerResponse):
            try:
                ack = self._acks.get(response_key(original.message))
            except (KeyError, RemoteProtocolError):
                # What has no CSeq to speak of was not acknowledged, either.
                return
            if ack is not None:
                self._soon(self.transmit, *ack)

    def has_refused(self, ack: Request) -> bool:
        """Whether that is the ACK of an INVITE that was refused."""
        return invite_of(ack) in self._refused

    def answer_to(self, request: PeerRequest) -> Response | None:
        """The latest answer of ours to a request."""
        return self._answers[id(request)][1]

    # -- what goes

    def create_response(
        self, request: PeerRequest, status: int, reason: str | None, **parts: Any
    ) -> Response:
        """See `PeerRequest.create_response`."""
        # Any: handed on as they are.
        return self.voice.create_response(request.message, request.path, status, reason, **parts)

    async def send_response(
        self,
        request: PeerRequest,
        response: Response | bytes,
        *,
        rude: Rude,
        lost: bool,
        t1: float | None = None,
    ) -> None:
        """Send an answer by the way that the request came."""
        data = bytes(response)
        path = request.path
        key: tuple[str, int] | None = None
        known = self._answers[id(request)]
        if isinstance(response, Response):
            known = self._answers[id(request)] = (request, response, known[2])
            if request.method == "INVITE" and response.status >= 200:
                key = invite_of(request.message)
                if response.status >= 300:
                    self._refused.add(key)
        known[2].append((data, path, rude))
        if key is not None and path.transport == "UDP" and not lost:
            self._repeat(("response", *key), data, path, capped=True, rude=rude, t1=t1)
        await self.transmit(data, path, rude=rude, lost=lost)

    async def send_reliably(
        self, request: PeerRequest, response: Response, number: int, *, rude: Rude
    ) -> None:
        """Send a provisional answer again and again until its PRACK comes."""
        await self.send_response(request, response, rude=rude, lost=False)
        key = reliable_key(request.message.call_id, number)
        # RFC 3262 section 3: twice as long each time, without T2, and over any transport.
        self._repeat(key, bytes(response), request.path, capped=False, rude=rude, t1=T1)

    async def transmit_request(
        self, sent: SentRequest, *, rude: Rude = (), lost: bool = False, t1: float | None = None
    ) -> None:
        """Send a request, and remember it."""
        await self._running.wait()
        request = sent.request
        self._sent.update(dict.fromkeys(keys(request), sent))
        data = bytes(request)
        if request.method != "ACK" and sent.path.transport == "UDP":
            self._repeat(
                ("request", sent),
                data,
                sent.path,
                capped=request.method != "INVITE",
                rude=rude,
                t1=t1,
            )
        await self.transmit(data, sent.path, rude=rude, lost=lost)

    async def send_ack(
        self, response: PeerResponse, *, rude: Rude, lost: bool, **parts: Any
    ) -> Request:
        """See `PeerResponse.ack`."""
        request = response.request
        if request is None:
            raise LocalProtocolError("only a response to a request of the peer can be acknowledged")
        if response.status >= 300:
            ack = create_ack(request, response.message)
            path = self._sent[keys(request)[0]].path
        else:
            ack = self.voice.create_ack(request, response.message, **parts)
            path = await self.path_to(ack, None)
            ack.headers.insert_first("Via", self.voice.via_of(path))
        data = bytes(ack)
        if not (lost or any(one.lost for one in misbehave(data, (*self.rude, *_several(rude))))):
            self._acks[response_key(response.message)] = (data, path)
        await self.transmit(data, path, rude=rude, lost=lost)
        return ack

    async def transmit(
        self, data: bytes, path: PeerPath, *, rude: Rude = (), lost: bool = False
    ) -> None:
        """Put octets on the wire, by way of every rudeness that is on."""
        await self._running.wait()
        data = self.profile.spell(data)
        for one in misbehave(data, (*self.rude, *_several(rude)), lost=lost):
            if one.delay:
                self._soon(self._transmit_later, one, path)
            else:
                await self._put(one, path)

    async def _transmit_later(self, one: Outgoing, path: PeerPath) -> None:
        await trio.sleep(one.delay)
        await self._put(one, path)

    async def _put(self, one: Outgoing, path: PeerPath) -> None:
        lost = one.lost or (path.transport == "UDP" and self._dice.random() < self.loss)
        fate = Fate.LOST if lost else Fate.DELIVERED
        self._note(one.data, path.local, path.remote, path.transport, fate, ours=True)
        if not lost:
            await self.sockets.send(one.data, path)
            if one.ending is not None:
                self.sockets.end(path, one.ending)
        await trio.lowlevel.checkpoint()

    def _repeat(
        self,
        key: tuple[object, ...],
        data: bytes,
        path: PeerPath,
        *,
        capped: bool,
        rude: Rude = (),
        t1: float | None = None,
    ) -> None:
        # A message with a T1 of its own is repeated by a peer that repeats no other.
        if (self.retransmits or t1 is not None) and self._nursery is not None:
            send = functools.partial(self.transmit, data, path, rude=rude)
            self._repeats.start(
                self._nursery, key, send, capped=capped, t1=T1 if t1 is None else t1
            )

    async def path_to(self, request: Request, to: Address | None) -> PeerPath:
        """The way that a request goes."""
        await self._running.wait()
        route = request.headers.get("Route")
        uri = request.uri if route is None else request.headers[ROUTE][0].uri
        transport = _transport_of(uri)
        if "Via" in request:
            transport = request.via.transport
        remote = to or await self.resolve(uri, transport)
        if transport == "UDP":
            return self.sockets.datagram_path(remote)
        return await self.sockets.stream_path(remote, transport, None if to else uri.host)

    async def resolve(self, uri: Uri, transport: str) -> Address:
        """The first address of a URI."""
        return (await self._network.resolve(uri.host, uri.port, transport))[0]

    # -- records

    def _note(
        self,
        data: bytes,
        source: Address,
        destination: Address,
        transport: str,
        fate: Fate,
        *,
        ours: bool,
    ) -> Wire:
        wire = Wire(
            time=trio.current_time(),
            source=source,
            destination=destination,
            transport=transport,
            data=data,
            fate=fate,
        )
        self.wires.append(wire)
        self._local.add(source if ours else destination)
        return wire

    # Any: whatever the function takes.
    def _soon(self, function: Callable[..., Any], *args: Any) -> None:
        if self._nursery is not None:
            self._nursery.start_soon(function, *args)


def _parsed(data: bytes) -> Request | Response | None:
    try:
        return parse_message_untrusted(data)
    except RemoteProtocolError:
        return None


def _several(rude: Rude) -> Rude:
    return (rude,) if isinstance(rude, str) else rude


def _transport_of(uri: Uri) -> str:
    asked = uri.params.get("transport")
    if uri.scheme == "sips":
        return "WSS" if asked in ("ws", "wss") else "TLS"
    return (asked or "udp").upper()
