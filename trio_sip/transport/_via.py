"""The top Via of a request that has just come in."""

from __future__ import annotations

from trio_sip._errors import RemoteProtocolError
from trio_sip.message import Request, fill_via

from ._address import Address

__all__ = ["stamp_via"]


def stamp_via(request: Request, source: Address, force_rport: bool) -> int | None:
    """Set ``request.received_via``; the port that answers go to, or ``None`` without a usable Via.

    A request without a Via cannot be answered by anyone, so it is of no use to anyone.
    """
    raw = request.via_text
    if raw is None:
        return None
    try:
        request.received_via, port = fill_via(
            raw, source.host, source.port, force_rport=force_rport
        )
    except RemoteProtocolError:
        return None
    return port
