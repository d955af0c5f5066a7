"""Who sent it?  The one whose mark a header bears."""

from __future__ import annotations

import re
from collections.abc import Mapping

from trio_sip.stack import Endpoint, IncomingRequest

__all__ = ["IdentifyByHeader"]


class IdentifyByHeader:
    """Identifies by the value of a header, on whichever of its lines it stands.

    Example::

        IdentifyByHeader("X-Trunk", {"north": north, re.compile("south-[0-9]+"): south})

    Args:
      header: its name, in any case or in its compact form.
      values: exact texts, compared first, and patterns, which must match a whole value and are
        tried in this order.  Strangers choose what a pattern is tried on: avoid one that can
        take long.
    """

    name = "header"

    def __init__(self, header: str, values: Mapping[str | re.Pattern[str], Endpoint]) -> None:
        self._header = header
        self._texts = {text: one for text, one in values.items() if isinstance(text, str)}
        self._patterns = [
            (pattern, one) for pattern, one in values.items() if isinstance(pattern, re.Pattern)
        ]

    async def identify_endpoint(self, request: IncomingRequest) -> Endpoint | None:
        """Compare every line of the header."""
        lines = request.message.headers.get_all(self._header)
        for line in lines:
            if line in self._texts:
                return self._texts[line]
        for pattern, endpoint in self._patterns:
            if any(pattern.fullmatch(line) for line in lines):
                return endpoint
        return None
