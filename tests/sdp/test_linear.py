"""Work grows as its input does, for the worst descriptions there are."""

from __future__ import annotations

import sys

import pytest

from tests.message.worst_cases import CHARACTERS, seconds
from tools.fuzz.invariant import read_description

SIZE = 60_000
BOUND = 0.1 if sys.gettrace() is None else 1.0
"""Seconds of CPU for 60 kB; quadratic work would be a hundred times that."""

HEAD = "v=0\r\no=- 1 1 IN IP4 h\r\nc=IN IP4 h\r\n"
MEDIA = f"{HEAD}m=audio 1 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\n"
PIECES = (*CHARACTERS, "\r\n", "\n", "\r", " 0", ";=", "x ", "a=x\r\n", "\udcff")
BEGINNINGS = (
    "", "v=0\r\no=", "v=0\r\no=- ", HEAD + "c=IN IP4 ", HEAD + "m=", HEAD + "m=audio 1 RTP/AVP 0",
    MEDIA, MEDIA + "a=fmtp:97 ", HEAD + "m=audio 1 RTP/AVP 97\r\na=rtpmap:97 ", MEDIA + "b=",
    HEAD + "m=audio 1 RTP/AVP 97\r\na=rtpmap:97 x/8000", MEDIA + "a=rtcp:1", MEDIA + "a=ptime:",
)  # fmt: skip


@pytest.mark.parametrize("start", BEGINNINGS)
def test_a_long_description_of_anything_costs_little(start: str) -> None:
    for piece in PIECES:
        data = f"{start}{piece * (SIZE // len(piece))}\r\n".encode("utf-8", "surrogateescape")

        assert seconds(lambda data=data: read_description(data), enough=BOUND) < BOUND, piece  # type: ignore[misc]  # a default binds the loop variable


def test_many_sections_and_many_lines_cost_little() -> None:
    many = (
        HEAD + "a=x\r\n" * 1800 + "m=audio 1 RTP/AVP 0\r\n" * 100,
        HEAD + ("m=audio 1 RTP/AVP 0\r\n" + "a=mid:x\r\n" * 19) * 99,
        MEDIA + "".join(f"a=rtpmap:{number % 128} PCMU/8000\r\n" for number in range(1900)),
    )

    for text in many:
        data = text.encode()
        assert seconds(lambda data=data: read_description(data), enough=BOUND) < BOUND  # type: ignore[misc]  # a default binds the loop variable
