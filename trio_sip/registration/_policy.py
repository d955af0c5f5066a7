"""What a registrar grants: for how long, and to how many contacts."""

from __future__ import annotations

import enum

import attrs

from trio_sip._errors import LocalProtocolError

__all__ = ["RegistrarPolicy", "TooBrief", "WhenFull"]


class TooBrief(enum.Enum):
    """What becomes of a registration that asks for less time than the minimum."""

    REFUSE = enum.auto()
    """423 with Min-Expires, as RFC 3261 section 10.3 step 7 has it: the client tries again."""
    CLAMP = enum.auto()
    """It gets the minimum.  Phones that do not know 423 need this."""


class WhenFull(enum.Enum):
    """What becomes of a contact beyond ``max_contacts``."""

    REFUSE = enum.auto()
    """403, and nothing of the request is stored."""
    REMOVE_OLDEST = enum.auto()
    """The contacts that were longest without an update make room."""


@attrs.frozen(kw_only=True)
class RegistrarPolicy:
    """The choices RFC 3261 section 10.3 leaves to a registrar.

    Raises `LocalProtocolError` unless ``0 < min_expires <= default_expires <= max_expires``.
    """

    min_expires: int = 60
    """Seconds; less is too brief.  A request of an hour or more is never too brief."""
    default_expires: int = 3600
    """Seconds, for a request that names none or nonsense (RFC 3261 section 20.10)."""
    max_expires: int = 7200
    """Seconds; longer wishes are shortened."""
    max_contacts: int = 10
    """Bindings of one address-of-record."""
    too_brief: TooBrief = TooBrief.REFUSE
    """Refuse or lengthen what is shorter than ``min_expires``."""
    when_full: WhenFull = WhenFull.REFUSE
    """Refuse the new contact or drop the oldest one."""

    def __attrs_post_init__(self) -> None:
        if not 0 < self.min_expires <= self.default_expires <= self.max_expires < 2**32:
            raise LocalProtocolError("expires: 0 < minimum <= default <= maximum < 2**32 must hold")
        if self.max_contacts < 1:
            raise LocalProtocolError("max_contacts must be at least 1")
