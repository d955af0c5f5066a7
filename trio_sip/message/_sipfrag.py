"""message/sipfrag: a piece of a SIP message as a body.  RFC 3420."""

from __future__ import annotations

import attrs

from trio_sip._errors import RemoteProtocolError

from ._headers import Headers
from ._limits import DEFAULT_LIMITS, Limits
from ._message import Request, Response
from ._parser import parse_message_untrusted

__all__ = ["Sipfrag", "parse_sipfrag_untrusted"]

# A start-line lets the parser read a fragment that has none; it is never handed out.
_NO_START = b"OPTIONS sip:fragment.invalid SIP/2.0\r\n"


@attrs.frozen
class Sipfrag:
    """What was sent of a message: any of its start-line, its headers and its body."""

    message: Request | Response | None
    """The fragment as a message, which may lack any header; ``None`` without a start-line."""

    headers: Headers
    body: bytes

    @property
    def status(self) -> int | None:
        """The status code, if the fragment is of a response: how a transfer is going."""
        return self.message.status if isinstance(self.message, Response) else None

    @property
    def reason(self) -> str | None:
        return self.message.reason if isinstance(self.message, Response) else None


def parse_sipfrag_untrusted(content: bytes, limits: Limits = DEFAULT_LIMITS) -> Sipfrag:
    """Parse the content of a message/sipfrag body, as a NOTIFY about a REFER carries.

    Raises:
      RemoteProtocolError: neither a start-line nor headers, or something wrong in them.
    """
    first = content.lstrip(b"\r\n").partition(b"\n")[0]
    begins_with_header = b":" in first and b"SIP/" not in first.upper()
    parsed = parse_message_untrusted(
        _NO_START + content.lstrip(b"\r\n") if begins_with_header else content, limits
    )
    if parsed.fault is not None:
        raise RemoteProtocolError(f"bad fragment: {parsed.fault.reason}")
    message = None if begins_with_header else parsed
    return Sipfrag(message, parsed.headers, parsed.body)
