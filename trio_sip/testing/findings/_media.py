"""Rules about session descriptions: why one side hears nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

import attrs

from ._finding import Said
from ._story import Event, Exchange, Story, is_private

__all__ = [
    "ack_without_answer",
    "no_answer_to_offer",
    "no_common_codec",
    "no_connection",
    "one_way_media",
    "private_media",
    "stream_refused",
]

_MEDIA = re.compile(r"m=(\S+) (\d+)\S* \S+ ?(.*)")
_ONE_WAY = {"sendonly", "recvonly", "inactive"}


@attrs.define(eq=False)
class _Stream:
    kind: str
    port: int
    formats: set[str]
    host: str
    direction: str = "sendrecv"


def _streams(event: Event | None) -> list[_Stream]:
    """As much of a session description as the rules need."""
    if event is None or "sdp" not in (event.text("Content-Type") or "").lower():
        return []
    host, direction = "", "sendrecv"
    streams: list[_Stream] = []
    for line in event.message.body.decode("utf-8", "replace").splitlines():
        match = _MEDIA.fullmatch(line.strip())
        if match is not None:
            made = _Stream(match[1], int(match[2][:6]), set(match[3].split()), host, direction)
            streams.append(made)
        elif line.startswith("c="):
            address = line.split()[-1].partition("/")[0]
            if streams:
                streams[-1].host = address
            else:
                host = address
        elif line[:2] == "a=" and line[2:].strip() in {*_ONE_WAY, "sendrecv"}:
            if streams:
                streams[-1].direction = line[2:].strip()
            else:
                direction = line[2:].strip()
    return streams


def _descriptions(story: Story) -> Iterator[tuple[Event, list[_Stream]]]:
    seen = set()
    for event in story.events:
        streams = _streams(event)
        key = event.wire.source, event.message.body
        if streams and key not in seen:
            seen.add(key)
            yield event, streams


def _answered(story: Story) -> Iterator[tuple[Exchange, Event, Event]]:
    for call in story.calls:
        for exchange in call.of("INVITE"):
            offer = exchange.request
            answer = next((one for one in exchange.responses if _streams(one)), None)
            if _streams(offer) and answer is not None:
                yield exchange, offer, answer


def private_media(story: Story) -> Iterator[Said]:
    """Media are to go to an address that nobody outside can reach."""
    for event, streams in _descriptions(story):
        source = event.wire.source.host
        hosts = {one.host for one in streams if one.port}
        for host in hosts:
            if is_private(host) and host != source and not is_private(source):
                yield (
                    (
                        f"{story.sender(event)}'s {event.word} wants its media at {host}, a private "
                        f"address, but comes from {source}: it will hear nothing"
                    ),
                    [event],
                )


def one_way_media(story: Story) -> Iterator[Said]:
    """A stream goes one way or none."""
    for event, streams in _descriptions(story):
        for stream in streams:
            if stream.port and stream.host in {"0.0.0.0", "::"}:  # noqa: S104  (compared, not bound)
                yield (
                    (
                        f"{story.sender(event)}'s {event.word} puts {stream.kind} on hold, in the old "
                        f"way: its address is {stream.host}"
                    ),
                    [event],
                )
            elif stream.port and stream.direction in _ONE_WAY:
                words = {
                    "sendonly": "is only sent by it, so it hears nothing",
                    "recvonly": "is only received by it, so it sends nothing",
                    "inactive": "goes neither way",
                }[stream.direction]
                yield f"{stream.kind} of {story.sender(event)}'s {event.word} {words}", [event]


def stream_refused(story: Story) -> Iterator[Said]:
    """A stream of the offer has port 0 in the answer."""
    for _, offer, answer in _answered(story):
        asked, got = _streams(offer), _streams(answer)
        if len(asked) != len(got):
            yield (
                f"{story.sender(answer)}'s answer has {len(got)} streams, the offer {len(asked)}",
                [offer, answer],
            )
        for one, other in zip(asked, got, strict=False):
            if one.port and not other.port:
                yield (
                    f"{story.sender(answer)} refused the {one.kind} of the offer: port 0",
                    [offer, answer],
                )


def no_common_codec(story: Story) -> Iterator[Said]:
    """The answer has only codecs that were not offered."""
    for _, offer, answer in _answered(story):
        for one, other in zip(_streams(offer), _streams(answer), strict=False):
            if one.port and other.port and other.formats and not one.formats & other.formats:
                yield (
                    (
                        f"{story.sender(answer)}'s answer has formats for {one.kind} that the offer "
                        f"has not: {' '.join(sorted(other.formats))} instead of "
                        f"{' '.join(sorted(one.formats))}"
                    ),
                    [offer, answer],
                )


def no_connection(story: Story) -> Iterator[Said]:
    """A stream does not say where it is to go."""
    for event, streams in _descriptions(story):
        for stream in streams:
            if stream.port and not stream.host:
                yield (
                    (
                        f"{story.sender(event)}'s {event.word} wants its {stream.kind} at port "
                        f"{stream.port} and says no address: there is no c= for it"
                    ),
                    [event],
                )


def ack_without_answer(story: Story) -> Iterator[Said]:
    """The 2xx had the offer, and the ACK has no answer."""
    for call in story.calls:
        for exchange in call.of("INVITE"):
            success = exchange.success
            if success is None or exchange.request.message.body or not _streams(success):
                continue
            if not exchange.is_own or call.of("PRACK") or success.cseq is None:
                continue
            for ack in call.of("ACK"):
                event = ack.request
                same = event.cseq is not None and event.cseq.number == success.cseq.number
                mine = event.from_tag == success.from_tag and event.to_tag == success.to_tag
                if ack.is_own and same and mine and not event.message.body:
                    yield (
                        (
                            f"{story.sender(success)}'s {success.word} made an offer, because the "
                            f"INVITE had none, and {story.sender(event)}'s ACK has no answer"
                        ),
                        [success, event],
                    )
                    break


def no_answer_to_offer(story: Story) -> Iterator[Said]:
    """An offer was accepted without an answer."""
    for call in story.calls:
        for exchange in call.of("INVITE"):
            success = exchange.success
            if success is None or not _streams(exchange.request):
                continue
            if not any(_streams(one) for one in exchange.responses):
                yield (
                    (
                        f"{story.sender(success)} accepted {story.sender(exchange.request)}'s offer and "
                        f"sent no answer: its {success.word} has no session description"
                    ),
                    [exchange.request, success],
                )
