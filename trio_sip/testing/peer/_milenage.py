"""The functions f1 to f5* of Milenage: 3GPP TS 35.206, over AES-128."""

from __future__ import annotations

import attrs

from trio_sip._errors import LocalProtocolError

__all__ = ["Milenage", "Vector", "xored"]

# A turn, in octets, and the last octet of a constant, for each of f1 to f5*.
_TURNS = (8, 0, 4, 8, 12)
_CONSTANTS = tuple(bytes(15) + bytes([last]) for last in (0, 1, 2, 4, 8))


def xored(one: bytes, other: bytes) -> bytes:
    """Bit by bit, of two of the same length."""
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


@attrs.frozen(kw_only=True)
class Vector:
    """What f2 to f5* make of one RAND."""

    res: bytes = attrs.field(repr=False)
    ck: bytes = attrs.field(repr=False)
    ik: bytes = attrs.field(repr=False)
    ak: bytes = attrs.field(repr=False)
    resync_ak: bytes = attrs.field(repr=False)
    """That of f5*, which hides the sequence number of the other direction."""


class Milenage:
    """The functions for one subscriber.

    Args:
      k: 16 octets.
      op: of the operator, 16 octets; or
      opc: what K has made of it already.
    """

    def __init__(self, k: bytes, *, op: bytes | None = None, opc: bytes | None = None) -> None:
        # An extra of the package: whoever has no use for AKA need not have it.
        try:
            from cryptography.hazmat.primitives.ciphers import (  # noqa: PLC0415  (see above)
                Cipher,
                algorithms,
                modes,
            )
        except ImportError:
            words = "AKA needs the package cryptography: pip install 'trio-sip[aka]'"
            raise LocalProtocolError(words) from None
        # Block by block is what Milenage is made of; no message is ever encrypted here.
        self._cipher = Cipher(algorithms.AES(k), modes.ECB())  # noqa: S305  (see above)
        self.opc: bytes = opc if opc is not None else self._opc_of(op or bytes(16))

    def _opc_of(self, op: bytes) -> bytes:
        return xored(self._aes(op), op)

    def _aes(self, block: bytes) -> bytes:
        return self._cipher.encryptor().update(block)

    def _out(self, block: bytes, number: int, also: bytes = bytes(16)) -> bytes:
        turn = _TURNS[number]
        hidden = xored(block, self.opc)
        turned = xored(hidden[turn:] + hidden[:turn], _CONSTANTS[number])
        return xored(self._aes(xored(turned, also)), self.opc)

    def codes(self, rand: bytes, sqn: bytes, amf: bytes) -> tuple[bytes, bytes]:
        """MAC-A and MAC-S: f1 and f1*."""
        temp = self._aes(xored(rand, self.opc))
        out = self._out((sqn + amf) * 2, 0, temp)
        return out[:8], out[8:]

    def vector(self, rand: bytes) -> Vector:
        """What f2, f3, f4, f5 and f5* make of RAND."""
        temp = self._aes(xored(rand, self.opc))
        second = self._out(temp, 1)
        return Vector(
            res=second[8:],
            ck=self._out(temp, 2),
            ik=self._out(temp, 3),
            ak=second[:6],
            resync_ak=self._out(temp, 4)[:6],
        )
