"""RFC 3263 put to a network: its questions asked, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from trio_sip._errors import NoRoute

from ._address import numeric_host
from ._network import Network
from ._resolver import Query, QueryKind, Records, Server, find_servers

__all__ = ["locate"]


async def locate(
    network: Network,
    host: str,
    port: int | None,
    transport: str | None,
    dice: Callable[[], float],
) -> Sequence[Server]:
    """The servers of *host*, best first.

    Raises:
      NoRoute: it has none.
    """
    if numeric_host(host) is not None:
        # RFC 3263 section 4.1: "If TARGET is a numeric IP address", there is nothing to ask.
        addresses = await network.resolve(host, port, transport or "UDP")
        return [Server(transport, address) for address in addresses]
    process = find_servers(host, port, transport, dice=dice)
    problem: NoRoute | None = None
    records: Records | None = None
    while True:
        try:
            query = next(process) if records is None else process.send(records)
        except StopIteration as end:
            servers: list[Server] = end.value
            break
        try:
            records = await _ask(network, query)
        except NoRoute as error:
            # One server of several has no address; or all have none, and this one says so.
            problem, records = error, ()
    if not servers:
        raise problem or NoRoute(f"no server for {host!r}")
    return servers


async def _ask(network: Network, query: Query) -> Records:
    if query.kind is QueryKind.ADDRESS:
        return await network.resolve(query.name, query.port, query.transport)
    return await network.records(query)
