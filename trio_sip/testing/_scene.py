"""What one test has of SIP: its world, its peers, and what is checked at its end."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import trio
import trio.testing

from trio_sip.message import Uri
from trio_sip.stack import unwrapping_single_errors
from trio_sip.transport import Address, SocketNetwork, TlsSettings

from ._certificates import CertificateAuthority
from ._leaks import Leak
from ._renewal import Renewal
from ._waiting import HangsForever, waiting_tasks
from ._worlds import Place, SipWorld, WorldKind
from .network import Link, MemoryNetwork, deterministic_scheduling
from .peer import ScriptFailed, SipPeer
from .recordings import Wire

__all__ = ["Scene"]

_VIRTUAL_DEADLINE = 3600.0
_REAL_DEADLINE = 60.0
_REAL_PATIENCE = 10.0


class Scene:
    """Made for a test when it first asks for a fixture of ours, and performed with the test."""

    def __init__(
        self,
        *,
        kind: WorldKind,
        seed: int,
        device: str | None = None,
        deadline: float | None = None,
        check_leaks: bool = True,
        link: dict[str, float] | None = None,
        trusted: str | None = None,
    ) -> None:
        self.seed = seed
        self.check_leaks = check_leaks
        self.problems: list[str] = []
        """Leaks that fixtures have found at their end."""

        network = MemoryNetwork(seed, Link(**(link or {}))) if kind is WorldKind.SIMULATOR else None
        self.world = SipWorld(kind, network, device, _facing(device))
        self.deadline = deadline or (_VIRTUAL_DEADLINE if self.world.is_virtual else _REAL_DEADLINE)
        self.peers: list[SipPeer] = []
        self.error: BaseException | None = None
        self._renewal: Renewal | None = None
        self._trusted = trusted
        self._authority: CertificateAuthority | None = None
        self._nursery: trio.Nursery | None = None
        self._waiting: list[str] = []

    @property
    def network(self) -> MemoryNetwork:
        """The simulated network."""
        if self.world.network is None:
            raise RuntimeError(
                f"there is no simulated network in the {self.world.kind.value} world"
            )
        return self.world.network

    @property
    def authority(self) -> CertificateAuthority:
        """The authority of its certificates, made when it is first asked for."""
        if self._authority is None:
            self._authority = CertificateAuthority()
        return self._authority

    def tls(self, place: Place, name: str, transports: Iterable[str]) -> TlsSettings | None:
        """What a program at *place* uses that listens on these *transports*."""
        if self._trusted is not None:
            return TlsSettings(authorities=self._trusted)
        if not {"TLS", "WSS"}.isdisjoint(map(str.upper, transports)):
            return self.authority.settings(place.address.host, name)
        return None if self._authority is None else self._authority.settings()

    def close(self) -> None:
        """Remove what it has on the disk."""
        if self._authority is not None:
            self._authority.close()

    def clock(self) -> trio.abc.Clock | None:
        """The clock of that world."""
        return trio.testing.MockClock(autojump_threshold=0) if self.world.is_virtual else None

    def make_peer(self, name: str = "peer", *, ipv6: bool = False, **options: Any) -> SipPeer:
        """A peer at a place of its own.  *options* are those of `SipPeer`."""
        # Any: handed on.
        place = self.world.place(name, ipv6=ipv6)
        if not self.world.is_virtual:
            options.setdefault("patience", _REAL_PATIENCE)
        options.setdefault("port", place.address.port)
        options.setdefault("seed", self.seed)
        options.setdefault("tls", self.tls(place, name, options.get("transports", ())))
        peer = SipPeer(place.network, place.address.host, name=name, **options)
        self.peers.append(peer)
        if self._nursery is not None:
            self._nursery.start_soon(peer.run, name=f"peer {name}")
        return peer

    # -- the performance

    def begin_example(self) -> None:
        """Let the world be as the fixtures had made it: of one test, Hypothesis makes many."""
        if self._renewal is None:
            self._renewal = Renewal(self.world.network, self.peers)
            return
        self.peers = self._renewal.renew()
        self.problems, self.error = [], None

    async def perform(self, main: Callable[[], Awaitable[Any]]) -> None:
        """Run *main* in this world, and check what is left of it."""
        with contextlib.ExitStack() as conditions:
            conditions.enter_context(unwrapping_single_errors())
            if self.world.network is not None:
                conditions.enter_context(deterministic_scheduling(self.seed))
            async with trio.open_nursery() as nursery:
                if self.world.network is not None:
                    nursery.start_soon(self.world.network.deliver, name="memory network")
                for peer in self.peers:
                    await nursery.start(peer.run, name=f"peer {peer.name}")
                self._nursery = nursery
                try:
                    await self._before_the_deadline(main, nursery)
                    self._check()
                except BaseException as error:
                    self.error = error
                    raise
                finally:
                    self._nursery = None
                nursery.cancel_scope.cancel()
        self._check_sockets()

    async def _before_the_deadline(
        self, main: Callable[[], Awaitable[Any]], nursery: trio.Nursery
    ) -> None:
        scope, deadline = trio.CancelScope(), trio.current_time() + self.deadline
        nursery.start_soon(self._strike, deadline, scope)
        late = False
        with scope:
            try:
                await main()
            except (Exception, BaseExceptionGroup):
                # pytest-trio complains that somebody has cancelled the test: that was we.
                late = scope.cancel_called
                if not late:
                    raise
        if late or scope.cancelled_caught:
            kind = "virtual seconds" if self.world.is_virtual else "seconds"
            raise HangsForever(
                "\n  ".join(
                    [f"after {self.deadline:g} {kind} the test still waits:", *self._waiting]
                )
            )

    async def _strike(self, deadline: float, scope: trio.CancelScope) -> None:
        await trio.sleep_until(deadline)
        # Who waited where is not to be seen any more once they are cancelled.
        self._waiting = waiting_tasks()
        scope.cancel()

    def _check(self) -> None:
        if self.problems and self.check_leaks:
            raise Leak("the test has left open:\n  " + "\n  ".join(self.problems))
        for peer in self.peers:
            peer.check_nothing_is_left()
        if self.check_leaks:
            calls = [line for peer in self.peers for line in peer.open_lines()]
            if calls:
                raise Leak("the test has left calls open, without a BYE:\n  " + "\n  ".join(calls))

    def _check_sockets(self) -> None:
        if self.world.network is not None and self.check_leaks and self.error is None:
            left = self.world.network.open_lines()
            if left:
                error = Leak("the test has left sockets open:\n  " + "\n  ".join(left))
                self.error = error
                raise error

    # -- what happened

    def wires(self) -> Sequence[Wire]:
        """Everything that was seen, until the script failed: by the network, or else by the peers."""
        if self.world.network is not None:
            wires: Sequence[Wire] = self.world.network.wires
        else:
            wires = sorted((w for p in self.peers for w in p.wires), key=lambda wire: wire.time)
        failure = self._failure()
        if failure is None or failure.at is None:
            return wires
        wrong = -1 if failure.wire is None else _first_like(failure.wire, wires)
        return [w for n, w in enumerate(wires) if n <= wrong or w.time < failure.at]

    def names(self) -> dict[str | Address, str]:
        """What to call addresses."""
        names = {} if self.world.network is None else self.world.network.names()
        for peer in self.peers:
            names |= {peer.address: peer.name}
        return names

    def notes(self) -> dict[Wire, str]:
        """What to say beside an arrow: which message a script did not expect."""
        failure = self._failure()
        if failure is None or failure.wire is None:
            return {}
        wires = self.wires()
        place = _first_like(failure.wire, wires)
        return {} if place < 0 else {wires[place]: "not expected"}

    def _failure(self) -> ScriptFailed | None:
        error = self.error
        if isinstance(error, BaseExceptionGroup):
            error = error.subgroup(ScriptFailed)
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        return error if isinstance(error, ScriptFailed) else None


def _first_like(wanted: Wire, wires: Sequence[Wire]) -> int:
    """Where the network has noted what a peer has noted; -1 if nowhere."""
    same = (n for n, w in enumerate(wires) if (w.data, w.source) == (wanted.data, wanted.source))
    return next(same, -1)


def _facing(device: str | None) -> str:
    """The address of this machine that the device, or else this machine itself, can reach."""
    if device is None:
        return "127.0.0.1"
    uri = Uri.parse(device)
    return SocketNetwork().source_host(Address(uri.host.strip("[]"), uri.port or 5060))
