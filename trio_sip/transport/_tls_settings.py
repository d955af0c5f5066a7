"""What TLS needs to know: who we are, whom we trust, and how much we want to be sure."""

from __future__ import annotations

import enum
import ssl
from os import PathLike

import attrs

from trio_sip._errors import LocalProtocolError

__all__ = ["ClientCertificates", "TlsSettings", "Verify"]


class Verify(enum.Enum):
    """What is asked of the certificate of a server that we connect to."""

    DOMAIN = "domain"
    """It comes from an authority that we trust, and is that of the domain that was asked for."""

    AUTHORITY = "authority"
    """It comes from an authority that we trust, whoever it names."""

    NOTHING = "nothing"
    """Anybody's will do: whoever is in between can read and change everything."""


class ClientCertificates(enum.Enum):
    """What is asked of those who connect to us."""

    IGNORED = "ignored"
    WANTED = "wanted"
    """One that they send must come from an authority that we trust; they may have none."""

    REQUIRED = "required"


Path = str | PathLike[str]


@attrs.frozen(kw_only=True)
class TlsSettings:
    """Certificates and trust, for ``tls:`` and ``wss:`` in both directions.

    Without a certificate nothing can listen, but connecting works: the defaults trust the
    authorities of the system.

    Example::

        TlsSettings(certificate="/etc/ssl/example.com.pem", key="/etc/ssl/private/example.com.key")

    Raises:
      LocalProtocolError: a file cannot be used, or a context does not do what `verify` says.
    """

    certificate: Path | None = None
    """PEM: our certificate, and those between it and its authority.  Shown to whoever connects
    to us, and to servers that ask for one."""

    key: Path | None = attrs.field(default=None, repr=False)
    """PEM: its private key; in the same file as the certificate if left out."""

    authorities: Path | None = None
    """PEM: the authorities that we trust instead of the system's."""

    verify: Verify = Verify.DOMAIN
    client_certificates: ClientCertificates = ClientCertificates.IGNORED
    server_context: ssl.SSLContext | None = None
    """Used as it is for those who connect to us, instead of one made of the above."""

    client_context: ssl.SSLContext | None = None
    """Used for our own connections, instead of one made of the above.  Names are compared by us
    (`Verify`), so it must check the authority and leave ``check_hostname`` off."""

    _server: ssl.SSLContext | None = attrs.field(init=False, repr=False, eq=False)
    _client: ssl.SSLContext = attrs.field(init=False, repr=False, eq=False)

    @_server.default
    def _make_server(self) -> ssl.SSLContext | None:
        if self.server_context is not None or self.certificate is None:
            return self.server_context
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._furnish(context)
        context.verify_mode = _MODES[self.client_certificates]
        return context

    @_client.default
    def _make_client(self) -> ssl.SSLContext:
        context = self.client_context
        if context is None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            # RFC 5922 section 7.2 forbids the wildcards that OpenSSL takes, and wants SIP URIs
            # that it does not know: the name is compared by `PeerIdentity`.
            context.check_hostname = False
            self._furnish(context)
            if self.verify is Verify.NOTHING:
                context.verify_mode = ssl.CERT_NONE
            return context
        if context.check_hostname:
            raise LocalProtocolError(
                "client_context: check_hostname does not know SIP's rules (RFC 5922); turn it off"
            )
        if context.verify_mode is not ssl.CERT_REQUIRED and self.verify is not Verify.NOTHING:
            raise LocalProtocolError("client_context: it checks nothing; say Verify.NOTHING if so")
        return context

    def _furnish(self, context: ssl.SSLContext) -> None:
        # RFC 8996
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # A connection that is asked to start anew again and again does nothing else.
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
        what: Path | None = self.authorities
        try:
            if self.authorities is not None:
                context.load_verify_locations(self.authorities)
            elif context.protocol == ssl.PROTOCOL_TLS_CLIENT:
                context.load_default_certs(ssl.Purpose.SERVER_AUTH)
            elif self._asks_clients:
                context.load_default_certs(ssl.Purpose.CLIENT_AUTH)
            what = self.certificate
            if self.certificate is not None:
                # A key with a password would be asked for on the terminal, and nobody is there.
                context.load_cert_chain(self.certificate, self.key, password=_no_password)
        except (OSError, ValueError) as error:
            # ssl.SSLError is an OSError, and its own text says little but the truth.
            reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
            raise LocalProtocolError(f"TLS: cannot use {what}: {reason}") from error

    @property
    def _asks_clients(self) -> bool:
        return self.client_certificates is not ClientCertificates.IGNORED

    @property
    def for_server(self) -> ssl.SSLContext:
        """The context of connections that others make.

        Raises:
          LocalProtocolError: there is no certificate.
        """
        if self._server is None:
            raise LocalProtocolError("TLS: no certificate to listen with; give TlsSettings one")
        return self._server

    @property
    def for_client(self) -> ssl.SSLContext:
        """The context of connections that we make."""
        return self._client


_MODES = {
    ClientCertificates.IGNORED: ssl.CERT_NONE,
    ClientCertificates.WANTED: ssl.CERT_OPTIONAL,
    ClientCertificates.REQUIRED: ssl.CERT_REQUIRED,
}


def _no_password() -> str:
    raise ValueError("the key has a password; give an ssl.SSLContext that knows it")
