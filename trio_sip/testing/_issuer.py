"""What a `CertificateAuthority` signs with: the package ``cryptography`` (the extra ``test-tls``).

Whoever imports this must expect that it is not installed.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Iterable

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

__all__ = ["Issuer"]

_BEGINS = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_LAPSED = dt.datetime(2001, 1, 1, tzinfo=dt.UTC)
_ENDS = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)
_LONGEST_COMMON_NAME = 64
"""RFC 5280 appendix A.1, ub-common-name."""


class Issuer:
    """A key, and certificates that are signed with it; its own as well."""

    def __init__(self, name: str) -> None:
        self._key = _new_key()
        self._name = _named(name)
        own = self._builder(self._name, self._key.public_key(), _ENDS, is_authority=True)
        self.pem: bytes = self._sign(own)
        """Its own certificate."""

    def issue(
        self, subject: str, names: Iterable[str], *, expired: bool = False
    ) -> tuple[bytes, bytes]:
        """A certificate for *names* and its key, both PEM."""
        key = _new_key()
        ends = _LAPSED if expired else _ENDS
        builder = self._builder(_named(subject), key.public_key(), ends, is_authority=False)
        alternatives = [_general_name(name) for name in names]
        if alternatives:
            builder = builder.add_extension(
                x509.SubjectAlternativeName(alternatives), critical=False
            )
        key_pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return self._sign(builder), key_pem

    def _builder(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        ends: dt.datetime,
        *,
        is_authority: bool,
    ) -> x509.CertificateBuilder:
        usage = x509.KeyUsage(
            # Certificates are signed by an authority, handshakes by everybody.
            digital_signature=not is_authority,
            key_cert_sign=is_authority,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            crl_sign=False,
            encipher_only=False,
            decipher_only=False,
        )
        return (
            x509.CertificateBuilder(self._name, subject, key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(_BEGINS)
            .not_valid_after(ends)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )

    def _sign(self, builder: x509.CertificateBuilder) -> bytes:
        signed = builder.sign(self._key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM)


def _new_key() -> ec.EllipticCurvePrivateKey:
    # Of all kinds the one that is made soonest.
    return ec.generate_private_key(ec.SECP256R1())


def _named(common_name: str) -> x509.Name:
    value = common_name[:_LONGEST_COMMON_NAME]
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, value)])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.UniformResourceIdentifier(name) if ":" in name else x509.DNSName(name)
