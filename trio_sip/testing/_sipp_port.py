"""What a scenario needs of whoever carries its messages, and UDP as one who does."""

from __future__ import annotations

from typing import Protocol

import trio

from trio_sip.transport import Address, Network

__all__ = ["DatagramPort", "ScenarioPort"]


class ScenarioPort(Protocol):
    """Carries the messages of scenarios: a socket, a simulated one, or a peer that has one."""

    @property
    def local(self) -> Address:
        """Where answers find it: never a wildcard."""

    @property
    def transport(self) -> str:
        """As a Via spells it."""

    @property
    def is_reliable(self) -> bool:
        """Whether nothing need be sent twice."""

    def send(self, data: bytes, remote: Address) -> None:
        """Send a message; what cannot be sent is lost."""

    async def receive(self) -> tuple[bytes, Address]:
        """The next message, and who sent it."""


class DatagramPort:
    """A UDP socket of whatever network."""

    transport = "UDP"
    is_reliable = False

    def __init__(self, network: Network, local: Address, remote: Address | None) -> None:
        self._socket = network.bind_datagrams(local)
        self.local = self._socket.local
        if self.local.is_wildcard and remote is not None:
            self.local = Address(network.source_host(remote), self.local.port)

    def send(self, data: bytes, remote: Address) -> None:
        """Send a datagram."""
        try:
            self._socket.send_nowait(data, self.local, remote)
        except OSError:
            # Lost, as far as the scenario is concerned: it is sent again, or is missed.
            return

    async def receive(self) -> tuple[bytes, Address]:
        """The next datagram."""
        while True:
            await self._socket.wait_readable()
            try:
                data, path = self._socket.receive_nowait()
            except BlockingIOError:
                continue
            except OSError:
                # News of something that did not arrive.
                self._socket.take_undelivered()
                continue
            return data, self._socket.path_ends(path)[1]

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    async def aclose(self) -> None:
        """Close the socket."""
        self.close()
        await trio.lowlevel.checkpoint()
