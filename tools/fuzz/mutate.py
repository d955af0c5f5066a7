"""Damage done to messages, by the seed: the same seed does the same damage.

``python -m tools.fuzz.mutate SEED`` prints one mutant, to look at what a test reported.
"""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from trio_sip.testing.suite import cases

__all__ = ["corpus", "mutant", "mutants"]

DATA = Path(__file__).parent.parent.parent / "tests" / "data"

_NUMBER = re.compile(rb"[0-9]+")
_NASTY_NUMBERS = (
    b"0", b"-1", b"+5", b"1e9", b"0x10", b"65535", b"65536", b"2147483648", b"4294967296",
    b"9" * 40, b"9" * 5000, b"", "٣".encode(), b"00000000000000000000000007",
)  # fmt: skip
_NASTY_PIECES = (
    b"\r\n", b"\n", b"\r", b"\0", b"\\\0", b'"', b"\\", b"<", b">", b";", b",", b"=", b"@", b":",
    b"%", b"%00", b"%zz", b"[", b"]", b"[::1]", b" ", b"\t", b"\x0b", b"\x0c", b"\x85",
    b"\xe2\x80\xa8", b"\xff\xfe", b"\xc0\x80", b"\xed\xa0\x80", b"\r\n ", b"\r\n\t\r\n",
    b"\r\n\r\n", b"--", b"SIP/2.0", b"sip:", b"sips:", b"tel:", b"*", b"()", b"(", b"?", b"&",
    b";;", b",,", b";tag=", b";lr", b'""', b"q=", b"\x1b[2J", b"Content-Length: 5\r\n",
    b"Content-Type: multipart/mixed;boundary=x\r\n", b"\r\nVia: ", b"a" * 300,
)  # fmt: skip
_HEADERS = (
    b"Accept: */*;q=x", b"Alert-Info: <", b"Allow: a b", b"Contact: *", b"Content-Disposition: ;",
    b"Content-ID: <>", b"Date: Sat, 31 Feb 2010 24:61:61 GMT", b"Date: Fri, 31 Dec 9999 23:59:59 GMT",
    b"Diversion: <sip:a@b>;reason=", b"Event: ;id=1", b"Expires: 99999999999999999999",
    b"Flow-Timer: x", b"History-Info: <sip:a@b?Reason=SIP%3Bcause%3D302>;index=1.1",
    b"Identity: a;info=<", b"MIME-Version: 1.", b"Min-SE: ;", b"P-Asserted-Identity: tel:+1;x",
    b"Path: <sip:p;lr>", b"Privacy: ;", b"RAck: 1 1", b"RSeq: 0", b"Reason: Q.850;cause=x",
    b"Refer-To: <sip:a@b?Replaces=x>", b"Replaces: a;to-tag=b", b"Retry-After: 1 ((;)",
    b"SIP-ETag: \"", b"Session-Expires: 90;refresher=me", b"Subscription-State: active;expires=x",
    b"Target-Dialog: a", b"Timestamp: .", b"User-to-User: \"", b"Warning: 399 a \"", b"l: 0", b"e: gzip",
)  # fmt: skip


def corpus() -> list[bytes]:
    """Every stored message, in a fixed order."""
    paths = sorted([*DATA.rglob("*.dat"), *DATA.rglob("*.sip")])
    return [path.read_bytes() for path in paths] + [case.data for case in cases()]


def mutants(messages: Sequence[bytes], count: int, seed: int) -> Iterator[bytes]:
    """*count* damaged messages."""
    dice = random.Random(seed)
    for _ in range(count):
        yield mutant(messages, dice)


def mutant(messages: Sequence[bytes], dice: random.Random) -> bytes:
    """One message, damaged one to six times."""
    data = dice.choice(messages)
    for _ in range(dice.choice((1, 1, 1, 2, 3, 6))):
        data = dice.choice(_DAMAGES)(data, dice)
    return data


def _flip(data: bytes, dice: random.Random) -> bytes:
    changed = bytearray(data or b"\0")
    for _ in range(dice.choice((1, 1, 4))):
        changed[dice.randrange(len(changed))] = dice.randrange(256)
    return bytes(changed)


def _insert(data: bytes, dice: random.Random) -> bytes:
    place = dice.randint(0, len(data))
    return data[:place] + dice.choice(_NASTY_PIECES) * dice.choice((1, 1, 1, 40)) + data[place:]


def _delete(data: bytes, dice: random.Random) -> bytes:
    place = dice.randint(0, len(data))
    return data[:place] + data[place + dice.randint(1, 30) :]


def _duplicate(data: bytes, dice: random.Random) -> bytes:
    start = dice.randint(0, len(data))
    piece = data[start : start + dice.randint(1, 200)]
    place = dice.randint(0, len(data))
    return data[:place] + piece * dice.choice((1, 1, 2, 20)) + data[place:]


def _truncate(data: bytes, dice: random.Random) -> bytes:
    return data[: dice.randint(0, len(data))]


def _number(data: bytes, dice: random.Random) -> bytes:
    found = list(_NUMBER.finditer(data))
    if not found:
        return data
    match = dice.choice(found)
    return data[: match.start()] + dice.choice(_NASTY_NUMBERS) + data[match.end() :]


def _shuffle(data: bytes, dice: random.Random) -> bytes:
    head, gap, body = data.partition(b"\r\n\r\n")
    start, *lines = head.split(b"\r\n")
    dice.shuffle(lines)
    return b"\r\n".join([start, *lines]) + gap + body


def _header(data: bytes, dice: random.Random) -> bytes:
    start, gap, rest = data.partition(b"\r\n")
    return start + gap + dice.choice(_HEADERS) + b"\r\n" + rest


def _swap_value(data: bytes, dice: random.Random) -> bytes:
    """The value of one header under the name of another."""
    head, gap, body = data.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    a, b = dice.randrange(len(lines)), dice.randrange(len(lines))
    lines[a] = lines[a].partition(b":")[0] + b":" + lines[b].partition(b":")[2]
    return b"\r\n".join(lines) + gap + body


_DAMAGES = (
    _flip, _insert, _insert, _delete, _duplicate, _truncate, _number, _number, _shuffle, _header,
    _swap_value,
)  # fmt: skip


if __name__ == "__main__":
    sys.stdout.buffer.write(next(mutants(corpus(), 1, int(sys.argv[1]))))
