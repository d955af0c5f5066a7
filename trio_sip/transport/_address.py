"""Where things are: an address and a port, and what a program is told to listen on."""

from __future__ import annotations

import functools
import ipaddress
from typing import NamedTuple

import attrs

from trio_sip._errors import LocalProtocolError

__all__ = ["DEFAULT_PORT", "SECURE", "Address", "Listen", "default_port", "numeric_host"]

DEFAULT_PORT = 5060
# RFC 3261 section 19.1.2, RFC 7118 section 5.
_PORTS = {"UDP": DEFAULT_PORT, "TCP": DEFAULT_PORT, "TLS": 5061, "WS": 80, "WSS": 443}
SECURE = frozenset({"TLS", "WSS"})
"""The transports that nobody on the way can read."""

_MAX_PORT = 65535


class Address(NamedTuple):
    """An IP address and a port.  A tuple, so that it can be handed to a socket as it is."""

    host: str
    """``192.0.2.1``, ``2001:db8::1`` or ``fe80::1%eth0``: without brackets."""

    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_ipv6(self) -> bool:
        """Which of the two address families it belongs to."""
        return ":" in self.host

    @property
    def is_wildcard(self) -> bool:
        """It stands for all addresses of a host: ``0.0.0.0`` or ``::``."""
        return self.host in {"0.0.0.0", "::"}  # noqa: S104  (a comparison binds nothing)


def default_port(transport: str | None) -> int:
    """The port of *transport* where none is named."""
    return _PORTS.get((transport or "UDP").upper(), DEFAULT_PORT)


@functools.lru_cache(maxsize=4096)
def numeric_host(text: str) -> str | None:
    """The address that *text* spells, in its usual form; ``None`` when it is a name."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        return None


@attrs.frozen
class Listen:
    """One thing to listen on, written as a URL: ``udp://0.0.0.0:5060``, ``tls://[::1]:5061``."""

    scheme: str
    """``udp``, ``tcp``, ``tls``, ``ws`` (WebSocket) or ``wss`` (WebSocket over TLS)."""

    host: str
    """An address without brackets, or a name that resolves to one of this machine's."""

    port: int = DEFAULT_PORT
    """0 lets the system choose; `TransportLayer.bind` says what it chose."""

    @classmethod
    def parse(cls, text: str) -> Listen:
        """Parse ``scheme://host:port``; without a port it is the usual one of the scheme: 5060
        for UDP and TCP, 5061 for TLS, 80 and 443 for WebSockets.

        Raises:
          LocalProtocolError: it is something else; the message names the text.
        """
        scheme, separator, rest = text.strip().partition("://")
        if not separator or scheme.upper() not in _PORTS:
            raise LocalProtocolError(
                f"cannot listen on {text!r}: want udp://HOST:PORT, tcp://…, tls://…, ws://… or wss://…"
            )
        host, port_text = _split_port(rest)
        if not host or any(c in host for c in "[]/@ "):
            raise LocalProtocolError(f"cannot listen on {text!r}: no usable host")
        if ":" in host and numeric_host(host) is None:
            raise LocalProtocolError(f"cannot listen on {text!r}: bad IPv6 address or port")
        return cls(scheme.lower(), host, _port(port_text, text, default_port(scheme)))

    @property
    def transport(self) -> str:
        """As a Via spells it: ``UDP``, ``TLS``, …"""
        return self.scheme.upper()

    def __str__(self) -> str:
        return f"{self.scheme}://{Address(self.host, self.port)}"


def _split_port(text: str) -> tuple[str, str | None]:
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        if not closed or rest[:1] not in {"", ":"}:
            # What stands between the bracket and a colon belongs to no address.
            return "", None
        return host, rest[1:] if rest else None
    host, separator, port = text.rpartition(":")
    return (host, port) if separator else (text, None)


def _port(digits: str | None, text: str, usual: int) -> int:
    if digits is None:
        return usual
    if not (digits.isascii() and digits.isdigit() and int(digits[:6]) <= _MAX_PORT):
        raise LocalProtocolError(f"cannot listen on {text!r}: bad port")
    return int(digits)
