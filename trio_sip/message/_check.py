"""Whether a message that could be framed can be believed, and if not, what it is owed.

The parser frames, this validates: the headers that every element acts on must be there, once,
and make sense.  What only a particular server cares about (bodies, extensions, events) is
left to that server.
"""

from __future__ import annotations

from typing import Any

from trio_sip._errors import RemoteProtocolError

from ._core_fields import CALL_ID, CONTACT, CSEQ, FROM, MAX_FORWARDS, TO, TOP_VIA
from ._field import Field
from ._headers import Headers
from ._message import Fault, Message, Request, Response
from ._methods import DIALOG_CREATING, KNOWN_METHODS
from ._name_addr import NameAddr
from ._names import SINGLE, canonical_name
from ._via import CSeq, Via

__all__ = ["check_request", "check_response"]

_MANDATORY: tuple[Field[Any], ...] = (TOP_VIA, TO, FROM, CSEQ, CALL_ID)
_SERVED_SCHEMES = frozenset({"sip", "sips", "tel"})


def check_request(request: Request) -> Fault | None:
    """The answer a request is owed for its form, or ``None`` if its form is right.

    A request without a usable top Via cannot be answered at all; ask
    ``request.headers[VIA]`` first.
    """
    if request.fault is not None and request.fault.status != 400:
        return request.fault
    fault = _check_headers(request) or request.fault
    if fault is not None:
        return fault
    cseq = request.cseq
    if cseq.method != request._method:
        # RFC 4475 section 3.1.2.17 and 3.1.2.18
        status = 400 if request._method in KNOWN_METHODS else 501
        return Fault(status, "CSeq method does not match the request")
    try:
        uri = request.uri
    except RemoteProtocolError as error:
        return Fault(error.status_hint, "Bad Request-URI")
    if uri.scheme not in _SERVED_SCHEMES:
        return Fault(416, "Unsupported URI Scheme")
    if uri._headers is not None and uri.is_sip:
        # RFC 4475 section 3.1.2.11: headers in a Request-URI are never obeyed.
        return Fault(400, "Headers in the Request-URI")
    if request._method in DIALOG_CREATING:
        return _check_contact(request)
    return None


def check_response(response: Response) -> Fault | None:
    """What is wrong with a response; it is then discarded, never answered."""
    return response.fault or _check_headers(response)


def _check_headers(message: Message) -> Fault | None:
    # This runs for every message, and nearly all of them are as they should be: so first it is
    # seen whether they are, and what is wrong only if they are not.
    headers = message.headers
    first = headers._first or headers._indexed()
    typed = headers._typed
    try:
        via = first["via"]
        typed["via top"] = Via.parse(via) if "," not in via else TOP_VIA.parse_first(via)
        typed["from"] = from_ = NameAddr.parse(first["from"])
        typed["to"] = to = NameAddr.parse(first["to"])
        typed["cseq"] = CSeq.parse(first["cseq"])
        typed["call-id"] = CALL_ID.parse(first["call-id"])
        if (
            first.get("max-forwards") == "70"
            and not headers._repeated
            and (from_.tag or not from_._params)
            and (to.tag or not to._params)
        ):
            return None
    except (KeyError, RemoteProtocolError):
        pass
    return _find_fault(headers, first)


def _find_fault(headers: Headers, first: dict[str, str]) -> Fault | None:
    """What is wrong with headers that are not as most are; perhaps nothing."""
    typed = headers._typed
    field: Field[Any] = TOP_VIA
    try:
        for field in _MANDATORY:
            text = first.get(field.key)
            if text is None:
                return Fault(400, f"Missing {field.name} header")
            if field is TOP_VIA:
                TOP_VIA.parse_first(text)
            else:
                field.parse(text)
        for field in (FROM, TO):
            address = typed[field.key]
            if not address.tag and "tag" in address.params:
                # It has no value, so what it would identify could be anything.
                return Fault(400, f"Bad {field.name} header")
        field = MAX_FORWARDS
        if "max-forwards" in first:
            headers[MAX_FORWARDS]
    except RemoteProtocolError as error:
        # It names the header and not what was in it: a reason phrase echoes nobody's input.
        return Fault(error.status_hint, f"Bad {field.name} header")
    for key in first:
        if key in headers._repeated and key in SINGLE:
            return Fault(400, f"More than one {canonical_name(key)} header")
    return None


def _check_contact(request: Request) -> Fault | None:
    try:
        contacts = request.headers[CONTACT]
    except RemoteProtocolError as error:
        return Fault(error.status_hint, "Bad Contact header")
    if not contacts:
        return Fault(400, "Missing Contact header")
    first = contacts[0]
    if isinstance(first, str):
        return Fault(400, "Bad Contact header")
    # RFC 3261 section 8.1.1.8: "The Contact header field MUST be present and contain exactly one
    # SIP or SIPS URI in any request that can result in the establishment of a dialog."
    return None if first.uri.is_sip else Fault(416, "Unsupported Contact URI Scheme")
