"""Subscriptions as blocks, and the handlers at their other ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import trio

from trio_sip._errors import (
    AuthenticationRejected,
    LocalProtocolError,
    RequestRejected,
    RequestTimedOut,
)
from trio_sip.auth import PlainSecret
from trio_sip.message import Body, Event
from trio_sip.services import DigestAuthenticator, IdentifyByUser
from trio_sip.stack import Endpoint, IncomingRequest, Service, Stack
from trio_sip.subscription import (
    NotifierPolicy,
    NotifierState,
    SubscriberState,
    TerminationReason,
)
from trio_sip.testing import MemoryNetwork, every, first
from trio_sip.ua import AnswersFor, IncomingSubscription, Subscription, UserAgent, open_user_agent

from .calls import on_terrible_networks

Handler = Callable[[IncomingSubscription], Awaitable[None]]

_PARTED = 130.0

OPEN, CLOSED = Body("open"), Body("closed")
SUBSCRIBED, TERMINATED = SubscriberState.SUBSCRIBED, SubscriberState.TERMINATED


@asynccontextmanager
async def pair(
    network: MemoryNetwork, *, password: str | None = None
) -> AsyncIterator[tuple[UserAgent, UserAgent]]:
    """Alice, who subscribes, and Bob, who can be reached."""
    async with (
        open_user_agent(
            "sip:bob@bob",
            listen=["udp://0.0.0.0:5060", "tcp://0.0.0.0:5060"],
            network=network.host("bob"),
            answers_for=AnswersFor.ITSELF,
            strict=True,
        ) as bob,
        open_user_agent(
            "sip:alice@bob", password=password, network=network.host("alice"), strict=True
        ) as alice,
    ):
        yield alice, bob


class Door:
    """Something whose state can be watched."""

    def __init__(self) -> None:
        self.watchers: list[IncomingSubscription] = []
        self.ended = 0

    async def watch(self, subscription: IncomingSubscription) -> None:
        self.watchers.append(subscription)
        subscription.accept(OPEN)
        try:
            await trio.sleep_forever()
        finally:
            self.ended += 1

    def change(self, body: Body) -> None:
        for watcher in self.watchers:
            watcher.notify(body)


@asynccontextmanager
async def served(
    network: MemoryNetwork,
    handler: Handler,
    *,
    policy: NotifierPolicy | None = None,
    password: str | None = None,
) -> AsyncIterator[tuple[UserAgent, UserAgent]]:
    """Both of them; who subscribes to Bob's door gets to *handler*."""
    async with (
        pair(network, password=password) as (alice, bob),
        trio.open_nursery() as nursery,
    ):

        async def serve(task_status: trio.TaskStatus[None]) -> None:
            await bob.serve_subscriptions("door", handler, policy=policy, task_status=task_status)

        await nursery.start(serve)
        yield alice, bob
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            await trio.sleep(_PARTED)
        assert nothing_left(alice.stack, bob.stack)


def nothing_left(*stacks: Stack) -> bool:
    return all(stack.statistics().dialogs == 0 for stack in stacks)


async def test_inside_the_block_we_are_told_and_behind_it_nobody_is(
    sip_network: MemoryNetwork,
) -> None:
    door = Door()
    async with served(sip_network, door.watch) as (alice, bob):
        async with alice.subscribe(bob.uri, "door") as subscription:
            first_one = await subscription.receive()
            assert (b"open", "active") == (first_one.body, first_one.state.state)
            assert first_one.content_type is not None
            assert "text/plain" in first_one.content_type
            door.change(CLOSED)
            assert b"closed" == (await subscription.receive()).body
            assert SUBSCRIBED is subscription.state
            assert 3600 == pytest.approx(subscription.expires_at - trio.current_time(), abs=1)
            assert "subscribed" in repr(subscription)

        assert TERMINATED.value in repr(subscription)
        await trio.sleep(1)
        assert (1, NotifierState.TERMINATED) == (door.ended, door.watchers[0].state)
        assert nothing_left(alice.stack, bob.stack)


async def test_a_subscribe_is_what_the_rfc_says(sip_network: MemoryNetwork) -> None:
    door = Door()
    async with (
        served(sip_network, door.watch) as (alice, bob),
        alice.subscribe(
            bob.uri,
            Event("door", {"id": "7"}),
            expires=600,
            accept=["text/plain", "text/html"],
            headers=[("Subject", "the door")],
        ) as subscription,
    ):
        notify = (await subscription.receive()).request

    subscribe = door.watchers[0].request.message
    assert ("door;id=7", "600", "text/plain, text/html", "the door") == tuple(
        subscribe[name] for name in ("Event", "Expires", "Accept", "Subject")
    )
    assert "alice" == (subscribe.contact.uri.user if subscribe.contact else None)
    assert "door;id=7" == notify["Event"]
    assert "active;expires=600" == notify["Subscription-State"]
    assert "<sip:bob@192.0.2.1:5060>" == notify["Contact"]
    assert Event("door", {"id": "7"}) == door.watchers[0].event


@pytest.mark.parametrize("target", ["sip:bob@bob", "sip:bob@bob;transport=tcp"])
@pytest.mark.sip(deadline=7200)
async def test_it_is_refreshed_for_as_long_as_the_block_runs(
    target: str, sip_network: MemoryNetwork
) -> None:
    door = Door()
    policy = NotifierPolicy(default_expires=300, max_expires=300)
    async with (
        served(sip_network, door.watch, policy=policy) as (alice, _),
        alice.subscribe(target, "door") as subscription,
    ):
        for _ in range(10):
            await trio.sleep(360)
            assert SUBSCRIBED is subscription.state
            assert trio.current_time() < subscription.expires_at <= door.watchers[0].expires_at + 1

    assert 1 == len(door.watchers)


async def test_the_user_may_ask_how_things_stand(sip_network: MemoryNetwork) -> None:
    door = Door()
    async with served(sip_network, door.watch) as (alice, bob):
        async with alice.subscribe(bob.uri, "door") as subscription:
            await subscription.receive()
            subscription.refresh()
            assert b"open" == (await subscription.receive()).body
        with pytest.raises(LocalProtocolError):
            subscription.refresh()


async def test_who_only_asks_once_is_told_once(sip_network: MemoryNetwork) -> None:
    door = Door()
    async with served(sip_network, door.watch) as (alice, bob):
        async with alice.subscribe(bob.uri, "door", expires=0) as subscription:
            told = [notification.body async for notification in subscription]
        await trio.sleep(1)

        assert ([b"open"], 1) == (told, door.ended)


# -- what ends it


async def test_the_notifier_ends_it_quietly_and_says_why(sip_network: MemoryNetwork) -> None:
    async def short(subscription: IncomingSubscription) -> None:
        subscription.accept(OPEN)
        await trio.sleep(5)
        subscription.terminate(TerminationReason.PROBATION, body=CLOSED, retry_after=60)
        await trio.sleep_forever()

    async with served(sip_network, short) as (alice, bob):
        async with alice.subscribe(bob.uri, "door") as subscription:
            told = [notification.body async for notification in subscription]

        assert [b"open", b"closed"] == told
        assert subscription.ended is not None
        assert ("probation", 60.0) == (subscription.ended.reason, subscription.ended.retry_after)


async def test_a_handler_that_returns_ends_it(sip_network: MemoryNetwork) -> None:
    async def brief(subscription: IncomingSubscription) -> None:
        subscription.accept(OPEN)

    async with served(sip_network, brief) as (alice, bob):
        async with alice.subscribe(bob.uri, "door") as subscription:
            states = [notification.state.state async for notification in subscription]

        assert ["active", "terminated"] == states
        assert "noresource" == (subscription.ended and subscription.ended.reason)


async def test_serving_no_more_tells_everybody(sip_network: MemoryNetwork) -> None:
    door = Door()
    async with pair(sip_network) as (alice, bob):
        async with trio.open_nursery() as nursery:
            await nursery.start(bob.serve_subscriptions, "door", door.watch)
            async with alice.subscribe(bob.uri, "door") as subscription:
                await subscription.receive()
                nursery.cancel_scope.cancel()
                with trio.CancelScope(shield=True):
                    assert "terminated" == (await subscription.receive()).state.state
        assert nothing_left(alice.stack, bob.stack)


@pytest.mark.parametrize("status", [403, 489, 600])
async def test_a_refusal_leaves_the_block_bare(status: int, sip_network: MemoryNetwork) -> None:
    async def refuse(subscription: IncomingSubscription) -> None:
        subscription.reject(status)
        await trio.sleep_forever()

    async with served(sip_network, refuse) as (alice, bob):
        with pytest.raises(RequestRejected) as caught:
            async with alice.subscribe(bob.uri, "door"):
                raise AssertionError("not subscribed")

        assert status == caught.value.status


async def test_what_is_not_served_is_refused(sip_network: MemoryNetwork) -> None:
    door = Door()
    async with served(sip_network, door.watch) as (alice, bob):
        for target, event, status in (
            ("sip:bob@bob", "window", 489),
            ("sip:eve@bob", "door", 404),
        ):
            with pytest.raises(RequestRejected) as caught:
                async with alice.subscribe(target, event):
                    pass
            assert status == caught.value.status
        with pytest.raises(LocalProtocolError):
            await bob.serve_subscriptions("door", door.watch)
        with pytest.raises(LocalProtocolError):
            async with alice.subscribe("sip:bob@bob", "no event"):
                pass


async def test_who_serves_nothing_knows_no_subscriptions(sip_network: MemoryNetwork) -> None:
    door = Door()
    async with pair(sip_network) as (alice, bob):
        async with trio.open_nursery() as nursery:
            await nursery.start(bob.serve_subscriptions, "door", door.watch)
            nursery.cancel_scope.cancel()
        with pytest.raises(RequestRejected) as caught:
            async with alice.subscribe(bob.uri, "door"):
                pass

        assert 405 == caught.value.status


async def test_a_handler_that_does_not_answer_is_not_available(sip_network: MemoryNetwork) -> None:
    async def forgetful(subscription: IncomingSubscription) -> None:
        await trio.sleep(1)

    async with served(sip_network, forgetful) as (alice, bob):
        with pytest.raises(RequestRejected) as caught:
            async with alice.subscribe(bob.uri, "door"):
                pass

        assert 480 == caught.value.status


async def test_a_bug_of_a_handler_ends_one_subscription_and_is_counted(
    sip_network: MemoryNetwork, caplog: pytest.LogCaptureFixture
) -> None:
    async def buggy(subscription: IncomingSubscription) -> None:
        raise ZeroDivisionError

    async with (
        open_user_agent(
            "sip:bob@bob", listen="udp://0.0.0.0:5060", network=sip_network.host("bob")
        ) as bob,
        open_user_agent("sip:alice@bob", network=sip_network.host("alice")) as alice,
        trio.open_nursery() as nursery,
    ):
        await nursery.start(bob.serve_subscriptions, "door", buggy)
        with pytest.raises(RequestRejected) as caught:
            async with alice.subscribe(bob.uri, "door"):
                pass
        await trio.sleep(1)

        assert (500, 1) == (caught.value.status, bob.stack.statistics().handler_errors)
        nursery.cancel_scope.cancel()


async def test_too_brief_is_asked_again(sip_network: MemoryNetwork) -> None:
    door = Door()
    async with (
        served(sip_network, door.watch, policy=NotifierPolicy(min_expires=600)) as (alice, bob),
        alice.subscribe(bob.uri, "door", expires=60) as subscription,
    ):
        await subscription.receive()
        assert 600 == pytest.approx(subscription.expires_at - trio.current_time(), abs=1)


async def test_who_is_pending_learns_nothing_until_it_is_decided(
    sip_network: MemoryNetwork,
) -> None:
    async def hesitate(subscription: IncomingSubscription) -> None:
        subscription.pend()
        await trio.sleep(60)
        subscription.accept(OPEN)
        with pytest.raises(LocalProtocolError):
            subscription.accept(OPEN)
        await trio.sleep_forever()

    async with served(sip_network, hesitate) as (alice, bob):
        async with alice.subscribe(bob.uri, "door") as subscription:
            told = [await subscription.receive() for _ in range(2)]

        assert [("pending", b""), ("active", b"open")] == [
            (one.state.state, one.body) for one in told
        ]


async def test_who_is_rejected_in_the_end_is_told_so(sip_network: MemoryNetwork) -> None:
    async def reject(subscription: IncomingSubscription) -> None:
        subscription.pend()
        subscription.reject()
        await trio.sleep_forever()

    async with served(sip_network, reject) as (alice, bob):
        async with alice.subscribe(bob.uri, "door") as subscription:
            states = [str(notification.state) async for notification in subscription]

        assert "terminated;reason=rejected" == states[-1]
        assert (None, "rejected") == (
            subscription.ended and subscription.ended.retry_after,
            subscription.ended and subscription.ended.reason,
        )


async def test_a_lost_subscription_is_raised_in_the_block(sip_network: MemoryNetwork) -> None:
    door = Door()
    async with served(sip_network, door.watch) as (alice, bob):
        with pytest.raises(RequestTimedOut):  # noqa: PT012  (it is the end of the block)
            async with alice.subscribe(bob.uri, "door", expires=300) as subscription:
                await subscription.receive()
                sip_network.partition("bob")
                await trio.sleep_forever()
        sip_network.heal()
        assert trio.current_time() < 301
        # The other end finds out by itself.
        await trio.sleep(300)

        assert 1 == door.ended
        assert nothing_left(alice.stack, bob.stack)


async def test_a_notifier_that_has_forgotten_us_is_raised_in_the_block(
    sip_network: MemoryNetwork,
) -> None:
    door = Door()
    async with served(sip_network, door.watch) as (alice, bob):
        with pytest.raises(RequestRejected) as caught:  # noqa: PT012  (it is the end of the block)
            async with alice.subscribe(bob.uri, "door", expires=300) as subscription:
                await subscription.receive()
                bob.stack.remove_dialog(door.watchers[0]._dialog)
                await trio.sleep_forever()

        assert 481 == caught.value.status


# -- NOTIFY before the 2xx, strangers, challenges


async def test_a_notify_that_overtakes_the_2xx_is_heard(sip_network: MemoryNetwork) -> None:
    door = Door()
    async with served(sip_network, door.watch) as (alice, bob):
        sip_network.drop(first(2, status=200, method="SUBSCRIBE"))
        async with alice.subscribe(bob.uri, "door") as subscription:
            assert b"open" == (await subscription.receive()).body
            assert trio.current_time() < 0.2
            await trio.sleep(10)
            assert SUBSCRIBED is subscription.state
        await trio.sleep(1)

        assert 1 == door.ended
        assert nothing_left(alice.stack, bob.stack)


class TwoNotifiers(Service):
    """Lets a second notifier speak, as behind a proxy that forks."""

    name = "fork"

    def __init__(self) -> None:
        self.status = 0

    async def tell(self, stack: Stack, request: IncomingRequest) -> None:
        message = request.message
        assert message.contact is not None
        response = await stack.send_request(
            "NOTIFY",
            message.contact.uri,
            from_=message.to.with_tag("another"),
            to=message.from_,
            call_id=message.call_id,
            headers=[("Event", "door"), ("Subscription-State", "active")],
            contact="<sip:bob@bob>",
        )
        self.status = response.status


async def test_a_second_notifier_is_turned_away(sip_network: MemoryNetwork) -> None:
    door, fork = Door(), TwoNotifiers()
    async with (
        served(sip_network, door.watch) as (alice, bob),
        alice.subscribe(bob.uri, "door") as subscription,
    ):
        await subscription.receive()
        await fork.tell(bob.stack, door.watchers[0].request)

        assert (481, SUBSCRIBED) == (fork.status, subscription.state)


async def test_other_requests_have_no_business_in_a_subscription(
    sip_network: MemoryNetwork,
) -> None:
    door = Door()
    async with (
        served(sip_network, door.watch) as (alice, bob),
        alice.subscribe(bob.uri, "door") as subscription,
    ):
        await subscription.receive()
        there = await bob.stack.send_request("INFO", dialog=door.watchers[0]._dialog)
        back = await alice.stack.send_request("INFO", dialog=subscription._driver._dialog)

        assert (405, 405) == (there.status, back.status)


@pytest.mark.parametrize("lost", [False, True])
async def test_a_challenge_is_answered_and_the_dialog_counts_on(
    lost: bool, sip_network: MemoryNetwork
) -> None:
    door = Door()
    async with served(sip_network, door.watch, password="wonderland") as (alice, bob):
        bob.stack.register_endpoint_identifier(IdentifyByUser({"alice": Endpoint(name="alice")}))
        bob.stack.register_authenticator(
            DigestAuthenticator("bob", {"alice": PlainSecret("alice", "wonderland")})
        )
        if lost:
            # The NOTIFY makes the dialog then.
            sip_network.drop(first(2, status=200, method="SUBSCRIBE"))
        async with alice.subscribe(bob.uri, "door") as subscription:
            await subscription.receive()
            subscription.refresh()
            await subscription.receive()
        await trio.sleep(1)

        assert (1, "alice") == (door.ended, door.watchers[0].request.endpoint.name)


async def test_a_wrong_password_leaves_the_block_bare(sip_network: MemoryNetwork) -> None:
    door = Door()
    async with served(sip_network, door.watch, password="wrong") as (alice, bob):
        bob.stack.register_endpoint_identifier(IdentifyByUser({"alice": Endpoint(name="alice")}))
        bob.stack.register_authenticator(
            DigestAuthenticator("bob", {"alice": PlainSecret("alice", "wonderland")})
        )
        with pytest.raises(AuthenticationRejected):
            async with alice.subscribe(bob.uri, "door"):
                pass


# -- leaving


async def test_a_cancelled_block_still_says_goodbye(sip_network: MemoryNetwork) -> None:
    door = Door()
    async with served(sip_network, door.watch) as (alice, bob):
        with trio.move_on_after(10):
            async with alice.subscribe(bob.uri, "door"):
                await trio.sleep_forever()
        # One that is given up before the answer comes, and one before anything was sent.
        for delay in (0.01, 0):
            with trio.CancelScope(deadline=trio.current_time() + delay) as scope:
                if not delay:
                    scope.cancel()
                async with alice.subscribe(bob.uri, "door"):
                    raise AssertionError("too early")
        await trio.sleep(1)

        assert 2 == door.ended == len(door.watchers)
        assert nothing_left(alice.stack, bob.stack)


async def test_leaving_is_bounded(sip_network: MemoryNetwork) -> None:
    door = Door()
    async with served(sip_network, door.watch) as (alice, bob):
        began = 0.0
        with pytest.raises(ZeroDivisionError):  # noqa: PT012  (it is the end of the block)
            async with alice.subscribe(bob.uri, "door", grace=3) as subscription:
                await subscription.receive()
                sip_network.partition("bob")
                began = trio.current_time()
                raise ZeroDivisionError

        assert 3 == pytest.approx(trio.current_time() - began)
        sip_network.heal()


async def test_who_does_not_read_misses_the_oldest(sip_network: MemoryNetwork) -> None:
    door = Door()
    async with (
        served(sip_network, door.watch) as (alice, bob),
        alice.subscribe(bob.uri, "door") as subscription,
    ):
        for number in range(80):
            await trio.sleep(1)
            door.change(Body(f"number {number}"))
        await trio.sleep(1)
        told = [(await subscription.receive()).body for _ in range(64)]

        assert (17, b"number 79") == (subscription.dropped, told[-1])


async def test_notifys_keep_their_order_whatever_is_lost(sip_network: MemoryNetwork) -> None:
    door = Door()
    async with (
        served(sip_network, door.watch) as (alice, bob),
        alice.subscribe(bob.uri, "door") as subscription,
    ):
        await subscription.receive()
        sip_network.drop(first(3, method="NOTIFY"))
        for number in range(5):
            door.change(Body(str(number)))
        told = [(await subscription.receive()).body for _ in range(5)]

        assert [b"0", b"1", b"2", b"3", b"4"] == told


async def life(network: MemoryNetwork, target: str) -> str:
    """Twenty minutes of watching a door; how it went."""
    door = Door()
    async with served(network, door.watch) as (alice, bob):
        outcome = "lived"
        try:
            async with alice.subscribe(target, "door", expires=300) as subscription:
                for number in range(10):
                    await trio.sleep(120)
                    door.change(Body(str(number)))
                await read_until(subscription, b"9")
        except (RequestTimedOut, RequestRejected):
            outcome = "was lost"
        except LocalProtocolError:
            outcome = "was lost there"
        await trio.sleep(400)
        assert len(door.watchers) == door.ended
        assert nothing_left(alice.stack, bob.stack)
    return outcome


async def read_until(subscription: Subscription, body: bytes) -> None:
    async for notification in subscription:
        if notification.body == body:
            return


@pytest.mark.parametrize("target", ["sip:bob@bob", "sip:bob@bob;transport=tcp"])
@on_terrible_networks
async def test_on_terrible_networks_nothing_is_left_behind(
    target: str, sip_network: MemoryNetwork
) -> None:
    assert "lived" == await life(sip_network, target)


async def test_on_a_dead_network_nothing_is_left_behind(sip_network: MemoryNetwork) -> None:
    sip_network.drop(every(method="NOTIFY"))
    assert "was lost" in await life(sip_network, "sip:bob@bob")
