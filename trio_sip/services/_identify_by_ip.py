"""Who sent it?  The one whose network it came from."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping

from trio_sip._errors import LocalProtocolError
from trio_sip.stack import Endpoint, IncomingRequest, Stack

__all__ = ["IdentifyByIp"]

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# Of one address family and prefix length: the first address of each network, and its port.
_Group = dict[tuple[int, int | None], Endpoint]


# A host name; its last label has a letter in front (RFC 1123), so that 192.0.2 is none.
_NAME = re.compile(r"(?:[A-Za-z0-9_-]+\.)*[A-Za-z][A-Za-z0-9-]*\.?")


class IdentifyByIp:
    """Identifies by the address a request came from: trunks and gateways at known places.

    The smallest network that fits decides, whatever order they are given in; one with a port
    goes before the same one without.  IPv4 addresses mapped into IPv6 are IPv4 addresses.  A
    datagram's source can be forged, so give a trunk that nothing else protects an
    `AccessList` of its own and let TCP or a firewall prove the address.

    A name stands for the addresses of its servers (`Stack.resolve`), looked up once, when the
    stack starts; a name that leads nowhere stops the start.  An identifier with names that is
    registered later needs its `setup` awaited first.

    Args:
      networks: ``"192.0.2.0/24"``, ``"192.0.2.7"``, ``"192.0.2.7:5080"``, ``"2001:db8::/32"``,
        ``"[2001:db8::1]:5080"``, ``"trunk.example.com"``, each with its endpoint.  A port behind a
        name is one that requests must come from, as behind an address.

    Raises:
      LocalProtocolError: one of them is no network; it says which.
    """

    name = "ip"

    def __init__(self, networks: Mapping[str, Endpoint]) -> None:
        parsed = {_parse(text): endpoint for text, endpoint in networks.items()}
        self._networks = {
            (place, port): endpoint
            for (place, port), endpoint in parsed.items()
            if not isinstance(place, str)
        }
        self._names = {
            (place, port): endpoint
            for (place, port), endpoint in parsed.items()
            if isinstance(place, str)
        }
        self._groups = _grouped(self._networks)

    async def setup(self, stack: Stack) -> None:
        """Look the names up.  `open_stack` awaits it for those it is given.

        Raises:
          NoRoute: a name leads nowhere; it says which.
        """
        found: dict[tuple[_Network, int | None], Endpoint] = {}
        for (name, port), endpoint in self._names.items():
            for address in await stack.resolve(name, port):
                found[ipaddress.ip_network(address.host.partition("%")[0]), port] = endpoint
        # What is written as an address is meant more than what a name happens to lead to.
        self._groups = _grouped({**found, **self._networks})
        self._names = {}

    async def identify_endpoint(self, request: IncomingRequest) -> Endpoint | None:
        """Look the source address up."""
        if self._names:
            # To go on without them would be to take a trunk for somebody else.
            raise LocalProtocolError("an identifier with names needs its setup() awaited")
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


def _grouped(
    networks: Mapping[tuple[_Network, int | None], Endpoint],
) -> list[tuple[int, int, _Group]]:
    groups: dict[tuple[int, int], _Group] = {}
    for (network, port), endpoint in networks.items():
        group = groups.setdefault((network.version, network.prefixlen), {})
        group[int(network.network_address), port] = endpoint
    # Longest prefix first; within a family that is the order of looking.
    return [
        (version, (32 if version == 4 else 128) - prefix, group)
        for (version, prefix), group in sorted(groups.items(), key=lambda item: -item[0][1])
    ]


def _network(text: str) -> _Network | str:
    return ipaddress.ip_network(text, strict=False)


def _parse(text: str) -> tuple[_Network | str, int | None]:
    network, port = text.strip(), ""
    if network.startswith("["):
        network, _, rest = network[1:].partition("]")
        length, _, port = rest.partition(":")
        network += length
    elif network.count(":") == 1:
        network, _, port = network.partition(":")
    try:
        parsed = network if _NAME.fullmatch(network) else _network(network)
        number = int(port) if port else None
    except ValueError as error:
        raise LocalProtocolError(f"not a network to identify by: {text!r} ({error})") from None
    if number is not None and not 0 < number < 65536:
        raise LocalProtocolError(f"not a network to identify by: {text!r} (bad port)")
    return parsed, number
