"""The sockets of a run: one for all calls, or one for each."""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from trio_sip.transport import Address, Network

from ._port import DatagramPort, ScenarioPort, StreamPort

__all__ = ["ScenarioTransport", "Sockets", "open_sockets"]

# Seconds for what was sent last to go out.
_GOODBYE = 1.0


class ScenarioTransport(enum.Enum):
    """What carries the messages.  Who answers calls takes them all at one address anyway."""

    UDP = "udp"
    """One socket: SIPp's ``u1``."""

    UDP_PER_CALL = "udp-per-call"
    """A socket of its own for each call: ``un``."""

    TCP = "tcp"
    """One connection: ``t1``."""

    TCP_PER_CALL = "tcp-per-call"
    """A connection of its own for each call: ``tn``."""

    @property
    def is_tcp(self) -> bool:
        """Whether it is TCP, whatever the number of connections."""
        return self in {ScenarioTransport.TCP, ScenarioTransport.TCP_PER_CALL}

    @property
    def is_per_call(self) -> bool:
        """Whether each call has its own."""
        return self in {ScenarioTransport.UDP_PER_CALL, ScenarioTransport.TCP_PER_CALL}


class Sockets:
    """Opens them."""

    def __init__(
        self,
        network: Network,
        transport: ScenarioTransport,
        local: Address,
        nursery: trio.Nursery,
        *,
        listens: bool,
    ) -> None:
        self._network = network
        self._transport = transport
        self._local = local
        self._nursery = nursery
        self._listens = listens
        self._open: set[ScenarioPort] = set()
        self.shared: ScenarioPort | None = None
        """What all calls use; ``None`` if each has its own."""

    async def open(self, remote: Address | None) -> Address:
        """Open what all calls use, if anything; where we are.

        Raises:
          OSError: that does not work.
        """
        await trio.lowlevel.checkpoint()
        if self._transport.is_per_call and not self._listens:
            # Whoever binds a port binds it for one call.
            host = self._local.host
            if self._local.is_wildcard and remote is not None:
                host = self._network.source_host(remote)
            return Address(host, self._local.port)
        self.shared = port = await self._bind(self._local, remote)
        return port.local

    async def of_call(self, remote: Address) -> ScenarioPort:
        """What a new call uses.

        Raises:
          OSError: there is nothing.
        """
        if self.shared is not None:
            return self.shared
        return await self._bind(Address(self._local.host, 0), remote)

    def release(self, port: ScenarioPort) -> None:
        """A call has ended."""
        if port is not self.shared:
            port.close()
            self._nursery.start_soon(self._let_go, port, name="scenario goodbye")

    def close(self) -> None:
        """Close all of them, each when what was sent has gone out."""
        for port in self._open:
            port.close()

    async def drain(self) -> None:
        """Wait until what was sent before they were closed has gone out."""
        for port in list(self._open):
            await port.drain()

    async def _let_go(self, port: ScenarioPort) -> None:
        await port.drain()
        self._open.discard(port)

    async def _bind(self, local: Address, remote: Address | None) -> ScenarioPort:
        port: DatagramPort | StreamPort
        if not self._transport.is_tcp:
            port = DatagramPort(self._network, local, remote)
        else:
            port = StreamPort(self._network, self._nursery)
            if self._listens or remote is None:
                port.listen(local)
            else:
                await port.connect(remote)
        self._open.add(port)
        return port


@asynccontextmanager
async def open_sockets(
    network: Network,
    transport: ScenarioTransport,
    local: Address,
    remote: Address | None,
    *,
    listens: bool,
) -> AsyncIterator[tuple[Sockets, Address]]:
    """The sockets of a run, and where we are.

    Raises:
      OSError: they cannot be had.
    """
    async with trio.open_nursery() as nursery:
        sockets = Sockets(network, transport, local, nursery, listens=listens)
        try:
            yield sockets, await sockets.open(remote)
        finally:
            sockets.close()
        with trio.move_on_after(_GOODBYE):
            await sockets.drain()
        nursery.cancel_scope.cancel()
