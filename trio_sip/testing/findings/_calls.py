"""Rules about the course of calls: how they were refused, crossed, forked, heard and ended."""

from __future__ import annotations

from collections.abc import Iterator

from trio_sip.message import CONTACT, EXPIRES, RSEQ, SESSION_EXPIRES, NameAddr

from ._finding import Said, seconds
from ._story import Call, Event, Exchange, Story

__all__ = [
    "cancel_too_late",
    "early_media",
    "forked",
    "glare",
    "provisional_unacknowledged",
    "refused",
    "session_expired",
    "shorter_registration",
]

# Status code, the header that tells why, and the sentence.
_REASONS: dict[int, tuple[str, str]] = {
    405: ("Allow", "does not take the method; it takes {value}"),
    406: ("Accept", "has nothing that is accepted; it has {value}"),
    415: ("Accept", "does not understand the body; it takes {value}"),
    420: ("Unsupported", "does not know the extension {value} that Require asks for"),
    421: ("Require", "insists on the extension {value}, which Supported does not name"),
    422: ("Min-SE", "wants a session interval of {value} seconds at least"),
    423: ("Min-Expires", "wants registrations of {value} seconds at least"),
    488: ("Warning", "cannot take the session description: {value}"),
    489: ("Allow-Events", "does not know the event package; it knows {value}"),
    503: ("Retry-After", "is overloaded or out of service; try again after {value} seconds"),
    606: ("Warning", "cannot take the session description: {value}"),
}
_OPTIONAL = {415, 488, 503, 606}
_MISSING = "the header {name} that would say why is missing"
_PLAIN = {
    403: "forbids it, and credentials will not help",
    404: "knows nobody of that name",
    408: "waited in vain for somebody else to answer",
    410: "says that this address is gone",
    480: "says that nobody is there now",
    482: "has seen the request before: a loop",
    483: "sees that it has gone over too many hops",
    484: "finds the address incomplete",
    486: "is busy",
    500: "failed",
    501: "does not know the method",
    504: "could not reach the next server in time",
    513: "finds the message too large",
    600: "is busy everywhere",
    603: "declines",
    604: "knows that nobody has that name anywhere",
}


def refused(story: Story) -> Iterator[Said]:
    """A final response that says no, in words, with the header that tells why."""
    for exchange in story.exchanges:
        final = exchange.final
        if final is None or final.status < 400 or _is_handed_back(exchange, final.status):
            continue
        if final.status in _REASONS:
            name, sentence = _REASONS[final.status]
            value = final.text(name)
            if value is None and final.status not in _OPTIONAL:
                words = f"refused it, but {_MISSING.format(name=name)}"
            else:
                words = sentence.format(value=value or "(not said)")
        elif final.status in _PLAIN:
            words = _PLAIN[final.status]
        else:
            continue
        reason = final.text("Reason")
        yield (
            f"{story.sender(final)} answered {story.sender(exchange.request)}'s "
            f"{exchange.request.word} with {final.status}: it {words}"
            + (f" (Reason: {reason})" if reason else ""),
            [exchange.request, final],
        )


def _is_handed_back(exchange: Exchange, status: int) -> bool:
    """Whether somebody behind has said it."""
    return any(one.final is not None and one.final.status == status for one in exchange.onward)


def glare(story: Story) -> Iterator[Said]:
    """Both sides changed the session at once."""
    for call in story.calls:
        for exchange in call.of("INVITE", "UPDATE"):
            final = exchange.final
            if final is not None and final.status == 491:
                yield (
                    (
                        f"both sides sent INVITE at once, so {story.sender(final)} refused one with 491; "
                        f"each tries again after a while of its own"
                    ),
                    [exchange.request, final],
                )


def cancel_too_late(story: Story) -> Iterator[Said]:
    """CANCEL and 2xx crossed."""
    for call in story.calls:
        for cancel in call.of("CANCEL"):
            for invite in call.of("INVITE"):
                success = invite.success
                if success is None or invite.request.to_tag is not None:
                    continue
                ended = call.of("BYE")
                words = "the call was ended with BYE" if ended else "and nobody sent BYE"
                yield (
                    (
                        f"{story.sender(cancel.request)}'s CANCEL came too late: "
                        f"{story.sender(success)} had answered with {success.status}; {words}"
                    ),
                    [cancel.request, success, *[one.request for one in ended[:1]]],
                )


def forked(story: Story) -> Iterator[Said]:
    """One INVITE was answered by several."""
    for call in story.calls:
        for exchange in call.of("INVITE"):
            tags: dict[str, Event] = {}
            for one in exchange.responses:
                if one.to_tag and 100 < one.status < 300:
                    tags.setdefault(one.to_tag, one)
            if len(tags) < 2:
                continue
            winners = {one.to_tag for one in exchange.responses if 200 <= one.status < 300}
            more = (
                f"; {len(winners)} of them answered with 2xx, and each wants its ACK, all but one "
                f"a BYE as well"
                if len(winners) > 1
                else ""
            )
            yield (
                (
                    f"{story.sender(exchange.request)}'s INVITE was forked: {len(tags)} answered, as "
                    f"their To tags tell{more}"
                ),
                [exchange.request, *tags.values()],
            )


def early_media(story: Story) -> Iterator[Said]:
    """Something can be heard before the call is answered."""
    for call in story.calls:
        for exchange in call.of("INVITE"):
            first = next(
                (one for one in exchange.responses if 100 < one.status < 200 and one.message.body),
                None,
            )
            if first is not None and (first.text("Content-Type") or "").startswith(
                "application/sdp"
            ):
                yield (
                    (
                        f"{story.sender(first)} described media in its {first.word}: early media, what "
                        f"is heard before the answer comes from the network"
                    ),
                    [first],
                )


def provisional_unacknowledged(story: Story) -> Iterator[Said]:
    """A reliable provisional response was repeated, and no PRACK came."""
    for call in story.calls:
        for exchange in call.of("INVITE"):
            reliable = [
                one for one in exchange.responses if one.get(RSEQ) is not None and not one.is_lost
            ]
            if len(reliable) > 1 and not call.of("PRACK"):
                first = reliable[0]
                yield (
                    (
                        f"{story.sender(first)} sent its {first.word} reliably, and "
                        f"{story.receiver(first)} sent no PRACK"
                    ),
                    reliable,
                )


def session_expired(story: Story) -> Iterator[Said]:
    """Nobody refreshed the session, and somebody ended it."""
    for call in story.calls:
        for bye in call.of("BYE"):
            agreed = _last_agreement(call, bye)
            if agreed is None:
                continue
            success, interval, refresher = agreed
            # The roles are those of the request that was answered.
            who = {"uac": story.receiver(success), "uas": story.sender(success)}.get(refresher)
            refresher = f"{who}, as {refresher}" if who else refresher
            waited = bye.request.time - success.time
            # RFC 4028 section 10: the BYE comes a little before the session expires.
            if interval - max(32, interval / 3) - 1 <= waited <= interval + 2:
                yield (
                    (
                        f"{story.sender(bye.request)} ended the call {seconds(waited)} after the last "
                        f"refresh: the session timer of {interval} s ran out, and the refresher "
                        f"({refresher}) sent nothing"
                    ),
                    [success, bye.request],
                )


def _last_agreement(call: Call, bye: Exchange) -> tuple[Event, int, str] | None:
    found: tuple[Event, int, str] | None = None
    for exchange in call.of("INVITE", "UPDATE"):
        success = exchange.success
        if success is None or success.time > bye.request.time:
            continue
        expires = success.get(SESSION_EXPIRES)
        if expires is not None:
            refresher = expires.params.get("refresher") or "not said"
            found = success, expires.seconds, refresher
    return found


def shorter_registration(story: Story) -> Iterator[Said]:
    """A registrar granted less time than was asked for, or nothing."""
    for exchange in story.exchanges:
        success = exchange.success
        if exchange.method != "REGISTER" or success is None:
            continue
        asked, granted = _expires(exchange.request), _expires(success)
        wanted = exchange.request.contact
        if wanted is None or not asked:
            continue
        if not success.get_list(CONTACT):
            yield (
                (
                    f"{story.sender(success)} answered the REGISTER with {success.status} and lists no "
                    f"Contact: nothing is registered"
                ),
                [exchange.request, success],
            )
        elif granted is not None and granted < asked:
            yield (
                (
                    f"{story.sender(success)} registered for {granted} s instead of {asked} s: "
                    f"{story.sender(exchange.request)} must refresh before that"
                ),
                [exchange.request, success],
            )


def _expires(event: Event) -> int | None:
    for contact in event.get_list(CONTACT):
        text = contact.params.get("expires") if isinstance(contact, NameAddr) else None
        if text is not None and text.isdigit():
            return int(text[:10])
    return event.get(EXPIRES)
