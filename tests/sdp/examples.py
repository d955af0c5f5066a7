"""Descriptions to test with: those of the RFCs, and short ones in one line."""

from __future__ import annotations

from pathlib import Path

from trio_sip.message import parse_message_untrusted
from trio_sip.sdp import SessionDescription

DATA = Path(__file__).parent.parent / "data"

# RFC 8866 section 5.
RFC_8866 = b"""v=0\r
o=jdoe 3724394400 3724394405 IN IP4 198.51.100.1\r
s=Call to John Smith\r
i=SDP Offer #1\r
u=http://www.jdoe.example.com/home.html\r
e=Jane Doe <jane@jdoe.example.com>\r
p=+1 617 555-6011\r
c=IN IP4 198.51.100.1\r
t=0 0\r
m=audio 49170 RTP/AVP 0\r
m=audio 49180 RTP/AVP 0\r
m=video 51372 RTP/AVP 99\r
c=IN IP6 2001:db8::2\r
a=rtpmap:99 h263-1998/90000\r
"""


def rfc4317(section: str, role: str) -> SessionDescription:
    """``rfc4317("2.2", "second-offer")``."""
    path = DATA / "rfc4317" / f"{section}-{role}.sdp"
    return SessionDescription.parse(path.read_bytes())


def bodies() -> dict[str, bytes]:
    """Every description that is stored, by the name of its file."""
    found = {
        f"rfc4317/{path.name}": path.read_bytes()
        for path in sorted((DATA / "rfc4317").glob("*.sdp"))
    }
    for path in sorted((DATA / "rfc3665").glob("*.sip")):
        body = parse_message_untrusted(path.read_bytes()).body
        if body.startswith(b"v="):
            found[f"rfc3665/{path.name}"] = body
    return {**found, "rfc8866": RFC_8866}


def described(*sections: str, session: str = "c=IN IP4 192.0.2.1") -> SessionDescription:
    """A description of those sections, each with its lines joined by ``|``."""
    lines = ["v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", *session.split("|"), "t=0 0"]
    for section in sections:
        lines += section.split("|")
    return SessionDescription.parse("\r\n".join([*lines, ""]))
