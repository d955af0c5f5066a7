"""Who sent it?  The one whose network it came from."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from trio_sip._errors import LocalProtocolError
from trio_sip.stack import Endpoint, IncomingRequest

__all__ = ["IdentifyByIp"]

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# Of one address family and prefix length: the first address of each network, and its port.
_Group = dict[tuple[int, int | None], Endpoint]


class IdentifyByIp:
    """Identifies by the address a request came from: trunks and gateways at known places.

    The smallest network that fits decides, whatever order they are given in; one with a port
    goes before the same one without.  IPv4 addresses mapped into IPv6 are IPv4 addresses.  A
    datagram's source can be forged, so give a trunk that nothing else protects an
    `AccessList` of its own and let TCP or a firewall prove the address.

    Args:
      networks: ``"192.0.2.0/24"``, ``"192.0.2.7"``, ``"192.0.2.7:5080"``, ``"2001:db8::/32"``,
        ``"[2001:db8::1]:5080"``, each with its endpoint.

    Raises:
      LocalProtocolError: one of them is no network; it says which.
    """

    name = "ip"

    def __init__(self, networks: Mapping[str, Endpoint]) -> None:
        groups: dict[tuple[int, int], _Group] = {}
        for text, endpoint in networks.items():
            network, port = _parse(text)
            group = groups.setdefault((network.version, network.prefixlen), {})
            group[int(network.network_address), port] = endpoint
        # Longest prefix first; within a family that is the order of looking.
        self._groups = [
            (version, (32 if version == 4 else 128) - prefix, group)
            for (version, prefix), group in sorted(groups.items(), key=lambda item: -item[0][1])
        ]

    async def identify_endpoint(self, request: IncomingRequest) -> Endpoint | None:
        """Look the source address up."""
        host, port = request.source
        address = ipaddress.ip_address(host)
        if isinstance(address, ipaddress.IPv6Address):
            address = address.ipv4_mapped or address
        number, version = int(address), address.version
        for of_version, spare_bits, group in self._groups:
            if of_version == version:
                first = number >> spare_bits << spare_bits
                endpoint = group.get((first, port)) or group.get((first, None))
                if endpoint is not None:
                    return endpoint
        return None


def _parse(text: str) -> tuple[_Network, int | None]:
    network, port = text.strip(), ""
    if network.startswith("["):
        network, _, rest = network[1:].partition("]")
        length, _, port = rest.partition(":")
        network += length
    elif network.count(":") == 1:
        network, _, port = network.partition(":")
    try:
        parsed = ipaddress.ip_network(network, strict=False)
        number = int(port) if port else None
    except ValueError as error:
        raise LocalProtocolError(f"not a network to identify by: {text!r} ({error})") from None
    if number is not None and not 0 < number < 65536:
        raise LocalProtocolError(f"not a network to identify by: {text!r} (bad port)")
    return parsed, number
