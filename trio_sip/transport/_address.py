"""Where things are: an address and a port, and what a program is told to listen on."""

from __future__ import annotations

import functools
import ipaddress
from typing import NamedTuple

import attrs

from trio_sip._errors import LocalProtocolError

__all__ = ["DEFAULT_PORT", "Address", "Listen", "numeric_host"]

_SCHEMES = ("udp", "tcp")
DEFAULT_PORT = 5060
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
    """One thing to listen on, written as a URL: ``udp://0.0.0.0:5060``, ``tcp://[::1]:5060``."""

    scheme: str
    """``udp`` or ``tcp``."""

    host: str
    """An address without brackets, or a name that resolves to one of this machine's."""

    port: int = DEFAULT_PORT
    """0 lets the system choose; `TransportLayer.bind` says what it chose."""

    @classmethod
    def parse(cls, text: str) -> Listen:
        """Parse ``scheme://host:port``; the port is 5060 when left out.

        Raises:
          LocalProtocolError: it is something else; the message names the text.
        """
        scheme, separator, rest = text.strip().partition("://")
        if not separator or scheme.lower() not in _SCHEMES:
            raise LocalProtocolError(f"cannot listen on {text!r}: want udp://HOST:PORT or tcp://…")
        host, port_text = _split_port(rest)
        if not host or any(c in host for c in "[]/@ "):
            raise LocalProtocolError(f"cannot listen on {text!r}: no usable host")
        if ":" in host and numeric_host(host) is None:
            raise LocalProtocolError(f"cannot listen on {text!r}: bad IPv6 address or port")
        return cls(scheme.lower(), host, _port(port_text, text))

    @property
    def transport(self) -> str:
        """As a Via spells it: ``UDP`` or ``TCP``."""
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


def _port(digits: str | None, text: str) -> int:
    if digits is None:
        return DEFAULT_PORT
    if not (digits.isascii() and digits.isdigit() and int(digits[:6]) <= _MAX_PORT):
        raise LocalProtocolError(f"cannot listen on {text!r}: bad port")
    return int(digits)
