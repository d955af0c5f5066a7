"""Who sent it?  Anybody, and that is all right."""

from __future__ import annotations

from trio_sip.stack import ANONYMOUS, Endpoint, IncomingRequest

__all__ = ["IdentifyAnonymous"]


class IdentifyAnonymous:
    """Lets in whoever the other identifiers do not know, as the anonymous endpoint.

    It belongs behind all others.  Strangers then reach the applications without any proof, and
    those must look at ``request.endpoint.kind``; the `Registrar` refuses them.
    """

    name = "anonymous"

    async def identify_endpoint(self, request: IncomingRequest) -> Endpoint:
        """Always the anonymous endpoint."""
        return ANONYMOUS
