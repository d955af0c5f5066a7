"""Nonces that cost nothing to hand out, and the counts of those that came back.

A nonce is ``time | sequence | MAC(secret, time, sequence, source, realm)``.  We know our own
again by computing the MAC once more, so a flood of requests without credentials leaves nothing
behind.  Only a nonce that came back *with a right digest* gets an entry, which holds the
highest nonce count seen; anybody who can make us remember something has proved who they are.

The table of counts is bounded.  Losing an entry would allow a replay, so when one is lost, the
youngest nonce lost so far is kept as a floor: a nonce at or below the floor that is not in the
table counts as stale.  A client answers a stale nonce by itself, with a new one.
"""

from __future__ import annotations

import enum
import hmac
from collections import OrderedDict
from typing import TYPE_CHECKING

import attrs

from trio_sip._errors import LocalProtocolError

# Hexadecimal digits: 12 for milliseconds (8900 years), 8 for the sequence, 32 for 128 bits of
# the MAC.  Nothing but such digits, because some clients do not expect anything else.
_TIME = 12
_STAMP = 20
_LENGTH = 52


class NonceState(enum.Enum):
    """What a nonce turned out to be."""

    # CPython 3.11 hashes members in Python, by name; they are singletons.
    if not TYPE_CHECKING:
        __hash__ = object.__hash__

    GOOD = "good"
    STALE = "stale"
    """Ours, but too old; or its count has been forgotten."""

    FOREIGN = "foreign"
    """Not made by us, or not for this realm and this source."""

    REPLAYED = "replayed"
    """Ours, and the count was used before."""


@attrs.frozen(kw_only=True)
class NonceStatistics:
    """Figures of a `Nonces`."""

    tracked: int
    """How many nonces have an entry now."""

    forgotten: int
    """How many entries had to go before their time, because the table was full."""

    replayed: int
    """How many uses were refused because the count was not higher than the last."""


# An enumeration's member costs 150 ns to look up in CPython 3.11, a global 10.
_GOOD, _STALE, _FOREIGN = NonceState.GOOD, NonceState.STALE, NonceState.FOREIGN


class Nonces:
    """Makes nonces, knows them again, and refuses to see one twice.

    Args:
        secret: at least 16 random bytes, made anew when the process starts: the clock it is
            used with starts anew, too, and old nonces must not be valid on a new clock.
        lifetime: seconds.  300 is Kamailio's default; Asterisk has 32, but it does not look at
            nonce counts, so its nonces can be replayed for as long as they live.  Ours cannot,
            and a longer life saves the second round trip of each refresh within it.
        capacity: how many used nonces to remember, some 350 bytes each.
        bind_to_source: whether a nonce is good only from the address it was made for.  The
            port never matters: a client that connects again has another one.  Turn it off for
            clients whose address changes, behind certain NATs.
    """

    def __init__(
        self,
        secret: bytes,
        *,
        lifetime: float = 300.0,
        capacity: int = 10_000,
        bind_to_source: bool = True,
    ) -> None:
        if len(secret) < 16:
            raise LocalProtocolError("the secret of nonces must have 16 bytes at least")
        if lifetime <= 0 or capacity < 1:
            raise LocalProtocolError("nonces need a lifetime and a capacity above zero")
        # A keyed state is copied for each use: a quarter faster than starting from the key.
        self._keyed = hmac.new(secret, digestmod="sha256")
        self._lifetime = lifetime
        self._capacity = capacity
        self._bind_to_source = bind_to_source
        self._sequence = 0
        # The highest count of each used nonce, and when it expires, in the order of first use.
        # A plain dict would take long to find its first entry once many have been deleted there.
        self._seen: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._opaques: dict[str, str] = {}
        self._floor = ""
        self._forgotten = 0
        self._replayed = 0

    def __repr__(self) -> str:
        return f"<{type(self).__name__} tracking {len(self._seen)} of {self._capacity}>"

    def issue(self, realm: str, source: str, now: float) -> str:
        """A new nonce; no two are equal.  ``source`` is the sender's IP address."""
        self._sequence = (self._sequence + 1) & 0xFFFFFFFF
        stamp = f"{max(0, int(now * 1000)):012x}{self._sequence:08x}"
        return stamp + self._mac(stamp, realm, source)

    def opaque(self, realm: str) -> str:
        """The ``opaque`` of a realm: always the same, so that it can be checked, never guessed."""
        found = self._opaques.get(realm)
        if found is None:
            if len(self._opaques) >= 1000:
                self._opaques.clear()
            found = self._opaques[realm] = self._mac("opaque", realm, "")
        return found

    def check(self, nonce: str, realm: str, source: str, now: float) -> NonceState:
        """Whether we made this nonce, for this realm and source, and not too long ago.

        Never REPLAYED: the count is looked at by `use`, after the digest has been found right.
        """
        if len(nonce) != _LENGTH or not nonce.isascii():
            return _FOREIGN
        stamp = nonce[:_STAMP]
        if not hmac.compare_digest(self._mac(stamp, realm, source), nonce[_STAMP:]):
            return _FOREIGN
        # Whatever is behind a right MAC was written by us, and is a number.
        if now >= self._expires(nonce) or (stamp <= self._floor and nonce not in self._seen):
            return _STALE
        return _GOOD

    def use(self, nonce: str, count: int, now: float) -> NonceState:
        """Count a nonce that `check` found good and whose digest was right.

        ``count`` is the nonce count (``nc``), which must grow with each use.  The result is
        GOOD, or REPLAYED: RFC 7616 section 3.4.
        """
        return self._count(nonce, count, self._expires(nonce), now)

    def use_provided(self, nonce: str, count: int, now: float) -> NonceState:
        """`use` for a nonce that was not made here; see `DigestChallengeData.nonce`.

        Nothing can be read from it, so its count is kept for one lifetime after the first use
        if there is room.  Who provides a nonce for longer than that permits replays.
        """
        # No nonce has a NUL, so `check` cannot take this for one of ours; and it is less than
        # any stamp, so it does not move the floor.
        return self._count("\0" + nonce, count, now + self._lifetime, now)

    def statistics(self) -> NonceStatistics:
        """How many nonces are remembered, forgotten, replayed."""
        return NonceStatistics(
            tracked=len(self._seen), forgotten=self._forgotten, replayed=self._replayed
        )

    def _count(self, nonce: str, count: int, expires: float, now: float) -> NonceState:
        seen = self._seen.get(nonce)
        if seen is None:
            self._make_room(now)
        elif count > seen[0]:
            expires = seen[1]
        else:
            self._replayed += 1
            return NonceState.REPLAYED
        self._seen[nonce] = count, expires
        return _GOOD

    def _make_room(self, now: float) -> None:
        # The order of first use is nearly the order of expiry.  At most two go for one that
        # comes: no burst of work, and the expired ones run out in time.
        seen = self._seen
        for _ in range(2):
            if not seen:
                return
            oldest = next(iter(seen))
            if now < seen[oldest][1]:
                break
            del seen[oldest]
        if len(seen) >= self._capacity:
            oldest, _ = seen.popitem(last=False)
            self._floor = max(self._floor, oldest[:_STAMP])
            self._forgotten += 1

    def _expires(self, nonce: str) -> float:
        return int(nonce[:_TIME], 16) / 1000 + self._lifetime

    def _mac(self, stamp: str, realm: str, source: str) -> str:
        keyed = self._keyed.copy()
        # A NUL cannot be part of any of the three, so no two triples run together.
        bound = source if self._bind_to_source else ""
        keyed.update(f"{stamp}\0{bound}\0{realm}".encode("utf-8", "surrogateescape"))
        return keyed.hexdigest()[:32]
