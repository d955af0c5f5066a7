"""Messages to measure with: no two of a batch have a tag, a Call-ID or a branch in common.

Whoever measures with one message again and again measures a cache.
"""

from __future__ import annotations

import random
from collections.abc import Callable

__all__ = ["KINDS", "create_invites", "create_registers", "create_responses"]

_SDP = """\
v=0
o=alice {session} {session} IN IP4 192.0.2.101
s=-
c=IN IP4 192.0.2.101
t=0 0
m=audio {media} RTP/AVP 0 8 101
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
"""

_INVITE = """\
INVITE sip:bob@biloxi.example.com;transport=udp SIP/2.0
Via: SIP/2.0/UDP proxy.example.com:5060;branch=z9hG4bK{a}.1;rport
Via: SIP/2.0/UDP client.atlanta.example.com:5060;branch=z9hG4bK{b};received=192.0.2.101
Record-Route: <sip:proxy.example.com;lr>
Max-Forwards: 69
From: "Alice Liddell" <sip:alice@atlanta.example.com>;tag={c}
To: "Bob" <sip:bob@biloxi.example.com>
Call-ID: {d}@client.atlanta.example.com
CSeq: {number} INVITE
Contact: <sip:alice@client.atlanta.example.com:5060;transport=udp>
Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE
Supported: replaces, timer, 100rel
User-Agent: bench
Content-Type: application/sdp
Content-Length: {length}

"""

_RESPONSE = """\
SIP/2.0 200 OK
Via: SIP/2.0/UDP proxy.example.com:5060;branch=z9hG4bK{a}.1;rport=5060;received=192.0.2.7
Via: SIP/2.0/UDP client.atlanta.example.com:5060;branch=z9hG4bK{b};received=192.0.2.101
Record-Route: <sip:proxy.example.com;lr>
From: "Alice Liddell" <sip:alice@atlanta.example.com>;tag={c}
To: "Bob" <sip:bob@biloxi.example.com>;tag={e}
Call-ID: {d}@client.atlanta.example.com
CSeq: {number} INVITE
Contact: <sip:bob@192.0.2.4:5060;transport=udp>
Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO
Supported: replaces, timer
Content-Type: application/sdp
Content-Length: {length}

"""

_REGISTER = """\
REGISTER sip:registrar.example.com SIP/2.0
Via: SIP/2.0/UDP bobspc.example.com:5060;branch=z9hG4bK{a};rport
Max-Forwards: 70
From: "Bob" <sip:bob@example.com>;tag={c}
To: "Bob" <sip:bob@example.com>
Call-ID: {d}@bobspc.example.com
CSeq: {number} REGISTER
Contact: <sip:bob@192.0.2.4:5060;transport=udp>;expires=3600
Authorization: Digest username="bob", realm="example.com", nonce="{b}{e}", uri="sip:registrar.example.com", response="{d}", algorithm=MD5, cnonce="{c}", qop=auth, nc=00000001
Allow: INVITE, ACK, CANCEL, BYE, OPTIONS
User-Agent: bench
Content-Length: 0

"""


def create_invites(count: int) -> list[bytes]:
    """INVITE with SDP, 14 header fields, two Via and a Record-Route: about 950 bytes."""
    return _created(_INVITE, _SDP, count)


def create_responses(count: int) -> list[bytes]:
    """What such an INVITE is answered with: about 850 bytes."""
    return _created(_RESPONSE, _SDP, count)


def create_registers(count: int) -> list[bytes]:
    """REGISTER with digest credentials: about 700 bytes."""
    return _created(_REGISTER, "", count)


KINDS: dict[str, Callable[[int], list[bytes]]] = {
    "INVITE": create_invites,
    "200": create_responses,
    "REGISTER": create_registers,
}


def _created(head: str, body: str, count: int) -> list[bytes]:
    # Seeded, so that two runs measure the same messages.
    dice = random.Random(3261)
    messages = []
    for number in range(1, count + 1):
        a, b, c, e = (f"{dice.getrandbits(64):016x}" for _ in "abce")
        session, media = dice.getrandbits(31), 16384 + dice.getrandbits(14)
        text = body.format(session=session, media=media).replace("\n", "\r\n")
        start = head.format(
            a=a, b=b, c=c, d=f"{dice.getrandbits(128):032x}", e=e, number=number, length=len(text)
        )
        messages.append((start.replace("\n", "\r\n") + text).encode())
    return messages
