"""RFC 3263 put to a network: its questions asked, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from trio_sip._errors import NoRoute

from ._network import Network
from ._resolver import Query, QueryKind, Records, Server, find_servers

__all__ = ["locate"]


async def locate(
    network: Network,
    host: str,
    port: int | None,
    transport: str | None,
    dice: Callable[[], float],
    *,
    secure: bool = False,
) -> Sequence[Server]:
    """The servers of *host*, best first.

    Args:
      secure: for a SIPS URI: over TLS alone.

    Raises:
      NoRoute: it has none.
    """
    process = find_servers(host, port, transport, secure=secure, dice=dice)
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
