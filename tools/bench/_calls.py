"""What a caller says: INVITE, ACK, BYE, or no BYE where calls are to be held."""

from __future__ import annotations

from ._scenarios import Outstanding, filled, new_keys

__all__ = ["Calls"]

_SDP = """\
v=0
o=bench 53655765 2353687637 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=audio 6000 RTP/AVP 0 101
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=sendrecv
"""

_INVITE = (
    """\
INVITE sip:bob@{host}:{port} SIP/2.0
Via: SIP/2.0/UDP {local};rport;branch=z9hG4bK{key}
Max-Forwards: 70
From: "bench" <sip:bench@{local}>;tag={key}
To: <sip:bob@{host}:{port}>
Call-ID: {key}@{local_host}
CSeq: 1 INVITE
Contact: <sip:bench@{local}>
Allow: INVITE, ACK, CANCEL, BYE, OPTIONS
User-Agent: bench
Content-Type: application/sdp
"""
    f"Content-Length: {len(_SDP) + _SDP.count(chr(10))}\n\n{_SDP}"
)

# In this order: method, target, key, dialog, To, dialog, CSeq, method.
_WITHIN = """\
%b %b SIP/2.0
Via: SIP/2.0/UDP {local};rport;branch=z9hG4bK%b
Max-Forwards: 70
From: "bench" <sip:bench@{local}>;tag=%b
%b
Call-ID: %b@{local_host}
CSeq: %d %b
Content-Length: 0

"""


class Calls:
    """Calls without a pause; with *keep* they are left standing once they are acknowledged."""

    def __init__(
        self, local: tuple[str, int], remote: tuple[str, int], *, keep: bool = False
    ) -> None:
        self._invite = filled(_INVITE, local, remote).split(b"\0")
        self._within = filled(_WITHIN, local, remote)
        self._target = b"sip:bob@%b:%d" % (remote[0].encode(), remote[1])
        self._next_key = new_keys().__next__
        self._keep = keep

    def start(self) -> Outstanding:
        key = self._next_key()
        return Outstanding(key, key.join(self._invite), dialog=key, ends=False)

    def follow(self, request: Outstanding, response: bytes) -> Outstanding | None:
        if request.ends:
            # The BYE was refused.
            return None
        dialog = request.key
        begin = response.index(b"\r\nTo:") + 2
        to = response[begin : response.index(b"\r\n", begin)]
        if response[8:9] != b"2":
            # RFC 3261 section 17.1.1.3: the ACK belongs to the INVITE's transaction.
            return Outstanding(dialog, b"", ahead=self._ack(self._target, dialog, dialog, to))
        begin = response.index(b"\r\nContact:")
        begin = response.index(b"<", begin) + 1
        target = response[begin : response.index(b">", begin)]
        ack, key = self._ack(target, self._next_key(), dialog, to), self._next_key()
        bye = b""
        if not self._keep:
            bye = self._within % (b"BYE", target, key, dialog, to, dialog, 2, b"BYE")
        return Outstanding(key, bye, dialog=dialog, ahead=ack)

    def _ack(self, target: bytes, key: bytes, dialog: bytes, to: bytes) -> bytes:
        return self._within % (b"ACK", target, key, dialog, to, dialog, 1, b"ACK")
