"""A request as if it had been received: for tests, replays and what was kept over a restart."""

from __future__ import annotations

from trio_sip._errors import LocalProtocolError, RemoteProtocolError

from ._message import Request
from ._parser import parse_message_untrusted
from ._source import fill_via

__all__ = ["request_from_wire"]


def request_from_wire(data: bytes, source: tuple[str, int], transport: str) -> Request:
    """What `Request.from_wire` does."""
    request = parse_message_untrusted(data)
    if not isinstance(request, Request):
        raise LocalProtocolError("this is a response")
    if request.via_text is None:
        raise RemoteProtocolError("a request without a Via cannot be answered")
    host, port = source
    request.received_via, _ = fill_via(request.via_text, host, port)
    request.received_port = port if transport.upper() == "UDP" else None
    return request
