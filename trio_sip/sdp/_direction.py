"""Who may send on a stream.  RFC 8866 section 6.7."""

from __future__ import annotations

import enum

__all__ = ["DIRECTION_LINES", "Direction"]


class Direction(enum.Enum):
    """Whether the side that says it sends, receives, does both or neither.

    The algebra of RFC 3264 section 6.1 has two operations: what one side says, seen from the
    other, is `reversed`, and what both allow is ``a & b``.  An answer is
    ``offered.reversed & wanted``, whatever the three are.
    """

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def sends(self) -> bool:
        """Whether whoever says it sends."""
        return self in (Direction.SENDRECV, Direction.SENDONLY)

    @property
    def receives(self) -> bool:
        """Whether whoever says it receives."""
        return self in (Direction.SENDRECV, Direction.RECVONLY)

    @property
    def reversed(self) -> Direction:
        """The same, seen from the other side."""
        return _of(self.receives, self.sends)

    @property
    def held(self) -> Direction:
        """The same on hold, which is without receiving.  RFC 3264 section 8.4."""
        return _of(self.sends, False)

    @property
    def resumed(self) -> Direction:
        """The same when the hold is over: it receives again."""
        return _of(self.sends, True)

    def __and__(self, other: Direction) -> Direction:
        """What both of them allow."""
        return _of(self.sends and other.sends, self.receives and other.receives)


def _of(sends: bool, receives: bool) -> Direction:
    if sends:
        return Direction.SENDRECV if receives else Direction.SENDONLY
    return Direction.RECVONLY if receives else Direction.INACTIVE


DIRECTION_LINES = {f"a={direction.value}": direction for direction in Direction}
