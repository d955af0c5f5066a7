"""P: what cannot be read, or should not be believed."""

from __future__ import annotations

import random
import time

import pytest

from tests.message.worst_cases import CHARACTERS, PIECES
from tests.stack.scene import accept, invite, request, without
from tools.torture_table import Case, cases
from trio_sip.stack import IncomingRequest
from trio_sip.testing import MemoryNetwork

from .house import open_house, register

GARBAGE = {
    "nothing": b"",
    "nuls": bytes(200),
    "random octets": random.Random(1).randbytes(700),
    "the largest datagram": b"x" + random.Random(2).randbytes(65506),
    "stun": b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12),
    "http": b"GET / HTTP/1.1\r\nHost: bob\r\n\r\n",
    "half a start line": b"OPTIONS sip:bob@exa",
    "a start line of another protocol": b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
}


@pytest.mark.parametrize("name", GARBAGE)
async def test_p01_what_is_not_sip_is_never_answered(name: str, sip_network: MemoryNetwork) -> None:
    async with open_house(sip_network) as house:
        assert [] == await house.exchange(GARBAGE[name])
        statistics = house.stack.statistics()
        assert 1 == statistics.garbage + statistics.transport.keepalives


async def test_p02_keepalives_are_dropped_without_a_word(
    caplog: pytest.LogCaptureFixture, sip_network: MemoryNetwork
) -> None:
    async with open_house(sip_network) as house:
        for data in (b"\r\n", b"\r\n\r\n", b"\0", b"\r\n" * 1000):
            assert [] == await house.exchange(data)
        assert 4 == house.stack.statistics().transport.keepalives
        assert [] == caplog.records


def _number(case: Case) -> str:
    return case.file


# What well-formed messages of the collections ask for and this server does not give.
OTHERWISE = {
    "rfc4475/wsinv.dat": 481,  # It has a To tag.
    "rfc4475/intmeth.dat": 501,
    "rfc4475/esc02.dat": 501,
    "rfc4475/mpart01.dat": 415,
    "rfc4475/bext01.dat": 420,
    "rfc4475/unksm2.dat": 400,
    "rfc5118/via-received-param-with-delim.dat": 481,
    "rfc5118/mult-ip-in-header.dat": 481,
}


@pytest.mark.parametrize("case", cases(), ids=_number)
async def test_p03_p04_p05_every_torture_message_gets_what_it_is_owed(
    case: Case, sip_network: MemoryNetwork
) -> None:
    async with open_house(sip_network) as house:
        statuses = await house.statuses(case.data)

    match case.verdict:
        case "dropped":
            assert [] == statuses
        case "accepted" if case.kind == "response":
            assert [] == statuses
        case "accepted":
            assert [OTHERWISE.get(case.file, 200)] == statuses
        case status:
            assert [status] == statuses


async def test_p06_a_nul_never_cuts_anything_off(sip_network: MemoryNetwork) -> None:
    async with open_house(sip_network) as house:
        assert 400 == await house.status(request(headers=["Subject: a\0b"]))
        assert 400 == await house.status(request(branch="2", uri="sip:bo\0b@192.0.2.2"))
        contact = "<sip:a%00b@192.0.2.1>"
        (answer,) = await house.exchange(register(f"Contact: {contact}", to="<sip:nul%00@b>"))
        assert 200 == answer.status
        assert answer["Contact"].startswith(contact)
        text = request(
            "MESSAGE", call_id="t", headers=["Content-Type: text/plain"], body=b"a\0b\r\n\r\nc"
        )
        assert 200 == await house.status(text)
        assert [b"a\0b\r\n\r\nc"] == house.texts


@pytest.mark.parametrize("odd", ["\r", "\n", "\r \n"])
@pytest.mark.parametrize("place", ["Subject: a{}b", "X: {}", "Contact: <sip:a@b>;x={}y"])
async def test_p07_a_lone_cr_or_lf_is_refused(
    odd: str, place: str, sip_network: MemoryNetwork
) -> None:
    async with open_house(sip_network) as house:
        assert 400 == await house.status(request(headers=[place.format(odd)]))


@pytest.mark.parametrize("odd", ["\x0b", "\x0c", "\x85", "\u2028", "\x1b[2J", "\r", "\n"])
async def test_p07_nothing_that_is_echoed_becomes_a_line_break(
    odd: str, sip_network: MemoryNetwork
) -> None:
    tag = f"a{odd}Injected: yes"
    async with open_house(sip_network) as house:
        for data in (
            request(from_=f"sip:a{odd}Injected: yes@b"),
            request().replace(b"tag=a\r\n", f"tag={tag}\r\n".encode()),
            request(call_id=f"x{odd}Injected: yes"),
        ):
            for answer in await house.exchange(data):
                head = bytes(answer).partition(b"\r\n\r\n")[0]
                assert "Injected" not in answer.headers
                assert len(head.split(b"\r\n")) == len(head.splitlines())


@pytest.mark.parametrize(
    "octets",
    [b"\xff\xfe", b"\xc0\xaf", b"\xed\xa0\x80", b"\xef\xbb\xbf", "\u202eevil".encode()],
    ids=["invalid", "overlong", "surrogate", "byte order mark", "right to left"],
)
async def test_p08_text_in_any_encoding_is_echoed_octet_for_octet(
    octets: bytes, sip_network: MemoryNetwork
) -> None:
    data = request(uri="sip:192.0.2.2").replace(b"From: ", b'From: "' + octets + b'" ')
    data = data.replace(b"Call-ID: c1", b"Call-ID: c" + octets)
    async with open_house(sip_network) as house:
        (answer,) = await house.exchange(data)
        assert 200 == answer.status
        assert b'From: "' + octets + b'" <sip:alice@' in bytes(answer)
        assert b"Call-ID: c" + octets + b"\r\n" in bytes(answer)


@pytest.mark.parametrize(
    "value",
    ["-1", "+5", "0x10", "1.0", "", "4294967297", "9" * 5000, "٣", "5 5", "5,5", "five", "1_0"],
)
async def test_p09_a_bad_content_length_is_answered_400(
    value: str, sip_network: MemoryNetwork
) -> None:
    data = request(body=b"x" * 20).replace(b"Content-Length: 20", f"l: {value}".encode())
    async with open_house(sip_network) as house:
        assert 400 == await house.status(data)


async def test_p10_a_body_shorter_than_announced_is_answered_400(
    sip_network: MemoryNetwork,
) -> None:
    async with open_house(sip_network) as house:
        assert 400 == await house.status(request(body=b"12345")[:-1])


async def test_p11_octets_after_the_body_are_ignored(sip_network: MemoryNetwork) -> None:
    text = request("MESSAGE", headers=["Content-Type: text/plain"], body=b"hello")
    async with open_house(sip_network) as house:
        assert [200] == await house.statuses(text + invite(branch="2", call_id="smuggled"))
        assert ([b"hello"], []) == (house.texts, house.application.seen)


@pytest.mark.parametrize(
    ("cseq", "status"),
    [
        ("2147483648 OPTIONS", 200),
        ("4294967295 OPTIONS", 200),
        ("4294967296 OPTIONS", 400),
        ("-1 OPTIONS", 400),
        ("one OPTIONS", 400),
        ("1", 400),
        ("", 400),
        ("1 INVITE", 400),
        ("9" * 5000 + " OPTIONS", 400),
    ],
)
async def test_p12_a_cseq_is_a_number_and_the_method(
    cseq: str, status: int, sip_network: MemoryNetwork
) -> None:
    data = request(uri="sip:192.0.2.2").replace(b"1 OPTIONS", cseq.encode())
    async with open_house(sip_network) as house:
        assert status == await house.status(data)


async def test_p12_an_unknown_method_with_another_in_cseq_gets_501(
    sip_network: MemoryNetwork,
) -> None:
    data = request("TELEPORT").replace(b"1 TELEPORT", b"1 OPTIONS")
    async with open_house(sip_network) as house:
        assert 501 == await house.status(data)


async def test_p13_what_is_missing_is_answered_from_what_is_there(
    sip_network: MemoryNetwork,
) -> None:
    async with open_house(sip_network) as house:
        for name in ("From", "To", "Call-ID", "CSeq"):
            (answer,) = await house.exchange(without(request(), name))
            assert 400 == answer.status
            assert name not in answer.headers
        assert [] == await house.exchange(without(request(), "Via"))
        bare = b"OPTIONS sip:b SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1\r\n\r\n"
        assert 400 == await house.status(bare)


@pytest.mark.parametrize(
    "line",
    [
        "f: <sip:x@y>;tag=2", "To: <sip:x@y>", "i: other", "CSeq: 1 OPTIONS", "l: 0",
        "Max-Forwards: 70", "c: a/b\r\nContent-Type: c/d",
    ],
)  # fmt: skip
async def test_p14_two_values_of_what_has_one_are_refused(
    line: str, sip_network: MemoryNetwork
) -> None:
    async with open_house(sip_network) as house:
        assert 400 == await house.status(request(headers=[line]))


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("rEqUiRe \t:\r\n warp", 420),
        ("Require:warp", 420),
        ("Require\x0b: warp", 400),
        ("Require\x00: warp", 400),
        (" Require: warp", 200),  # A fold of the line before, which nobody looks at.
        ("Requ ire: warp", 400),
        ("Require", 400),
        (": warp", 400),
    ],
)
async def test_p15_only_blanks_stand_between_a_name_and_its_colon(
    line: str, status: int, sip_network: MemoryNetwork
) -> None:
    async with open_house(sip_network) as house:
        data = request(uri="sip:192.0.2.2", headers=["X: y", line])
        assert status == await house.status(data)


LARGE = {
    "4000 headers": ["X: y"] * 4000,
    "1200 vias": ["Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKv"] * 1200,
    "1200 vias in a line": ["Via: " + ",".join(["SIP/2.0/UDP 192.0.2.9"] * 1200)],
    "one long value": ["Subject: " + "x" * 60_000],
    "spaces": ["Subject:" + " " * 60_000],
    "quotes": ["Contact: " + '"' * 30_000],
    "commas": ["Contact: " + "," * 30_000],
    "backslashes": ['Contact: "' + "\\" * 30_000],
    "folds": ["Subject: x" + "\r\n " * 15_000],
    "requirements": ["Require: " + ",".join(["a"] * 20_000)],
}


def _is_bounded(begun: float) -> bool:
    # A tenth of it is usual; whatever is quadratic takes a multiple of it.
    return time.thread_time() - begun < 0.5


@pytest.mark.parametrize("name", LARGE)
async def test_p16_large_messages_cost_little(name: str, sip_network: MemoryNetwork) -> None:
    async with open_house(sip_network) as house:
        data = request(uri="sip:192.0.2.2", headers=LARGE[name])
        begun = time.thread_time()
        status = await house.status(data)
        assert _is_bounded(begun)
        assert status in {200, 400, 413, 420, 513}


@pytest.mark.parametrize("name", ["Via", "From", "To", "Contact", "Authorization", "Require"])
async def test_p17_no_repetition_is_expensive(name: str, sip_network: MemoryNetwork) -> None:
    pieces = [*CHARACTERS, *PIECES]
    async with open_house(sip_network, guarded=True) as house:
        for number, piece in enumerate(random.Random(name).sample(pieces, 12)):
            value = piece * (40_000 // len(piece))
            data = request("REGISTER", branch=f"p{number}", call_id=f"p{number}", cseq=number + 1)
            added = without(data, name).replace(
                b"Max-Forwards", f"{name}: {value}\r\nMax-Forwards".encode()
            )
            begun = time.thread_time()
            await house.exchange(added)
            assert _is_bounded(begun), piece


@pytest.mark.parametrize(
    "uri",
    [
        "sip:", "sip:@", "sip:bob@", "sip::@x", "sip:bob@:5060", "sip:bob@x:", "sip:bob@x:0",
        "sip:bob@x:65536", "sip:bob@x:-1", "sip:bob@x:٣", "sip:bob@[", "sip:bob@[::1",
        "sip:bob@]::1[", "sip:b%ob@x", "sip:b%zzob@x", "sip:bob@x y", "sip:bob@x;=", "sip:@@@",
        "<sip:bob@x>", "bob", "*", "://", "http://x/", "mailto:bob@x", "tel:", "urn:a:b",
        "sip:bob@x?a=b", "sips:", "1:2",
    ],
)  # fmt: skip
async def test_p18_odd_request_uris_are_the_senders_fault(
    uri: str, sip_network: MemoryNetwork
) -> None:
    async with open_house(sip_network) as house:
        assert await house.status(invite(uri=uri)) in {200, 400, 404, 416}


@pytest.mark.parametrize(
    ("name", "value", "statuses"),
    [
        ("To", "", [400]),
        ("From", "", [400]),
        ("Contact", "", [400]),
        ("Via", "", []),
        ("From", "<sip:a@b>;tag=", [400]),
        ("To", "<sip:a@b>;tag=", [400]),
        ("To", "<sip:a@b>;tag", [400]),
        ("To", "<sip:a@b>;tag;x=y;tag=a", [400]),
        ("From", "<>;tag=a", [400]),
        ("From", "<sip:a@b", [400]),
        ("From", '"a <sip:a@b>;tag=a', [400]),
        ("From", "<sip:a@b>;tag=" + "x" * 3000, [200]),
        ("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK" + "b" * 3000, [200]),
        ("Via", "SIP/2.0/UDP 192.0.2.1;branch=", [200]),  # As from a client of RFC 2543.
        ("Call-ID", "", [400]),
        ("Call-ID", "c" * 3000, [200]),
    ],
)
async def test_p19_empty_values_are_refused_and_long_ones_are_not(
    name: str, value: str, statuses: list[int], sip_network: MemoryNetwork
) -> None:
    data = without(invite(), name).replace(
        b"Max-Forwards", f"{name}: {value}\r\nMax-Forwards".encode()
    )
    async with open_house(sip_network) as house:
        assert statuses == await house.statuses(data)


@pytest.mark.parametrize(
    "value",
    [
        "", "Digest", "Digest ", "digest x", "Digest username=", 'Digest username="',
        "Digest " + ", ".join(f'a{n}="b"' for n in range(3000)), "Basic YTpi", "Digest ,,,,",
        'Digest username="alice", realm="example.com", nonce="x", uri="sip:b", response="1"',
        'Digest username="alice", username="bob", realm="example.com"', "\0", "Digest \\",
        'Digest username="alice", realm="example.com", nonce="' + "n" * 20_000 + '"',
        'Digest username="alice", realm="example.com", uri="sip:b", qop=auth, nc=' + "f" * 3000,
    ],
)  # fmt: skip
async def test_p20_credentials_that_are_none_are_asked_for_again(
    value: str, sip_network: MemoryNetwork
) -> None:
    async with open_house(sip_network, guarded=True) as house:
        assert await house.status(register(f"Authorization: {value}")) in {400, 401}


RESPONSE = (
    b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"
    b"To: <sip:b@c>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
)


@pytest.mark.parametrize(
    "data",
    [
        RESPONSE,
        *(RESPONSE.replace(b"200", code) for code in (b"0", b"099", b"700", b"4294967301", b"20")),
        RESPONSE.replace(b"From", b"Via: SIP/2.0/UDP x;branch=z9hG4bK2\r\nFrom"),
        RESPONSE.replace(b"192.0.2.2", b"255.255.255.255"),
        RESPONSE.replace(b"OPTIONS", b"INVITE"),
        without(RESPONSE, "CSeq"),
    ],
)
async def test_p21_stray_responses_are_dropped_and_counted(
    data: bytes, sip_network: MemoryNetwork
) -> None:
    async with open_house(sip_network) as house:
        assert [] == await house.exchange(data)
        one = house.stack.statistics()
        assert 1 == one.garbage + one.faulty_responses + one.stray_responses


async def test_p22_lf_alone_ends_no_line(sip_network: MemoryNetwork) -> None:
    async with open_house(sip_network) as house:
        assert set(await house.statuses(request().replace(b"\r\n", b"\n"))) <= {400}


MULTIPART = "Content-Type: multipart/mixed;boundary={}"


@pytest.mark.parametrize(
    ("boundary", "body"),
    [
        ("x", b""),
        ("x", b"--x--\r\n"),
        ("x", b"--x\r\nContent-Type: a/b\r\n\r\nno end"),
        ('"', b"--"),
        ('""', b"----"),
        ("x", b"--x\r\nContent-Type: multipart/mixed;boundary=x\r\n\r\n" * 400),
        ("x", b"--x\r\n\r\n" * 5000),
    ],
    ids=["nothing", "no parts", "no end", "quote", "no boundary", "deep", "wide"],
)
async def test_p24_broken_multiparts_are_the_senders_fault(
    boundary: str, body: bytes, sip_network: MemoryNetwork
) -> None:
    async def read(incoming: IncomingRequest) -> None:
        assert len(incoming.message.parts) < 1000
        await accept(incoming)

    async with open_house(sip_network, handle=read) as house:
        data = request("INFO", headers=[MULTIPART.format(boundary)], body=body)
        begun = time.thread_time()
        assert await house.status(data) in {200, 400, 413, 415, 513}
        assert _is_bounded(begun)
        text = request("MESSAGE", call_id="m", headers=[MULTIPART.format(boundary)], body=body)
        assert await house.status(text) in {400, 415}


async def test_p25_nothing_is_ever_inflated(sip_network: MemoryNetwork) -> None:
    headers = ["Content-Type: text/plain", "Content-Encoding: gzip"]
    async with open_house(sip_network) as house:
        data = request("MESSAGE", headers=headers, body=b"\x1f\x8b" + bytes(1000))
        (answer,) = await house.exchange(data)
        assert (415, "identity") == (answer.status, answer["Accept-Encoding"])
        assert [] == house.texts


async def test_p26_xml_is_handed_up_as_bytes(sip_network: MemoryNetwork) -> None:
    bomb = b'<!DOCTYPE a [<!ENTITY b "cccc">]>' + b"<a>" * 10_000 + b"&b;"
    async with open_house(sip_network) as house:
        data = request("MESSAGE", headers=["Content-Type: application/pidf+xml"], body=bomb)
        assert 200 == await house.status(data)
        assert [bomb] == house.texts


async def test_p27_every_prefix_of_a_request_is_answered_400_or_not_at_all(
    sip_network: MemoryNetwork,
) -> None:
    # Those of all stored messages, and many mutations, are tests/fuzz/test_live_fuzz.py.
    data = request("MESSAGE", headers=["Content-Type: text/plain"], body=b"hello")
    # The end of the datagram ends the head as well, which some clients need: without the empty
    # line and a Content-Length there is nothing by which to see that something is missing.
    whole = range(data.index(b"\r\nContent-Type"), data.index(b"\r\nContent-Length") + 3)
    async with open_house(sip_network) as house:
        for end in set(range(len(data))) - set(whole):
            assert await house.statuses(data[:end], 0.05) in ([], [400]), data[:end]
        assert [] == house.texts
