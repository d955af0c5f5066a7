"""What a user agent does with subscriptions."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager

import trio

from trio_sip.message import Event, Uri
from trio_sip.subscription import NotifierPolicy

from ._subscription import Subscription, open_subscription
from ._subscription_incoming import SubscriptionHandler
from ._subscription_service import TakesSubscriptions

__all__ = ["SubscribingAgent"]


class SubscribingAgent:
    """The part of `UserAgent` that watches others and can be watched."""

    subscriptions: TakesSubscriptions
    """The service that takes its subscribers."""

    def subscribe(
        self,
        target: Uri | str,
        event: Event | str,
        *,
        expires: int = 3600,
        accept: Iterable[str] = (),
        headers: Iterable[tuple[str, object]] = (),
        grace: float = 4.0,
    ) -> AbstractAsyncContextManager[Subscription]:
        """Be told of *event* at *target* for as long as the block runs.  RFC 6665

        ``async with alice.subscribe("sip:bob@example.com", "presence") as subscription:``, and in
        there ``async for notification in subscription: …``.  Entering waits for the 2xx, or for
        the first NOTIFY if that is faster.  Inside, the subscription is refreshed before it runs
        out.  Leaving ends it, for *grace* seconds at most.

        Args:
          event: the event package, with its parameters.
          expires: seconds to ask for; 0 asks once how things stand.
          accept: the media types that notifications may have.
          headers: more of them for the SUBSCRIBE.

        Raises:
          RequestRejected: it was refused; if a refresh was, that is raised in the block.
          AuthenticationRejected: the credentials were refused.
          RequestTimedOut: no answer, or no NOTIFY, came in time; in the block, too.
          TransportFailed, NoRoute: it could not be sent.
          LocalProtocolError: something in the arguments cannot be.

        Cancellation: the block is cancelled first; what has been subscribed to is ended.
        """
        return open_subscription(
            self.subscriptions.user_agent,
            target,
            event,
            expires=expires,
            accept=accept,
            headers=headers,
            grace=grace,
        )

    async def serve_subscriptions(
        self,
        event: str,
        handler: SubscriptionHandler,
        *,
        policy: NotifierPolicy | None = None,
        grace: float = 4.0,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Run *handler* for each subscription to *event* that comes, until cancelled.  RFC 6665

        Args:
          event: the event package; SUBSCRIBEs to others are answered 489.
          handler: given an `IncomingSubscription`; its exceptions are bugs, which the stack
            contains.
          policy: for how long others may subscribe.
          grace: seconds for the last NOTIFYs when this is cancelled.
        """
        async with self.subscriptions.serving(event, handler, policy, grace):
            task_status.started()
            await trio.sleep_forever()
