"""TLS over whatever carries octets: RFC 3261 section 26.2.

OpenSSL works in memory (`ssl.MemoryBIO`), so that it neither waits nor knows of sockets, and the
simulated network serves as well as the real one.
"""

from __future__ import annotations

import contextlib
import errno
import ssl

import trio

from ._address import Address
from ._network import Connection
from ._tls_identity import PeerIdentity

__all__ = ["TlsConnection"]

_CHUNK = 65536
_RECORD = 16384
_MAX_UNSENT = 262_144
"""A record, and what the protocol itself may have to say."""

_DAMAGE = b"\x17\x03\x03\x00\x20" + bytes(32)


class TlsConnection:
    """A connection that nobody on the way can read.  `handshake` comes before everything else.

    What `send_some_nowait` did not take must be offered again, before anything else: it may be
    encrypted already, as with OpenSSL's own functions.

    Args:
      pipe: carries what is encrypted.
      context: who we are, and whom we trust.
      server_side: whether the other side has connected to us.
      name: of the server that was asked for, for those that serve many.
    """

    def __init__(
        self,
        pipe: Connection,
        context: ssl.SSLContext,
        *,
        server_side: bool,
        name: str | None = None,
    ) -> None:
        self._pipe = pipe
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._ssl = context.wrap_bio(
            self._incoming, self._outgoing, server_side=server_side, server_hostname=name
        )
        self._unsent = b""
        """Encrypted, and not taken by the pipe yet."""

        self._promised = 0
        """Octets of the caller's that are in there, and of which he has not been told."""

        self._ready = False

    @property
    def local(self) -> Address:
        """Our end."""
        return self._pipe.local

    @property
    def remote(self) -> Address:
        """Their end."""
        return self._pipe.remote

    async def handshake(self) -> PeerIdentity | None:
        """Agree on keys; who the other side is, if it has shown a certificate that was checked.

        Raises:
          OSError: it came to nothing; `ssl.SSLError` is one.
        """
        while True:
            try:
                self._ssl.do_handshake()
                break
            except ssl.SSLWantReadError:
                await self._flush()
                await self._feed()
            except ssl.SSLError:
                # The alert that tells the other side what is wrong.
                with contextlib.suppress(OSError):
                    self._flush_nowait()
                raise
        await self._flush()
        self._ready = True
        try:
            certificate = self._ssl.getpeercert()
        except ValueError:
            # An authority that we trust has signed names that are no text.
            raise ssl.SSLCertVerificationError(1, "its certificate cannot be read") from None
        return PeerIdentity.of_certificate(certificate) if certificate else None

    async def _feed(self) -> None:
        data = await self._pipe.receive_some()
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    # -- receiving

    async def receive_some(self) -> bytes:
        """Some octets; ``b""`` at the end, be it announced or not.

        A message says by itself where it ends (RFC 3261 section 18.3), so a peer that hangs up
        without TLS's own goodbye, as most do, has cut nothing off that would go unnoticed.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        while True:
            try:
                data = self._ssl.read(_CHUNK)
            except ssl.SSLWantReadError:
                # Keys were changed, perhaps, and that is to be confirmed.
                if not self._flush_nowait() and len(self._unsent) > _MAX_UNSENT:
                    raise OSError(errno.ENOBUFS, "it provokes answers and reads none") from None
                await self._feed()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                await trio.lowlevel.checkpoint()
                return b""
            except ssl.SSLError:
                with contextlib.suppress(OSError):
                    self._flush_nowait()
                raise
            else:
                # What was decrypted is nowhere else: a cancellation now would lose it.
                await trio.lowlevel.cancel_shielded_checkpoint()
                return data

    # -- sending

    def send_some_nowait(self, data: bytes | memoryview) -> int:
        """How many octets were taken: those whose encrypted form the pipe has taken whole."""
        taken = 0
        while True:
            if not self._flush_nowait():
                return taken
            taken += self._promised
            self._promised = 0
            rest = data[taken : taken + _RECORD]
            if not rest:
                return taken
            self._promised = self._ssl.write(rest)

    async def wait_writable(self) -> None:
        """Wait until there may be room."""
        await self._pipe.wait_writable()

    async def _flush(self) -> None:
        while not self._flush_nowait():
            await self._pipe.wait_writable()

    def _flush_nowait(self) -> bool:
        """Whether the pipe has taken everything."""
        self._unsent += self._outgoing.read()
        while self._unsent:
            sent = self._pipe.send_some_nowait(self._unsent)
            if not sent:
                return False
            self._unsent = self._unsent[sent:]
        return True

    # -- the end

    def send_eof(self) -> None:
        """Say that nothing more will be sent."""
        self._say_goodbye()
        self._pipe.send_eof()

    def close(self) -> None:
        """Close it at once, with TLS's goodbye if there is room for it."""
        with contextlib.suppress(OSError, trio.ClosedResourceError):
            self._say_goodbye()
        self._pipe.close()

    def abort(self) -> None:
        """Break it with a fatal alert, as who has found damage; it must be closed then."""
        self._ready = False
        # OpenSSL makes the alert by itself, for a record that cannot be.
        self._incoming.write(_DAMAGE)
        with contextlib.suppress(ssl.SSLError):
            self._ssl.read(1)
        with contextlib.suppress(OSError, trio.ClosedResourceError):
            self._flush_nowait()

    def _say_goodbye(self) -> None:
        if self._ready:
            self._ready = False
            # It wants to wait for the other side's, which is nothing to wait for.
            with contextlib.suppress(ssl.SSLError):
                self._ssl.unwrap()
            self._flush_nowait()
