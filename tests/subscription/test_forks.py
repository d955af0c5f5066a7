"""One SUBSCRIBE that a proxy has forked."""

from __future__ import annotations

from trio_sip.subscription import Subscriber, SubscriberSet, SubscriberState

from .ends import PRESENCE, notify, reply


def subscribers(*, forks: bool = True) -> SubscriberSet:
    first = Subscriber(PRESENCE)
    first.send_subscribe(0.0)
    return SubscriberSet(first, forks=forks)


def take(several: SubscriberSet, tag: str, now: float = 0.1) -> Subscriber | None:
    request = notify(from_tag=tag)
    found = several.for_notify(request, now)
    if found is not None:
        found.receive_notify(request, now)
    return found


def test_the_first_notifier_gets_the_first_subscription() -> None:
    several = subscribers()

    assert several.first is take(several, "n") is take(several, "n")
    assert [several.first] == list(several)


def test_each_other_notifier_gets_one_of_its_own() -> None:
    several = subscribers()
    one, other = take(several, "n"), take(several, "m")

    assert one is not other
    assert other is not None
    assert [one, other] == list(several)
    assert (SubscriberState.SUBSCRIBED, "m") == (other.state, other.remote_tag)
    assert other is take(several, "m")


def test_a_response_belongs_to_the_notifier_that_sent_it() -> None:
    several = subscribers()
    one, other = take(several, "n"), take(several, "m")

    assert one is several.for_response(reply(200, to_tag="n"))
    assert other is several.for_response(reply(200, to_tag="m"))
    assert one is several.for_response(reply(200, to_tag="unknown"))


def test_the_notifier_of_the_2xx_comes_first_even_if_another_notifies_before() -> None:
    several = subscribers()
    several.first.receive_response(reply(200, to_tag="n"), 0.1)

    other = take(several, "m")

    assert several.first is not other
    assert several.first is take(several, "n")


def test_where_there_can_be_one_only_the_others_are_turned_away() -> None:
    several = subscribers(forks=False)

    assert take(several, "n") is not None
    assert take(several, "m") is None


def test_a_stranger_cannot_make_any_number_of_them() -> None:
    several = subscribers()

    taken = [take(several, f"tag{number}") for number in range(100)]

    assert 32 == len(list(several)) == sum(1 for one in taken if one is not None)
