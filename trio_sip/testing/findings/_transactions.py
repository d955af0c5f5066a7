"""Rules about requests and their answers on one hop: what was repeated, and what never came."""

from __future__ import annotations

from collections.abc import Iterator

from trio_sip.testing.recordings import Cause

from ._finding import Said, seconds, times
from ._story import Event, Exchange, Story, is_private

__all__ = [
    "answer_lost",
    "answered_elsewhere",
    "branch_reused",
    "never_answered",
    "request_not_repeated",
    "response_changed",
    "response_not_repeated",
    "response_to_ack",
    "why_lost",
]

_T1 = 0.5
# How much later than T1 a repetition may be on a slow machine.
_PATIENCE = 1.2
# Who has repeated something for so long has heard nothing.
_LONG = 15.0
_MANY = 4
# What a network does that has nothing against them, but no way to them.
_UNREACHABLE = {Cause.NOWHERE, Cause.NAT, Cause.MTU}


def why_lost(events: list[Event]) -> str:
    """``in a partition``; empty if it is not known."""
    causes = {event.wire.cause for event in events if event.is_lost}
    cause = causes.pop() if len(causes) == 1 else None
    return f" {cause.value}" if cause is not None else ""


def never_answered(story: Story) -> Iterator[Said]:
    """A request, perhaps repeated, and no answer: nobody is there, or nobody answers."""
    yield from _unanswered(story, by_network=False)


def answer_lost(story: Story) -> Iterator[Said]:
    """A request, perhaps repeated, and no answer, because the network lost it or the answer."""
    yield from _unanswered(story, by_network=True)


def _unanswered(story: Story, *, by_network: bool) -> Iterator[Said]:
    for exchange in story.exchanges:
        request = exchange.request
        if exchange.method == "ACK":
            continue
        arrived = [one for one in exchange.responses if not one.is_lost]
        if exchange.method != "INVITE" and len(exchange.requests) > 3:
            # A 100 is no answer.
            arrived = [one for one in arrived if one.status >= 200]
        waited = story.end - request.time
        if arrived or (waited < _PATIENCE and len(exchange.requests) < 2):
            continue
        if _is_lost_on_its_way(exchange) != by_network or not _kept_asking(story, exchange):
            continue
        count = len(exchange.requests)
        sent = f"{story.sender(request)} sent its {request.word} {times(count)}"
        yield (
            f"{sent} and got no answer: {_where_it_went(story, exchange)}",
            [*exchange.requests, *exchange.responses],
        )


def _kept_asking(story: Story, exchange: Exchange) -> bool:
    """Whether it was repeated to the end.  Who stops before has perhaps heard what nobody saw."""
    if story.is_seen_from(exchange.request) or any(one.is_lost for one in exchange.requests):
        return True
    times = [one.time for one in exchange.requests]
    later = any(
        one.call_id == exchange.request.call_id and one.wire.source == exchange.request.wire.source
        for one in story.events
        if one.time > times[-1]
    )
    if times[-1] - times[0] > _LONG:
        return True
    return len(times) >= _MANY and not later and times[-1] + 2 * (times[-1] - times[-2]) > story.end


def _is_lost_on_its_way(exchange: Exchange) -> bool:
    """Whether it reached its receiver, and an answer was sent, as far as one can ask for it."""
    lost = [one for one in [*exchange.requests, *exchange.responses] if one.is_lost]
    if {one.wire.cause for one in lost} & _UNREACHABLE:
        return False
    answers = exchange.finals or exchange.responses
    if all(one.is_lost for one in exchange.requests) or (answers and answers[0].is_lost):
        return True
    # Whoever sent it on has to wait for the hops behind.
    return any(_is_open_by_network(one) for one in exchange.onward)


def _is_open_by_network(exchange: Exchange) -> bool:
    final = [one for one in exchange.finals if not one.is_lost]
    return not final and _is_lost_on_its_way(exchange)


def _where_it_went(story: Story, exchange: Exchange) -> str:
    requests, responses = exchange.requests, exchange.responses
    destination = exchange.request.wire.destination
    if all(one.is_lost for one in requests):
        return f"the network lost all of it{why_lost(requests)}"
    if responses and not any(one.is_lost for one in responses):
        return f"{story.receiver(exchange.request)} said only {responses[0].word}"
    if responses:
        return (
            f"{story.receiver(exchange.request)} did answer, and the network lost the "
            f"{responses[0].word}{why_lost(responses)}"
        )
    if any(one.wire.source == destination for one in story.events):
        return f"{story.receiver(exchange.request)} is there, and has not answered it"
    if is_private(destination.host):
        return f"nobody answers at {destination}, which is a private address"
    return f"nobody answers at {destination}"


def answered_elsewhere(story: Story) -> Iterator[Said]:
    """The answer did not go where the request came from, and did not help."""
    for exchange in story.exchanges:
        request = exchange.request
        wrong = [one for one in exchange.responses if one.wire.destination != request.wire.source]
        first = next(iter(wrong), None)
        if request.wire.transport != "UDP" or first is None:
            continue
        useless = first.is_lost or any(one.time > first.time + 0.1 for one in exchange.requests)
        via = request.via
        if not useless or via is None:
            continue
        why = (
            "although the Via asks for rport"
            if "rport" in via.params
            else f"because the Via says {via.sent_by} and has no rport"
        )
        yield (
            (
                f"{story.sender(first)} answered {exchange.method} to {first.wire.destination}, but it "
                f"came from {request.wire.source}, {why}"
            ),
            [request, first],
        )


def request_not_repeated(story: Story) -> Iterator[Said]:
    """An unanswered request over UDP was sent only once."""
    for exchange in story.exchanges:
        request = exchange.request
        if exchange.method == "ACK" or request.wire.transport != "UDP" or not exchange.is_own:
            continue
        until = exchange.responses[0].time if exchange.responses else story.end
        if not story.is_seen_from(request) or story.end < until:
            continue
        if len(exchange.requests) == 1 and until - request.time > _PATIENCE:
            yield (
                (
                    f"{story.sender(request)} sent its {request.word} only once, although no answer "
                    f"came for {seconds(until - request.time)}"
                ),
                [request],
            )


def response_not_repeated(story: Story) -> Iterator[Said]:
    """A request came again after its final response, and the response was not sent again."""
    for exchange in story.exchanges:
        final = exchange.final
        if final is None or final.wire.transport != "UDP" or exchange.method == "ACK":
            continue
        if exchange.onward or (final.status < 300 and exchange.method == "INVITE"):
            # A proxy may hand copies on, and a 2xx to INVITE is repeated by a clock of its own.
            continue
        again = [
            one for one in exchange.requests if one.time > final.time + 0.1 and not one.is_lost
        ]
        if again and story.end > again[0].time + _T1:
            answered = [one for one in exchange.finals if one.time >= again[0].time]
            if not answered:
                yield (
                    (
                        f"{story.sender(final)} got {again[0].word} again after its {final.word} and "
                        f"did not repeat the answer"
                    ),
                    [final, *again],
                )


def branch_reused(story: Story) -> Iterator[Said]:
    """Two requests with one branch."""
    seen: dict[tuple[str, str], Exchange] = {}
    for exchange in story.exchanges:
        request = exchange.request
        via = request.via
        if via is None or via.branch is None:
            continue
        key = via.branch, via.sent_by.lower()
        other = seen.setdefault(key, exchange)
        if other is exchange or _may_share(other, exchange):
            continue
        yield (
            (
                f"{story.sender(request)} sent {request.word} with the branch of its "
                f"{other.request.word}: every request wants a branch of its own"
            ),
            [other.request, request],
        )


def _may_share(invite: Exchange, exchange: Exchange) -> bool:
    """Whether it is a CANCEL, or the ACK of a failure; the INVITE may not have been seen."""
    numbers = [one.request.cseq.number if one.request.cseq else 0 for one in (invite, exchange)]
    same = invite.request.call_id == exchange.request.call_id and numbers[0] == numbers[1]
    return same and (
        invite.method == "CANCEL"
        or exchange.method == "CANCEL"
        or (exchange.method == "ACK" and invite.success is None)
    )


def response_changed(story: Story) -> Iterator[Said]:
    """A response does not copy what it must copy of its request."""
    for stray in story.strays:
        near = next((one for one in story.exchanges if _is_near(one, stray)), None)
        if near is None:
            # The request was sent before anybody looked, or where nobody does.
            continue
        here, there = near.request.via, stray.via
        yield (
            (
                f"{story.sender(stray)}'s {stray.word} is not matched with its request: the top Via "
                f"was {here} and came back as {there}"
            ),
            [near.request, stray],
        )
    for exchange in story.exchanges:
        for response in exchange.responses[:1]:
            if response.from_tag != exchange.request.from_tag:
                yield (
                    (
                        f"{story.sender(response)}'s {response.word} has another From tag than its "
                        f"request: {response.from_tag} instead of {exchange.request.from_tag}"
                    ),
                    [exchange.request, response],
                )
            if response.cseq != exchange.request.cseq:
                yield (
                    (
                        f"{story.sender(response)}'s {response.word} has CSeq {response.cseq}, its "
                        f"request {exchange.request.cseq}"
                    ),
                    [exchange.request, response],
                )


def _is_near(exchange: Exchange, stray: Event) -> bool:
    """Whether it may be the request of a response that does not say so."""
    request, ends = exchange.request, (stray.wire.source.host, stray.wire.destination.host)
    return (
        (request.call_id, request.cseq) == (stray.call_id, stray.cseq)
        and (request.wire.destination.host, request.wire.source.host) == ends
        and request.time <= stray.time
        and exchange.final is None
    )


def response_to_ack(story: Story) -> Iterator[Said]:
    """An ACK was answered."""
    for event in story.events:
        if event.status and event.method == "ACK":
            yield f"{story.sender(event)} answered an ACK with {event.status}", [event]
