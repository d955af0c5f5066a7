"""Rules about the third message of a call, the one that is never answered: ACK.

"The call drops after 32 seconds" is nearly always told here.
"""

from __future__ import annotations

from collections.abc import Iterator

from trio_sip.message import RECORD_ROUTE

from ._finding import Said, seconds, times
from ._story import Call, Event, Exchange, Story, is_private, plain
from ._transactions import why_lost

__all__ = [
    "ack_lost",
    "ack_not_repeated",
    "cancel_before_provisional",
    "failure_ack_lost",
    "no_ack",
    "no_ack_to_failure",
    "no_final_after_cancel",
    "success_not_repeated",
]

_T1 = 0.5
_LONGEST = 32.0
# So many losses in a row that nobody has seen are no accident.
_MANY = 4


def _successes(story: Story) -> Iterator[tuple[Call, Exchange, Event, list[Event]]]:
    """Every 2xx to INVITE where it came from, and the ACKs that might be meant for it.

    A proxy repeats nothing of this: what is to be said is said of who has sent the 2xx.  So there
    is nothing to say where that one is somewhere behind a proxy, out of sight.
    """
    for call in story.calls:
        known = {one.to_tag for invite in call.of("INVITE") for one in invite.responses}
        for exchange in call.of("INVITE"):
            if exchange.onward:
                continue
            number = exchange.request.cseq.number if exchange.request.cseq else None
            for tag in dict.fromkeys(_success_tags(exchange)):
                success = next(
                    one for one in exchange.responses if _is_success(one) and one.to_tag == tag
                )
                acks = [
                    ack
                    for one in call.of("ACK")
                    for ack in one.requests
                    if ack.time >= success.time
                    and one.about is not exchange
                    and (ack.to_tag == tag or ack.to_tag not in known or ack.to_tag is None)
                    and _may_be_for(call, exchange, ack, number)
                ]
                if not _is_passed_on(success, acks):
                    yield call, exchange, success, acks


def _is_success(event: Event) -> bool:
    return 200 <= event.status < 300


def _success_tags(exchange: Exchange) -> list[str | None]:
    return [one.to_tag for one in exchange.responses if _is_success(one)]


def _is_passed_on(success: Event, acks: list[Event]) -> bool:
    """Whether a proxy may have passed it on, that is in the Route or goes out of the way again."""
    source, contact = success.wire.source.host, success.contact
    routes = [plain(one.uri.host) for one in success.get_list(RECORD_ROUTE)]
    if source in routes:
        return True
    if contact is None or plain(contact.host) == source:
        return False
    return bool(routes) or any(
        one.wire.destination.host == plain(contact.host) and not is_private(contact.host)
        for one in acks
    )


def _copies(exchange: Exchange, success: Event) -> list[Event]:
    return [one for one in exchange.responses if one.wire.data == success.wire.data]


def _is_right(success: Event, ack: Event) -> bool:
    numbers = {one.cseq.number for one in (success, ack) if one.cseq}
    return len(numbers) == 1 and (ack.from_tag, ack.to_tag) == (success.from_tag, success.to_tag)


def _is_ignored(finals: list[Event], acks: list[Event]) -> bool:
    """Whether so many copies followed on ACKs that these cannot all have been lost unseen."""
    if any(one.is_lost for one in acks):
        return True
    return len([one for one in finals if one.time > acks[0].time + 0.1]) >= _MANY


def _may_be_for(call: Call, exchange: Exchange, ack: Event, number: int | None) -> bool:
    if ack.cseq is None or ack.cseq.number == number:
        return True
    if number is None or not _is_lone(call, exchange):
        return False
    # A lower one is perhaps for what was sent before anybody looked.
    seen = {one.request.cseq.number for one in call.of("INVITE") if one.request.cseq}
    return ack.cseq.number > number or ack.cseq.number in seen


def _is_lone(call: Call, exchange: Exchange) -> bool:
    """Whether no other INVITE of the call can be what a strange ACK is for."""
    others = [one for one in call.of("INVITE") if one.success is not None and not one.onward]
    return others == [exchange]


def no_ack(story: Story) -> Iterator[Said]:
    """A 2xx was sent again and again, and somebody is to blame."""
    yield from _unacknowledged(story, by_network=False)


def ack_lost(story: Story) -> Iterator[Said]:
    """A 2xx was sent again and again, and the network is to blame."""
    yield from _unacknowledged(story, by_network=True)


def _unacknowledged(story: Story, *, by_network: bool) -> Iterator[Said]:
    for call, exchange, success, acks in _successes(story):
        copies = _copies(exchange, success)
        if len(copies) < 3 or _ended(copies, _arrived(success, acks)):
            continue
        if acks and _is_right(success, acks[0]) and not _is_ignored(copies, acks):
            continue
        if _is_by_network(exchange, success, copies, acks) != by_network:
            continue
        sender = story.sender(success)
        said = f"{sender} sent its {success.word} {times(len(copies))} "
        reason = _why_no_ack(story, exchange, success, acks)
        bye = next((one for one in call.of("BYE") if one.request.time > success.time + 25), None)
        if bye is not None and bye.request.time - success.time < _LONGEST + 3:
            waited = seconds(bye.request.time - success.time)
            reason += f"; that is why {story.sender(bye.request)} hung up after {waited}"
        yield said + reason, [*copies, *acks]


def _arrived(success: Event, acks: list[Event]) -> list[Event]:
    """The ACKs that came to who wants them, and not only to a proxy on the way."""
    host = success.wire.source.host
    return [one for one in acks if not one.is_lost and one.wire.destination.host == host]


def _is_by_network(
    exchange: Exchange, success: Event, copies: list[Event], acks: list[Event]
) -> bool:
    if all(one.is_lost for one in acks or copies):
        return True
    if acks:
        # They were sent, and the network lost them on the hops that they came to.
        return not _arrived(success, acks) and any(one.is_lost for one in acks)
    # None was sent, because no copy came to the caller, through the proxies between.
    first = exchange
    while first.before is not None:
        first = first.before
    heard = [one for one in first.responses if one.to_tag == success.to_tag and _is_success(one)]
    return all(one.is_lost for one in heard)


def _ended(finals: list[Event], arrived: list[Event]) -> bool:
    """Whether an ACK that arrived has ended the repetitions."""
    return bool(arrived) and finals[-1].time < arrived[0].time + 0.8 * _T1


def _why_no_ack(story: Story, exchange: Exchange, success: Event, acks: list[Event]) -> str:
    arrived = [one for one in acks if not one.is_lost]
    caller = story.receiver(success)
    if acks and (not arrived or (len(arrived) < len(acks) and not _arrived(success, acks))):
        return f"because the network lost every ACK{why_lost(acks)}{_contact_is_elsewhere(success)}"
    if acks:
        return "although ACKs came: " + _what_is_wrong(
            story, success, _arrived(success, acks) or arrived
        )
    if all(one.is_lost for one in exchange.finals):
        return f"because the network lost it each time{why_lost(exchange.finals)}"
    elsewhere = _contact_is_elsewhere(success)
    if elsewhere:
        return f"and no ACK came{elsewhere}"
    if success.contact is None:
        return f"and no ACK came: it has no Contact, so {caller} does not know where to send it"
    return f"and no ACK came: {caller} sent none"


def _contact_is_elsewhere(success: Event) -> str:
    contact, source = success.contact, success.wire.source
    if contact is None or success.get_list(RECORD_ROUTE):
        return ""
    host = contact.host.strip("[]")
    port = contact.port or 5060
    if host == source.host and port == source.port:
        return ""
    if not host.replace(".", "").isdigit() and ":" not in host:
        return ""
    private = ", which is a private address" if is_private(host) else ""
    return f": its Contact says {host}:{port}{private}, but its packets come from {source}"


def _what_is_wrong(story: Story, success: Event, acks: list[Event]) -> str:
    ack = acks[0]
    if ack.cseq is None or success.cseq is None or ack.cseq.number != success.cseq.number:
        return f"their CSeq is {ack.cseq}, the INVITE's was {success.cseq}"
    if (ack.from_tag, ack.to_tag) == (success.to_tag, success.from_tag):
        return "their tags are swapped"
    if ack.to_tag != success.to_tag:
        return f"their To tag is {ack.to_tag}, the dialog's is {success.to_tag}"
    if ack.from_tag != success.from_tag:
        return f"their From tag is {ack.from_tag}, the dialog's is {success.from_tag}"
    if ack.wire.destination.host != success.wire.source.host:
        return (
            f"they went to {ack.wire.destination}, and the {success.word} came from "
            f"{success.wire.source}{_contact_is_elsewhere(success)}"
        )
    return f"{story.sender(success)} does not take them for this call's"


def success_not_repeated(story: Story) -> Iterator[Said]:
    """A 2xx was not sent again, although no ACK came."""
    for call, exchange, success, acks in _successes(story):
        # A BYE that arrives ends the repetitions as well.
        byes = [one for bye in call.of("BYE") for one in bye.requests]
        arrived = [one.time for one in [*acks, *byes] if not one.is_lost]
        until = min(arrived, default=story.end)
        if len(_copies(exchange, success)) == 1 and until - success.time > 3 * _T1:
            yield (
                (
                    f"{story.sender(success)} sent its {success.word} only once, although no ACK came "
                    f"for {seconds(until - success.time)}"
                ),
                [success],
            )


def ack_not_repeated(story: Story) -> Iterator[Said]:
    """A 2xx came again after its ACK was lost, and no ACK was sent again."""
    for _, exchange, success, acks in _successes(story):
        if not acks or not acks[-1].is_lost or not exchange.is_own:
            continue
        again = [
            one
            for one in _copies(exchange, success)
            if one.time > acks[-1].time + 0.1 and not one.is_lost
        ]
        if len(again) > 1:
            yield (
                (
                    f"{story.receiver(success)} sent its ACK {times(len(acks))}, and not again when "
                    f"the {success.word} came {times(len(again))} more: every copy wants an ACK"
                ),
                [*acks, *again],
            )


def no_ack_to_failure(story: Story) -> Iterator[Said]:
    """A final response to INVITE that is no 2xx was repeated, and somebody is to blame."""
    yield from _refusals(story, by_network=False)


def failure_ack_lost(story: Story) -> Iterator[Said]:
    """A final response to INVITE that is no 2xx was repeated, and the network is to blame."""
    yield from _refusals(story, by_network=True)


def _refusals(story: Story, *, by_network: bool) -> Iterator[Said]:
    for call in story.calls:
        for exchange in call.of("INVITE"):
            final = exchange.final
            if final is None or final.status < 300 or len(exchange.finals) < 3:
                continue
            mine = [one for one in call.of("ACK") if one.about is exchange]
            # An ACK with a branch that no INVITE has is perhaps meant for this one.
            strange = [
                one
                for one in call.of("ACK")
                if one.about is None
                and one.request.to_tag == final.to_tag
                and one.request.wire.source.host == final.wire.destination.host
            ]
            acks = [
                one for ack in mine or strange for one in ack.requests if one.time >= final.time
            ]
            if mine and _ended(exchange.finals, [one for one in acks if not one.is_lost]):
                continue
            if _is_refusal_by_network(exchange.finals, acks) != by_network:
                continue
            if mine and acks and not _is_ignored(exchange.finals, acks):
                continue
            yield (
                (
                    f"{story.sender(final)} sent its {final.word} {times(len(exchange.finals))}: "
                    f"{_why_no_ack_to_failure(story, exchange, final, acks)}"
                ),
                [*exchange.finals, *acks],
            )


def _is_refusal_by_network(finals: list[Event], acks: list[Event]) -> bool:
    """Whether everything that came was acknowledged, or nothing came, and so it was lost."""
    came = [one for one in finals if not one.is_lost]
    if not acks:
        return len(came) < 2
    again = [one for one in came if one.time > acks[-1].time + 0.1]
    return all(one.is_lost for one in acks) and len(again) < 2


def _why_no_ack_to_failure(
    story: Story, exchange: Exchange, final: Event, acks: list[Event]
) -> str:
    if not acks and all(one.is_lost for one in exchange.finals[:-1]):
        return f"the network lost it{why_lost(exchange.finals)}"
    if not acks:
        return f"{story.receiver(final)} sent no ACK"
    via, wanted = acks[0].via, exchange.request.via
    if via and wanted and via.branch != wanted.branch:
        return "the ACK that came has another branch than the INVITE"
    if not all(one.is_lost for one in acks):
        return "the ACK that came does not end it"
    lost = f"the network lost every ACK{why_lost(acks)}"
    if _is_refusal_by_network(exchange.finals, acks):
        return lost
    return f"{lost}, and {story.receiver(final)} sent no other for the copies"


def cancel_before_provisional(story: Story) -> Iterator[Said]:
    """A CANCEL was sent too early, or for nothing."""
    for call in story.calls:
        for cancel in call.of("CANCEL"):
            invite = cancel.about
            earlier = [
                one
                for one in call.of("INVITE")
                if one.request.wire.source.host == cancel.request.wire.source.host
                and one.request.cseq
                and cancel.request.cseq
                and one.request.cseq.number == cancel.request.cseq.number
            ]
            if (invite is None and not earlier) or not story.is_seen_from(cancel.request):
                # What it cancels, or what came before it, was perhaps not seen.
                continue
            if invite is None:
                yield (
                    (
                        f"{story.sender(cancel.request)}'s CANCEL has a branch that no INVITE of the "
                        f"call has, so it cancels nothing"
                    ),
                    [cancel.request],
                )
            elif not any(
                one.time <= cancel.request.time and not one.is_lost for one in invite.responses
            ):
                yield (
                    (
                        f"{story.sender(cancel.request)} sent CANCEL before any response to the INVITE "
                        f"had come"
                    ),
                    [invite.request, cancel.request],
                )


def no_final_after_cancel(story: Story) -> Iterator[Said]:
    """A CANCEL was accepted, and the INVITE never ended."""
    for call in story.calls:
        for cancel in call.of("CANCEL"):
            if cancel.success is None or story.end - cancel.request.time < _T1:
                continue
            invite, since = cancel.about, cancel.success.time
            # A proxy answers a CANCEL at once, and waits for those who are behind it.
            if invite is not None and not invite.onward and _goes_on(invite, since):
                yield (
                    (
                        f"{story.sender(cancel.success)} accepted the CANCEL and sent no 487 to the "
                        f"INVITE"
                    ),
                    [invite.request, cancel.request, cancel.success],
                )


def _goes_on(invite: Exchange, cancelled: float) -> bool:
    """Whether an INVITE that was cancelled still waits, or was refused much later."""
    final = invite.final
    return final is None or (
        final.status >= 300 and final.status != 487 and final.time > cancelled + 4 * _T1
    )
