"""Digest with AKA, without any I/O: RFC 3310, with the Milenage of 3GPP TS 35.206."""

from __future__ import annotations

import base64
import binascii
import functools
import hmac

import attrs

from trio_sip._errors import LocalProtocolError

from ._milenage import Milenage, Vector, xored

__all__ = ["AKA", "AkaAnswer", "AkaMacFailure", "AkaSecret", "answered", "asked", "resynchronised"]

AKA = "AKAv1-MD5"
_RAND, _SQN, _AMF, _MAC = 16, 6, 2, 8
_AUTN = _SQN + _AMF + _MAC
_LARGEST = 2**48


def _octets(value: bytes | str | None) -> bytes | None:
    if not isinstance(value, str):
        return value
    try:
        return bytes.fromhex(value.removeprefix("0x"))
    except ValueError:
        # "from None": the original error quotes some of the text.
        raise LocalProtocolError("a key is octets, or hexadecimal digits") from None


@attrs.frozen(kw_only=True)
class AkaSecret:
    """What a SIM card and its operator share: answers challenges of AKAv1-MD5 (RFC 3310).

    A value for both sides: `PeerRequest.challenge` asks with it, ``credentials=`` answers.  Each
    peer counts the sequence number on for itself.  It needs the extra ``trio-sip[aka]``.

    Raises:
      LocalProtocolError: a key is not of its length, or both or none of *op* and *opc* are there.
    """

    username: str
    """The private identity: ``001010000000001@ims.example``."""

    k: bytes = attrs.field(converter=_octets, repr=False)
    """The key of the subscriber: 16 octets, or their hexadecimal digits."""

    op: bytes | None = attrs.field(default=None, converter=_octets, repr=False)
    """The key of the operator; or"""

    opc: bytes | None = attrs.field(default=None, converter=_octets, repr=False)
    """the same as it is on the card, mixed with *k*."""

    amf: bytes = attrs.field(default=b"\x80\x00", converter=_octets)
    """Two octets that go with each challenge."""

    sqn: int = 0
    """The sequence number that was used last: a peer asks with the next, and answers larger ones."""

    def __attrs_post_init__(self) -> None:
        if (self.op is None) == (self.opc is None):
            raise LocalProtocolError("an AkaSecret has either op or opc")
        if {16} != {len(one) for one in (self.k, self.op, self.opc) if one is not None}:
            raise LocalProtocolError("k, op and opc have 16 octets each")
        if len(self.amf) != _AMF or not 0 <= self.sqn < _LARGEST:
            raise LocalProtocolError("amf has two octets, sqn six")

    @property
    def milenage(self) -> Milenage:
        """Its functions."""
        return _milenage(self)


@functools.lru_cache(maxsize=64)
def _milenage(secret: AkaSecret) -> Milenage:
    return Milenage(secret.k, op=secret.op, opc=secret.opc)


class AkaMacFailure(Exception):
    """A challenge was not made by somebody who knows the key."""


@attrs.frozen(kw_only=True)
class AkaAnswer:
    """What a challenge is answered with."""

    password: str = attrs.field(repr=False)
    """RES as the text that becomes its octets in UTF-8 with surrogate escapes, as of RFC 3310
    section 3.4; empty where the sequence number was an old one."""

    auts: str | None = attrs.field(default=None, repr=False)
    """Where the sequence number was an old one: base64 of which one there should have been."""

    sqn: int
    """The largest sequence number of the subscriber from now on."""


def asked(secret: AkaSecret, sqn: int, rand: bytes) -> tuple[str, str]:
    """The nonce of a challenge, RAND and AUTN in base64, and the password that answers it."""
    functions = secret.milenage
    vector = functions.vector(rand)
    number = sqn.to_bytes(_SQN, "big")
    mac, _ = functions.codes(rand, number, secret.amf)
    autn = xored(number, vector.ak) + secret.amf + mac
    return base64.b64encode(rand + autn).decode(), _password(vector)


def answered(secret: AkaSecret, sqn: int, nonce: str) -> AkaAnswer:
    """The answer to a challenge of a subscriber whose largest sequence number was *sqn*.

    Raises:
      AkaMacFailure: the nonce is none of AKA, or not from somebody who knows the key.
    """
    rand, autn = _taken_apart(nonce)
    functions = secret.milenage
    vector = functions.vector(rand)
    number = xored(autn[:_SQN], vector.ak)
    amf, mac = autn[_SQN : _SQN + _AMF], autn[_SQN + _AMF :]
    expected, _ = functions.codes(rand, number, amf)
    if not hmac.compare_digest(expected, mac):
        raise AkaMacFailure("the MAC of its AUTN is false: who asks does not know the key")
    theirs = int.from_bytes(number, "big")
    if theirs > sqn:
        return AkaAnswer(password=_password(vector), sqn=theirs)
    # 3GPP TS 33.102 section 6.3.3: the AMF of a resynchronisation is zero.
    ours = sqn.to_bytes(_SQN, "big")
    _, mac = functions.codes(rand, ours, bytes(_AMF))
    auts = xored(ours, vector.resync_ak) + mac
    return AkaAnswer(password="", auts=base64.b64encode(auts).decode(), sqn=sqn)


def resynchronised(secret: AkaSecret, nonce: str, auts: str) -> int | None:
    """The sequence number of the subscriber as it says in AUTS; ``None`` if that is false."""
    functions = secret.milenage
    rand, _ = _taken_apart(nonce)
    told = _decoded(auts)
    if len(told) != _SQN + _MAC:
        return None
    number = xored(told[:_SQN], functions.vector(rand).resync_ak)
    _, expected = functions.codes(rand, number, bytes(_AMF))
    if not hmac.compare_digest(expected, told[_SQN:]):
        return None
    return int.from_bytes(number, "big")


def _taken_apart(nonce: str) -> tuple[bytes, bytes]:
    octets = _decoded(nonce)
    # RFC 3310 section 3.2: what follows is the server's own.
    if len(octets) < _RAND + _AUTN:
        raise AkaMacFailure("its nonce does not hold RAND and AUTN")
    return octets[:_RAND], octets[_RAND : _RAND + _AUTN]


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _password(vector: Vector) -> str:
    return vector.res.decode("utf-8", "surrogateescape")
