"""What can be chosen about a stack."""

from __future__ import annotations

import attrs

from trio_sip.transaction import TimerSettings
from trio_sip.transport import TransportLimits

__all__ = ["StackSettings"]


@attrs.frozen(kw_only=True)
class StackSettings:
    """The numbers and names of a stack; the defaults suit a server on the open internet."""

    timers: TimerSettings = attrs.field(factory=TimerSettings)
    """RFC 3261's T1, T2, T4, in seconds."""

    limits: TransportLimits = attrs.field(factory=TransportLimits)
    """What strangers may make the transports keep."""

    force_rport: bool = False
    """Answer requests on UDP where they came from, also when they do not ask for it (RFC 3581):
    for clients behind a NAT that forget to."""

    answers_by_flow: bool = True
    """Send requests within a dialog to where the far end was heard from, if it was heard itself,
    no proxy has put itself on the way, and its Contact leads nowhere: a private or unspecified
    address that it did not send from, or a name in ``.invalid``.  That is how a phone behind a
    NAT gets its ACK and its BYE.  ``False`` obeys RFC 3261 section 12.2.1.1 to the letter, for
    networks that do reach the private addresses of others."""

    unanswered_limit: int = 1000
    """Requests being handled at once.  Beyond it new ones out of dialogs are dropped on UDP,
    where they come again, and answered 503 elsewhere."""

    kept_bytes: int = 256 << 20
    """What may be kept of answers, for half a minute each, in case their requests come again.
    When it is more, the oldest are given up: see `trio_sip.transaction.Statistics.given_up`."""

    ringing_seconds: float = 180.0
    """How long a deferred INVITE may wait for its next response; then it is answered 408.
    RFC 3261 section 13.3.1.1 wants a provisional response at every minute."""

    refuse_datagrams: bool = False
    """Answer 503 on UDP, too, where there is too much to do or the stack ends, instead of dropping
    what comes.  It tells clients sooner, and costs a datagram for each of a flood."""

    retry_after: int = 5
    """Seconds, in the Retry-After of those 503s."""

    high_water: int = 500
    """Tasks that may wait in one work."""

    digest_algorithms: tuple[str, ...] = ("MD5",)
    """Offered in challenges, most preferred first.  See the page on choosing them."""

    nonce_lifetime: float = 300.0
    """Seconds for which a nonce may be used."""

    identifier_order: tuple[str, ...] = ()
    """Names of identifiers that are asked first, in this order."""

    server: str | None = None
    """The Server header of responses; ``None`` for none (it tells attackers what to try)."""
