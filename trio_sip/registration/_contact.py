"""Contact header fields as a registrar needs them: cut into pieces, not one byte changed.

A phone must be called with exactly the URI it registered, so a contact is kept as the text that
came and is looked into only for ``q``, ``expires`` and, where two texts differ, for equality.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import attrs

from trio_sip._errors import RemoteProtocolError
from trio_sip.message import Uri

__all__ = ["Contact", "check_uri_untrusted", "read_contacts_untrusted", "read_seconds"]

# contact-param = (name-addr / addr-spec) *(SEMI contact-params)
# Possessive quantifiers keep both expressions linear on any input.
_ADDRESS = re.compile(
    r'[ \t]*+(?:(?:"(?:[^"\\]|\\.)*+"[ \t]*+|[^"<>,;:@]*+)<[ \t]*+([^<>\s]++)[ \t]*+>'
    # Without brackets a ";" begins the header's parameters, unless an "@" is still to come.
    r'|((?:[^<>"\s,@]*+@)?+[^<>"\s,;]++))[ \t]*+',
    re.DOTALL,
)
_PARAM = re.compile(
    r';[ \t]*+([^\s;,="<>]++)[ \t]*+(?:=[ \t]*+("(?:[^"\\]|\\.)*+"|[^\s;,"<>]++))?+[ \t]*+',
    re.DOTALL,
)

# What nearly every phone sends.  Anything else is left to the parser of the message package.
_PLAIN_URI = re.compile(
    r"sips?:(?:[\w.!~*'()&=+$,-]++@)?[a-z0-9.-]++(?::[1-9][0-9]{0,3}|:[1-5][0-9]{4})?"
    r"(?:;[\w.!~*'()+$-]++(?:=[\w.!~*'()+$:-]++)?+){0,16}",
    re.IGNORECASE | re.ASCII,
)
_PLAIN_LENGTH = 512

_LARGEST = 2**32 - 1


# Not frozen, although it is a value: one is made for each REGISTER, and a frozen one takes twice
# as long to fill.
@attrs.define
class Contact:
    """One contact of a REGISTER, every part of it the text that was sent."""

    uri: str
    """The URI without its angle brackets, or ``*``."""
    params: str = ""
    """The parameters other than ``q`` and ``expires``, each with its semicolon in front."""
    q: str | None = None
    """The preference as written, ``0`` to ``1``."""
    expires: str | None = None
    """The seconds asked for as written, possibly nonsense."""


def read_contacts_untrusted(values: Iterable[str]) -> tuple[Contact, ...]:
    """The contacts of all Contact header fields, in order; ``values`` are the raw field values.

    Raises `RemoteProtocolError` (400) when the text is not a list of contacts.  URIs and numbers
    are judged later, by `update_bindings`.  RFC 3261 section 20.10
    """
    contacts: list[Contact] = []
    for value in values:
        # One name-addr without display name and parameters is what most phones send.
        if value[:1] == "<" and value.find(">") == len(value) - 1 and not _odd(value[1:-1]):
            contacts.append(Contact(value[1:-1]))
        else:
            _read_list(value, contacts)
    return tuple(contacts)


def _odd(uri: str) -> bool:
    return not uri or "<" in uri or " " in uri or "\t" in uri


def _read_list(value: str, contacts: list[Contact]) -> None:
    position = 0
    while True:
        address = _ADDRESS.match(value, position)
        if address is None:
            raise RemoteProtocolError("Contact: not a list of addresses")
        contact, position = _read_params(value, address[1] or address[2], address.end())
        contacts.append(contact)
        if position == len(value):
            return
        if value[position] != ",":
            raise RemoteProtocolError("Contact: not a list of addresses")
        position += 1


def _read_params(value: str, uri: str, position: int) -> tuple[Contact, int]:
    params: list[str] = []
    q = expires = None
    while (param := _PARAM.match(value, position)) is not None:
        position = param.end()
        name = param[1].lower()
        if name == "expires":
            expires = param[2] or ""
        elif name == "q":
            q = param[2] or ""
        else:
            params.append(param[0].rstrip())
    return Contact(uri, "".join(params), q, expires), position


def read_seconds(text: str) -> int | None:
    """An Expires value: seconds up to 2**32 - 1, larger ones clipped; None when malformed.

    RFC 3261 section 20.19
    """
    text = text.strip(" \t")
    if not (text.isascii() and text.isdigit()):
        return None
    if len(text) > 10:
        text = text.lstrip("0") or "0"
        if len(text) > 10:
            return _LARGEST
    return min(int(text), _LARGEST)


def check_uri_untrusted(uri: str) -> None:
    """Raise `RemoteProtocolError` unless this is a URI that can be compared with others."""
    if len(uri) > _PLAIN_LENGTH or _PLAIN_URI.fullmatch(uri) is None:
        # The parameters are read when they are looked at.  A contact whose parameters cannot
        # be read must not be stored: every later comparison with it would fail.
        _ = Uri.parse(uri).params
