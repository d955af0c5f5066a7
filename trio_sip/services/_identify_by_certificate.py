"""Who sent it?  The one whose certificate the connection was opened with."""

from __future__ import annotations

from collections.abc import Mapping

from trio_sip.stack import Endpoint, IncomingRequest

__all__ = ["IdentifyByCertificate"]


class IdentifyByCertificate:
    """Identifies by the domains of a client's certificate, over TLS: trunks without passwords.

    The certificate has been checked by then: see `TlsSettings.client_certificates`, which must
    want them.  Its domains are read as RFC 5922 section 7 says, SIP URIs first; addresses count
    as well.  Name the identifier to `DigestAuthenticator` as open, and nobody it knows is
    challenged.

    Example::

        IdentifyByCertificate({"carrier.example.com": carrier})
    """

    name = "certificate"

    def __init__(self, domains: Mapping[str, Endpoint]) -> None:
        self._domains = {domain.lower(): endpoint for domain, endpoint in domains.items()}

    async def identify_endpoint(self, request: IncomingRequest) -> Endpoint | None:
        """Look up what the certificate says, in its order."""
        identity = request.stack.peer_identity(request.flow)
        if identity is None:
            return None
        for name in (*identity.domains, *identity.addresses):
            if name in self._domains:
                return self._domains[name]
        return None
