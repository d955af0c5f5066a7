"""A subscription that is kept for as long as a block runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

from trio_sip._errors import LocalProtocolError, RemoteProtocolError
from trio_sip.message import Event, Uri
from trio_sip.stack import unwrapping_single_errors
from trio_sip.subscription import Subscriber, SubscriberState, SubscriptionEnded

from ._subscription_driver import Notification, SubscriptionDriver, SubscriptionRequest

if TYPE_CHECKING:
    from ._user_agent import UserAgent

__all__ = ["Subscription", "open_subscription"]


class Subscription:
    """What a notifier tells: ``async for notification in subscription``.

    The iteration ends when the notifier has ended the subscription; `ended` says why.
    """

    def __init__(self, subscriber: Subscriber, driver: SubscriptionDriver) -> None:
        self._subscriber = subscriber
        self._driver = driver

    @property
    def state(self) -> SubscriberState:
        """How it stands."""
        return self._subscriber.state

    @property
    def expires_at(self) -> float:
        """When it ends unless it is refreshed, on trio's clock.  It is refreshed by itself."""
        return self._subscriber.expires_at

    @property
    def ended(self) -> SubscriptionEnded | None:
        """Why it has ended, and after how long to subscribe anew; ``None`` if it has not."""
        return self._driver.ended

    @property
    def dropped(self) -> int:
        """Notifications that were not read in time."""
        return self._driver.dropped

    def refresh(self) -> None:
        """Send a SUBSCRIBE now, instead of when it is due: a NOTIFY comes with it.

        Raises:
          LocalProtocolError: it is over.
        """
        self._driver.refresh()

    async def receive(self) -> Notification:
        """The next notification.

        Raises:
          trio.EndOfChannel: it is over.
        """
        return await self._driver.notifications.receive()

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> Notification:
        try:
            return await self.receive()
        except trio.EndOfChannel:
            raise StopAsyncIteration from None

    def __repr__(self) -> str:
        return f"<Subscription {self._driver.name} {self.state.value}>"


@asynccontextmanager
async def open_subscription(
    user_agent: UserAgent,
    target: Uri | str,
    event: Event | str,
    *,
    expires: int,
    accept: Iterable[str],
    headers: Iterable[tuple[str, object]],
    grace: float,
) -> AsyncIterator[Subscription]:
    """Subscribe, stay subscribed, unsubscribe."""
    try:
        package = Event.parse(event) if isinstance(event, str) else event
    except RemoteProtocolError as error:
        raise LocalProtocolError(f"event: {error}") from None
    types = tuple(accept)
    subscriber = Subscriber(package, expires, t1=user_agent.stack.settings.timers.t1)
    request = SubscriptionRequest(
        target=user_agent.account.target(target),
        event=package,
        headers=(*([("Accept", ", ".join(types))] if types else []), *headers),
    )
    driver = SubscriptionDriver(user_agent, subscriber, request)
    # Who is cancelled already sends nothing.
    await trio.lowlevel.checkpoint_if_cancelled()
    with unwrapping_single_errors():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(driver.keep, name=driver.name)
            try:
                await driver.opened.wait()
                yield Subscription(subscriber, driver)
            finally:
                with trio.move_on_after(grace, shield=True):
                    await driver.leave()
                driver.end()
