"""What a message is matched by: RFC 3261 sections 17.1.3, 17.2.3 and 8.2.2.2.

Keys are plain tuples, because they are hashed for each message.  Branches are compared as they
are written: every implementation echoes them untouched, and section 17.2.3 has them compared
with values that we or the same client wrote before.  For the same reason a cookie in other
letters than ``z9hG4bK`` counts as none, and the long rule of RFC 2543 decides.
"""

from __future__ import annotations

from trio_sip.message import Request, Response, Via

__all__ = [
    "ClientKey",
    "MergeKey",
    "ServerKey",
    "client_key",
    "is_rfc2543",
    "merge_key",
    "server_key",
]

COOKIE = "z9hG4bK"

ClientKey = tuple[str, str, str, str | None, int]
MergeKey = tuple[str, str | None, int, str]
ServerKey = tuple[str | int | None, ...]


def client_key(message: Request | Response) -> ClientKey:
    """The key of the client transaction that a response belongs to, or that a request begins.

    The method tells the response to a CANCEL from that to the INVITE, which shares its branch.
    Beside it, which is all that RFC 3261 section 17.1.3 asks for, stands what section 8.2.6.2 has
    every response repeat: what is forged, or has gone astray, must not stand for the right one.
    """
    via, from_, _, call_id, cseq = message.mandatory
    return via.branch or "", cseq.method, call_id, from_.tag, cseq.number


def server_key(request: Request, method: str) -> ServerKey:
    """The key of the server transaction of *method* that *request* belongs to.

    *method* is the request's own, or ``INVITE`` for an ACK and for what a CANCEL cancels.
    """
    via = request.via
    branch = via.branch
    # RFC 3261 section 17.2.3.  A bare cookie names nothing: clients that send one send it always,
    # and all their requests would be one transaction.
    if branch is None or not branch.startswith(COOKIE) or branch == COOKIE:
        return _key_of_rfc2543(request, method, via)
    # Sent-by is part of it "because there could be accidental or malicious duplication of branch
    # parameters from different clients".
    return branch, via.host.lower(), via.port or _default_port(via), method


def is_rfc2543(key: ServerKey) -> bool:
    """Whether *key* was made without a branch, by the long rule."""
    return len(key) == 7


def _default_port(via: Via) -> int:
    return 5061 if via.transport == "TLS" else 5060


def _key_of_rfc2543(request: Request, method: str, via: Via) -> ServerKey:
    # The To tag takes no part for INVITE: an ACK carries the one of the response, and the CSeq
    # number tells a re-INVITE from the INVITE already.  Which response an ACK is for is seen from
    # that response.
    to_tag = None if method == "INVITE" else request.to.tag
    cseq = request.cseq.number
    return request.target, to_tag, request.from_.tag, request.call_id, cseq, method, str(via)


def merge_key(request: Request) -> MergeKey | None:
    """What all copies of a forked request share, ``None`` for a request within a dialog."""
    # RFC 3261 section 8.2.2.2
    _, from_, to, call_id, cseq = request.mandatory
    if to.tag is not None:
        return None
    return call_id, from_.tag, cseq.number, cseq.method
