"""Who sent a message: endpoints, and those who can tell."""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import attrs

from trio_sip._errors import LocalProtocolError

if TYPE_CHECKING:
    from ._incoming import IncomingRequest
    from ._stack import Stack

__all__ = [
    "ANONYMOUS",
    "ARTIFICIAL",
    "AccessList",
    "Endpoint",
    "EndpointIdentifier",
    "EndpointKind",
    "PreparedIdentifier",
]

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


def _networks(values: Iterable[str | IpNetwork]) -> tuple[IpNetwork, ...]:
    try:
        return tuple(ipaddress.ip_network(value, strict=False) for value in values)
    except ValueError as error:
        raise LocalProtocolError(f"not an IP network: {error}") from None


@attrs.frozen
class AccessList:
    """Networks that may, and everybody else may not."""

    networks: tuple[IpNetwork, ...] = attrs.field(converter=_networks)
    """As ``"192.0.2.0/24"`` or the objects of `ipaddress`."""

    def permits(self, host: str) -> bool:
        """Whether *host*, a numeric address, is in one of them.  A name never is."""
        try:
            address = ipaddress.ip_address(host.strip("[]"))
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in self.networks)


class EndpointKind(enum.Enum):
    """What is known of a sender."""

    KNOWN = "known"
    """An identifier named it."""

    ANONYMOUS = "anonymous"
    """Nobody was asked: no identifier is registered, or one says that anybody may come."""

    ARTIFICIAL = "artificial"
    """Everybody was asked and nobody knew.  It is challenged like any other, and never passes."""


@attrs.frozen(kw_only=True)
class Endpoint:
    """Who sent a message, as an identifier sees it: a configured peer.

    Subclass it to carry more (an account, a context); the stack compares nothing but `kind`.
    """

    name: str
    """What authenticators, services and logs know it by."""

    kind: EndpointKind = EndpointKind.KNOWN

    acl: AccessList | None = None
    """Where its requests may come from; ``None`` for everywhere."""

    contact_acl: AccessList | None = None
    """Where the hosts in its Contacts may lie; ``None`` for everywhere."""


ANONYMOUS = Endpoint(name="anonymous", kind=EndpointKind.ANONYMOUS)
"""The sender of everything in a stack without identifiers."""

ARTIFICIAL = Endpoint(name="artificial", kind=EndpointKind.ARTIFICIAL)
"""The sender nobody knows.  It cannot be told from a known one with a wrong password."""


class EndpointIdentifier(Protocol):
    """Determines which endpoint a request comes from."""

    async def identify_endpoint(self, request: IncomingRequest) -> Endpoint | None:
        """The sender of *request*, or ``None``: ask the next identifier.

        Runs in the request's own work, so a look-up may wait without holding up others.  An
        exception is not ``None``: the request is answered 500 and nobody else is asked.
        """


@runtime_checkable
class PreparedIdentifier(Protocol):
    """An identifier that has something to look up before it is asked."""

    async def setup(self, stack: Stack) -> None:
        """`open_stack` awaits it before the first message; an error stops the start."""
