"""How one host reaches another: the settings of a link, and the dice of each direction."""

from __future__ import annotations

import math
import random

import attrs

from trio_sip.testing.recordings import Cause

from ._streams import MemoryConnection, Segment

__all__ = ["Link", "Passage", "Path"]

_RETRANSMISSION_SECONDS = 0.2
_IPV4_AND_UDP_BYTES = 28
_IPV4_BYTES = 20


@attrs.frozen(kw_only=True)
class Link:
    """How one host reaches another.  Seconds and probabilities.

    Streams lose nothing: there a loss costs the delay of a retransmission.
    """

    latency: float = 0.020
    """Each way."""

    jitter: float = 0.0
    """Up to so much more, evenly distributed.  More than the distance of packets reorders them."""

    loss: float = 0.0
    duplication: float = 0.0
    reordering: float = 0.0
    """The share of datagrams that are held back for up to `reordering_delay`."""

    reordering_delay: float = 0.1

    mtu: float = math.inf
    """The largest IP packet in bytes.  What does not fit goes in fragments, and is lost with any
    one of them."""

    drops_fragments: float = False
    """Whether fragments never arrive, as behind many a firewall."""

    resets: float = 0.0
    """The share of a stream's pieces at which the connection breaks."""


@attrs.frozen
class Passage:
    """What becomes of one datagram."""

    delays: tuple[float, ...]
    """When each copy arrives, in seconds from now; none if it is lost."""

    cause: Cause | None


@attrs.define(eq=False)
class Path:
    """One direction between two hosts, with dice of its own: other links do not disturb it."""

    source: str
    destination: str
    link: Link
    dice: random.Random
    held: list[tuple[MemoryConnection, bytes | Segment]] = attrs.field(factory=list)
    """Segments that wait for the end of a partition."""

    def delay(self) -> float:
        """How long one packet takes."""
        return self.link.latency + self.dice.random() * self.link.jitter

    def passage(self, size: int) -> Passage:
        """Roll the dice for a datagram of *size* bytes."""
        link, dice = self.link, self.dice
        # As many rolls for each datagram, whatever becomes of it: a test that changes one
        # probability keeps the rest of its trace.
        lost, doubled, late = dice.random(), dice.random(), dice.random()
        delay = self.delay()
        if late < link.reordering:
            delay += dice.random() * link.reordering_delay
        pieces = _fragments(size, link.mtu)
        if pieces > 1 and link.drops_fragments:
            return Passage((), Cause.MTU)
        if lost < (link.loss if pieces == 1 else 1 - (1 - link.loss) ** pieces):
            return Passage((), Cause.CHANCE)
        if doubled < link.duplication:
            return Passage((delay, delay + self.delay()), None)
        return Passage((delay,), None)

    def stream_delay(self) -> float:
        """How long a piece of a stream takes; losses cost the time of sending it again."""
        delay = self.delay()
        wait = _RETRANSMISSION_SECONDS
        while self.dice.random() < self.link.loss < 1:
            delay += wait
            wait *= 2
        return delay

    def breaks(self) -> bool:
        """Whether the connection breaks at this piece of a stream."""
        # No roll where nothing can break: other traces stay what they are.
        return self.link.resets > 0 and self.dice.random() < self.link.resets


def _fragments(size: int, mtu: float) -> int:
    if size + _IPV4_AND_UDP_BYTES <= mtu:
        return 1
    return math.ceil((size + _IPV4_AND_UDP_BYTES - _IPV4_BYTES) / max(mtu - _IPV4_BYTES, 8))
