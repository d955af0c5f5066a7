"""A peer for tests that know nothing of trio: in a thread of its own, on real sockets."""

from __future__ import annotations

import functools
import threading
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Generic, TypeVar, overload

import trio

from trio_sip.auth import PlainSecret
from trio_sip.message import NameAddr, Request, Response, Uri
from trio_sip.stack import unwrapping_single_errors
from trio_sip.testing.recordings import Wire
from trio_sip.transport import Address, SocketNetwork, TlsSettings

from ._aka import AkaSecret
from ._answers import Credential
from ._call import PeerCall, SentRequest
from ._message_pattern import MessagePattern, Wanted
from ._messages import PeerMessage, PeerRequest, PeerResponse
from ._misbehaviours import Rude
from ._peer import SipPeer
from ._profiles import PeerProfile

__all__ = ["PeerThread", "ThreadCall", "ThreadMessage", "open_peer_thread"]

T = TypeVar("T")
M = TypeVar("M", bound=PeerMessage)


class PeerThread:
    """A `SipPeer` with blocking methods.

    Whatever it lacks, the peer itself can do: ``peer.run(script)`` runs an async function in the
    peer's thread with the peer as its argument.
    """

    def __init__(self, peer: SipPeer, token: trio.lowlevel.TrioToken, seed: int) -> None:
        self.peer = peer
        """What runs in the thread.  Only `run` may call its async methods."""

        self.seed = seed
        self._token = token

    # Any: *function*'s own arguments.
    def run(self, function: Callable[..., Awaitable[T]], *args: Any) -> T:
        """Run ``function(peer, *args)`` in the peer's thread, and wait for its result.

        From asyncio, do it with ``await asyncio.to_thread(peer.run, script)``.
        """
        return self._call(function, self.peer, *args)

    def _call(self, function: Callable[..., Awaitable[T]], *args: Any) -> T:
        return trio.from_thread.run(function, *args, trio_token=self._token)

    @property
    def uri(self) -> Uri:
        """Where it can be reached over UDP."""
        return self.peer.uri

    @property
    def tcp_uri(self) -> Uri:
        """Where it can be reached over TCP."""
        return self.peer.tcp_uri

    @property
    def address(self) -> Address:
        """Its host and port."""
        return self.peer.address

    # -- what it expects

    @overload
    def expect(
        self,
        what: str,
        /,
        *,
        within: float | None = ...,
        optional: Iterable[Wanted] = ...,
        **fields: object,
    ) -> ThreadMessage[PeerRequest]: ...
    @overload
    def expect(
        self,
        what: int | range | Collection[int],
        /,
        *,
        within: float | None = ...,
        optional: Iterable[Wanted] = ...,
        **fields: object,
    ) -> ThreadMessage[PeerResponse]: ...
    @overload
    def expect(
        self,
        what: MessagePattern,
        /,
        *,
        within: float | None = ...,
        optional: Iterable[Wanted] = ...,
        **fields: object,
    ) -> ThreadMessage[PeerMessage]: ...
    def expect(
        self,
        what: Wanted,
        /,
        *,
        within: float | None = None,
        optional: Iterable[Wanted] = (),
        **fields: object,
    ) -> Any:
        """See `SipPeer.expect`."""
        wanted = [MessagePattern(what, **fields)]
        take = functools.partial(self.peer.take, within=within, optional=optional)
        return ThreadMessage(self, self._call(take, wanted))

    def expect_nothing(self, *what: Wanted, within: float) -> None:
        """See `SipPeer.expect_nothing`."""
        self._call(functools.partial(self.peer.expect_nothing, *what, within=within))

    def answer_automatically(self, *methods: str, status: int = 200) -> None:
        """See `SipPeer.answer_automatically`."""
        self.peer.answer_automatically(*methods, status=status)

    def check_nothing_is_left(self) -> None:
        """See `SipPeer.check_nothing_is_left`."""
        self._call(_checked, self.peer)

    # -- what it says

    def request(
        self,
        method: str,
        target: Uri | str,
        *,
        from_: NameAddr | str | None = None,
        to: NameAddr | str | None = None,
        headers: Iterable[tuple[str, object]] = (),
        body: bytes | str = b"",
        content_type: str = "application/sdp",
        credentials: Credential | None = None,
        rude: Rude = (),
        within: float | None = None,
    ) -> ThreadMessage[PeerResponse]:
        """Send a request and wait for its final response."""

        async def ask() -> PeerResponse:
            sent: SentRequest = await self.peer.request(
                method,
                target,
                from_=from_,
                to=to,
                headers=headers,
                body=body,
                content_type=content_type,
                credentials=credentials,
                rude=rude,
            )
            return await sent.final(within=within)

        return ThreadMessage(self, self._call(ask))

    def invite(self, target: Uri | str, **how: Any) -> ThreadCall:
        """See `SipPeer.invite`, which has the same arguments."""
        return ThreadCall(self, self._call(functools.partial(self.peer.invite, target, **how)))

    def answer(self, **how: Any) -> ThreadCall:
        """See `SipPeer.answer`, which has the same arguments."""
        return ThreadCall(self, self._call(functools.partial(self.peer.answer, **how)))

    def send_raw(self, data: bytes, to: Address | str | Uri, *, transport: str = "UDP") -> None:
        """See `SipPeer.send_raw`."""
        self._call(functools.partial(self.peer.send_raw, data, to, transport=transport))

    # -- what happened

    def wires(self) -> Sequence[Wire]:
        """Everything it has sent and received."""
        return list(self.peer.wires)

    def names(self) -> dict[str | Address, str]:
        """What to call addresses."""
        return self.peer.names()

    def notes(self) -> dict[Wire, str]:
        """What to say beside an arrow of its drawing: nothing."""
        return {}

    def ladder(self) -> str:
        """The same, drawn."""
        return self.peer.ladder()


class ThreadMessage(Generic[M]):
    """A message that a `PeerThread` has received."""

    def __init__(self, thread: PeerThread, received: M) -> None:
        self.received = received
        """The message as the peer knows it."""

        self._thread = thread

    @property
    def message(self) -> Request | Response:
        """The message itself."""
        return self.received.message

    def __getitem__(self, name: str) -> str:
        return self.received[name]

    @property
    def body(self) -> bytes:
        return self.received.body

    @property
    def status(self) -> int | None:
        """Of a response."""
        return getattr(self.received, "status", None)

    def respond(
        self: ThreadMessage[PeerRequest], status: int, reason: str | None = None, **how: Any
    ) -> None:
        """See `PeerRequest.respond`, which has the same arguments."""
        self._thread._call(functools.partial(self.received.respond, status, reason, **how))

    def challenge(
        self: ThreadMessage[PeerRequest],
        realm: str,
        secret: PlainSecret | AkaSecret,
        *,
        status: int = 401,
    ) -> None:
        """See `PeerRequest.challenge`."""
        self._thread._call(functools.partial(self.received.challenge, realm, secret, status=status))

    def ack(self: ThreadMessage[PeerResponse], **how: Any) -> None:
        """See `PeerResponse.ack`, which has the same arguments."""
        self._thread._call(functools.partial(self.received.ack, **how))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.received.label}>"


class ThreadCall:
    """A call of a `PeerThread`."""

    def __init__(self, thread: PeerThread, call: PeerCall) -> None:
        self.call = call
        """The call as the peer knows it."""

        self._thread = thread

    def bye(self, **how: Any) -> None:
        """See `PeerCall.bye`."""
        self._thread._call(functools.partial(self.call.bye, **how))

    def expect_bye(self, *, within: float | None = None) -> None:
        """See `PeerCall.expect_bye`."""
        self._thread._call(functools.partial(self.call.expect_bye, within=within))


async def _checked(peer: SipPeer) -> None:
    peer.check_nothing_is_left()
    await trio.lowlevel.checkpoint()


@contextmanager
def open_peer_thread(
    host: str = "127.0.0.1",
    *,
    port: int = 0,
    name: str = "peer",
    transports: Sequence[str] = ("UDP", "TCP"),
    profile: str | PeerProfile = "plain",
    patience: float = 10.0,
    seed: int = 0,
    tls: TlsSettings | None = None,
) -> Iterator[PeerThread]:
    """Run a peer in a thread for as long as the block runs; the arguments are those of `SipPeer`."""
    started = threading.Event()
    made: list[PeerThread] = []
    errors: list[BaseException] = []
    ended = trio.CancelScope()

    async def main() -> None:
        peer = SipPeer(
            SocketNetwork(),
            host,
            port=port,
            name=name,
            transports=transports,
            profile=profile,
            patience=patience,
            seed=seed,
            tls=tls,
        )
        with ended, unwrapping_single_errors():
            async with trio.open_nursery() as nursery:
                await nursery.start(peer.run)
                made.append(PeerThread(peer, trio.lowlevel.current_trio_token(), seed))
                started.set()

    def run() -> None:
        try:
            trio.run(main)
        except BaseException as error:
            errors.append(error)
        finally:
            started.set()

    thread = threading.Thread(target=run, name=f"SIP peer {name}", daemon=True)
    thread.start()
    started.wait()
    if errors:
        raise errors[0]
    peer_thread = made[0]
    try:
        yield peer_thread
    finally:
        peer_thread._token.run_sync_soon(ended.cancel)
        thread.join()
    if errors:
        raise errors[0]
