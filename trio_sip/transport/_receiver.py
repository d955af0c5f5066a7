"""What sits above the transports."""

from __future__ import annotations

from typing import Protocol

from trio_sip._errors import RemoteProtocolError
from trio_sip.message import Request, Response

from ._flow import Flow

__all__ = ["Receiver"]


class Receiver(Protocol):
    """Gets what the transports bring.  The methods return at once and never raise.

    An exception that one of them does raise ends the transports: it is a bug, not bad input.
    """

    def receive_message(self, message: Request | Response, flow: Flow) -> None:
        """A message came.

        *flow* is where an answer goes, which for a datagram without ``rport`` is another port
        than the one it came from (RFC 3261 section 18.2.2); the ``received_via`` of a request
        is set.
        """

    def receive_garbage(self, error: RemoteProtocolError, data: bytes, flow: Flow) -> None:
        """What came is no message.  A stream is closed after this returns; answering is possible.

        *data* is the datagram; of a stream it is the head that could be read and not followed,
        and empty if there is none.
        """

    def flow_closed(self, flow: Flow, error: Exception | None) -> None:
        """A connection ended, or a datagram found nobody (*error* then says why)."""
