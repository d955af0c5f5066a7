"""Subscriptions and notifications: RFC 6665, and those that a REFER brings (RFC 3515, 4488).

Nothing here waits or reads a clock.  A `Subscriber` and a `Notifier` are the two ends of one
subscription: each is told what came and when, says what to send, and when to wake it.  What is
told, the event packages decide; one that is here already is ``refer``.
"""

from __future__ import annotations

from ._effects import (
    AnswerNotify,
    AnswerSubscribe,
    Notified,
    NotifierEffect,
    NotifierEnded,
    SendNotify,
    SendSubscribe,
    SubscriberEffect,
    SubscriptionEnded,
)
from ._forks import SubscriberSet
from ._notifier import Notifier
from ._policy import NotifierPolicy
from ._reason import TerminationReason, resubscribe_delay
from ._refer import (
    REFER_SUB,
    ReferProgress,
    read_progress_untrusted,
    refer_event,
    refuses_subscription,
    sipfrag_body,
)
from ._subscriber import Subscriber
from ._tables import (
    NOTIFIER,
    NOTIFIER_TIMERS,
    SUBSCRIBER,
    SUBSCRIBER_TIMERS,
    NotifierDo,
    NotifierOn,
    NotifierState,
    SubscriberDo,
    SubscriberOn,
    SubscriberState,
)

__all__ = [
    "NOTIFIER",
    "NOTIFIER_TIMERS",
    "REFER_SUB",
    "SUBSCRIBER",
    "SUBSCRIBER_TIMERS",
    "AnswerNotify",
    "AnswerSubscribe",
    "Notified",
    "Notifier",
    "NotifierDo",
    "NotifierEffect",
    "NotifierEnded",
    "NotifierOn",
    "NotifierPolicy",
    "NotifierState",
    "ReferProgress",
    "SendNotify",
    "SendSubscribe",
    "Subscriber",
    "SubscriberDo",
    "SubscriberEffect",
    "SubscriberOn",
    "SubscriberSet",
    "SubscriberState",
    "SubscriptionEnded",
    "TerminationReason",
    "read_progress_untrusted",
    "refer_event",
    "refuses_subscription",
    "resubscribe_delay",
    "sipfrag_body",
]
