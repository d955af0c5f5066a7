"""What a 2xx to a REGISTER grants: for how long, and which way from now on."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from trio_sip._errors import RemoteProtocolError
from trio_sip.message import (
    PATH,
    SERVICE_ROUTE,
    ListField,
    NameAddr,
    Params,
    Response,
    Uri,
)

from ._contact import Contact, read_contacts_untrusted, read_seconds

__all__ = ["Grant", "read_grant_untrusted"]

P_ASSOCIATED_URI = ListField("P-Associated-URI", NameAddr.parse)

_INSTANCE = "+sip.instance"
_REG_ID = "reg-id"


@attrs.frozen(kw_only=True)
class Grant:
    """What a registrar has granted."""

    expires: int
    """Seconds for which we are registered: the least of those that our contacts got; 0 if one
    of them is not there."""

    bindings: tuple[Contact, ...] = ()
    """Every contact of the address, those of others included."""

    service_route: tuple[NameAddr, ...] = ()
    """The route of requests from now on (RFC 3608); empty if there is none any more."""

    path: tuple[NameAddr, ...] = ()
    """The way on which requests come (RFC 3327)."""

    associated_uris: tuple[NameAddr, ...] = ()
    """Other addresses of ours (RFC 7315 section 4.1); the first is the usual one."""

    outbound: bool = False
    """The registrar keeps to RFC 5626: it sends by the flow that we registered by."""

    flow_timer: int | None = None
    """Seconds after which the server gives up a flow on which nothing comes (RFC 5626 section
    5.4); a keep-alive has to come earlier."""


def read_grant_untrusted(response: Response, contacts: Sequence[NameAddr], asked: int) -> Grant:
    """What a 2xx says about *contacts*, which were asked to be bound for *asked* seconds.

    A contact is found by its ``+sip.instance``, else by its URI.  The ``expires`` parameter that
    it carries counts, then Expires, then what was asked for (RFC 3261 section 10.2.4).  Two
    habits are forgiven: a registrar that lists nobody but says Expires, and one behind something
    that rewrites addresses and lists a single contact with our user part.

    Raises:
      RemoteProtocolError: the Contact or one of the routes cannot be read.
    """
    bindings = read_contacts_untrusted(response.headers.get_all("Contact"))
    header = response.headers.get("Expires")
    general = None if header is None else read_seconds(header)
    if not bindings:
        granted = 0 if general is None else general
    else:
        default = asked if general is None else general
        granted = min(
            (_seconds(found, default) for found in _find_all(contacts, bindings)), default=0
        )
    return Grant(
        expires=granted,
        bindings=bindings,
        service_route=tuple(response.headers[SERVICE_ROUTE]),
        path=tuple(response.headers[PATH]),
        associated_uris=tuple(response.headers[P_ASSOCIATED_URI]),
        outbound=_requires(response, "outbound"),
        flow_timer=_flow_timer(response),
    )


def _requires(response: Response, option: str) -> bool:
    # Not as the field reads it: what cannot be read is no reason not to be registered.
    tags = ",".join(response.headers.get_all("Require")).split(",")
    return option in {tag.strip(" \t").lower() for tag in tags}


def _flow_timer(response: Response) -> int | None:
    text = response.headers.get("Flow-Timer")
    seconds = None if text is None else read_seconds(text)
    # None at all would make us ping without a pause.
    return seconds or None


def _seconds(binding: Contact | None, default: int) -> int:
    if binding is None:
        return 0
    granted = None if binding.expires is None else read_seconds(binding.expires)
    return default if granted is None else granted


def _find_all(contacts: Sequence[NameAddr], bindings: Sequence[Contact]) -> list[Contact | None]:
    """Ours among all of them."""
    found = [_find(contact, bindings) for contact in contacts]
    if found == [None] and len(bindings) == 1:
        user, only = contacts[0].uri.user, _uri(bindings[0])
        if user is not None and only is not None and only.user == user:
            return [bindings[0]]
    return found


def _find(contact: NameAddr, bindings: Sequence[Contact]) -> Contact | None:
    instance = contact.params.get(_INSTANCE)
    if instance is not None:
        flow = contact.params.get(_REG_ID)
        for binding in bindings:
            params = _params(binding)
            # RFC 5626 section 4.2: one binding for each flow of the same instance.
            if params.get(_INSTANCE) == instance and params.get(_REG_ID, flow) == flow:
                return binding
    for binding in bindings:
        uri = _uri(binding)
        if uri is not None and uri == contact.uri:
            return binding
    return None


def _params(binding: Contact) -> Params:
    try:
        return Params.parse(binding.params)
    except RemoteProtocolError:
        # Those of another telephone, which is not our business.
        return Params()


def _uri(binding: Contact) -> Uri | None:
    try:
        return Uri.parse(binding.uri)
    except RemoteProtocolError:
        return None
