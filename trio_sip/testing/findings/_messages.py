"""Rules about single messages: what no receiver can make sense of, or should not have to."""

from __future__ import annotations

from collections.abc import Iterator

from trio_sip._errors import RemoteProtocolError
from trio_sip.message import (
    CONTENT_LENGTH,
    MAX_FORWARDS,
    Request,
    Response,
    check_request,
    check_response,
)

from ._finding import Finding, FindingKind, Said, seconds
from ._story import Event, Story

__all__ = [
    "branch_without_cookie",
    "content_length",
    "cseq_method",
    "faulty",
    "from_tag_missing",
    "max_forwards",
    "to_tag_missing",
    "unreadable",
]


def unreadable(story: Story) -> Iterator[Finding]:
    """What is no SIP at all."""
    for wire, time, error in story.unreadable:
        yield Finding(
            rule="unreadable",
            kind=FindingKind.FAULT,
            sentence=f"what {story.name(wire.source)} sent at {seconds(time)} is not SIP: {error}",
            wires=(wire,),
            section="RFC 3261 section 7",
        )


def _firsts(story: Story) -> Iterator[Event]:
    """Every message once, without its copies."""
    seen = set()
    for event in story.events:
        key = event.wire.source, event.wire.data
        if key not in seen:
            seen.add(key)
            yield event


def content_length(story: Story) -> Iterator[Said]:
    """Content-Length is not the length of the body."""
    for event in _firsts(story):
        said = event.get(CONTENT_LENGTH)
        if event.wire.transport != "UDP" or said is None:
            continue
        came = len(event.wire.data.lstrip(b"\r\n").partition(b"\r\n\r\n")[2])
        if said != came:
            yield (
                (
                    f"the Content-Length of {story.sender(event)}'s {event.word} says {said}, but the "
                    f"body has {came} bytes"
                ),
                [event],
            )


def cseq_method(story: Story) -> Iterator[Said]:
    """The method in CSeq is not that of the request."""
    for event in _firsts(story):
        cseq = event.cseq
        if isinstance(event.message, Request) and cseq and cseq.method != event.method:
            yield (
                f"the CSeq of {story.sender(event)}'s {event.method} says {cseq.method}",
                [event],
            )


def faulty(story: Story) -> Iterator[Said]:
    """Whatever else a receiver refuses."""
    for event in _firsts(story):
        message, cseq = event.message, event.cseq
        if isinstance(message, Response):
            fault = check_response(message)
        elif cseq is not None and cseq.method != message.method:
            continue
        else:
            fault = check_request(message)
        if fault is not None and "Content-Length" not in fault.reason:
            yield (
                (
                    f"{story.sender(event)}'s {event.word} at {seconds(event.time)} is wrong: "
                    f"{fault.reason}"
                ),
                [event],
            )


def branch_without_cookie(story: Story) -> Iterator[Said]:
    """The branch is not unique by its form."""
    for exchange in story.exchanges:
        event = exchange.request
        via = event.via
        if via is not None and not (via.branch or "").startswith("z9hG4bK"):
            yield (
                (
                    f"the branch of {story.sender(event)}'s {event.word} does not begin with z9hG4bK, "
                    f"so it is matched as RFC 2543 did"
                ),
                [event],
            )


def max_forwards(story: Story) -> Iterator[Said]:
    """No hops are left, or nobody counts them."""
    for exchange in story.exchanges:
        event = exchange.request
        if event.text("Max-Forwards") is None:
            yield (
                (
                    f"{story.sender(event)}'s {event.word} has no Max-Forwards, so nothing would end "
                    f"it in a loop"
                ),
                [event],
            )
        if event.get(MAX_FORWARDS) == 0:
            yield (
                f"{story.sender(event)}'s {event.word} has no hops left: its Max-Forwards is 0",
                [event],
            )


def from_tag_missing(story: Story) -> Iterator[Said]:
    """A request without a From tag makes no dialog."""
    for exchange in story.exchanges:
        event = exchange.request
        if event.from_tag is None and _is_readable(event):
            yield f"the From of {story.sender(event)}'s {event.word} has no tag", [event]


def to_tag_missing(story: Story) -> Iterator[Said]:
    """A response that makes a dialog, or a request inside one, has no To tag."""
    for event in _firsts(story):
        if event.status > 100 and event.to_tag is None and _is_readable(event):
            yield f"the To of {story.sender(event)}'s {event.word} has no tag", [event]
    for call in story.calls:
        for exchange in call.in_dialog:
            event = exchange.request
            if event.to_tag is None and event.method != "CANCEL" and _is_readable(event):
                yield (
                    (
                        f"the To of {story.sender(event)}'s {event.word} has no tag, so it belongs to "
                        f"no dialog"
                    ),
                    [event],
                )


def _is_readable(event: Event) -> bool:
    try:
        _ = event.message.from_, event.message.to
    except (KeyError, RemoteProtocolError):
        return False
    return True
