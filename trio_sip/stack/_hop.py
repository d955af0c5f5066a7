"""Where a request of ours goes next: the servers of a URI, and the Via that leads back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_sip._errors import NoRoute
from trio_sip.dialog import Dialog, is_private_host
from trio_sip.message import Params, Request, Uri, Via
from trio_sip.transport import Flow, Server

if TYPE_CHECKING:
    from ._parts import Parts

_TRANSPORTS = frozenset({None, "UDP", "TCP", "TLS", "WS", "WSS"})
_SECURED = {"TCP": "TLS", "TLS": "TLS", "WS": "WSS", "WSS": "WSS"}

__all__ = [
    "answering_flow",
    "find_servers",
    "find_servers_nowait",
    "flow_to_hidden",
    "put_via",
    "secured",
]


def secured(hop: Uri, request: Request) -> Uri:
    """*hop*, and by TLS if the request is for a SIPS URI, whatever its Route says.

    RFC 3261 section 8.1.2 wants that of every way to it, an outbound proxy included.
    """
    if hop.scheme == "sip" and request.uri.scheme == "sips":
        return hop.replace(scheme="sips")
    return hop


def answering_flow(flow: Flow | None) -> Flow | None:
    """The flow that a request of ours took, as that of who answered it: `Dialog.flow`.

    Whether a proxy is in between cannot be seen in an answer.  One on a private network that does
    not stay on the way is more likely than a NAT between two private networks.
    """
    return None if flow is None or is_private_host(flow.remote.host) else flow


def flow_to_hidden(parts: Parts, dialog: Dialog | None) -> Flow | None:
    """The flow for a request in *dialog* whose far end can be reached by no other way."""
    if dialog is None or dialog.flow is None or not parts.settings.answers_by_flow:
        return None
    assert isinstance(dialog.flow, Flow), "the stack's dialogs have flows of its own transports"
    flow = dialog.flow
    if not dialog.leads_nowhere(flow.remote.host) or not parts.transport.is_open(flow):
        return None
    return flow


async def find_servers(parts: Parts, hop: Uri) -> list[Server]:
    """The servers of *hop*, best first.

    Raises:
      NoRoute: there is none, or no transport leads there.
    """
    host, port, transport, secure = _place(hop)
    return list(await parts.transport.locate(host, port, transport, secure=secure))


def find_servers_nowait(parts: Parts, hop: Uri) -> list[Server] | None:
    """The same for a hop that needs no looking up; ``None`` for one that does."""
    host, port, transport, secure = _place(hop)
    found = parts.transport.locate_nowait(host, port, transport, secure=secure)
    return None if found is None else list(found)


def _place(hop: Uri) -> tuple[str, int | None, str | None, bool]:
    """Host, port and transport of a URI, the latter two if they are in it; is it a SIPS URI?"""
    if not hop.is_sip:
        raise NoRoute(f"cannot send to a {hop.scheme} URI: {hop}")
    asked = hop.params.get("transport")
    transport = None if asked is None else asked.upper()
    secure = hop.scheme == "sips"
    if secure and transport is not None:
        # RFC 3261 section 26.2.2: no hop of it goes unprotected, whatever carries the TLS.
        transport = _SECURED.get(transport, transport)
        if transport not in _SECURED.values():
            raise NoRoute(f"nothing protects {asked} on the way to {hop}")
    if transport not in _TRANSPORTS:
        raise NoRoute(f"no transport for {hop}: there are UDP, TCP, TLS, WS and WSS")
    return (hop.params.get("maddr") or hop.host).strip("[]"), hop.port, transport, secure


def put_via(parts: Parts, request: Request, flow: Flow) -> None:
    """Give *request* the Via of a new transaction on *flow*."""
    sent_by = parts.transport.reachable_address(flow)
    host = f"[{sent_by.host}]" if ":" in sent_by.host else sent_by.host
    params = Params({"rport": None, "branch": parts.tokens.branch()})
    # RFC 3581 section 3: always ask to be answered where we are.
    request.headers.put_via(Via(flow.transport, host, sent_by.port, params))
