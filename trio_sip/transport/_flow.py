"""Where a message came from, and where one goes: RFC 5626's word for it."""

from __future__ import annotations

from typing import NamedTuple

from ._address import SECURE, Address

__all__ = ["Flow", "SignsOfLife"]


class Flow(NamedTuple):
    """A pair of addresses, and for a stream the one connection between them.

    A named tuple rather than an attrs class: one is looked up for every message, and a tuple is
    the cheapest thing that can be hashed and compared.
    """

    transport: str
    """As a Via spells it: ``UDP``, ``TCP``, ``TLS``, ``WS`` or ``WSS``."""

    local: Address
    """Our end.  Never a wildcard: the address that was asked, or that a packet leaves from."""

    remote: Address
    """Their end."""

    number: int = 0
    """Counts connections from 1, so that a second one between equal ends differs; 0 for UDP."""

    @property
    def reliable(self) -> bool:
        """Nothing needs to be repeated on it (RFC 3261 section 17)."""
        return self.transport != "UDP"

    @property
    def secure(self) -> bool:
        """Nobody on the way can read it: TLS, or a WebSocket over TLS."""
        return self.transport in SECURE

    def __str__(self) -> str:
        return f"{self.transport} {self.local} ↔ {self.remote}"


class SignsOfLife(NamedTuple):
    """What has come by a connection so far."""

    arrivals: int = 0
    """How often anything has."""

    pongs: int = 0
    """How often it was the answer to a ping of ours."""
