"""NAT boxes: what stands between a private address and the rest of the world.

The kinds are those of RFC 3489 section 5, because everybody calls them so.  In the words of RFC
4787 the cones map independently of the endpoint, a symmetric one depending on address and port.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import TYPE_CHECKING

import attrs

from trio_sip.transport import Address

if TYPE_CHECKING:
    from ._host import MemoryHost

__all__ = ["NatBox", "NatKind"]

_FIRST_PORT = 40000


class NatKind(enum.Enum):
    """Whom a NAT box lets in."""

    FULL_CONE = "full cone"
    """One public port for each private one, and whoever knows it gets through."""

    RESTRICTED_CONE = "restricted cone"
    """The same port, and only hosts get through that were sent something."""

    PORT_RESTRICTED_CONE = "port-restricted cone"
    """The same port, and only ports get through that were sent something."""

    SYMMETRIC = "symmetric"
    """Another public port for each destination, which alone gets through."""


@attrs.define(eq=False)
class _Mapping:
    host: MemoryHost
    inside: Address
    outside: Address
    remote: Address | None
    """For which destination alone it is there, of a symmetric NAT."""

    used: float
    allowed: dict[object, float] = attrs.field(factory=dict)
    """When each host or port was sent something last."""


class NatBox:
    """A NAT box, made with `MemoryNetwork.nat`.

    A mapping lives `lifetime` seconds from the last packet that went out through it; what comes
    in does not prolong it, as RFC 4787 section 4.3 lets boxes do it.
    """

    def __init__(
        self, public: str, kind: NatKind, *, lifetime: float, stream_lifetime: float, hairpin: bool
    ) -> None:
        self.public = public
        """Its public address, without a port."""

        self.kind = kind
        self.lifetime = lifetime
        """Seconds for which a UDP mapping outlives the last packet out."""

        self.stream_lifetime = stream_lifetime
        """Seconds for which it remembers a silent TCP connection."""

        self.hairpin = hairpin
        """Whether hosts behind it reach each other by their public addresses."""

        self.inside: dict[str, MemoryHost] = {}
        """The hosts behind it, by private address."""

        self._next_port = _FIRST_PORT
        self._by_inside: dict[tuple[Address, Address | None], _Mapping] = {}
        self._by_port: dict[int, _Mapping] = {}
        self._streams: dict[int, tuple[MemoryHost, float]] = {}

    def mappings(self, now: float) -> Iterator[tuple[Address, Address]]:
        """The private and the public address of each UDP mapping that lives at *now*."""
        for mapping in self._by_inside.values():
            if self._lives(mapping, now):
                yield mapping.inside, mapping.outside

    def forget(self) -> None:
        """Lose all UDP mappings, as a box does that is switched off and on."""
        self._by_inside.clear()
        self._by_port.clear()

    def send(self, host: MemoryHost, inside: Address, remote: Address, now: float) -> Address:
        """Let a datagram out; the address it has outside."""
        only = remote if self.kind is NatKind.SYMMETRIC else None
        mapping = self._by_inside.get((inside, only))
        if mapping is None or not self._lives(mapping, now):
            # Who comes back after the mapping has ended has another port: that is what breaks
            # registrations.
            mapping = _Mapping(host, inside, self._public(), only, now)
            self._by_inside[inside, only] = self._by_port[mapping.outside.port] = mapping
        mapping.used = now
        mapping.allowed[self._gate(remote)] = now
        return mapping.outside

    def receive(self, port: int, source: Address, now: float) -> tuple[MemoryHost, Address] | None:
        """Who gets a datagram for a public *port*, and at which address; ``None``: nobody."""
        mapping = self._by_port.get(port)
        if mapping is None or not self._lives(mapping, now):
            return None
        if mapping.remote not in {None, source}:
            return None
        if self.kind is not NatKind.FULL_CONE:
            let_in = mapping.allowed.get(self._gate(source))
            if let_in is None or now - let_in > self.lifetime:
                return None
        return mapping.host, mapping.inside

    def host_of(self, port: int) -> MemoryHost:
        """Whose public port it is, or else the first host there is."""
        mapping = self._by_port.get(port)
        return mapping.host if mapping is not None else next(iter(self.inside.values()))

    def open_stream(self, host: MemoryHost, now: float) -> Address:
        """The public address of a new connection from inside."""
        outside = self._public()
        self._streams[outside.port] = host, now
        return outside

    def passes(self, port: int, now: float) -> bool:
        """Whether it still knows the connection with a public *port*, which is used now."""
        host, used = self._streams.get(port, (None, 0.0))
        if host is None or now - used > self.stream_lifetime:
            self._streams.pop(port, None)
            return False
        self._streams[port] = host, now
        return True

    def names(self) -> dict[str | Address, str]:
        """The name of each host behind it, by its addresses on both sides."""
        hosts = list(self.inside.values())
        names: dict[str | Address, str] = {
            address: host.name for address, host in self.inside.items()
        }
        names[self.public] = hosts[0].name if len(hosts) == 1 else "nat"
        for port, mapping in self._by_port.items():
            names[Address(self.public, port)] = mapping.host.name
        for port, (host, _) in self._streams.items():
            names[Address(self.public, port)] = host.name
        return names

    def _gate(self, remote: Address) -> object:
        return remote.host if self.kind is NatKind.RESTRICTED_CONE else remote

    def _lives(self, mapping: _Mapping, now: float) -> bool:
        return now - mapping.used <= self.lifetime

    def _public(self) -> Address:
        # In order and never again: the trace of a test is the same each time.
        self._next_port += 1
        return Address(self.public, self._next_port)
