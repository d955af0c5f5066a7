"""Where we say that we can be reached: known in full only when the transport is."""

from __future__ import annotations

import attrs

from trio_sip.message import NameAddr, Params, Uri
from trio_sip.transport import Address

__all__ = ["LocalContact"]


@attrs.frozen(kw_only=True)
class LocalContact:
    """A Contact of ours that lacks its address: the transport that sends the message fills it in.

    `Stack.open_request` takes one as ``contact``, so that a request that falls over from UDP to
    TCP, or to a server on another of our networks, says where *there* we can be reached.
    """

    user: str | None = None
    """The user part, by which requests to us are told apart."""

    secure: bool = False
    """A SIPS URI, as RFC 3261 section 8.1.1.8 wants for a request to one."""

    display_name: str | None = None
    uri_params: Params = attrs.field(factory=Params)
    """Parameters of the URI besides ``transport``: ``ob``, for example."""

    params: Params = attrs.field(factory=Params)
    """Parameters of the header field: ``expires``, ``+sip.instance``, ``q``."""

    def at(self, transport: str, address: Address) -> NameAddr:
        """The whole of it, for what is sent by *transport* (``UDP``, ``TLS``, …) from *address*."""
        host = f"[{address.host}]" if address.is_ipv6 else address.host
        params = self.uri_params
        if self.secure:
            # RFC 5630 section 3.1.3 has no good word for saying TLS twice, and RFC 7118 section 5.2
            # none for a secure WebSocket: both follow from the scheme.
            if transport in ("WS", "WSS"):
                params = params.replace(transport="ws")
        elif transport != "UDP":
            # Who sends to a URI without it takes UDP (RFC 3263 section 4.1).
            params = params.replace(transport=transport.lower())
        scheme = "sips" if self.secure else "sip"
        uri = Uri(scheme, self.user, host, address.port, params=params)
        return NameAddr(uri, self.display_name, self.params)
