"""The two ends of a subscription, as tables: RFC 6665 sections 4.1 and 4.2.

Rule 1: everything that decides a transition is in this file; there is no flag beside the state.

Rule 2: a state *owns* its timers: only those run out in it.  When one does is a fact that was
learned (how long the subscription was granted for, when the last SUBSCRIBE was sent), so no step
starts or stops any.

A step that is missing means: from the user, nothing is left to do; a NOTIFY or a SUBSCRIBE is
answered 481; of a response, it makes no difference any more.

A subscriber has no states for ``pending`` and ``active``.  Nothing that it does depends on which
of the two the notifier says; a notifier has them, because it tells a pending subscriber nothing.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

__all__ = [
    "NOTIFIER", "NOTIFIER_TIMERS", "SUBSCRIBER", "SUBSCRIBER_TIMERS", "NotifierDo", "NotifierOn",
    "NotifierState", "SubscriberDo", "SubscriberOn", "SubscriberState",
]  # fmt: skip


# -- the subscriber


class SubscriberState(enum.Enum):
    """How a subscription stands, as its subscriber knows it."""

    IDLE = "idle"
    NOTIFY_WAIT = "waiting for a NOTIFY"
    """The SUBSCRIBE (or REFER) was sent; only a NOTIFY makes a subscription of it."""

    SUBSCRIBED = "subscribed"
    REFRESHING = "refreshing"
    """Subscribed, and a SUBSCRIBE was sent to stay so; a NOTIFY is owed for it."""

    LEAVING = "leaving"
    """A SUBSCRIBE with Expires 0 was sent; the last NOTIFY is still owed."""

    TERMINATED = "terminated"


class SubscriberOn(enum.Enum):
    """What can happen to it."""

    SUBSCRIBE = "subscribe"
    REFER = "REFER sent by user"
    """Which subscribes whoever sends it, by being accepted (RFC 3515 section 2.4.4)."""
    FORKED = "SUBSCRIBE forked"
    """Another notifier than the first has a NOTIFY for it."""
    UNSUBSCRIBE = "unsubscribe"

    N = "Timer N"
    """64*T1 without the NOTIFY that is owed."""
    REFRESH = "time to refresh"
    EXPIRY = "it has expired"

    RECV_2XX = "2xx"
    RECV_2XX_NONE = "2xx, Refer-Sub: false"
    TOO_BRIEF = "423"
    """With a Min-Expires that is more than we asked for."""
    GONE = "404, 481, 489, …"
    """A response which says that there is no such subscription (any more)."""
    REFUSED = "300-699"
    """Any other."""
    NO_ANSWER = "no response"

    NOTIFY = "NOTIFY"
    NOTIFY_TERMINATED = "NOTIFY, terminated"


class SubscriberDo(enum.Enum):
    """What a step does besides changing the state."""

    SEND = "SUBSCRIBE"
    LEAVE = "SUBSCRIBE, Expires 0"
    TAKE_EXPIRES = "take its Expires"
    PASS_UP = "200, to user"  # noqa: S105  # no password
    END = "end to user"


_S, _ON, _DO = SubscriberState, SubscriberOn, SubscriberDo

SUBSCRIBER_TIMERS: Mapping[SubscriberState, tuple[SubscriberOn, ...]] = {
    _S.NOTIFY_WAIT: (_ON.N,),
    _S.SUBSCRIBED: (_ON.REFRESH, _ON.EXPIRY),
    _S.REFRESHING: (_ON.N, _ON.EXPIRY),
    _S.LEAVING: (_ON.N,),
}

SUBSCRIBER: Mapping[
    tuple[SubscriberState, SubscriberOn], tuple[SubscriberState, *tuple[SubscriberDo, ...]]
] = {
    (_S.IDLE, _ON.SUBSCRIBE): (_S.NOTIFY_WAIT, _DO.SEND),
    (_S.IDLE, _ON.REFER): (_S.NOTIFY_WAIT,),
    (_S.IDLE, _ON.FORKED): (_S.NOTIFY_WAIT,),
    (_S.IDLE, _ON.UNSUBSCRIBE): (_S.TERMINATED,),
    # RFC 6665 section 4.1.2.4: a NOTIFY, not the 2xx, completes the subscription.
    (_S.NOTIFY_WAIT, _ON.RECV_2XX): (_S.NOTIFY_WAIT, _DO.TAKE_EXPIRES),
    # RFC 4488 section 4: the REFER was taken, and nothing will be told about it.
    (_S.NOTIFY_WAIT, _ON.RECV_2XX_NONE): (_S.TERMINATED, _DO.END),
    (_S.NOTIFY_WAIT, _ON.TOO_BRIEF): (_S.NOTIFY_WAIT, _DO.SEND),
    (_S.NOTIFY_WAIT, _ON.GONE): (_S.TERMINATED, _DO.END),
    (_S.NOTIFY_WAIT, _ON.REFUSED): (_S.TERMINATED, _DO.END),
    (_S.NOTIFY_WAIT, _ON.NO_ANSWER): (_S.TERMINATED, _DO.END),
    (_S.NOTIFY_WAIT, _ON.N): (_S.TERMINATED, _DO.END),
    (_S.NOTIFY_WAIT, _ON.NOTIFY): (_S.SUBSCRIBED, _DO.PASS_UP),
    (_S.NOTIFY_WAIT, _ON.NOTIFY_TERMINATED): (_S.TERMINATED, _DO.PASS_UP, _DO.END),
    # There is no dialog yet to unsubscribe in.  The NOTIFY that comes is answered 481, which ends
    # the subscription there, too.
    (_S.NOTIFY_WAIT, _ON.UNSUBSCRIBE): (_S.TERMINATED,),
    (_S.SUBSCRIBED, _ON.SUBSCRIBE): (_S.REFRESHING, _DO.SEND),
    (_S.SUBSCRIBED, _ON.REFRESH): (_S.REFRESHING, _DO.SEND),
    (_S.SUBSCRIBED, _ON.EXPIRY): (_S.TERMINATED, _DO.END),
    (_S.SUBSCRIBED, _ON.NOTIFY): (_S.SUBSCRIBED, _DO.PASS_UP),
    (_S.SUBSCRIBED, _ON.NOTIFY_TERMINATED): (_S.TERMINATED, _DO.PASS_UP, _DO.END),
    # The NOTIFY overtook the response to the SUBSCRIBE.
    (_S.SUBSCRIBED, _ON.RECV_2XX): (_S.SUBSCRIBED, _DO.TAKE_EXPIRES),
    (_S.SUBSCRIBED, _ON.GONE): (_S.TERMINATED, _DO.END),
    (_S.SUBSCRIBED, _ON.UNSUBSCRIBE): (_S.LEAVING, _DO.LEAVE),
    (_S.REFRESHING, _ON.RECV_2XX): (_S.REFRESHING, _DO.TAKE_EXPIRES),
    (_S.REFRESHING, _ON.TOO_BRIEF): (_S.REFRESHING, _DO.SEND),
    # RFC 6665 section 4.1.2.2: "the subscriber MUST consider the subscription terminated".
    (_S.REFRESHING, _ON.GONE): (_S.TERMINATED, _DO.END),
    # "… any other non-200-class response: the original subscription is still considered valid".
    (_S.REFRESHING, _ON.REFUSED): (_S.SUBSCRIBED,),
    (_S.REFRESHING, _ON.NO_ANSWER): (_S.TERMINATED, _DO.END),
    (_S.REFRESHING, _ON.N): (_S.TERMINATED, _DO.END),
    (_S.REFRESHING, _ON.EXPIRY): (_S.TERMINATED, _DO.END),
    (_S.REFRESHING, _ON.NOTIFY): (_S.SUBSCRIBED, _DO.PASS_UP),
    (_S.REFRESHING, _ON.NOTIFY_TERMINATED): (_S.TERMINATED, _DO.PASS_UP, _DO.END),
    (_S.REFRESHING, _ON.UNSUBSCRIBE): (_S.LEAVING, _DO.LEAVE),
    (_S.LEAVING, _ON.NOTIFY): (_S.LEAVING, _DO.PASS_UP),
    (_S.LEAVING, _ON.NOTIFY_TERMINATED): (_S.TERMINATED, _DO.PASS_UP, _DO.END),
    (_S.LEAVING, _ON.N): (_S.TERMINATED, _DO.END),
    (_S.LEAVING, _ON.GONE): (_S.TERMINATED, _DO.END),
    (_S.LEAVING, _ON.REFUSED): (_S.TERMINATED, _DO.END),
    (_S.LEAVING, _ON.NO_ANSWER): (_S.TERMINATED, _DO.END),
}


# -- the notifier


class NotifierState(enum.Enum):
    """How a subscription stands, as its notifier decides it."""

    IDLE = "idle"
    PENDING = "pending"
    """Nobody has decided yet whether the subscriber may know anything."""

    ACTIVE = "active"
    TERMINATED = "terminated"


class NotifierOn(enum.Enum):
    """What can happen to it."""

    RECV_SUBSCRIBE = "SUBSCRIBE"
    RECV_UNAUTHORIZED = "SUBSCRIBE, undecided"
    RECV_UNSUBSCRIBE = "SUBSCRIBE, Expires 0"
    RECV_UNAUTHORIZED_UNSUBSCRIBE = "SUBSCRIBE, Expires 0, undecided"
    RECV_TOO_BRIEF = "SUBSCRIBE, too brief"
    RECV_REFER = "REFER"
    """Which subscribes whoever sends it, by being accepted (RFC 3515 section 2.4.4)."""

    AUTHORIZE = "authorized"
    CHANGE = "change"
    TERMINATE = "ended by user"

    EXPIRY = "it has expired"
    NOTIFY_FAILED = "NOTIFY failed"
    """No response, or one which says that there is no such subscription."""


class NotifierDo(enum.Enum):
    """What a step does besides changing the state."""

    ACCEPT = "200"
    REFUSE = "423"
    NOTIFY = "NOTIFY"
    NOTIFY_BLANK = "NOTIFY without body"
    """The state of the subscription, and nothing of what it is about."""
    END = "end to user"


_N, _AT, _TO = NotifierState, NotifierOn, NotifierDo

NOTIFIER_TIMERS: Mapping[NotifierState, tuple[NotifierOn, ...]] = {
    _N.PENDING: (_AT.EXPIRY,),
    _N.ACTIVE: (_AT.EXPIRY,),
}

NOTIFIER: Mapping[
    tuple[NotifierState, NotifierOn], tuple[NotifierState, *tuple[NotifierDo, ...]]
] = {
    # RFC 6665 section 4.2.1.2: a NOTIFY follows each SUBSCRIBE that is accepted, at once.
    (_N.IDLE, _AT.RECV_SUBSCRIBE): (_N.ACTIVE, _TO.ACCEPT, _TO.NOTIFY),
    (_N.IDLE, _AT.RECV_UNAUTHORIZED): (_N.PENDING, _TO.ACCEPT, _TO.NOTIFY_BLANK),
    # RFC 6665 section 4.4.3: somebody only wants to know how things stand.
    (_N.IDLE, _AT.RECV_UNSUBSCRIBE): (_N.TERMINATED, _TO.ACCEPT, _TO.NOTIFY, _TO.END),
    (_N.IDLE, _AT.RECV_UNAUTHORIZED_UNSUBSCRIBE): (
        _N.TERMINATED,
        _TO.ACCEPT,
        _TO.NOTIFY_BLANK,
        _TO.END,
    ),
    (_N.IDLE, _AT.RECV_TOO_BRIEF): (_N.TERMINATED, _TO.REFUSE, _TO.END),
    (_N.IDLE, _AT.RECV_REFER): (_N.ACTIVE, _TO.NOTIFY),
    # Who is pending learns nothing but that.
    (_N.PENDING, _AT.RECV_SUBSCRIBE): (_N.PENDING, _TO.ACCEPT, _TO.NOTIFY_BLANK),
    (_N.PENDING, _AT.RECV_UNAUTHORIZED): (_N.PENDING, _TO.ACCEPT, _TO.NOTIFY_BLANK),
    **{
        (_N.PENDING, on): (_N.TERMINATED, _TO.ACCEPT, _TO.NOTIFY_BLANK, _TO.END)
        for on in (_AT.RECV_UNSUBSCRIBE, _AT.RECV_UNAUTHORIZED_UNSUBSCRIBE)
    },
    (_N.PENDING, _AT.RECV_TOO_BRIEF): (_N.PENDING, _TO.REFUSE),
    (_N.PENDING, _AT.AUTHORIZE): (_N.ACTIVE, _TO.NOTIFY),
    (_N.PENDING, _AT.CHANGE): (_N.PENDING,),
    (_N.PENDING, _AT.TERMINATE): (_N.TERMINATED, _TO.NOTIFY_BLANK, _TO.END),
    (_N.PENDING, _AT.EXPIRY): (_N.TERMINATED, _TO.NOTIFY_BLANK, _TO.END),
    (_N.PENDING, _AT.NOTIFY_FAILED): (_N.TERMINATED, _TO.END),
    (_N.ACTIVE, _AT.RECV_SUBSCRIBE): (_N.ACTIVE, _TO.ACCEPT, _TO.NOTIFY),
    (_N.ACTIVE, _AT.RECV_UNAUTHORIZED): (_N.PENDING, _TO.ACCEPT, _TO.NOTIFY_BLANK),
    (_N.ACTIVE, _AT.RECV_UNSUBSCRIBE): (_N.TERMINATED, _TO.ACCEPT, _TO.NOTIFY, _TO.END),
    (_N.ACTIVE, _AT.RECV_UNAUTHORIZED_UNSUBSCRIBE): (
        _N.TERMINATED,
        _TO.ACCEPT,
        _TO.NOTIFY_BLANK,
        _TO.END,
    ),
    (_N.ACTIVE, _AT.RECV_TOO_BRIEF): (_N.ACTIVE, _TO.REFUSE),
    (_N.ACTIVE, _AT.AUTHORIZE): (_N.ACTIVE,),
    (_N.ACTIVE, _AT.CHANGE): (_N.ACTIVE, _TO.NOTIFY),
    (_N.ACTIVE, _AT.TERMINATE): (_N.TERMINATED, _TO.NOTIFY, _TO.END),
    (_N.ACTIVE, _AT.EXPIRY): (_N.TERMINATED, _TO.NOTIFY, _TO.END),
    # RFC 6665 section 4.2.2: "… the notifier MUST remove the corresponding subscription".
    (_N.ACTIVE, _AT.NOTIFY_FAILED): (_N.TERMINATED, _TO.END),
}
