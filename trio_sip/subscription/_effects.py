"""What the two ends of a subscription want done."""

from __future__ import annotations

import attrs

from trio_sip.message import Body, Request, SubscriptionState

__all__ = [
    "AnswerNotify",
    "AnswerSubscribe",
    "Notified",
    "NotifierEffect",
    "NotifierEnded",
    "SendNotify",
    "SendSubscribe",
    "SubscriberEffect",
    "SubscriptionEnded",
]  # fmt: skip


@attrs.frozen
class SendSubscribe:
    """Send a SUBSCRIBE; within the dialog, if there is one already."""

    expires: int
    """The value of Expires, in seconds; 0 ends the subscription."""


@attrs.frozen
class AnswerNotify:
    """Answer the NOTIFY that was given last."""

    status: int
    reason: str | None = None
    """The reason phrase; the usual one if ``None``."""


@attrs.frozen
class Notified:
    """The notifier has told something."""

    request: Request
    """The NOTIFY, with its body."""

    state: SubscriptionState
    """Its Subscription-State."""


@attrs.frozen(kw_only=True)
class SubscriptionEnded:
    """The subscription is over."""

    reason: str | None
    """The notifier's: a `TerminationReason`, or another word; ``None`` if it gave none."""

    error: Exception | None = None
    """What went wrong, if it was that."""

    retry_after: float | None = None
    """Seconds after which to subscribe anew; ``None`` for never.  See `resubscribe_delay`."""


SubscriberEffect = SendSubscribe | AnswerNotify | Notified | SubscriptionEnded


@attrs.frozen
class AnswerSubscribe:
    """Answer the SUBSCRIBE that was given last."""

    status: int
    headers: tuple[tuple[str, object], ...] = ()
    """What the answer must say: Expires, or Min-Expires."""


@attrs.frozen
class SendNotify:
    """Send a NOTIFY within the dialog, after those before it have been answered."""

    state: SubscriptionState
    """Its Subscription-State."""

    body: Body | None
    """How things stand; ``None`` where that is not for this subscriber to know."""


@attrs.frozen(kw_only=True)
class NotifierEnded:
    """The subscription is over."""

    reason: str | None
    """What the subscriber was told; ``None`` if it is not there any more."""


NotifierEffect = AnswerSubscribe | SendNotify | NotifierEnded
