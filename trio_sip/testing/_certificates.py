"""A certificate authority for tests: X.509 certificates with whatever names, made on the spot."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import weakref
from pathlib import Path

import attrs

from trio_sip._errors import LocalProtocolError
from trio_sip.transport import ClientCertificates, TlsSettings, Verify

__all__ = ["Certificate", "CertificateAuthority"]


@attrs.frozen
class Certificate:
    """A certificate with its key."""

    names: tuple[str, ...]
    pem: bytes = attrs.field(repr=False)
    """The certificate, PEM."""

    key_pem: bytes = attrs.field(repr=False)
    path: Path
    """A file with both, there for as long as the authority is."""


class CertificateAuthority:
    """Issues certificates that its own `settings` trust, and nobody else's do.

    It needs the extra ``test-tls``.  The fixture ``sip_tls`` is one, and nothing expires::

        async def test_calls_are_private(sip_tls, make_sip_peer):
            tls = sip_tls.settings("sip.example.com")
            async with open_stack("tls://192.0.2.9:5061", tls=tls, …) as stack:
                …

    Args:
      name: of the authority.

    Raises:
      LocalProtocolError: the package ``cryptography`` is not installed.
    """

    def __init__(self, name: str = "authority of a test") -> None:
        try:
            from ._issuer import Issuer  # noqa: PLC0415  (of an extra that most do without)
        except ModuleNotFoundError as error:
            raise LocalProtocolError(
                f"certificates for tests need {error.name}, which is not installed: "
                "pip install trio-sip[test-tls]"
            ) from None
        self.name: str = name
        self._issuer = Issuer(name)
        folder = tempfile.mkdtemp(prefix="trio-sip-")
        self._folder = Path(folder)
        self._cleaned = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._numbers = itertools.count(1)
        self._issued: dict[tuple[tuple[str, ...], str, bool], Certificate] = {}
        self.pem: bytes = self._issuer.pem
        """Its own certificate: what others must trust."""

        self.path: Path = self._write("authority.pem", self.pem)
        """The same in a file, there for as long as this object is."""

    def issue(
        self, *names: str, common_name: str | None = None, expired: bool = False
    ) -> Certificate:
        """A certificate for these names; the same one, if they are asked for again.

        Args:
          names: domains (``example.com``, ``*.example.com``), addresses (``192.0.2.1``) and URIs
            (``sip:example.com``) of its subjectAltName; without any it has none.
          common_name: of its subject; the first name if left out.
          expired: whether its time is over.
        """
        subject = common_name or next(iter(names), "nobody")
        wanted = names, subject, expired
        known = self._issued.get(wanted)
        if known is not None:
            return known
        pem, key_pem = self._issuer.issue(subject, names, expired=expired)
        path = self._write(f"{next(self._numbers)}.pem", key_pem + pem)
        issued = self._issued[wanted] = Certificate(names, pem, key_pem, path)
        return issued

    def settings(
        self,
        *names: str,
        verify: Verify = Verify.DOMAIN,
        client_certificates: ClientCertificates = ClientCertificates.IGNORED,
    ) -> TlsSettings:
        """What a program uses that has a certificate for *names*, if any, and trusts this authority."""
        return TlsSettings(
            certificate=self.issue(*names).path if names else None,
            authorities=self.path,
            verify=verify,
            client_certificates=client_certificates,
        )

    def close(self) -> None:
        """Remove its files."""
        self._cleaned()

    def _write(self, name: str, data: bytes) -> Path:
        path = self._folder / name
        path.touch(mode=0o600)
        path.write_bytes(data)
        return path
