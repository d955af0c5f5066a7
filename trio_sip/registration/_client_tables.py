"""The life of a registration, seen from the client: one table.

Rule 1: everything that decides a transition is in this file; there is no flag beside the state.

Rule 2: a state *owns* its timers: only those run out in it.  When one does is a fact that was
learned (what the registrar granted, when it wants to see us again), so no step starts or stops
any.

A step that is missing means: it makes no difference here.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

__all__ = ["REGISTERED_STATES", "STEPS", "TIMERS", "Do", "On", "RegistrationState"]


class RegistrationState(enum.Enum):
    """How a registration stands."""

    IDLE = "idle"
    """Nothing has been asked for."""

    STARTING = "starting"
    """It waits for its turn among many."""

    OPENING = "opening"
    """The first REGISTER is on its way."""

    REGISTERED = "registered"
    REFRESHING = "refreshing"
    """Registered, and a REGISTER is on its way."""

    RETRYING = "retrying"
    """Registered, but the last REGISTER failed; the next one goes later."""

    REGISTERING = "registering"
    """No longer registered; a REGISTER is on its way."""

    WAITING = "waiting"
    """No longer registered; the last REGISTER failed; the next one goes later."""

    LEAVING = "leaving"
    """To be removed, as soon as the REGISTER that is on its way has been answered."""

    REMOVING = "removing"
    """The REGISTER that removes it is on its way."""

    TERMINATED = "terminated"


class On(enum.Enum):
    """What can happen to it."""

    REGISTER = "register"
    UNREGISTER = "unregister"

    DELAY = "its turn"
    REFRESH = "time to refresh"
    EXPIRY = "it has expired"
    RETRY = "time to try again"

    BOUND = "2xx"
    """A 2xx that lists our contact."""
    UNBOUND = "2xx without us"
    """A 2xx, and none of its contacts is ours: we are not registered, whatever it says."""
    REMOVED = "2xx to the removal"
    TOO_BRIEF = "423"
    """With a Min-Expires that is more than we asked for."""
    TEMPORARY = "no, for now"
    """A response such as 503, no response, or no way to send."""
    FATAL = "no"

    FLOW_LOST = "connection lost"
    FLOW_LOST_AGAIN = "connection lost again"
    """Soon after the one before it: who comes back at once each time only makes it worse."""


class Do(enum.Enum):
    """What a step does besides changing the state."""

    SEND = "REGISTER"
    REMOVE = "REGISTER, Expires 0"
    GIVE_UP = "failure to user"


IDLE, STARTING, OPENING, REGISTERED, REFRESHING, RETRYING = list(RegistrationState)[:6]
REGISTERING, WAITING, LEAVING, REMOVING, TERMINATED = list(RegistrationState)[6:]
SEND, REMOVE, GIVE_UP = Do

REGISTERED_STATES = frozenset({REGISTERED, REFRESHING, RETRYING})
"""Those in which the binding has not run out."""

TIMERS: Mapping[RegistrationState, tuple[On, ...]] = {
    STARTING: (On.DELAY,),
    REGISTERED: (On.REFRESH, On.EXPIRY),
    REFRESHING: (On.EXPIRY,),
    RETRYING: (On.RETRY, On.EXPIRY),
    WAITING: (On.RETRY,),
}

STEPS: Mapping[tuple[RegistrationState, On], tuple[RegistrationState, *tuple[Do, ...]]] = {
    (IDLE, On.REGISTER): (STARTING,),
    (IDLE, On.UNREGISTER): (TERMINATED,),
    (STARTING, On.DELAY): (OPENING, SEND),
    (STARTING, On.UNREGISTER): (TERMINATED,),
    # Whoever asked waits for the first answer, and hears of everything that goes wrong.
    (OPENING, On.BOUND): (REGISTERED,),
    (OPENING, On.UNBOUND): (TERMINATED, GIVE_UP),
    (OPENING, On.TOO_BRIEF): (OPENING, SEND),
    (OPENING, On.TEMPORARY): (TERMINATED, GIVE_UP),
    (OPENING, On.FATAL): (TERMINATED, GIVE_UP),
    (OPENING, On.UNREGISTER): (LEAVING,),
    (REGISTERED, On.REGISTER): (REFRESHING, SEND),
    (REGISTERED, On.REFRESH): (REFRESHING, SEND),
    (REGISTERED, On.EXPIRY): (REGISTERING, SEND),
    # The registrar cannot reach us any more, and may have forgotten us.
    (REGISTERED, On.FLOW_LOST): (REGISTERING, SEND),
    (REGISTERED, On.FLOW_LOST_AGAIN): (WAITING,),
    (REGISTERED, On.UNREGISTER): (REMOVING, REMOVE),
    (REFRESHING, On.BOUND): (REGISTERED,),
    (REFRESHING, On.UNBOUND): (WAITING,),
    (REFRESHING, On.TOO_BRIEF): (REFRESHING, SEND),
    (REFRESHING, On.TEMPORARY): (RETRYING,),
    (REFRESHING, On.FATAL): (TERMINATED, GIVE_UP),
    (REFRESHING, On.EXPIRY): (REGISTERING,),
    # What is on its way has lost its way, too, which it will hear of.
    (REFRESHING, On.FLOW_LOST): (REGISTERING,),
    (REFRESHING, On.FLOW_LOST_AGAIN): (REGISTERING,),
    (REFRESHING, On.UNREGISTER): (LEAVING,),
    (RETRYING, On.REGISTER): (REFRESHING, SEND),
    (RETRYING, On.RETRY): (REFRESHING, SEND),
    (RETRYING, On.EXPIRY): (WAITING,),
    (RETRYING, On.FLOW_LOST): (WAITING,),
    (RETRYING, On.FLOW_LOST_AGAIN): (WAITING,),
    (RETRYING, On.UNREGISTER): (REMOVING, REMOVE),
    (REGISTERING, On.BOUND): (REGISTERED,),
    (REGISTERING, On.UNBOUND): (WAITING,),
    (REGISTERING, On.TOO_BRIEF): (REGISTERING, SEND),
    (REGISTERING, On.TEMPORARY): (WAITING,),
    (REGISTERING, On.FATAL): (TERMINATED, GIVE_UP),
    (REGISTERING, On.UNREGISTER): (LEAVING,),
    (WAITING, On.REGISTER): (REGISTERING, SEND),
    (WAITING, On.RETRY): (REGISTERING, SEND),
    # The answer may have been lost, and not the REGISTER: it is removed to be sure.
    (WAITING, On.UNREGISTER): (REMOVING, REMOVE),
    # RFC 3261 section 10.2: "UAs MUST NOT send a new registration … until they have received a
    # final response from the registrar for the previous one or the previous REGISTER request has
    # timed out."  One that overtook it would be undone by it.
    (LEAVING, On.BOUND): (REMOVING, REMOVE),
    (LEAVING, On.UNBOUND): (REMOVING, REMOVE),
    (LEAVING, On.TOO_BRIEF): (REMOVING, REMOVE),
    (LEAVING, On.TEMPORARY): (REMOVING, REMOVE),
    (LEAVING, On.FATAL): (TERMINATED,),
    **{(REMOVING, on): (TERMINATED,) for on in (On.REMOVED, On.TOO_BRIEF, On.TEMPORARY, On.FATAL)},
}
