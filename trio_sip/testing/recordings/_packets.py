"""IP, UDP and TCP around what was sent, so that it can stand in a capture file."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator

from trio_sip.transport import Address

__all__ = ["StreamPackets", "udp_packet"]

_UDP, _TCP = 17, 6
_HOPS = 64
_LARGEST_PAYLOAD = 65000
_SYN, _PSH, _ACK = 2, 8, 16
_WINDOW = 65535


def _checksum(data: bytes) -> int:
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _octets(host: str) -> bytes:
    return ipaddress.ip_address(host.partition("%")[0]).packed


def _ip_packet(protocol: int, source: str, destination: str, payload: bytes) -> bytes:
    ends = _octets(source) + _octets(destination)
    if ":" in source:
        return struct.pack("!IHBB", 6 << 28, len(payload), protocol, _HOPS) + ends + payload
    head = struct.pack("!BBHHHBB", 0x45, 0, 20 + len(payload), 0, 0x4000, _HOPS, protocol)
    return head + struct.pack("!H", _checksum(head + b"\0\0" + ends)) + ends + payload


def _pseudo_header(protocol: int, source: str, destination: str, size: int) -> bytes:
    ends = _octets(source) + _octets(destination)
    if ":" in source:
        return ends + struct.pack("!II", size, protocol)
    return ends + struct.pack("!BBH", 0, protocol, size)


def udp_packet(source: Address, destination: Address, data: bytes) -> bytes:
    """An IP packet with one datagram; what no packet has room for is cut off."""
    data = data[:_LARGEST_PAYLOAD]
    size = 8 + len(data)
    head = struct.pack("!HHH", source.port, destination.port, size)
    pseudo = _pseudo_header(_UDP, source.host, destination.host, size)
    # RFC 768: a checksum of zero is sent as all ones, because zero means that there is none.
    checksum = _checksum(pseudo + head + b"\0\0" + data) or 0xFFFF
    packet = head + struct.pack("!H", checksum) + data
    return _ip_packet(_UDP, source.host, destination.host, packet)


class StreamPackets:
    """Makes TCP segments of the pieces of streams; a handshake is made up before the first one."""

    def __init__(self) -> None:
        self._sent: dict[tuple[Address, Address], int] = {}

    def packets(self, source: Address, destination: Address, data: bytes) -> Iterator[bytes]:
        """The IP packets of one piece."""
        there, back = (source, destination), (destination, source)
        if there not in self._sent:
            self._sent[there] = self._sent[back] = 0
            yield self._segment(*there, _SYN)
            self._sent[there] = 1
            yield self._segment(*back, _SYN | _ACK)
            self._sent[back] = 1
            yield self._segment(*there, _ACK)
        for start in range(0, len(data), _LARGEST_PAYLOAD):
            piece = data[start : start + _LARGEST_PAYLOAD]
            yield self._segment(*there, _PSH | _ACK, piece)
            self._sent[there] = (self._sent[there] + len(piece)) & 0xFFFFFFFF

    def _segment(
        self, source: Address, destination: Address, flags: int, data: bytes = b""
    ) -> bytes:
        acknowledged = self._sent[destination, source] if flags & _ACK else 0
        head = struct.pack(
            "!HHIIBBH",
            source.port,
            destination.port,
            self._sent[source, destination],
            acknowledged,
            5 << 4,
            flags,
            _WINDOW,
        )
        pseudo = _pseudo_header(_TCP, source.host, destination.host, 20 + len(data))
        checksum = _checksum(pseudo + head + b"\0\0\0\0" + data)
        segment = head + struct.pack("!HH", checksum, 0) + data
        return _ip_packet(_TCP, source.host, destination.host, segment)
