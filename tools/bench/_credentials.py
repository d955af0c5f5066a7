"""Answers to digest challenges, at the price of one hash each.

Like a telephone that knows its registrar, it reads the whole challenge once and later only the
nonce: realm, opaque and algorithm of one registrar do not change.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any

__all__ = ["Credentials", "password_of"]

_PARAMETER = re.compile(rb'([\w-]+)=(?:"([^"]*)"|([^\s,]+))')
_HASHES: dict[bytes, Callable[..., Any]] = {b"MD5": hashlib.md5, b"SHA-256": hashlib.sha256}


def password_of(user: str) -> str:
    """The password that a user of the benchmark has."""
    return f"pass-{user}"


class Credentials:
    """Proves to be any user of the benchmark, to one registrar, for one method and URI."""

    def __init__(self, method: str, uri: str) -> None:
        self._method = method.encode()
        self._uri = uri.encode()
        self._ha1: dict[bytes, bytes] = {}
        self._pieces: list[bytes] = []
        self._realm = b""
        self._tail = b""
        self._hash: Callable[..., Any] = hashlib.md5

    def answer(self, response: bytes, user: bytes, cnonce: bytes) -> bytes:
        """The Authorization line, with its line end, that answers the challenge in *response*.

        Raises:
          ValueError: no challenge, or none with an algorithm that can be answered.
        """
        if not self._pieces:
            self._read(response)
        begin = response.index(b'nonce="') + 7
        nonce = response[begin : response.index(b'"', begin)]
        ha1 = self._ha1.get(user) or self._learn(user)
        text = b"%b:%b:00000001:%b%b" % (ha1, nonce, cnonce, self._tail)
        digest = self._hash(text).hexdigest().encode()
        user_, nonce_, cnonce_, digest_, end = self._pieces
        return b"".join((user_, user, nonce_, nonce, cnonce_, cnonce, digest_, digest, end))

    def _learn(self, user: bytes) -> bytes:
        text = b"%b:%b:%b" % (user, self._realm, password_of(user.decode()).encode())
        ha1: bytes = self._hash(text).hexdigest().encode()
        self._ha1[user] = ha1
        return ha1

    def _read(self, response: bytes) -> None:
        for line in response.split(b"\r\n"):
            if line[:17].lower() != b"www-authenticate:":
                continue
            given = {name.lower(): a or b for name, a, b in _PARAMETER.findall(line)}
            algorithm = given.get(b"algorithm", b"MD5")
            if algorithm in _HASHES:
                self._prepare(given, algorithm)
                return
        raise ValueError("no challenge that could be answered")

    def _prepare(self, given: dict[bytes, bytes], algorithm: bytes) -> None:
        # The challenges of one response share their nonce, so the first nonce found will do.
        self._hash = _HASHES[algorithm]
        self._realm = given[b"realm"]
        ha2 = self._hash(self._method + b":" + self._uri).hexdigest().encode()
        self._tail = b":auth:" + ha2
        opaque = given.get(b"opaque")
        self._pieces = [
            b'Authorization: Digest username="',
            b'", realm="%b", nonce="' % self._realm,
            b'", uri="%b", algorithm=%b, qop=auth, nc=00000001, cnonce="' % (self._uri, algorithm),
            b'", response="',
            b'"\r\n' if opaque is None else b'", opaque="%b"\r\n' % opaque,
        ]
