"""What a REGISTER does to the bindings of an address-of-record: RFC 3261 section 10.3.

All or nothing: the result is either the complete new list or the refusal, and the bindings that
went in are not changed by either.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Hashable, Sequence

import attrs

from trio_sip._errors import RemoteProtocolError
from trio_sip.message import Uri

from ._binding import Binding, live_bindings
from ._contact import Contact, check_uri_untrusted, read_seconds
from ._policy import RegistrarPolicy, TooBrief, WhenFull

__all__ = ["Accepted", "Refused", "RegisterRequest", "update_bindings"]

# RFC 3261 section 10.3 step 7: only intervals below an hour may be called too brief.
_AN_HOUR = 3600

# qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] )
_QVALUE = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")


# Not frozen, although it is a value: one is made for each REGISTER, and a frozen one takes twice
# as long to fill.
@attrs.define(kw_only=True)
class RegisterRequest:
    """What one REGISTER asks for, and where it came from."""

    aor: str
    """Whose bindings: `address_of_record` of the To header field."""
    call_id: str
    """Its Call-ID."""
    cseq: int
    """Its CSeq number."""
    contacts: Sequence[Contact] = ()
    """Its contacts; none at all is a query."""
    expires: str | None = None
    """The raw value of its Expires header field, possibly nonsense."""
    flow: Hashable = None
    """The connection that new bindings go with, or None."""
    received_from: str | None = None
    """Its source address, to be kept with the bindings."""
    user_agent: str | None = None
    """Its User-Agent, to be kept with the bindings."""
    path: tuple[str, ...] = ()
    """Its Path header fields, to be kept with the bindings."""


@attrs.frozen
class Accepted:
    """200, once ``bindings`` are stored."""

    bindings: tuple[Binding, ...]
    """All bindings from now on, the oldest update first.

    The very tuple that was handed in when nothing changed, so ``is`` tells whether to store.
    """


@attrs.frozen
class Refused:
    """The response to send; nothing changes."""

    status: int
    """400, 403, 423 or 500."""
    reason: str
    """The reason phrase."""
    headers: tuple[tuple[str, str], ...] = ()
    """Header fields the response must carry."""


_OUT_OF_ORDER = Refused(500, "CSeq Out Of Order")
_TOO_MANY = Refused(403, "Too Many Contacts")


def update_bindings(
    current: tuple[Binding, ...], request: RegisterRequest, policy: RegistrarPolicy, now: float
) -> Accepted | Refused:
    """The bindings after this request, or why there are none.

    ``current`` are the stored bindings of the address-of-record as a former update left them;
    those that have expired by ``now`` count for nothing.  Never raises for what is in the
    request.
    """
    live = live_bindings(current, now)
    contacts = request.contacts
    if not contacts:
        return Accepted(live)
    for contact in contacts:
        if contact.uri == "*":
            return _remove_all(live, request)
    # However the contacts compare, so many cannot fit: answered before they cost anything.
    if len(contacts) > policy.max_contacts + len(live):
        return _TOO_MANY
    try:
        return _update_each(live, request, policy, now)
    except RemoteProtocolError:
        return Refused(400, "Bad Contact")


def _remove_all(live: tuple[Binding, ...], request: RegisterRequest) -> Accepted | Refused:
    """RFC 3261 section 10.3 step 6: the contact "*"."""
    if [*request.contacts] != [Contact("*")]:
        return Refused(400, "Wildcard Contact Not Alone")
    if request.expires is None or read_seconds(request.expires) != 0:
        return Refused(400, "Wildcard Contact Needs Expires 0")
    if any(_out_of_order(binding, request) for binding in live):
        return _OUT_OF_ORDER
    return Accepted(())


def _update_each(
    live: tuple[Binding, ...], request: RegisterRequest, policy: RegistrarPolicy, now: float
) -> Accepted | Refused:
    """RFC 3261 section 10.3 step 7."""
    kept = list(live)
    added: list[Binding] = []
    for contact in request.contacts:
        seconds = _granted(contact, request, policy)
        if seconds is None:
            return Refused(423, "Interval Too Brief", (("Min-Expires", str(policy.min_expires)),))
        for binding in _take_equal(kept, contact.uri):
            if _out_of_order(binding, request):
                return _OUT_OF_ORDER
        # The same contact twice in one request is one wish, and the last word of it counts.
        if added:
            _take_equal(added, contact.uri)
        if seconds:
            added.append(_bind(contact, request, now + seconds))
    bindings = (*kept, *added)
    # A limit that was lowered meanwhile must not lock out those who are in already.
    if len(bindings) > policy.max_contacts and len(bindings) > len(live):
        if policy.when_full is WhenFull.REFUSE or len(added) > policy.max_contacts:
            return _TOO_MANY
        bindings = bindings[-policy.max_contacts :]
    if not added and len(kept) == len(live):
        return Accepted(live)
    return Accepted(bindings)


def _out_of_order(binding: Binding, request: RegisterRequest) -> bool:
    """Has this binding been touched by the same client later than the request was made?"""
    return binding.call_id == request.call_id and request.cseq <= binding.cseq


def _granted(contact: Contact, request: RegisterRequest, policy: RegistrarPolicy) -> int | None:
    """The seconds this contact gets, 0 to remove it, None if what it asks for is too brief."""
    text = contact.expires if contact.expires is not None else request.expires
    asked = None if text is None else read_seconds(text)
    if asked is None:
        asked = policy.default_expires
    elif asked == 0:
        return 0
    if asked < policy.min_expires:
        if policy.too_brief is TooBrief.CLAMP:
            return policy.min_expires
        if asked < _AN_HOUR:
            return None
    return min(asked, policy.max_expires)


def _take_equal(bindings: list[Binding], uri: str) -> list[Binding]:
    """Remove and return the bindings of this contact, most often one or none.

    Equality of RFC 3261 section 19.1.4 is not transitive: ``sip:a@b`` equals ``sip:a@b;x=1``
    and ``sip:a@b;x=2``, which differ.  So there may be several, and one refresh merges them.
    """
    for index, binding in enumerate(bindings):
        # No other binding equals one that is there, so this spares all the parsing.
        if binding.contact == uri:
            del bindings[index]
            return [binding]
    check_uri_untrusted(uri)
    if not bindings:
        return []
    parsed = Uri.parse(uri)
    equal = [binding for binding in bindings if Uri.parse(binding.contact) == parsed]
    for binding in equal:
        bindings.remove(binding)
    return equal


def _bind(contact: Contact, request: RegisterRequest, expires_at: float) -> Binding:
    if contact.q is not None and _QVALUE.fullmatch(contact.q) is None:
        raise RemoteProtocolError(f"not a preference: q={contact.q[:20]}")
    agent = request.user_agent
    return Binding(
        aor=request.aor,
        contact=contact.uri,
        expires_at=expires_at,
        call_id=request.call_id,
        cseq=request.cseq,
        params=contact.params,
        q=1.0 if contact.q is None else float(contact.q),
        flow=request.flow,
        received_from=request.received_from,
        # A hundred thousand phones are a few models: keep each name once.
        user_agent=agent if agent is None else sys.intern(agent),
        path=request.path,
    )
