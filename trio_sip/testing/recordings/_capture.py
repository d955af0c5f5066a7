"""Capture files, read: pcap and pcapng as tcpdump, Wireshark and `write_pcapng` write them."""

from __future__ import annotations

import math
import os
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs

from trio_sip.transport import Address

from ._frames import Frame, Packet, Reassembly, host_text, packet_of
from ._wire import Cause, Fate, Wire

__all__ = ["Capture", "read_capture"]

_SECTION, _INTERFACE, _SIMPLE, _NAMES, _PACKET = 0x0A0D0D0A, 1, 3, 4, 6
_COMMENT, _RESOLUTION = 1, 9
_PCAP_MAGICS = {
    b"\xd4\xc3\xb2\xa1": ("<", 1e-6),
    b"\xa1\xb2\xc3\xd4": (">", 1e-6),
    b"\x4d\x3c\xb2\xa1": ("<", 1e-9),
    b"\xa1\xb2\x3c\x4d": (">", 1e-9),
}
_CAUSES = {f"lost {cause.value}": cause for cause in Cause}


@attrs.frozen
class Capture:
    """What a capture file had for us."""

    wires: list[Wire]
    """SIP over UDP and TCP, in the order of the file."""

    names: Mapping[str | Address, str]
    """Names of hosts that the file knows, as `ladder` wants them."""

    skipped: Mapping[str, int]
    """What was left out, in words, and how often."""


def read_capture(path: str | os.PathLike[str]) -> Capture:
    """Read the SIP messages of a pcap or pcapng file.

    Ethernet, Linux "cooked", loopback and raw IP packets are understood, with IPv4 and IPv6, UDP
    and TCP.  IP fragments, tunnels, TLS and WebSockets are not: `Capture.skipped` counts them.

    Raises:
      ValueError: it is neither kind of file, or damaged.
      OSError: it cannot be read.
    """
    data = Path(path).read_bytes()
    names: dict[str | Address, str] = {}
    skipped: Counter[str] = Counter()
    try:
        if data[:4] in _PCAP_MAGICS:
            frames = list(_pcap_frames(data))
        elif data[:4] == b"\x0a\x0d\x0d\x0a":
            frames = list(_pcapng_frames(data, names))
        else:
            raise ValueError("neither a pcap nor a pcapng file")
    except (struct.error, IndexError):
        raise ValueError("a damaged capture file") from None
    return Capture(list(_wires(frames, skipped)), names, dict(skipped))


def _wires(frames: list[Frame], skipped: Counter[str]) -> Iterator[Wire]:
    streams = Reassembly()
    for frame in frames:
        packet = packet_of(frame)
        if isinstance(packet, str):
            skipped[packet] += 1
            continue
        data = packet.data if packet.transport == "UDP" else streams.take(packet)
        if data and (packet.transport == "TCP" or _is_sip(data)):
            yield _wire(frame, packet, data)
        elif data:
            skipped["datagrams that are not SIP"] += 1
    if streams.foreign:
        skipped["connections that are not SIP, or encrypted"] += streams.foreign


def _is_sip(data: bytes) -> bool:
    return b"SIP/2.0" in data[:2000] or not data.strip(b"\r\n\0")


def _wire(frame: Frame, packet: Packet, data: bytes) -> Wire:
    fate, _, _ = frame.comment.partition(";")
    cause = _CAUSES.get(fate)
    lost = cause is not None or fate == "lost"
    return Wire(
        time=frame.time,
        source=packet.source,
        destination=packet.destination,
        transport=packet.transport,
        data=data,
        fate=Fate.LOST if lost else Fate.DELIVERED,
        cause=cause,
    )


def _pcap_frames(data: bytes) -> Iterator[Frame]:
    order, unit = _PCAP_MAGICS[data[:4]]
    (link,) = struct.unpack_from(order + "I", data, 20)
    place = 24
    while place + 16 <= len(data):
        seconds, fraction, size, _ = struct.unpack_from(order + "IIII", data, place)
        place += 16
        yield Frame(seconds + fraction * unit, link & 0xFFFF, data[place : place + size], "")
        place += size


def _pcapng_frames(data: bytes, names: dict[str | Address, str]) -> Iterator[Frame]:
    order = "<"
    interfaces: list[tuple[int, float]] = []
    place = 0
    while place + 12 <= len(data):
        if data[place : place + 4] == b"\x0a\x0d\x0d\x0a":
            order = "<" if data[place + 8 : place + 12] == b"\x4d\x3c\x2b\x1a" else ">"
            interfaces = []
        kind, size = struct.unpack_from(order + "II", data, place)
        if size < 12 or place + size > len(data):
            raise ValueError("a damaged capture file")
        body = data[place + 8 : place + size - 4]
        if kind == _INTERFACE:
            interfaces.append(_interface(body, order))
        elif kind == _NAMES:
            _read_names(body, order, names)
        elif kind == _PACKET:
            number, high, low, length, _ = struct.unpack_from(order + "IIIII", body)
            link, unit = interfaces[number]
            options = dict(_options(body[20 + length + -length % 4 :], order))
            comment = options.get(_COMMENT, b"").decode("utf-8", "replace")
            time = ((high << 32) + low) * unit
            yield Frame(time, link, body[20 : 20 + length], comment)
        elif kind == _SIMPLE:
            yield Frame(math.nan, interfaces[0][0], body[4:], "")
        place += size


def _interface(body: bytes, order: str) -> tuple[int, float]:
    (link,) = struct.unpack_from(order + "H", body)
    resolution = dict(_options(body[8:], order)).get(_RESOLUTION, b"\x06")[0]
    base = 2 if resolution & 0x80 else 10
    return link, float(base ** -(resolution & 0x7F))


def _options(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place + 4 <= len(data):
        code, size = struct.unpack_from(order + "HH", data, place)
        if code == 0:
            return
        yield code, data[place + 4 : place + 4 + size]
        place += 4 + size + -size % 4


def _read_names(body: bytes, order: str, names: dict[str | Address, str]) -> None:
    for kind, value in _options(body, order):
        size = {1: 4, 2: 16}.get(kind)
        if size is not None:
            name = value[size:].split(b"\0")[0].decode("utf-8", "replace")
            names.setdefault(host_text(value[:size]), name)
