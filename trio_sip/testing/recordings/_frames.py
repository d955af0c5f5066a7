"""What is inside the frames of a capture file: UDP datagrams, and TCP put in order again."""

from __future__ import annotations

import ipaddress
import struct
from typing import NamedTuple

from trio_sip.transport import Address

__all__ = ["Frame", "Packet", "Reassembly", "host_text", "packet_of"]

# Of the link types: where the EtherType or protocol family stands, and how long the header is.
_ETHERNET, _COOKED, _COOKED_2, _NULL, _LOOP = 1, 113, 276, 0, 108
_RAW = {12, 101, 228, 229}
_IPV4, _IPV6, _VLANS = 0x0800, 0x86DD, {0x8100, 0x88A8}
_UDP, _TCP = 17, 6
_EXTENSIONS = {0, 43, 60}
_FRAGMENT = 44
_SYN = 2
_WAITING = 64


class Frame(NamedTuple):
    """One record of a capture file."""

    time: float
    link: int
    data: bytes
    comment: str


class Packet(NamedTuple):
    """One datagram or TCP segment."""

    source: Address
    destination: Address
    transport: str
    data: bytes
    sequence: int
    flags: int


def host_text(octets: bytes) -> str:
    """An address as text."""
    return str(ipaddress.ip_address(octets))


def packet_of(frame: Frame) -> Packet | str:
    """What is in a frame, or why nothing is."""
    data = _network_layer(frame)
    if data is None:
        return f"frames of link type {frame.link} or of no IP"
    try:
        if data[0] >> 4 == 4:
            return _ipv4(data)
        return _ipv6(data) if data[0] >> 4 == 6 else "frames without IP"
    except (IndexError, struct.error, ValueError):
        return "packets that are cut off"


def _network_layer(frame: Frame) -> bytes | None:
    data = frame.data
    if frame.link in _RAW:
        return data
    if frame.link in {_NULL, _LOOP}:
        return data[4:]
    place = {_ETHERNET: 12, _COOKED: 14, _COOKED_2: 0}.get(frame.link)
    if place is None or len(data) < place + 2:
        return None
    size = 20 if frame.link == _COOKED_2 else place + 2
    kind = int.from_bytes(data[place : place + 2], "big")
    while kind in _VLANS:
        kind = int.from_bytes(data[size + 2 : size + 4], "big")
        size += 4
    return data[size:] if kind in {_IPV4, _IPV6} else None


def _ipv4(data: bytes) -> Packet | str:
    head = (data[0] & 15) * 4
    size, _, fragment = struct.unpack_from("!HHH", data, 2)
    if fragment & 0x3FFF:
        return "IP fragments"
    ends = host_text(data[12:16]), host_text(data[16:20])
    # A size of 0 is what a network card that segments for itself leaves to see.
    return _transport(data[9], ends, data[head : size or len(data)])


def _ipv6(data: bytes) -> Packet | str:
    size, protocol = struct.unpack_from("!HB", data, 4)
    ends = host_text(data[8:24]), host_text(data[24:40])
    rest = data[40 : 40 + size]
    while protocol in _EXTENSIONS:
        protocol, rest = rest[0], rest[8 + rest[1] * 8 :]
    return "IP fragments" if protocol == _FRAGMENT else _transport(protocol, ends, rest)


def _transport(protocol: int, ends: tuple[str, str], data: bytes) -> Packet | str:
    if protocol not in {_UDP, _TCP}:
        return "packets of neither UDP nor TCP"
    ports = struct.unpack_from("!HH", data)
    source, destination = (Address(*end) for end in zip(ends, ports, strict=True))
    if protocol == _UDP:
        (size,) = struct.unpack_from("!H", data, 4)
        return Packet(source, destination, "UDP", data[8:size], 0, 0)
    sequence, _, offset, flags = struct.unpack_from("!IIBB", data, 4)
    return Packet(source, destination, "TCP", data[(offset >> 4) * 4 :], sequence, flags)


class _Direction:
    def __init__(self) -> None:
        self.next: int | None = None
        self.waiting: dict[int, bytes] = {}
        self.is_sip: bool | None = None


class Reassembly:
    """Puts the segments of connections in order, and knows which of them carry SIP."""

    def __init__(self) -> None:
        self._directions: dict[tuple[Address, Address], _Direction] = {}
        self.foreign = 0
        """Directions of connections that carry something else."""

    def take(self, packet: Packet) -> bytes:
        """What of a stream is complete with this segment; empty if nothing new is."""
        key = packet.source, packet.destination
        if packet.flags & _SYN:
            direction = self._directions[key] = _Direction()
            direction.next = (packet.sequence + 1) & 0xFFFFFFFF
            return b""
        if not packet.data:
            return b""
        direction = self._directions.setdefault(key, _Direction())
        if direction.next is None:
            direction.next = packet.sequence
        data = self._in_order(direction, packet)
        if data and direction.is_sip is None:
            direction.is_sip = b"SIP/2.0" in data[:2000] or data[:2] == b"\r\n"
            self.foreign += not direction.is_sip
        return data if direction.is_sip else b""

    @staticmethod
    def _in_order(direction: _Direction, packet: Packet) -> bytes:
        assert direction.next is not None
        ahead = (packet.sequence - direction.next) & 0xFFFFFFFF
        data = packet.data
        if ahead >= 1 << 31:
            # Sent before, all of it or its beginning.
            data, ahead = data[(1 << 32) - ahead :], 0
        if ahead:
            if len(direction.waiting) < _WAITING:
                direction.waiting[packet.sequence] = data
            return b""
        while data:
            direction.next = (direction.next + len(data)) & 0xFFFFFFFF
            more = direction.waiting.pop(direction.next, b"")
            if not more:
                return data
            direction.next = (direction.next - len(data)) & 0xFFFFFFFF
            data += more
        return data
