"""A binding: one contact address at which an address-of-record can be reached for a while."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import attrs

__all__ = ["Binding", "contact_values", "live_bindings"]


@attrs.frozen(kw_only=True)
class Binding:
    """One registered contact.  A hundred thousand of them are kept, so it holds no parsed form."""

    aor: str
    """The key of the address-of-record, see `address_of_record`."""
    contact: str
    """The contact URI, byte for byte as the client sent it."""
    expires_at: float
    """When it ends: seconds on the caller's clock."""
    call_id: str
    """Call-ID of the REGISTER that last touched it; with ``cseq`` it orders the updates."""
    cseq: int
    """CSeq number of that REGISTER."""
    params: str = ""
    """Other Contact parameters as sent, for example ``;+sip.instance="<urn:…>";reg-id=1``."""
    q: float = 1.0
    """Preference among the contacts, 0 to 1."""
    flow: Hashable = None
    """The connection this contact came over and goes with, or None if it outlives connections."""
    received_from: str | None = None
    """Where the REGISTER came from, when that is not what the contact says (NAT)."""
    user_agent: str | None = None
    """The User-Agent header field."""
    path: tuple[str, ...] = ()
    """The Path header fields, to be used as the route to this contact (RFC 3327 section 5.3)."""


def live_bindings(bindings: tuple[Binding, ...], now: float) -> tuple[Binding, ...]:
    """Those that have not expired; the very same tuple when that is all of them."""
    for binding in bindings:
        if binding.expires_at <= now:
            return tuple([kept for kept in bindings if kept.expires_at > now])
    return bindings


def contact_values(bindings: Sequence[Binding], now: float) -> list[str]:
    """The Contact header field values for a 200, each with the seconds that remain.

    The most preferred first; among equals the one updated last.  ``bindings`` are in the order
    in which `update_bindings` leaves them, oldest update first.
    RFC 3261 section 10.3 step 8
    """
    if len(bindings) > 1:
        newest_first = bindings[::-1]
        bindings = sorted(newest_first, key=_dislike)
    return [
        f"<{binding.contact}>{binding.params}{_q_param(binding.q)};expires={_remaining(left)}"
        for binding in bindings
        if (left := binding.expires_at - now) > 0
    ]


def _dislike(binding: Binding) -> float:
    return -binding.q


def _q_param(q: float) -> str:
    return "" if q == 1.0 else f";q={q:g}"


def _remaining(left: float) -> int:
    # Rounded up, so that a client never believes a binding dead that is alive, and never 0,
    # which would say "removed".  A millisecond is forgiven: (now + 3600) - now may be
    # 3600.0000000002, and that is not 3601.
    return int(left + 0.999) or 1
