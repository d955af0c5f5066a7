"""The parts of a running stack, for each other.  What users see of them is `Stack`."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

from trio_sip.transaction import TransactionLayer
from trio_sip.transport import TransportLayer
from trio_sip.work import Works

from ._registry import ServiceRegistry
from ._security import SecurityEvents
from ._service import Service
from ._settings import StackSettings
from ._statistics import Counters
from ._tokens import Tokens

if TYPE_CHECKING:
    from ._authenticate import Authentication
    from ._clients import Clients
    from ._deferred import DeferredRequests
    from ._dialogs import Dialogs
    from ._distributor import Distributor
    from ._driver import Driver
    from ._identify import Identification
    from ._pipeline import Pipeline
    from ._reminders import Reminders
    from ._stack import Stack

__all__ = ["Parts", "StackState"]


class StackState(enum.Enum):
    """How far a stack is in its life."""

    STARTING = "starting"
    """Bound, and reading nothing yet."""

    RUNNING = "running"
    DRAINING = "draining"
    """What has begun may end; nothing new begins."""

    CLOSED = "closed"


@attrs.define(eq=False, kw_only=True, repr=False)
class Parts:
    """Who is who.  It has no behaviour: the parts call each other through it."""

    settings: StackSettings
    tokens: Tokens
    counters: Counters
    events: SecurityEvents
    services: ServiceRegistry
    layer: TransactionLayer
    now: Callable[[], float]
    """trio's clock itself: `trio.current_time` looks it up anew each time, and costs twice as
    much; each request asks four times."""

    state: StackState = StackState.STARTING
    set_up: list[Service] = attrs.field(factory=list)
    """The services to be torn down, in the order in which they were set up."""

    # These need the others, so they are put in while the stack is built.
    transport: TransportLayer = attrs.field(init=False)
    driver: Driver = attrs.field(init=False)
    works: Works = attrs.field(init=False)
    dialogs: Dialogs = attrs.field(init=False)
    identification: Identification = attrs.field(init=False)
    authentication: Authentication = attrs.field(init=False)
    pipeline: Pipeline = attrs.field(init=False)
    reminders: Reminders = attrs.field(init=False)
    distributor: Distributor = attrs.field(init=False)
    clients: Clients = attrs.field(init=False)
    deferred: DeferredRequests = attrs.field(init=False)
    stack: Stack = attrs.field(init=False)
