"""Rules about the way of a request: loops, hops, sizes, and addresses that lead nowhere."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from trio_sip.message import MAX_FORWARDS
from trio_sip.testing.recordings import Cause

from ._finding import Said
from ._story import Exchange, Story, plain

__all__ = ["contact_nowhere", "hops_not_counted", "looped", "sips_in_the_clear", "too_large"]

# RFC 3261 section 18.1.1, where the MTU of the path is not known.
_LARGEST = 1300


def looped(story: Story) -> Iterator[Said]:
    """A request came the same way again."""
    for exchange in story.exchanges:
        earlier = exchange.before
        while earlier is not None and not _is_same_way(earlier, exchange):
            earlier = earlier.before
        if earlier is not None:
            request = exchange.request
            yield (
                (
                    f"{story.sender(request)} sent its {request.word} for {request.target} to "
                    f"{story.receiver(request)} again, after it had come back over other hops: a loop"
                ),
                [earlier.request, request],
            )


def _is_same_way(one: Exchange, other: Exchange) -> bool:
    mine, its = one.request, other.request
    ends = [(event.wire.source.host, event.wire.destination) for event in (mine, its)]
    return ends[0] == ends[1] and str(mine.target) == str(its.target)


def hops_not_counted(story: Story) -> Iterator[Said]:
    """A proxy sent on a request with as many hops as it had come with."""
    for exchange in story.exchanges:
        if exchange.before is None:
            continue
        came, went = exchange.before.request, exchange.request
        before, after = came.get(MAX_FORWARDS), went.get(MAX_FORWARDS)
        if before is not None and after is not None and after >= before:
            yield (
                (
                    f"{story.sender(went)} got {came.word} with Max-Forwards {before} and sent it on "
                    f"with {after}: nothing would end a loop"
                ),
                [came, went],
            )


def contact_nowhere(story: Story) -> Iterator[Said]:
    """A Contact is an address that is nobody's."""
    told = set()
    for event in story.events:
        contact, source = event.contact, event.wire.source
        if contact is None or event.status >= 300 or event.method not in _WITH_CONTACT:
            continue
        if event.method == "REGISTER" and event.status:
            continue
        key = source.host, contact.host
        if _is_nowhere(contact.host) and not _is_nowhere(source.host) and key not in told:
            told.add(key)
            yield (
                (
                    f"the Contact of {story.sender(event)}'s {event.word} says {contact.address}, which "
                    f"means nobody but who reads it: nothing can be sent there"
                ),
                [event],
            )


_WITH_CONTACT = {"INVITE", "SUBSCRIBE", "REGISTER", "UPDATE"}


def _is_nowhere(host: str) -> bool:
    try:
        address = ipaddress.ip_address(plain(host))
    except ValueError:
        return plain(host) == "localhost"
    return address.is_unspecified or address.is_loopback


def too_large(story: Story) -> Iterator[Said]:
    """A large request went by UDP, and nobody answered it."""
    for exchange in story.exchanges:
        request = exchange.request
        size = len(request.wire.data)
        if request.wire.transport != "UDP" or size <= _LARGEST or len(exchange.requests) < 2:
            continue
        lost = [one for one in [*exchange.requests, *exchange.responses] if one.is_lost]
        if any(one.wire.cause is not Cause.MTU for one in lost):
            continue
        heard = [one for one in exchange.responses if not one.is_lost]
        if not heard and story.end - request.time > 1 and _small_is_heard(story, exchange):
            yield (
                (
                    f"{story.sender(request)}'s {request.word} has {size} bytes and went by UDP, where "
                    f"more than {_LARGEST} are cut into fragments, and {story.receiver(request)}, who "
                    f"answers smaller ones, did not answer it: it wants TCP"
                ),
                exchange.requests,
            )


def _small_is_heard(story: Story, exchange: Exchange) -> bool:
    return any(
        one.responses
        and one.request.wire.destination == exchange.request.wire.destination
        and len(one.request.wire.data) <= _LARGEST
        for one in story.exchanges
    )


def sips_in_the_clear(story: Story) -> Iterator[Said]:
    """A request for a sips URI can be read by everybody."""
    for exchange in story.exchanges:
        request = exchange.request
        if request.wire.transport not in {"UDP", "TCP"} or not exchange.is_own:
            continue
        if request.target is not None and request.target.scheme == "sips":
            yield (
                (
                    f"{story.sender(request)}'s {request.word} is for {request.target} and went by "
                    f"{request.wire.transport} without TLS"
                ),
                [request],
            )
