"""The address-of-record: whose bindings a REGISTER is about."""

from __future__ import annotations

from trio_sip._errors import RemoteProtocolError
from trio_sip.message import Uri

__all__ = ["address_of_record"]


def address_of_record(uri: Uri | str) -> str:
    """The canonical text of an address-of-record, the key of the location service.

    URI parameters and headers are removed and escapes are decoded, once, so that
    ``sip:%61lice@Example.COM;user=phone`` and ``sip:alice@example.com`` are one address while
    ``sip:null-%00-null@…`` keeps its NUL.  A password is removed as well: it names nobody and
    must not end up in a log.  User names stay case-sensitive; an explicit port stays, since
    RFC 3261 section 19.1.4 has no default for a missing one.

    The result is a key and not a URI: it may hold any character, so it must never be written
    into a message.

    Raises `RemoteProtocolError` with ``status_hint=400`` for anything but a SIP or SIPS URI.
    RFC 3261 section 10.3 (step 5)
    """
    uri = Uri.parse(uri)
    if not uri.is_sip:
        raise RemoteProtocolError("the address-of-record is not a SIP or SIPS URI")
    user = uri.user
    if user is None:
        return f"{uri.scheme}:{uri.address.lower()}"
    return f"{uri.scheme}:{user}@{uri.address.lower()}"
