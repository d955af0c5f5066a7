"""A listener, and what is spoken there."""

from __future__ import annotations

import attrs

from ._address import Address
from ._network import ConnectionListener

__all__ = ["Door"]


@attrs.frozen
class Door:
    """Where connections of one kind come in."""

    transport: str
    """As a Via spells it."""

    listener: ConnectionListener

    @property
    def local(self) -> Address:
        """What it is bound to."""
        return self.listener.local

    def close(self) -> None:
        """Let nobody in any more."""
        self.listener.close()
