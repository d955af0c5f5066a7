"""Answers by hand, and a network whose names have several addresses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from trio_sip.message import Request, create_response
from trio_sip.testing import MemoryConnection, MemoryHost
from trio_sip.transport import (
    Address,
    ConnectionListener,
    DatagramSocket,
    NaptrRecord,
    Query,
    SrvRecord,
)

from .scene import Peer

__all__ = ["ManyAddresses", "answer", "serve"]


def answer(
    request: Request, status: int, *headers: tuple[str, str], to_tag: str | None = "t"
) -> bytes:
    """A response to *request*, with more headers."""
    response = create_response(request, status, to_tag=None if status == 100 else to_tag)
    for name, value in headers:
        response.headers.add(name, value)
    return bytes(response)


Script = Callable[[Request], Sequence[bytes]]


async def serve(peer: Peer, script: Script, seen: list[Request] | None = None) -> None:
    """Answer every request with what *script* makes of it; runs until cancelled."""
    while True:
        request = await peer.request()
        if seen is not None:
            seen.append(request)
        for data in script(request):
            peer.send(data)


class ManyAddresses:
    """The network of a host, with names that resolve to what a test wants."""

    def __init__(self, host: MemoryHost, names: Mapping[str, Sequence[Address]]) -> None:
        self.host = host
        self.names = names

    def bind_datagrams(self, local: Address) -> DatagramSocket:
        return self.host.bind_datagrams(local)

    def bind_connections(self, local: Address) -> ConnectionListener:
        return self.host.bind_connections(local)

    async def connect(self, remote: Address) -> MemoryConnection:
        return await self.host.connect(remote)

    def source_host(self, remote: Address) -> str:
        return self.host.source_host(remote)

    async def resolve(self, host: str, port: int | None, transport: str) -> Sequence[Address]:
        if host in self.names:
            return self.names[host]
        return await self.host.resolve(host, port, transport)

    async def records(self, query: Query) -> Sequence[NaptrRecord | SrvRecord]:
        return await self.host.records(query)
