"""The subscription that comes with a REFER: RFC 3515, without one RFC 4488, its body RFC 3420."""

from __future__ import annotations

import attrs

from trio_sip._errors import RemoteProtocolError
from trio_sip.message import (
    CONTENT_TYPE,
    Body,
    Event,
    Field,
    Message,
    Request,
    TokenValue,
    parse_sipfrag_untrusted,
    reason_phrase,
)

__all__ = [
    "REFER_SUB", "ReferProgress", "is_refer_event", "read_progress_untrusted", "refer_event",
    "refuses_subscription", "sipfrag_body",
]  # fmt: skip


def _refer_sub(text: str) -> TokenValue:
    value = TokenValue.parse(text)
    if value.value.lower() not in {"true", "false"}:
        raise RemoteProtocolError(f"neither true nor false: {text[:20]!r}")
    return value


REFER_SUB = Field("Refer-Sub", _refer_sub)


def refuses_subscription(message: Message) -> bool:
    """Whether a REFER asks for, or its 2xx promises, no subscription: ``Refer-Sub: false``.

    What cannot be read says nothing.  RFC 4488 section 4
    """
    try:
        wanted = message.headers.get(REFER_SUB)
    except RemoteProtocolError:
        return False
    return wanted is not None and wanted.value.lower() == "false"


def refer_event(cseq: int) -> Event:
    """The Event of NOTIFYs about the REFER with this CSeq number.

    RFC 3515 section 2.4.6: it is optional for the first REFER in a dialog and a must for the
    others, so it is always there.
    """
    return Event("refer", {"id": str(cseq)})


def is_refer_event(event: Event) -> bool:
    """Whether it is of the ``refer`` package, whichever REFER it is about."""
    return event.package == "refer"


@attrs.frozen
class ReferProgress:
    """How what a REFER asked for is going."""

    status: int
    """The status code of the last response: 100 at first."""

    reason: str

    @property
    def is_final(self) -> bool:
        """Whether nothing more will come."""
        return self.status >= 200

    @property
    def is_success(self) -> bool:
        """Whether it has worked."""
        return 200 <= self.status < 300


def read_progress_untrusted(notify: Request) -> ReferProgress | None:
    """What the message/sipfrag of a NOTIFY says; ``None`` for a NOTIFY without a body.

    Raises:
      RemoteProtocolError: the body is of another type, or no piece of a response.
    """
    if not notify.body:
        return None
    content_type = notify.headers.get(CONTENT_TYPE)
    # "message/sipfrag;version=2.0" is what RFC 3515 shows, and many leave the version out.
    if content_type is None or content_type.name != "message/sipfrag":
        raise RemoteProtocolError("a NOTIFY about a REFER without message/sipfrag", 415)
    fragment = parse_sipfrag_untrusted(notify.body)
    if fragment.status is None:
        raise RemoteProtocolError("a NOTIFY about a REFER without a status line")
    return ReferProgress(fragment.status, fragment.reason or "")


def sipfrag_body(status: int, reason: str | None = None) -> Body:
    """The body of a NOTIFY about a REFER: the status line of the response it has led to."""
    phrase = reason_phrase(status) if reason is None else reason
    return Body(f"SIP/2.0 {status} {phrase}\r\n".encode(), "message/sipfrag;version=2.0")
