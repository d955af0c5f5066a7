"""What a final response means to whoever only wants success."""

from __future__ import annotations

from trio_sip._errors import AuthenticationRejected, RequestRejected
from trio_sip.message import Response

__all__ = ["checked"]

_CHALLENGES = frozenset({401, 407})


def checked(response: Response) -> Response:
    """*response*, if it is a 2xx; otherwise `RequestRejected`."""
    if response.is_success:
        return response
    # A challenge comes this far only if there was nothing to answer it with.
    kind = AuthenticationRejected if response.status in _CHALLENGES else RequestRejected
    raise kind(response.status, response.reason, response)
