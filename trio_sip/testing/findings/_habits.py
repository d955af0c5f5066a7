"""Rules about numbers and times that must go on as they began: intervals, counts, versions, routes."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from trio_sip.message import CONTACT, RACK, RECORD_ROUTE, ROUTE, RSEQ, NameAddr

from ._finding import Said, seconds
from ._story import Event, Exchange, Story

__all__ = [
    "nonce_count",
    "nothing_but_silence",
    "rack_of_nothing",
    "repeat_interval",
    "route_order",
    "same_version",
    "still_registered",
]

_T1 = 0.5
_T2 = 4.0
# How long a network may take before anybody is blamed for it.
_SLOW = 0.8
_COUNT = re.compile(r'\bnonce\s*=\s*"([^"]*)".*\bnc\s*=\s*"?([0-9A-Fa-f]{8})|'
                    r'\bnc\s*=\s*"?([0-9A-Fa-f]{8}).*\bnonce\s*=\s*"([^"]*)"')  # fmt: skip


def nothing_but_silence(story: Story) -> Iterator[Said]:
    """An INVITE was left without any response until it was sent again."""
    for exchange in story.exchanges:
        arrived = [one for one in exchange.requests if not one.is_lost]
        if exchange.method != "INVITE" or len(arrived) < 2 or not exchange.responses:
            continue
        first = exchange.responses[0]
        waited = first.time - arrived[0].time
        if waited > _SLOW and exchange.request.wire.transport == "UDP":
            yield (
                (
                    f"{story.sender(first)} answered {story.sender(exchange.request)}'s INVITE only "
                    f"after {seconds(waited)}, and sent not even a 100 before, so it was repeated"
                ),
                [*arrived, first],
            )


def repeat_interval(story: Story) -> Iterator[Said]:
    """A request was repeated, and not in growing intervals."""
    for exchange in story.exchanges:
        request = exchange.request
        if exchange.method == "ACK" or request.wire.transport != "UDP" or not exchange.is_own:
            # A proxy without state hands on the copies as well.
            continue
        until = exchange.responses[0].time if exchange.responses else story.end
        times = [one.time for one in exchange.requests if one.time <= until]
        gaps = [b - a for a, b in itertools.pairwise(times) if b - a > _T1 / 10]
        longest = 64 * _T1 if exchange.method == "INVITE" else _T2
        # Each interval is as long as all before it together, and a little more.
        passed = itertools.accumulate(gaps)
        short = any(
            after < 0.9 * min(before, longest)
            for before, after in zip(passed, gaps[1:], strict=False)
        )
        if len(gaps) >= 3 and short:
            shown = ", ".join(f"{gap:.2g}" for gap in gaps[:5])
            yield (
                (
                    f"{story.sender(request)} repeated its {request.word} after {shown} s: each "
                    f"interval should be twice as long as the one before"
                ),
                exchange.requests,
            )


def route_order(story: Story) -> Iterator[Said]:
    """A request inside a dialog has its route the wrong way round."""
    for call in story.calls:
        invite = call.invite
        if invite is None or invite.success is None:
            continue
        recorded = [str(one.uri) for one in invite.success.get_list(RECORD_ROUTE)]
        if len(recorded) < 2:
            continue
        for exchange in call.in_dialog:
            event = exchange.request
            wanted = recorded[::-1] if event.from_tag == invite.request.from_tag else recorded
            route = [str(one.uri) for one in event.get_list(ROUTE)]
            if route == wanted[::-1] != wanted:
                yield (
                    (
                        f"the Route of {story.sender(event)}'s {event.word} has the proxies of the "
                        f"Record-Route in the wrong order: {route[0]} should be the last"
                    ),
                    [invite.success, event],
                )


def nonce_count(story: Story) -> Iterator[Said]:
    """Credentials were used twice: the count of a nonce does not rise."""
    highest: dict[tuple[str, str], tuple[int, Exchange]] = {}
    told: set[tuple[str, str]] = set()
    for exchange in story.exchanges:
        event = exchange.request
        if exchange.method in {"ACK", "CANCEL"}:
            # They have those of their INVITE.
            continue
        for name in ("Authorization", "Proxy-Authorization"):
            match = _COUNT.search(event.text(name) or "")
            if match is None:
                continue
            nonce, count = match[1] or match[4], int(match[2] or match[3], 16)
            key = event.wire.source.host, nonce
            before = highest.get(key)
            if before is not None and count <= before[0] and key not in told:
                told.add(key)
                yield (
                    (
                        f"{story.sender(event)}'s {event.word} has nc={count:08x} with a nonce that "
                        f"it has used before with nc={before[0]:08x}: the count must rise"
                    ),
                    [before[1].request, event],
                )
            if before is None or count > before[0]:
                highest[key] = count, exchange


def rack_of_nothing(story: Story) -> Iterator[Said]:
    """A PRACK acknowledges what was not sent."""
    for call in story.calls:
        reliable = {
            (one.get(RSEQ), one.cseq.number): one
            for exchange in call.of("INVITE")
            for one in exchange.responses
            if one.get(RSEQ) is not None and one.cseq is not None
        }
        for prack in call.of("PRACK"):
            rack = prack.request.get(RACK)
            if reliable and rack is not None and (rack.rseq, rack.cseq) not in reliable:
                last = list(reliable.values())[-1]
                yield (
                    (
                        f"the RAck of {story.sender(prack.request)}'s PRACK says {rack.rseq} "
                        f"{rack.cseq}, but {last.word} had RSeq {last.text('RSeq')} and CSeq {last.cseq}"
                    ),
                    [last, prack.request],
                )


def same_version(story: Story) -> Iterator[Said]:
    """A session description has changed, and its version has not."""
    said: dict[tuple[str, ...], tuple[bytes, Event]] = {}
    # What was refused was never agreed, and the next one counts from before it.
    refused = {
        id(one)
        for exchange in story.exchanges
        if exchange.final is None or exchange.final.status >= 300
        for one in [*exchange.requests, *exchange.responses]
    }
    for event in story.events:
        if id(event) in refused or "sdp" not in (event.text("Content-Type") or "").lower():
            continue
        lines = event.message.body.splitlines()
        origin = next((line for line in lines if line.startswith(b"o=")), b"").decode(
            "utf-8", "replace"
        )
        rest = b"\n".join(line for line in lines if not line.startswith(b"o="))
        # Forks and servers say the same to many, so the dialog counts, and who speaks in it.
        tags = sorted((event.from_tag or "", event.to_tag or ""))
        key = event.wire.source.host, event.call_id, tags[-1] and tags[0], origin
        before = said.setdefault(key, (rest, event))
        if before[0] != rest:
            said[key] = rest, event
            yield (
                (
                    f"{story.sender(event)}'s {event.word} describes other media than its "
                    f"{before[1].word} with the same version: the number in o= must be one higher"
                ),
                [before[1], event],
            )


def still_registered(story: Story) -> Iterator[Said]:
    """A binding was to be removed, and is listed in the 200."""
    for exchange in story.exchanges:
        success = exchange.success
        if exchange.method != "REGISTER" or success is None:
            continue
        general = exchange.request.text("Expires")
        listed = {str(one.uri) for one in success.get_list(CONTACT) if isinstance(one, NameAddr)}
        for one in exchange.request.get_list(CONTACT):
            if not isinstance(one, NameAddr) or one.params.get("expires", general) != "0":
                continue
            if str(one.uri) in listed:
                yield (
                    (
                        f"{story.sender(exchange.request)} asked for {one.uri} to be removed, with "
                        f"Expires 0, and {story.sender(success)}'s {success.word} still lists it"
                    ),
                    [exchange.request, success],
                )
