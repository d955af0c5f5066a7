"""What WebSocket clients call themselves: nobody else knows where that is.

RFC 7118 section 5: they cannot be connected to, so their Contact has an invented host.
"""

from __future__ import annotations

import re

from trio_sip.message import Request, Response

from ._connection import MessageConnection
from ._flow import Flow

__all__ = ["InventedNames"]

_INVENTED = re.compile(r"[@:]([a-z0-9.\-]{1,255}\.invalid)(?=[;:?>,\s]|$)")
_MAX_NAMES = 16
"""Of one client; it needs one."""


class InventedNames:
    """Which name leads to which connection."""

    def __init__(self) -> None:
        self._connections: dict[str, MessageConnection] = {}

    def note(self, message: Request | Response, connection: MessageConnection) -> None:
        """Remember the names in the Contact of what came by *connection*."""
        for text in message.headers.get_all("Contact"):
            for name in _INVENTED.findall(text.lower()):
                known = self._connections.get(name)
                # Others see the name, too, and may claim it; so whoever has it keeps it, unless
                # it is he himself who comes again while his old connection is not known to be dead.
                if known is not None and known.flow.remote.host != connection.flow.remote.host:
                    continue
                if name in connection.names or len(connection.names) < _MAX_NAMES:
                    connection.names.add(name)
                    self._connections[name] = connection

    def forget(self, connection: MessageConnection) -> None:
        """It has ended, and its names lead nowhere."""
        for name in connection.names:
            if self._connections.get(name) is connection:
                del self._connections[name]

    def flow_of(self, name: str) -> Flow | None:
        """The connection of who calls himself *name*."""
        connection = self._connections.get(name)
        return None if connection is None else connection.flow
