"""Capture files that Wireshark opens, written from what was seen on the wire.

The format is draft-ietf-opsawg-pcapng: a section, one interface with raw IP packets, the names of
hosts, and a packet with a comment for each record.
"""

from __future__ import annotations

import ipaddress
import os
import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from trio_sip.transport import Address

from ._masking import masked
from ._packets import StreamPackets, udp_packet
from ._picture import name_of
from ._wire import Fate, Wire

__all__ = ["write_pcapng"]

_SECTION, _INTERFACE, _NAMES, _PACKET = 0x0A0D0D0A, 1, 4, 6
_BYTE_ORDER = 0x1A2B3C4D
_RAW_IP = 101
_COMMENT, _APPLICATION = 1, 4
_MICROSECONDS = 1_000_000
_VEILED_PORTS = frozenset({5061, 80, 443})


def write_pcapng(
    path: str | os.PathLike[str],
    wires: Iterable[Wire],
    names: Mapping[str | Address, str] | None = None,
    *,
    epoch: float = 0.0,
) -> None:
    """Write what was sent to a pcapng file.

    Lost packets are in it as well.  The comment of each packet says what it is, when it was sent
    and what became of it.  Streams get the TCP segments that they might have had; what went over
    TLS or a WebSocket is there in plain, and at port 5060.  Secrets are overwritten with ``x``, in
    their length.

    Args:
      names: what to call an `Address`, or all ports of a host, as for `ladder`.
      epoch: the time of day, in seconds since 1970, at which the clock of *wires* was 0.
    """
    names = names or {}
    blocks = [_section(), _interface(), *_host_names(names)]
    streams = StreamPackets()
    start: float | None = None
    for wire in wires:
        start = wire.time if start is None else start
        comment = _comment(wire, wire.time - start, names)
        for packet, note in _packets(wire, streams, comment):
            blocks.append(_packet(wire.time + epoch, packet, note))
    Path(path).write_bytes(b"".join(blocks))


def _packets(wire: Wire, streams: StreamPackets, comment: str) -> Iterator[tuple[bytes, str]]:
    data = masked(wire.data)
    if wire.transport == "UDP":
        yield udp_packet(wire.source, wire.destination, data), comment
        return
    source, destination = wire.source, wire.destination
    if wire.transport != "TCP":
        # Readers know by the port what to expect there, and would look for TLS or HTTP.
        source, destination = _plain(source), _plain(destination)
        comment = f"{comment} over {wire.transport}"
    made = list(streams.packets(source, destination, data))
    for packet in made[:3] if len(made) > 3 else ():
        yield packet, "made up: connections are recorded from their first data on"
    for packet in made[3:] if len(made) > 3 else made:
        yield packet, comment


def _plain(address: Address) -> Address:
    return Address(address.host, 5060) if address.port in _VEILED_PORTS else address


def _comment(wire: Wire, time: float, names: Mapping[str | Address, str]) -> str:
    fate = wire.fate.value
    if wire.cause is not None:
        fate += f" {wire.cause.value}"
    elif wire.fate is Fate.DUPLICATED:
        fate = "delivered twice"
    source, destination = name_of(wire.source, names), name_of(wire.destination, names)
    return f"{fate}; {time:.6f} s; {source} > {destination}: {wire.label.text}"


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)


def _block(kind: int, body: bytes) -> bytes:
    size = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + size + body + size


def _option(code: int, text: str) -> bytes:
    data = text.encode("utf-8", "replace")[:60000]
    return struct.pack("<HH", code, len(data)) + _padded(data) + struct.pack("<HH", 0, 0)


def _section() -> bytes:
    head = struct.pack("<IHHq", _BYTE_ORDER, 1, 0, -1)
    return _block(_SECTION, head + _option(_APPLICATION, "trio-sip"))


def _interface() -> bytes:
    return _block(_INTERFACE, struct.pack("<HHI", _RAW_IP, 0, 0))


def _host_names(names: Mapping[str | Address, str]) -> Iterator[bytes]:
    records = b""
    for address, name in names.items():
        host = address.host if isinstance(address, Address) else address
        try:
            octets = ipaddress.ip_address(host.partition("%")[0]).packed
        except ValueError:
            continue
        value = octets + name.encode("utf-8", "replace").replace(b"\0", b"") + b"\0"
        records += struct.pack("<HH", 1 if len(octets) == 4 else 2, len(value)) + _padded(value)
    if records:
        yield _block(_NAMES, records + struct.pack("<HH", 0, 0))


def _packet(time: float, packet: bytes, comment: str) -> bytes:
    stamp = max(round(time * _MICROSECONDS), 0)
    sizes = (len(packet), len(packet))
    head = struct.pack("<IIIII", 0, stamp >> 32, stamp & 0xFFFFFFFF, *sizes)
    return _block(_PACKET, head + _padded(packet) + _option(_COMMENT, comment))
