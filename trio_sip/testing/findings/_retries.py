"""Rules about what is sent again although the answer has said how, and what comes after the end."""

from __future__ import annotations

from collections.abc import Iterator

from trio_sip.message import EXPIRES, SESSION_EXPIRES

from ._finding import Said, seconds
from ._story import Call, Event, Exchange, Story

__all__ = ["cancel_after_final", "required_again", "second_final", "too_brief", "too_soon"]

# What is sent so soon after something has crossed it.
_CROSSED = 1.0
_INTERVALS = {423: "Min-Expires", 422: "Min-SE"}


def _next(call: Call, exchange: Exchange, final: Event) -> Exchange | None:
    """The same request, sent again to the same server after that answer."""
    request = exchange.request
    return next(
        (
            one
            for one in call.exchanges
            if one.request.time > final.time + 0.01
            and (one.method, one.is_own) == (exchange.method, True)
            and (one.request.from_tag, one.request.to_tag) == (request.from_tag, request.to_tag)
            and one.request.wire.destination.host == request.wire.destination.host
            and str(one.request.target) == str(request.target)
        ),
        None,
    )


def _refused(story: Story) -> Iterator[tuple[Exchange, Event, Exchange]]:
    """Requests that were refused and sent again by who had heard that."""
    for call in story.calls:
        for exchange in call.exchanges:
            final = exchange.final
            if final is None or final.status < 300 or final.is_lost or not exchange.is_own:
                continue
            again = _next(call, exchange, final)
            if again is not None:
                yield exchange, final, again


def too_brief(story: Story) -> Iterator[Said]:
    """An interval was refused as too brief, and asked for again."""
    for exchange, final, again in _refused(story):
        name = _INTERVALS.get(final.status)
        least = _number(final.text(name)) if name else None
        asked = _asked(again.request, final.status)
        if least is not None and asked is not None and 0 < asked < least:
            yield (
                (
                    f"{story.sender(final)} refused {story.sender(exchange.request)}'s "
                    f"{exchange.request.word} with {final.status}, {name} {least}, and it came again "
                    f"with {asked} s"
                ),
                [exchange.request, final, again.request],
            )


def _number(text: str | None) -> int | None:
    digits = (text or "").partition(";")[0].strip()
    return int(digits[:10]) if digits.isascii() and digits.isdigit() else None


def _asked(request: Event, status: int) -> int | None:
    if status == 422:
        session = request.get(SESSION_EXPIRES)
        return session.seconds if session is not None else None
    if "expires=" in (request.text("Contact") or ""):
        # Each Contact may have an interval of its own.
        return None
    return request.get(EXPIRES)


def required_again(story: Story) -> Iterator[Said]:
    """An extension is not known, and was required again."""
    for exchange, final, again in _refused(story):
        unknown = _options(final.text("Unsupported")) if final.status == 420 else set()
        still = sorted(unknown & _options(again.request.text("Require")))
        if still:
            yield (
                (
                    f"{story.sender(final)} does not know {', '.join(still)}, as its {final.word} says, "
                    f"and {story.sender(again.request)}'s next {again.request.word} requires it again"
                ),
                [exchange.request, final, again.request],
            )


def _options(text: str | None) -> set[str]:
    return {one.strip().lower() for one in (text or "").split(",") if one.strip()}


def too_soon(story: Story) -> Iterator[Said]:
    """A server asked for time, and did not get it."""
    for exchange, final, again in _refused(story):
        wanted = _number((final.text("Retry-After") or "").partition("(")[0])
        waited = again.request.time - final.time
        if final.status == 503 and wanted is not None and waited < wanted - 1:
            yield (
                (
                    f"{story.sender(final)} answered {story.sender(exchange.request)}'s "
                    f"{exchange.request.word} with 503, Retry-After {wanted}, and the next one came "
                    f"after {seconds(waited)}"
                ),
                [final, again.request],
            )


def cancel_after_final(story: Story) -> Iterator[Said]:
    """A CANCEL for an INVITE whose end had been acknowledged."""
    for call in story.calls:
        for cancel in call.of("CANCEL"):
            invite = cancel.about
            acks = [
                one.request
                for one in call.of("ACK")
                if one.about is invite
                and one.request.wire.source == cancel.request.wire.source
                and one.request.time < cancel.request.time - _CROSSED
            ]
            if invite is not None and invite.final is not None and acks:
                yield (
                    (
                        f"{story.sender(cancel.request)} sent CANCEL "
                        f"{seconds(cancel.request.time - acks[0].time)} after its ACK for the "
                        f"{invite.final.word}: there was nothing left to cancel"
                    ),
                    [invite.final, acks[0], cancel.request],
                )


def second_final(story: Story) -> Iterator[Said]:
    """One request was answered twice, and differently."""
    for exchange in story.exchanges:
        first = exchange.final
        if first is None or exchange.onward or exchange.method == "ACK":
            continue
        other = next((one for one in exchange.finals if one.status != first.status), None)
        if other is not None and other.to_tag == first.to_tag is not None:
            yield (
                (
                    f"{story.sender(other)} answered {story.sender(exchange.request)}'s "
                    f"{exchange.request.word} with {first.status} and then with {other.status}: there "
                    f"is one final response"
                ),
                [exchange.request, first, other],
            )
