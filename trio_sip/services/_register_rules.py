"""What a REGISTER must be before its contacts are looked at: RFC 3261 section 10.3 steps 1 to 5."""

from __future__ import annotations

import re

from trio_sip.message import PATH, SUPPORTED, Request, Uri
from trio_sip.registration import (
    Contact,
    Refused,
    RegisterRequest,
    address_of_record,
    read_contacts_untrusted,
)
from trio_sip.stack import EndpointKind, IncomingRequest
from trio_sip.transport import Flow

from ._domains import Domains
from ._endpoint_directory import EndpointDirectory

__all__ = ["check_owner", "check_register", "read_register_untrusted"]

# What a header can hold, quoted, and an answer of ours may not (RFC 4475 section 3.1.1.2).
_UNSENDABLE = re.compile(r"[\r\n\0]")

# Kept with each binding, so not at whatever length a stranger likes.
_AGENT_LENGTH = 200

# An enumeration's member costs 150 ns to look up in CPython 3.11, a global 10.
_KNOWN, _ANONYMOUS = EndpointKind.KNOWN, EndpointKind.ANONYMOUS

_NOT_OURS = Refused(404, "Not Found")
_NOT_YOURS = Refused(403, "Forbidden")
_NOT_SIP = Refused(400, "Address-Of-Record Is Not A SIP URI")
_BAD_CONTACT = Refused(400, "Bad Contact")
_BAD_PATH = Refused(400, "Bad Path")
_CONTACT_SCHEME = Refused(416, "Unsupported Contact URI Scheme")
_PATH_UNSUPPORTED = Refused(420, "Bad Extension", (("Unsupported", "path"),))


def check_register(request: IncomingRequest, domains: Domains) -> Refused | None:
    """Whether its sender may register what it wants to, with us."""
    to = domains.proper(request.message.to.uri)
    if not to.is_sip:
        # RFC 4475 section 3.3.3
        return _NOT_SIP
    if domains.names and not (domains.serve(request.uri.host) and domains.serve(to.host)):
        return _NOT_OURS
    return None if _may_register(request, to, domains) else _NOT_YOURS


async def check_owner(
    request: IncomingRequest, directory: EndpointDirectory, domains: Domains
) -> Refused | None:
    """Whether the address has an owner in *directory* who is somebody else."""
    to = domains.proper(request.message.to.uri)
    owner = await directory.find_endpoint(f"{to.user}@{to.host.lower()}")
    return None if owner is None or owner.name == request.endpoint.name else _NOT_YOURS


def _may_register(request: IncomingRequest, to: Uri, domains: Domains) -> bool:
    """RFC 3261 section 10.3 step 4: everybody registers themselves."""
    endpoint = request.endpoint
    if endpoint.kind is _ANONYMOUS:
        # Nobody is asked who they are: a registrar for tests.  Where somebody is, a stranger
        # who was let in is still nobody.
        return request.identified_by is None
    user = to.user
    if endpoint.kind is not _KNOWN or user is None:
        return False
    if endpoint.name == user:
        # One of that name in whatever domain, but for those where somebody else has it: who that
        # is, the From decides, as it does for the identifiers.  RFC 3261 section 10.2: "The value
        # is the same as the To header field unless the request is a third-party registration."
        sender = domains.proper(request.message.from_.uri)
        return sender.user == user and sender.host.lower() == to.host.lower()
    return endpoint.name == f"{user}@{to.host.lower()}"


def read_register_untrusted(
    request: IncomingRequest, domains: Domains
) -> RegisterRequest | Refused:
    """What it asks for.  Raises `RemoteProtocolError` where that cannot be read."""
    message = request.message
    headers = message.headers
    contacts = read_contacts_untrusted(headers.get_all("Contact"))
    for contact in contacts:
        if not _is_sip(contact.uri):
            return _CONTACT_SCHEME
        text = contact.uri + contact.params
        # Asked first because it is the faster one: hardly anybody sends anything else.
        if not text.isprintable() and _UNSENDABLE.search(text) is not None:
            return _BAD_CONTACT
    path: tuple[str, ...] = ()
    if "Path" in headers:
        if not _supports_path(message):
            return _PATH_UNSUPPORTED
        path = tuple(headers.get_all("Path"))
        # Nothing is stored that cannot be used as a route, or cannot be sent back.
        if not headers[PATH] or any(map(_UNSENDABLE.search, path)):
            return _BAD_PATH
    agent = headers.get("User-Agent")
    flow = request.flow
    return RegisterRequest(
        aor=address_of_record(domains.proper(message.to.uri)),
        call_id=message.call_id,
        cseq=message.cseq.number,
        contacts=contacts,
        expires=headers.get("Expires"),
        flow=flow if flow.reliable and all(_goes_with(flow, one.uri) for one in contacts) else None,
        received_from=_received_from(request, contacts),
        user_agent=None if agent is None else agent[:_AGENT_LENGTH],
        path=path,
    )


def _is_sip(uri: str) -> bool:
    return uri[:4].lower() in ("sip:", "sips") or uri == "*"


# What a URI says about transports.  RFC 7118 section 5.2: "ws" is for both kinds of WebSockets.
_WORDS = {"TCP": ("tcp",), "TLS": ("tls",), "WS": ("ws",), "WSS": ("ws", "wss")}


def _goes_with(flow: Flow, uri: str) -> bool:
    """Whether a contact cannot be reached without the connection that it came over.

    It asks for its transport, or names its other end and asks for nothing.  Any other one is
    reached over datagrams, or through somebody else, and outlives the connection.
    """
    place, *params = uri.rpartition("@")[2].partition("?")[0].lower().split(";")
    for param in params:
        if param.startswith("transport="):
            return param.removeprefix("transport=") in _WORDS.get(flow.transport, ())
    place = place.removeprefix("sip:").removeprefix("sips:")
    source = str(flow.remote)
    return place.endswith(".invalid") or place in (source, source.removesuffix(":5060"))


def _supports_path(message: Request) -> bool:
    """RFC 3327 section 5.3: a client that does not know about Path must not be given one."""
    return any(tag.lower() == "path" for tag in message.headers[SUPPORTED])


def _received_from(request: IncomingRequest, contacts: tuple[Contact, ...]) -> str | None:
    """The source, where no contact names it: there is a NAT between us, or a proxy."""
    if not contacts:
        return None
    source = str(request.source)
    before, at, after = contacts[0].uri.partition("@")
    if after == source:
        return None
    named = (after if at else before.partition(":")[2]).partition(";")[0]
    return None if named in (source, source.removesuffix(":5060")) else source
