"""For how long a notifier lets others subscribe."""

from __future__ import annotations

import attrs

from trio_sip._errors import LocalProtocolError

__all__ = ["NotifierPolicy"]


@attrs.frozen(kw_only=True)
class NotifierPolicy:
    """The choices that RFC 6665 section 4.2.1.1 leaves to a notifier.  Seconds.

    Raises:
      LocalProtocolError: unless ``0 <= min_expires <= default_expires <= max_expires``.
    """

    min_expires: int = 60
    """Less is answered 423.  A wish for an hour or more is never too brief."""

    default_expires: int = 3600
    """For a SUBSCRIBE that names none; the event package says how much."""

    max_expires: int = 7200
    """Longer wishes are shortened."""

    def __attrs_post_init__(self) -> None:
        if not 0 <= self.min_expires <= self.default_expires <= self.max_expires < 2**32:
            raise LocalProtocolError("expires: 0 <= minimum <= default <= maximum must hold")

    def granted(self, asked: int | None) -> int | None:
        """The seconds that a wish is granted; 0 to end it, ``None`` if it is too brief."""
        if asked is None:
            return self.default_expires
        if asked == 0:
            return 0
        if asked < self.min_expires and asked < 3600:
            return None
        return min(asked, self.max_expires)
