"""Where a request of ours goes next: the servers of a URI, and the Via that leads back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from trio_sip._errors import NoRoute
from trio_sip.message import Params, Request, Uri, Via
from trio_sip.transport import Address, Flow

if TYPE_CHECKING:
    from ._parts import Parts

__all__ = ["Server", "find_servers", "find_servers_nowait", "put_via"]

Server = tuple[str | None, Address]
"""The transport that the URI insists on, if it does, and the address."""


async def find_servers(parts: Parts, hop: Uri) -> list[Server]:
    """The servers of *hop*, best first.

    Raises:
      NoRoute: there is none, or no transport leads there.
    """
    asked, transport, host = _reading(hop)
    return _servers(asked, await parts.transport.resolve(host, hop.port, transport))


def find_servers_nowait(parts: Parts, hop: Uri) -> list[Server] | None:
    """The same for a hop that needs no looking up; ``None`` for one that does."""
    asked, transport, host = _reading(hop)
    found = parts.transport.resolve_nowait(host, hop.port, transport)
    return None if found is None else _servers(asked, found)


def _reading(hop: Uri) -> tuple[str | None, str, str]:
    if not hop.is_sip:
        raise NoRoute(f"cannot send to a {hop.scheme} URI: {hop}")
    asked = hop.params.get("transport")
    transport = (asked or "udp").upper()
    if hop.scheme == "sips" or transport not in ("UDP", "TCP"):
        raise NoRoute(f"no transport for {hop}: there are UDP and TCP")
    return asked, transport, (hop.params.get("maddr") or hop.host).strip("[]")


def _servers(asked: str | None, addresses: Sequence[Address]) -> list[Server]:
    return [(asked, address) for address in addresses]


def put_via(parts: Parts, request: Request, flow: Flow) -> None:
    """Give *request* the Via of a new transaction on *flow*."""
    sent_by = parts.transport.reachable_address(flow)
    host = f"[{sent_by.host}]" if ":" in sent_by.host else sent_by.host
    params = Params({"rport": None, "branch": parts.tokens.branch()})
    request.headers.remove("Via")
    # RFC 3581 section 3: always ask to be answered where we are.
    request.headers.insert_first("Via", Via(flow.transport, host, sent_by.port, params))
