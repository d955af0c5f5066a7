"""Where a test takes place: in the simulator, on this machine's sockets, or before a device."""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import attrs

from trio_sip.message import Uri
from trio_sip.transport import Address, Network, SocketNetwork

from .network import MemoryNetwork

__all__ = ["Place", "SipWorld", "WorldKind"]

_PORT = 5060
_PORTS = {"tls": 5061, "ws": 80, "wss": 443}


class WorldKind(enum.Enum):
    """The three worlds of ``@pytest.mark.sip(worlds=…)``."""

    SIMULATOR = "simulator"
    """A `MemoryNetwork` on virtual time."""

    LOOPBACK = "loopback"
    """The sockets of this machine, and real time."""

    DEVICE = "device"
    """The address that ``--sip-device`` names, from this machine's sockets."""


@attrs.frozen
class Place:
    """Where one program of a test lives."""

    network: Network
    address: Address
    """What to bind; port 0 lets the network choose."""

    def listen(self, transport: str = "udp") -> str:
        """For `trio_sip.stack.open_stack`: ``udp://192.0.2.2:5060``, ``tls://192.0.2.2:5061``."""
        port = self.address.port and _PORTS.get(transport.lower(), self.address.port)
        return f"{transport}://{Address(self.address.host, port)}"


Start = Callable[[Place], AbstractAsyncContextManager[str | Uri]]
"""Runs a system at a place for as long as its block runs, and yields its URI."""


class SipWorld:
    """The world of one test: ``sip_world``."""

    def __init__(
        self, kind: WorldKind, network: MemoryNetwork | None, device: str | None, here: str
    ) -> None:
        self.kind = kind
        self.network = network
        """The simulated network; ``None`` in the other worlds."""

        self._device = device
        self._here = here

    @property
    def is_virtual(self) -> bool:
        """Whether time costs nothing."""
        return self.kind is WorldKind.SIMULATOR

    def place(self, name: str, *, ipv6: bool = False) -> Place:
        """A place for a program of that name, with an IPv4 address or an IPv6 one."""
        if self.network is not None:
            host = self.network.host(name)
            address = next(one for one in host.addresses if (":" in one) == ipv6)
            return Place(host, Address(address, _PORT))
        return Place(SocketNetwork(), Address("::1" if ipv6 else self._here, 0))

    @asynccontextmanager
    async def system(self, start: Start, name: str = "system") -> AsyncIterator[Uri]:
        """Run the system under test: *start* at its place, or the device, which runs already.

        Returns:
          Where it is.
        """
        if self.kind is WorldKind.DEVICE:
            assert self._device is not None
            yield Uri.parse(self._device)
            return
        async with start(self.place(name)) as uri:
            yield Uri.parse(uri)
