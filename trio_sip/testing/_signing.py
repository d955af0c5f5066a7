"""ECDSA on the curve P-256, for certificates that live as long as a test: FIPS 186-5, RFC 6979.

It is slow, and whoever measures its time learns the key.  Nothing that is to stay secret may be
signed with it; OpenSSL, which uses the keys in the handshakes, is another matter.
"""

from __future__ import annotations

import functools
import hashlib
import hmac

import attrs

__all__ = ["SigningKey"]

_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
_SIZE = 32

# A point of the curve; None is the one at infinity.
_Point = tuple[int, int] | None


def _add(one: _Point, other: _Point) -> _Point:
    if one is None or other is None:
        return one or other
    (x1, y1), (x2, y2) = one, other
    if x1 == x2:
        if (y1 + y2) % _P == 0:
            return None
        slope = (3 * x1 * x1 - 3) * pow(2 * y1, -1, _P) % _P
    else:
        slope = (y2 - y1) * pow(x2 - x1, -1, _P) % _P
    x3 = (slope * slope - x1 - x2) % _P
    return x3, (slope * (x1 - x3) - y1) % _P


# Tests make the same certificates again and again.
@functools.lru_cache(maxsize=1024)
def _times(number: int, point: _Point) -> tuple[int, int]:
    total: _Point = None
    while number:
        if number & 1:
            total = _add(total, point)
        point = _add(point, point)
        number >>= 1
    assert total is not None, "the number is less than the order of the curve"
    return total


@attrs.frozen
class SigningKey:
    """A private key."""

    number: int = attrs.field(repr=False)

    @classmethod
    def from_words(cls, words: str) -> SigningKey:
        """A key that the same words always give: no two runs of a test differ."""
        return cls(int.from_bytes(hashlib.sha256(words.encode()).digest(), "big") % (_N - 1) + 1)

    @property
    def public_point(self) -> bytes:
        """The public key: SEC 1 section 2.3.3, uncompressed."""
        x, y = _times(self.number, _G)
        return b"\x04" + x.to_bytes(_SIZE, "big") + y.to_bytes(_SIZE, "big")

    def sign(self, data: bytes) -> tuple[int, int]:
        """The signature of the SHA-256 of *data*."""
        digest = hashlib.sha256(data).digest()
        nonce = self._nonce(digest)
        r = _times(nonce, _G)[0] % _N
        s = pow(nonce, -1, _N) * (int.from_bytes(digest, "big") + r * self.number) % _N
        return r, s

    def _nonce(self, digest: bytes) -> int:
        """RFC 6979 section 3.2; that its first candidate is too large happens to nobody."""
        secret = self.number.to_bytes(_SIZE, "big")
        reduced = (int.from_bytes(digest, "big") % _N).to_bytes(_SIZE, "big")
        key, value = bytes(32), b"\x01" * 32
        for step in (b"\x00", b"\x01"):
            key = hmac.digest(key, value + step + secret + reduced, "sha256")
            value = hmac.digest(key, value, "sha256")
        return int.from_bytes(hmac.digest(key, value, "sha256"), "big") % _N
