"""Laws of both tables, and both ends in a conversation that loses messages."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

import pytest

from trio_sip._errors import RequestTimedOut
from trio_sip.message import Request, Response, create_response
from trio_sip.subscription import (
    NOTIFIER,
    NOTIFIER_TIMERS,
    SUBSCRIBER,
    SUBSCRIBER_TIMERS,
    AnswerNotify,
    AnswerSubscribe,
    Notifier,
    NotifierEnded,
    NotifierState,
    SendNotify,
    SendSubscribe,
    Subscriber,
    SubscriberState,
    SubscriptionEnded,
)

from .ends import OPEN, PRESENCE, message, subscribe

# Any: two tables of different enumerations, and the laws are the same for both.
TABLES: list[tuple[Mapping[Any, Any], Mapping[Any, Any], type[Enum]]] = [
    (SUBSCRIBER, SUBSCRIBER_TIMERS, SubscriberState),
    (NOTIFIER, NOTIFIER_TIMERS, NotifierState),
]
tables = pytest.mark.parametrize(
    ("steps", "timers", "states"), TABLES, ids=["subscriber", "notifier"]
)


@tables
def test_every_state_is_reachable_and_has_a_way_out(
    steps: Mapping[Any, Any], timers: Mapping[Any, Any], states: Any
) -> None:
    assert set(states) == reachable(steps, states.IDLE)
    for state in states:
        assert states.TERMINATED in reachable(steps, state)


@tables
def test_every_timer_that_a_state_owns_has_a_step(
    steps: Mapping[Any, Any], timers: Mapping[Any, Any], states: Any
) -> None:
    for state, owned in timers.items():
        assert [] == [on for on in owned if (state, on) not in steps]


@tables
def test_every_state_that_waits_for_the_other_side_has_a_timer(
    steps: Mapping[Any, Any], timers: Mapping[Any, Any], states: Any
) -> None:
    assert set(states) - {states.IDLE, states.TERMINATED} == set(timers)


@tables
def test_nothing_leads_out_of_the_end(
    steps: Mapping[Any, Any], timers: Mapping[Any, Any], states: Any
) -> None:
    assert [] == [key for key in steps if key[0] is states.TERMINATED]


def reachable(steps: Mapping[Any, Any], start: object) -> set[object]:
    found, todo = {start}, [start]
    while todo:
        state = todo.pop()
        for (source, _), (target, *_) in steps.items():
            if source is state and target not in found:
                found.add(target)
                todo.append(target)
    return found


class World:
    """Both ends, and between them a network that loses whole transactions."""

    def __init__(self, seed: int, loss: float) -> None:
        self.dice = random.Random(seed)
        self.loss = loss
        self.now = 0.0
        self.subscriber = Subscriber(PRESENCE, 300)
        self.notifier = Notifier(PRESENCE, OPEN)
        self.ended: list[object] = []
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self._last_answer = 0
        self._headers: list[tuple[str, object]] = []

    def later(self, delay: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._due, (self.now + delay, next(self._count), what))

    def run(self, until: float) -> None:
        self.perform()
        while True:
            ends = self.subscriber, self.notifier
            due = self._due[0][0] if self._due else float("inf")
            deadline = min(due, *(end.next_deadline() for end in ends))
            if deadline > until:
                self.now = until
                return
            self.now = deadline
            if due == deadline:
                heapq.heappop(self._due)[2]()
            for end in ends:
                end.handle_timeout(self.now)
            self.perform()

    def perform(self) -> None:
        for effect in self.subscriber.effects():
            match effect:
                case SendSubscribe(expires):
                    self.ask(subscribe(expires), self.at_notifier, self.subscriber)
                case AnswerNotify(status):
                    self._last_answer = status
                case SubscriptionEnded():
                    self.ended.append(effect)
        for one in self.notifier.effects():
            match one:
                case SendNotify(state, _):
                    headers = [("Event", "presence"), ("Subscription-State", str(state))]
                    self.ask(message("NOTIFY", *headers), self.at_subscriber, self.notifier)
                case AnswerSubscribe(status, answer_headers):
                    self._last_answer = status
                    self._headers += answer_headers
                case NotifierEnded():
                    self.ended.append(one)

    def ask(
        self,
        request: Request,
        receive: Callable[[Request], Response],
        asking: Subscriber | Notifier,
    ) -> None:
        """A transaction: it arrives or not, and its answer arrives or not."""
        arrives = self.dice.random() >= self.loss
        answered = arrives and self.dice.random() >= self.loss
        there, back = self.dice.uniform(0.01, 3), self.dice.uniform(0.01, 3)

        def arrive() -> None:
            response = receive(request)
            if answered:
                self.later(back, lambda: asking.receive_response(response, self.now))

        if arrives:
            self.later(there, arrive)
        if not answered:
            error = RequestTimedOut("lost")
            self.later(32.0, lambda: asking.receive_failure(error, self.now))

    def at_notifier(self, request: Request) -> Response:
        self._headers.clear()
        self.notifier.receive_subscribe(request, self.now)
        self.perform()
        response = create_response(request, self._last_answer, to_tag="n")
        for name, value in self._headers:
            response.add_header(name, value)
        return response

    def at_subscriber(self, request: Request) -> Response:
        self.subscriber.receive_notify(request, self.now)
        self.perform()
        return create_response(request, self._last_answer)


def test_without_losses_a_subscription_lives_for_days() -> None:
    world = World(seed=1, loss=0.0)
    world.subscriber.send_subscribe(0.0)
    world.run(2 * 86400.0)

    assert [] == world.ended
    assert SubscriberState.SUBSCRIBED is world.subscriber.state
    world.subscriber.send_unsubscribe(world.now)
    world.run(world.now + 100)

    assert (SubscriberState.TERMINATED, NotifierState.TERMINATED) == (
        world.subscriber.state,
        world.notifier.state,
    )


@pytest.mark.parametrize("loss", [0.1, 0.4, 0.9])
def test_whatever_is_lost_both_ends_are_free_in_the_end(loss: float) -> None:
    for seed in range(30):
        world = World(seed, loss)
        world.subscriber.send_subscribe(0.0)
        world.run(world.dice.uniform(0, 2000))
        world.subscriber.send_unsubscribe(world.now)
        world.run(world.now + 64.0)
        assert SubscriberState.TERMINATED is world.subscriber.state, seed
        world.run(world.now + 7200)
        assert world.notifier.state in (NotifierState.IDLE, NotifierState.TERMINATED), seed
