"""What commands are told about TLS."""

from __future__ import annotations

from typing import Annotated

import attrs
from cyclopts import Parameter

from trio_sip.transport import ClientCertificates, TlsSettings

from ._errors import UsageError

__all__ = [
    "LISTEN_HELP",
    "CaOption",
    "CertificateOption",
    "KeyOption",
    "ListenOption",
    "TlsFiles",
    "tls_settings",
]

LISTEN_HELP = "udp://HOST:PORT, or tcp:, tls:, ws:, wss:; "

ListenOption = Annotated[
    tuple[str, ...], Parameter(help=LISTEN_HELP + "port 5060 of all IPv4 addresses if none.")
]
CaOption = Annotated[
    str | None,
    Parameter(name="--tls-ca", help="PEM: authorities to trust, not the system's."),
]
CertificateOption = Annotated[
    str | None, Parameter(name="--tls-certificate", help="PEM: our certificate.")
]
KeyOption = Annotated[
    str | None, Parameter(name="--tls-key", help="PEM: its key, if that is in another file.")
]


@attrs.frozen(kw_only=True)
class TlsFiles:
    """The names of files, and what clients must show."""

    certificate: str
    key: str | None = None
    authorities: str | None = None
    clients: ClientCertificates = ClientCertificates.IGNORED

    def settings(self) -> TlsSettings:
        """What is in them; LocalProtocolError where that is of no use."""
        return TlsSettings(
            certificate=self.certificate,
            key=self.key,
            authorities=self.authorities,
            client_certificates=self.clients,
        )


def tls_settings(
    ca: str | None, certificate: str | None = None, key: str | None = None
) -> TlsSettings:
    """What the options say; LocalProtocolError, which names the file, if one cannot be used."""
    if key is not None and certificate is None:
        raise UsageError("--tls-key: want --tls-certificate, too")
    return TlsSettings(certificate=certificate, key=key, authorities=ca)
