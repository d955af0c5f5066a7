"""A request as if it had been received: for tests, replays and what was kept over a restart."""

from __future__ import annotations

from trio_sip._errors import LocalProtocolError, RemoteProtocolError

from ._core_fields import VIA
from ._message import Request
from ._parser import parse_message_untrusted
from ._via import Via

__all__ = ["request_from_wire"]


def request_from_wire(data: bytes, source: tuple[str, int], transport: str) -> Request:
    """What `Request.from_wire` does."""
    request = parse_message_untrusted(data)
    if not isinstance(request, Request):
        raise LocalProtocolError("this is a response")
    if request.via_text is None:
        raise RemoteProtocolError("a request without a Via cannot be answered")
    host, port = source
    # The transports keep the whole first line, which may hold more than one Via.
    first, *others = VIA.read([request.via_text])
    request.received_via = ", ".join(map(str, (_stamped(first, host, port), *others)))
    request.received_port = port if transport.upper() == "UDP" else None
    return request


def _stamped(via: Via, host: str, port: int) -> Via:
    """RFC 3261 section 18.2.1, and RFC 3581 section 4 where the sender asks for it."""
    params = {name: value for name, value in via.params.items() if name.lower() != "received"}
    if "rport" in via.params:
        # "it MUST set the value of the parameter to the source port of the request", and
        # received is added then even if it says nothing new.
        params = {name: value for name, value in params.items() if name.lower() != "rport"}
        params |= {"received": host, "rport": str(port)}
    elif via.host.strip("[]").lower() != host:
        params["received"] = host
    return Via(via.transport, via.host, via.port, params)
