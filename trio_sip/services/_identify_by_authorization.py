"""Who sent it?  The one it wants to prove to be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from trio_sip._errors import RemoteProtocolError
from trio_sip.auth import Credentials
from trio_sip.stack import Endpoint, IncomingRequest

from ._endpoint_directory import EndpointDirectory, as_directory, find_first

__all__ = ["IdentifyByAuthorization"]

# As many as the verification of digests looks at.
_MAX_LINES = 8


class IdentifyByAuthorization:
    """Identifies by username and realm of the Authorization, for clients with an odd From.

    It selects the endpoint, and proves nothing: that is the authenticator's business.  A first
    request has no credentials, so nobody is known until the challenge has been answered; the
    stack waits for a few such misses before it calls a source suspect.

    Args:
      endpoints: by ``username@realm``, looked up first, or by ``username``.
      realms: those that count, compared exactly; empty for all of them.
    """

    name = "auth_username"

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint] | EndpointDirectory,
        *,
        realms: Iterable[str] = (),
    ) -> None:
        self._directory = as_directory(endpoints)
        self._realms = frozenset(realms)

    async def identify_endpoint(self, request: IncomingRequest) -> Endpoint | None:
        """Look the first username up that is known in its realm."""
        for line in request.message.headers.get_all("Authorization")[:_MAX_LINES]:
            try:
                given = Credentials.parse(line)
            except RemoteProtocolError:
                # Another scheme, or broken: the authenticator refuses it.
                continue
            if self._realms and given.realm not in self._realms:
                continue
            names = f"{given.username}@{given.realm}", given.username
            endpoint = await find_first(self._directory, names)
            if endpoint is not None:
                return endpoint
        return None
