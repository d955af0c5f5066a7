"""Capture files: written, read back, and read by Wireshark."""

from __future__ import annotations

import contextlib
import shutil
import struct
import subprocess
from pathlib import Path

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_sip.testing import Cause, Fate, Wire, read_capture, write_pcapng
from trio_sip.testing.recordings._packets import StreamPackets, udp_packet
from trio_sip.transport import Address

from .test_ladder import ALICE, BOB, NAMES, request, wire

ALICE6, BOB6 = Address("2001:db8::1", 5060), Address("2001:db8::2", 5061)
SECRET = (
    b"REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n"
    b"From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: a\r\nCSeq: 1 REGISTER\r\n"
    b'Authorization: Digest response="s3cret"\r\nContent-Length: 0\r\n\r\n'
)


def over(transport: str, record: Wire) -> Wire:
    return attrs.evolve(record, transport=transport)


WIRES = [
    wire(1.0, ALICE, BOB, request("OPTIONS")),
    wire(1.5, ALICE6, BOB6, b"\r\n\r\n"),
    over("TCP", wire(2.0, ALICE6, BOB6, request("INVITE"))),
    over("TCP", wire(2.25, BOB6, ALICE6, request("BYE"))),
    attrs.evolve(wire(3.0, BOB, ALICE, request("INFO")), fate=Fate.LOST, cause=Cause.MTU),
]


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "call.pcapng"
    write_pcapng(path, WIRES, NAMES, epoch=1_700_000_000.0)
    capture = read_capture(path)

    shifted = [attrs.evolve(one, time=one.time + 1_700_000_000.0) for one in WIRES]
    assert shifted == [attrs.evolve(one, time=round(one.time, 3)) for one in capture.wires]
    assert {"192.0.2.1": "alice", "192.0.2.2": "bob", "192.0.2.3": "proxy"} == capture.names
    assert {} == capture.skipped


def test_secrets_are_not_written(tmp_path: Path) -> None:
    path = tmp_path / "call.pcapng"
    write_pcapng(path, [wire(0, ALICE, BOB, SECRET)])

    assert b"s3cret" not in path.read_bytes()
    assert b'response="xxxxxx"' in path.read_bytes()


def pcap(link: int, *packets: bytes) -> bytes:
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)
    return head + b"".join(
        struct.pack("<IIII", number, 500_000, len(one), len(one)) + one
        for number, one in enumerate(packets)
    )


@pytest.mark.parametrize(
    ("link", "before"),
    [
        (1, b"\0" * 12 + b"\x08\0"),
        (1, b"\0" * 12 + b"\x81\0\0\7\x08\0"),
        (113, b"\0" * 14 + b"\x08\0"),
        (276, b"\x08\0" + b"\0" * 18),
        (0, b"\2\0\0\0"),
        (101, b""),
    ],
)
def test_a_pcap_of_whatever_link(link: int, before: bytes, tmp_path: Path) -> None:
    path = tmp_path / "call.pcap"
    path.write_bytes(pcap(link, before + udp_packet(ALICE, BOB, request("BYE"))))

    assert [wire(0.5, ALICE, BOB, request("BYE"))] == read_capture(path).wires


def test_segments_are_put_in_order_and_repeated_ones_left_out(tmp_path: Path) -> None:
    streams = StreamPackets()
    pieces = [request("INVITE"), request("BYE"), request("INFO")]
    made = [list(streams.packets(ALICE, BOB, piece)) for piece in pieces]
    path = tmp_path / "call.pcap"
    order = [*made[0], *made[2], *made[0][3:], *made[1], *made[2]]
    path.write_bytes(pcap(101, *order))
    found = read_capture(path).wires

    assert b"".join(pieces) == b"".join(one.data for one in found)
    assert {"TCP"} == {one.transport for one in found}


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "call.pcap"
    fragment = bytearray(udp_packet(ALICE, BOB, request("BYE")))
    fragment[6] = 0x20
    tls = list(StreamPackets().packets(ALICE, BOB, b"\x16\x03\x01"))
    icmp = bytearray(udp_packet(ALICE, BOB, b""))
    icmp[9] = 1
    path.write_bytes(
        pcap(101, bytes(fragment), *tls, bytes(icmp), b"\x45", udp_packet(ALICE, BOB, b"rtp"), b"?")
    )
    capture = read_capture(path)

    assert [] == capture.wires
    assert {
        "IP fragments": 1,
        "connections that are not SIP, or encrypted": 1,
        "packets of neither UDP nor TCP": 1,
        "packets that are cut off": 1,
        "datagrams that are not SIP": 1,
        "frames without IP": 1,
    } == capture.skipped
    path.write_bytes(pcap(147, b"?"))
    assert {"frames of link type 147 or of no IP": 1} == read_capture(path).skipped


@given(st.binary(max_size=200), st.sampled_from([b"", b"\x0a\x0d\x0d\x0a", b"\xd4\xc3\xb2\xa1"]))
@settings(max_examples=60)
def test_whatever_the_file_holds_it_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, magic: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.pcap"
    path.write_bytes(magic + data)
    with contextlib.suppress(ValueError):
        read_capture(path)


@pytest.mark.interop
@pytest.mark.skipif(shutil.which("tshark") is None, reason="there is no tshark here")
def test_wireshark_finds_messages_comments_and_right_checksums(tmp_path: Path) -> None:
    path = tmp_path / "call.pcapng"
    write_pcapng(path, [wire(1.5, ALICE, BOB, SECRET), *WIRES[2:]], NAMES)
    fields = ["frame.time_epoch", "frame.comment", "sip.Method", "frame.protocols"]
    checks = ["ip.check_checksum", "udp.check_checksum", "tcp.check_checksum"]
    status = ["ip.checksum.status", "udp.checksum.status", "tcp.checksum.status"]
    command = ["tshark", "-r", str(path), "-d", "udp.port==5060,sip", "-T", "fields"]
    for check in checks:
        command += ["-o", f"{check}:TRUE"]
    for field in [*fields, *status]:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = [line.split("\t") for line in done.stdout.splitlines()]

    assert ["1.500000000", "delivered; 0.000000 s; alice > bob: REGISTER", "REGISTER"] == rows[0][
        :3
    ]
    assert "made up" in rows[1][1]
    assert "lost because it was larger" in rows[-1][1]
    assert {"", "1"} == {one for row in rows for one in row[4:]}
