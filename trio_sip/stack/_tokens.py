"""Branches, tags and Call-IDs.  The pure packages roll no dice: theirs are handed in from here."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Iterator

from trio_sip.message import Request

__all__ = ["Tokens"]

_SAME_IN_COPIES = ("Via", "From", "Call-ID", "CSeq")

_BYTES = 8
"""64 bits: a branch is the only secret between a response and a forged one."""


class Tokens:
    """A source of unique names.

    `Tokens.random` is what stacks use.  `Tokens.sequential` counts, so that the transcript of a
    test is the same each time.
    """

    def __init__(self, source: Iterator[str], key: bytes = b"") -> None:
        self._source = source
        self._key = key

    @classmethod
    def random(cls) -> Tokens:
        """Unguessable ones, 64 bits each, from the operating system."""
        return cls(_random(), os.urandom(32))

    @classmethod
    def sequential(cls, prefix: str = "") -> Tokens:
        """``1``, ``2``, … behind *prefix*: for tests and documentation only."""
        return cls(f"{prefix}{number}" for number in itertools.count(1))

    def token(self) -> str:
        """A new one."""
        return next(self._source)

    def branch(self) -> str:
        """For a Via: RFC 3261 section 8.1.1.7."""
        return "z9hG4bK" + next(self._source)

    def tag(self) -> str:
        """For a From or a To: RFC 3261 section 19.3."""
        return next(self._source)

    def tag_for(self, text: str) -> str:
        """Always the same tag for the same *text*, and one that nobody can foretell.

        RFC 3261 section 8.2.7: who answers without state answers each copy of a request alike.
        """
        data = text.encode("utf-8", "surrogateescape")
        return hashlib.blake2b(data, key=self._key, digest_size=_BYTES).hexdigest()

    def stateless_tag(self, request: Request) -> str:
        """The tag for an answer without state: each copy of *request* gets the same one."""
        headers = request.headers
        return self.tag_for("\n".join(headers.get(name, "") for name in _SAME_IN_COPIES))

    def roll(self) -> float:
        """A number from 0 to 1 at random, for waits that must not be everybody's."""
        digest = hashlib.blake2b(next(self._source).encode(), digest_size=_BYTES).digest()
        return int.from_bytes(digest) / (1 << 8 * _BYTES)

    def secret(self, purpose: str) -> bytes:
        """32 bytes, always the same for the same *purpose*, and as hard to guess as the tokens."""
        return hashlib.blake2b(purpose.encode(), key=self._key, digest_size=32).digest()

    def call_id(self) -> str:
        """For a Call-ID; it names no host, so that it tells nobody our address."""
        return next(self._source) + next(self._source)


def _random() -> Iterator[str]:
    # Asking for 4 KiB at a time makes one of them cost a tenth of what a system call costs.
    while True:
        text = os.urandom(512 * _BYTES).hex()
        for start in range(0, len(text), 2 * _BYTES):
            yield text[start : start + 2 * _BYTES]
