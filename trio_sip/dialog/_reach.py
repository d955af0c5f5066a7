"""Whether a Contact leads anywhere: that of a phone behind a NAT does not.

RFC 3261 section 12 takes for granted that a Contact can be reached by whoever gets it.  Phones
behind a NAT write their private address there, and where no proxy is in between, what comes from
them is the only way to them.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from trio_sip.message import Uri

__all__ = ["is_private_host", "leads_nowhere"]

# RFC 1918, RFC 6598, RFC 3927, RFC 4193, loopback and link-local addresses.
# Not what `ipaddress` calls private: the addresses for documentation are as good as any to a test.
_PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "127.0.0.0/8",
        "::1/128",
        "fc00::/7",
        "fe80::/10",
    )
)
_LONGEST_ADDRESS = 45


def leads_nowhere(target: Uri, source: str) -> bool:
    """Whether *target* cannot be reached by who got it in a message from the address *source*.

    That is: its host is a private or unspecified address other than *source*, or a name in
    ``.invalid``, which browsers use (RFC 7118 section 5).

    Args:
      source: the source address of the packet, IPv6 without brackets.
    """
    host = target.host.strip("[]").lower()
    if len(host) > _LONGEST_ADDRESS:
        return host.endswith(".invalid")
    return host != source and _is_unreachable(host)


def is_private_host(host: str) -> bool:
    """Whether *host* is an address that only its own network knows; IPv6 without brackets."""
    address = _address(host)
    return address is not None and any(
        address.version == network.version and address in network for network in _PRIVATE
    )


# All requests of a call ask the same.  Only short ones come here, so little is kept.
@lru_cache(maxsize=1024)
def _is_unreachable(host: str) -> bool:
    address = _address(host)
    if address is None:
        return host.endswith(".invalid")
    return address.is_unspecified or is_private_host(host)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
