"""Which events of a user can be subscribed to, and by which handlers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

from trio_sip._errors import LocalProtocolError
from trio_sip.dialog import Dialog
from trio_sip.message import EVENT
from trio_sip.stack import IncomingRequest, Service, single_error, unwrapping_single_errors
from trio_sip.subscription import Notifier, NotifierPolicy

from ._subscription_incoming import IncomingSubscription, SubscriptionHandler

if TYPE_CHECKING:
    from ._user_agent import UserAgent

__all__ = ["TakesSubscriptions"]


class TakesSubscriptions(Service):
    """Begins a subscription for each SUBSCRIBE to one user.  RFC 6665 section 4.2.1"""

    methods: frozenset[str] = frozenset({"SUBSCRIBE"})

    def __init__(self, user_agent: UserAgent) -> None:
        self.user_agent: UserAgent = user_agent
        """Whose subscribers it takes."""

        self._served: dict[str, _Served] = {}
        self.name: str = f"subscriptions {user_agent.account.name}"

    async def on_request(self, request: IncomingRequest) -> bool:
        """Take what is for this user."""
        if request.method != "SUBSCRIBE" or not self.user_agent.is_addressed_by(request.uri):
            return False
        event = request.message.headers.get(EVENT)
        served = None if event is None else self._served.get(event.package)
        if event is None or served is None:
            # RFC 6665 section 4.2.1.1
            request.respond(489, headers=[("Allow-Events", ", ".join(sorted(self._served)))])
            return True
        dialog = Dialog.as_uas(request.message, request.to_tag)
        notifier = Notifier(event, policy=served.policy)
        subscription = IncomingSubscription(self.user_agent, request, dialog, notifier)
        request.defer()
        served.start(subscription)
        return True

    @asynccontextmanager
    async def serving(
        self,
        event: str,
        handler: SubscriptionHandler,
        policy: NotifierPolicy | None,
        grace: float,
    ) -> AsyncIterator[None]:
        """Run *handler* for each subscription to *event*, as long as the block runs."""
        if event in self._served:
            raise LocalProtocolError(f"subscriptions to {event} are being served already")
        stack = self.user_agent.stack
        with unwrapping_single_errors():
            async with trio.open_nursery() as nursery:
                self._served[event] = _Served(self.user_agent, nursery, handler, policy, grace)
                if self not in stack.services:
                    stack.register_service(self)
                try:
                    yield
                finally:
                    del self._served[event]
                    if not self._served and self in stack.services:
                        stack.unregister_service(self)


class _Served:
    """One event package and its handlers, for as long as it is served."""

    def __init__(
        self,
        user_agent: UserAgent,
        nursery: trio.Nursery,
        handler: SubscriptionHandler,
        policy: NotifierPolicy | None,
        grace: float,
    ) -> None:
        self._user_agent = user_agent
        self._nursery = nursery
        self._handler = handler
        self._grace = grace
        self.policy: NotifierPolicy | None = policy

    def start(self, subscription: IncomingSubscription) -> None:
        """Run the handler for *subscription*."""
        self._nursery.start_soon(self._run, subscription, name=repr(subscription))

    async def _run(self, subscription: IncomingSubscription) -> None:
        try:
            await subscription.run(self._handler, self._grace)
        except* Exception as group:
            # A bug of one handler ends one subscription.
            only = single_error(group)
            error = only if isinstance(only, Exception) else group
            self._user_agent.stack.handler_failed(repr(subscription), error)
