"""A certificate authority for tests: X.509 certificates with whatever names, made on the spot."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import itertools
import shutil
import tempfile
import weakref
from collections.abc import Iterable
from pathlib import Path

import attrs

from trio_sip.transport import ClientCertificates, TlsSettings, Verify

from ._signing import SigningKey

__all__ = ["Certificate", "CertificateAuthority"]

# UTCTime has two digits for the year, and is obligatory until 2049.
_BEGINS, _LAPSED = (0x17, b"000101000000Z"), (0x17, b"010101000000Z")
_ENDS = (0x18, b"21000101000000Z")

_EC_KEY = "1.2.840.10045.2.1"
_P256 = "1.2.840.10045.3.1.7"
_ECDSA_SHA256 = "1.2.840.10045.4.3.2"
_COMMON_NAME = "2.5.4.3"
_ALT_NAMES, _BASIC, _KEY_USAGE = "2.5.29.17", "2.5.29.19", "2.5.29.15"
_KEY_ID, _AUTHORITY_KEY_ID = "2.5.29.14", "2.5.29.35"
# Tags of a GeneralName: RFC 5280 section 4.2.1.6.
_DNS, _URI, _IP = 0x82, 0x86, 0x87


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

    The fixture ``sip_tls`` is one.  Nothing has to be installed for it, and nothing expires::

        async def test_calls_are_private(sip_tls, make_sip_peer):
            tls = sip_tls.settings("sip.example.com")
            async with open_stack("tls://192.0.2.9:5061", tls=tls, …) as stack:
                …

    The keys follow from the names, so whoever reads this can make them: for tests alone.

    Args:
      name: of the authority.
    """

    def __init__(self, name: str = "authority of a test") -> None:
        self.name: str = name
        self._key = SigningKey.from_words(f"authority {name}")
        self._serials = itertools.count(1)
        folder = tempfile.mkdtemp(prefix="trio-sip-")
        self._folder = Path(folder)
        self._cleaned = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._issued: dict[tuple[tuple[str, ...], bool], Certificate] = {}
        self.pem: bytes = self._make(name, (), self._key, is_authority=True)
        """Its own certificate: what others must trust."""

        self.path: Path = self._write("authority.pem", self.pem)
        """The same in a file, there for as long as this object is."""

    def issue(
        self, *names: str, common_name: str | None = None, expired: bool = False
    ) -> Certificate:
        """A certificate for these names.

        Args:
          names: domains (``example.com``, ``*.example.com``), addresses (``192.0.2.1``) and URIs
            (``sip:example.com``) of its subjectAltName; without any it has none.
          common_name: of its subject; the first name if left out.
          expired: whether its time is over.
        """
        wanted = tuple(names), expired
        known = self._issued.get(wanted)
        if known is not None and common_name is None:
            return known
        subject = common_name or next(iter(names), "nobody")
        key = SigningKey.from_words(f"{self.name}: {subject} {names}")
        pem = self._make(subject, names, key, ends=_LAPSED if expired else _ENDS)
        key_pem = _pem("EC PRIVATE KEY", _private_key(key))
        path = self._write(f"{len(self._issued)}.pem", key_pem + pem)
        issued = self._issued[wanted] = Certificate(tuple(names), pem, key_pem, path)
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

    def _make(
        self,
        subject: str,
        names: Iterable[str],
        key: SigningKey,
        *,
        ends: tuple[int, bytes] = _ENDS,
        is_authority: bool = False,
    ) -> bytes:
        """RFC 5280 section 4.1."""
        algorithm = _sequence(_oid(_ECDSA_SHA256))
        alternatives = b"".join(map(_general_name, names))
        extensions = [
            _extension(_BASIC, _sequence(_tlv(0x01, b"\xff") if is_authority else b"")),
            # Certificates are signed by an authority, handshakes by everybody.
            _extension(_KEY_USAGE, _tlv(0x03, b"\x02\x04" if is_authority else b"\x07\x80")),
            _extension(_KEY_ID, _tlv(0x04, _key_id(key)), critical=False),
            _extension(
                _AUTHORITY_KEY_ID, _sequence(_tlv(0x80, _key_id(self._key))), critical=False
            ),
        ]
        if alternatives:
            extensions.append(_extension(_ALT_NAMES, _sequence(alternatives), critical=False))
        body = _sequence(
            _tlv(0xA0, _integer(2)),
            _integer(next(self._serials)),
            algorithm,
            _name(self.name),
            _sequence(_tlv(*_BEGINS), _tlv(*ends)),
            _name(subject),
            _sequence(_sequence(_oid(_EC_KEY), _oid(_P256)), _bits(key.public_point)),
            _tlv(0xA3, _sequence(*extensions)),
        )
        signature = _sequence(*map(_integer, self._key.sign(body)))
        return _pem("CERTIFICATE", _sequence(body, algorithm, _bits(signature)))


def _key_id(key: SigningKey) -> bytes:
    return hashlib.sha256(key.public_point).digest()[:20]


# -- DER: ITU-T X.690


def _tlv(tag: int, value: bytes) -> bytes:
    size = len(value)
    if size < 128:
        return bytes([tag, size]) + value
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 128 | len(length)]) + length + value


def _sequence(*parts: bytes) -> bytes:
    return _tlv(0x30, b"".join(parts))


def _integer(number: int) -> bytes:
    return _tlv(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def _bits(data: bytes) -> bytes:
    return _tlv(0x03, b"\x00" + data)


def _oid(text: str) -> bytes:
    first, second, *rest = map(int, text.split("."))
    data = bytearray([first * 40 + second])
    for number in rest:
        digits = [number & 127]
        while number := number >> 7:
            digits.append(number & 127 | 128)
        data += bytes(reversed(digits))
    return _tlv(0x06, bytes(data))


def _name(common_name: str) -> bytes:
    value = _tlv(0x0C, common_name.encode())
    return _sequence(_tlv(0x31, _sequence(_oid(_COMMON_NAME), value)))


def _extension(oid: str, value: bytes, *, critical: bool = True) -> bytes:
    flag = _tlv(0x01, b"\xff") if critical else b""
    return _sequence(_oid(oid), flag, _tlv(0x04, value))


def _general_name(name: str) -> bytes:
    try:
        return _tlv(_IP, ipaddress.ip_address(name).packed)
    except ValueError:
        return _tlv(_URI if ":" in name else _DNS, name.encode())


def _private_key(key: SigningKey) -> bytes:
    """RFC 5915 section 3."""
    return _sequence(
        _integer(1),
        _tlv(0x04, key.number.to_bytes(32, "big")),
        _tlv(0xA0, _oid(_P256)),
        _tlv(0xA1, _bits(key.public_point)),
    )


def _pem(what: str, data: bytes) -> bytes:
    text = base64.b64encode(data).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {what}-----", *lines, f"-----END {what}-----", ""]).encode()
