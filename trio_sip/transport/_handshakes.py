"""From a bare stream to one that carries messages: TLS, a WebSocket, both, or nothing at all."""

from __future__ import annotations

import errno
import ssl
from typing import Protocol, runtime_checkable

import attrs

from ._address import SECURE, numeric_host
from ._framing import Framing, StreamFraming
from ._limits import TransportLimits
from ._network import Connection
from ._tls import TlsConnection
from ._tls_identity import PeerIdentity
from ._tls_settings import TlsSettings, Verify
from ._upgrade import accept_web_socket, open_web_socket
from ._websocket import check_wsproto

_WEB = frozenset({"WS", "WSS"})

__all__ = ["Carrier", "Handshakes", "Witness", "reason_of"]


@runtime_checkable
class Witness(Protocol):
    """A `Connection` that keeps a record.  It is told what the octets it carries stand for."""

    def veil(self, transport: str) -> None:
        """From now on only `sent_message` and `received_message` are worth recording."""

    def sent_message(self, data: bytes) -> None:
        """What has just been sent, before it was encrypted or framed."""

    def received_message(self, data: bytes) -> None:
        """What has just been received, decrypted and unframed."""


@attrs.frozen(kw_only=True)
class Carrier:
    """A connection that is ready for messages."""

    transport: str
    """As a Via spells it."""

    pipe: Connection
    framing: Framing
    identity: PeerIdentity | None = None
    """Who is at the other end, if that was proved by a certificate."""

    witness: Witness | None = None
    """Who wants to know of every message."""

    @classmethod
    def of_stream(cls, pipe: Connection, limits: TransportLimits) -> Carrier:
        """A bare TCP connection, which needs no handshake."""
        return cls(transport="TCP", pipe=pipe, framing=StreamFraming(limits.message))


class Handshakes:
    """Knows how each kind of connection begins, on both sides.

    Args:
      tls: certificates and trust; what connects needs none, and trusts the system's authorities.
    """

    def __init__(self, limits: TransportLimits, tls: TlsSettings | None = None) -> None:
        self._limits = limits
        self._tls = tls

    @property
    def tls(self) -> TlsSettings:
        """The settings; the default ones are made when they are first needed."""
        if self._tls is None:
            self._tls = TlsSettings()
        return self._tls

    def check_listening(self, transport: str) -> None:
        """Whether connections of that kind can be accepted.  LocalProtocolError if not."""
        if transport in _WEB:
            check_wsproto()
        if transport in SECURE:
            assert self.tls.for_server is not None

    async def accept(self, pipe: Connection, transport: str) -> Carrier:
        """The server's part.  The caller closes *pipe* if it fails, and bounds the time.

        Raises:
          OSError: the other side is not up to it.
        """
        return await self._begin(pipe, transport, None)

    async def connect(self, pipe: Connection, transport: str, name: str | None = None) -> Carrier:
        """The client's part.

        Args:
          name: the domain that was asked for, before any look-up (RFC 5922 section 7.3); the
            address of the other end if left out.

        Raises:
          OSError: it came to nothing, or the other side is somebody else.
        """
        return await self._begin(pipe, transport, name or pipe.remote.host)

    async def _begin(self, pipe: Connection, transport: str, name: str | None) -> Carrier:
        if transport == "TCP":
            return Carrier.of_stream(pipe, self._limits)
        witness = pipe if isinstance(pipe, Witness) else None
        if witness is not None:
            witness.veil(transport)
        identity: PeerIdentity | None = None
        if transport in SECURE:
            secured = self._secured(pipe, name)
            identity = await secured.handshake()
            if name is not None and not self.accepts(identity, name):
                secured.close()
                raise ssl.SSLCertVerificationError(
                    1, f"its certificate is that of {identity or 'nobody'}, not of {name}"
                )
            pipe = secured
        framing: Framing
        if transport not in _WEB:
            framing = StreamFraming(self._limits.message)
        elif name is None:
            framing = await accept_web_socket(pipe, self._limits)
        else:
            secure = transport in SECURE
            framing = await open_web_socket(pipe, name, self._limits, secure=secure)
        return Carrier(
            transport=transport,
            pipe=pipe,
            framing=framing,
            identity=identity,
            witness=witness,
        )

    def _secured(self, pipe: Connection, name: str | None) -> TlsConnection:
        if name is None:
            return TlsConnection(pipe, self.tls.for_server, server_side=True)
        # RFC 6066 section 3: no addresses.
        shown = None if numeric_host(name) is not None else name.removesuffix(".")
        try:
            return TlsConnection(pipe, self.tls.for_client, server_side=False, name=shown)
        except ValueError:
            # A URI may have it, but no domain name system, and so no certificate.
            raise OSError(errno.EINVAL, f"no certificate can be that of {name!r}") from None

    def accepts(self, identity: PeerIdentity | None, name: str) -> bool:
        """Whether a server with that certificate may be taken for *name*."""
        if self.tls.verify is not Verify.DOMAIN:
            return True
        return identity is not None and identity.is_of(name)


def reason_of(error: Exception) -> str:
    """What went wrong with a connection, for people."""
    if isinstance(error, ssl.SSLCertVerificationError):
        found = getattr(error, "verify_message", None)
        return f"its certificate is not trusted: {found}" if found else str(error.args[-1])
    if isinstance(error, ssl.SSLEOFError):
        return "it hung up during the TLS handshake"
    if isinstance(error, ssl.SSLError) and error.reason:
        return f"TLS: {error.reason.replace('_', ' ').lower()}"
    return str(error.strerror or error) if isinstance(error, OSError) else str(error)
