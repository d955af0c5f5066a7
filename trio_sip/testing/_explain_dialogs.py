"""Rules about dialogs: tags, numbers, and where the requests inside them go."""

from __future__ import annotations

from collections.abc import Iterator

from trio_sip.message import RECORD_ROUTE, ROUTE, Uri

from ._finding import Said
from ._story import Call, Event, Exchange, Story, is_private, same_sender

__all__ = [
    "ack_number",
    "contact_missing",
    "contact_private",
    "cseq_not_increased",
    "no_such_dialog",
    "record_route_lost",
    "route_missing",
    "wrong_tags",
    "wrong_target",
]


def _tags(call: Call) -> tuple[str | None, dict[str, Event]]:
    """The caller's tag, and those of who answered."""
    invite = call.invite
    if invite is None:
        return None, {}
    answers = [
        one
        for exchange in call.of("INVITE")
        if exchange.request.to_tag is None and exchange.request.from_tag == invite.request.from_tag
        for one in exchange.responses
        if one.to_tag is not None and one.status < 300
    ]
    return invite.request.from_tag, {one.to_tag: one for one in reversed(answers) if one.to_tag}


def wrong_tags(story: Story) -> Iterator[Said]:
    """A request inside a dialog has tags that the dialog has not."""
    for call in story.calls:
        invite = call.invite
        caller, callees = _tags(call)
        if invite is None or not callees:
            continue
        for exchange in call.in_dialog:
            event = exchange.request
            if event.to_tag is None or event.from_tag is None:
                continue
            by_caller = same_sender(event, invite.request)
            mine, theirs = (event.from_tag, event.to_tag)
            if by_caller is False or (by_caller is None and theirs == caller):
                mine, theirs = theirs, mine
            if mine == caller and theirs in callees:
                continue
            who = f"{story.sender(event)}'s {event.word}"
            if theirs == caller and mine in callees:
                yield f"{who} has its tags swapped: From has the other side's", [event]
            else:
                wrong, name = (theirs, "To") if mine == caller else (mine, "From")
                if not by_caller:
                    name = "From" if name == "To" else "To"
                known = caller if mine != caller else ", ".join(callees)
                yield (
                    f"{who} has the {name} tag {wrong}, but the dialog's is {known}",
                    [*list(callees.values())[:1], event],
                )


def cseq_not_increased(story: Story) -> Iterator[Said]:
    """A new request does not have a higher number than the one before."""
    for call in story.calls:
        highest: dict[tuple[str | None, ...], Event] = {}
        for exchange in call.exchanges:
            event = exchange.request
            if event.method in {"ACK", "CANCEL"} or event.cseq is None:
                continue
            start = event.wire.source.host, event.wire.destination.host, event.from_tag
            key = *start, event.to_tag
            # Dialogs that one INVITE has made count on from it, each for itself.
            before = highest.get(key) or highest.get((*start, None))
            if before is None or before.cseq is None or event.cseq.number > before.cseq.number:
                highest[key] = event
            elif event.from_tag is not None:
                yield (
                    (
                        f"{story.sender(event)}'s {event.word} has CSeq {event.cseq}, after one with "
                        f"{before.cseq}: the number must be higher"
                    ),
                    [before, event],
                )


def ack_number(story: Story) -> Iterator[Said]:
    """An ACK has another number than any INVITE."""
    for call in story.calls:
        invites = [one.request for one in call.of("INVITE")]
        numbers = {one.cseq.number for one in invites if one.cseq}
        for exchange in call.of("ACK"):
            event = exchange.request
            if numbers and event.cseq and event.cseq.number not in numbers:
                yield (
                    (
                        f"{story.sender(event)}'s ACK has CSeq {event.cseq}, but the INVITE had "
                        f"{invites[-1].cseq}"
                    ),
                    [invites[-1], event],
                )


def no_such_dialog(story: Story) -> Iterator[Said]:
    """481."""
    for call in story.calls:
        for exchange in call.exchanges:
            final = exchange.final
            if final is not None and final.status == 481:
                request = exchange.request
                yield (
                    (
                        f"{story.sender(final)} knows no dialog for {story.sender(request)}'s "
                        f"{request.word} with tags {request.from_tag} and {request.to_tag}"
                    ),
                    [request, final],
                )


def contact_missing(story: Story) -> Iterator[Said]:
    """What makes a dialog has no Contact."""
    for call in story.calls:
        for exchange in call.of("INVITE", "SUBSCRIBE"):
            success = exchange.success
            if exchange.request.contact is None:
                yield (
                    (
                        f"{story.sender(exchange.request)}'s {exchange.request.word} has no Contact, "
                        f"so nobody can reach it later"
                    ),
                    [exchange.request],
                )
            if success is not None and success.contact is None:
                yield (
                    (
                        f"{story.sender(success)}'s {success.word} has no Contact, so nothing can be "
                        f"sent in the dialog"
                    ),
                    [success],
                )


def contact_private(story: Story) -> Iterator[Said]:
    """Who is behind a NAT says its private address."""
    seen = set()
    for event in story.events:
        if event.method not in {"INVITE", "SUBSCRIBE", "REGISTER"} or event.status >= 300:
            continue
        contact, source = event.contact, event.wire.source
        if contact is None or (event.method == "REGISTER" and event.status):
            continue
        key = source.host, contact.host, event.status > 0
        if is_private(contact.host) and contact.host != source.host and key not in seen:
            seen.add(key)
            yield (
                (
                    f"the Contact of {story.sender(event)}'s {event.word} says {contact.address}, a "
                    f"private address, but it comes from {source}: nobody outside can reach it"
                ),
                [event],
            )


def wrong_target(story: Story) -> Iterator[Said]:
    """A request inside a dialog is not for the Contact of the other side."""
    for call in story.calls:
        for exchange in call.in_dialog:
            event = exchange.request
            contact = _remote_target(call, exchange)
            target = event.target
            if target is None or contact is None or _same_place(target, contact):
                continue
            yield (
                (
                    f"{story.sender(event)}'s {event.word} is for {target}, not for {contact}, which "
                    f"was the other side's Contact"
                ),
                [event],
            )


def _remote_target(call: Call, exchange: Exchange) -> Uri | None:
    """The Contact that the sender of a request has heard last."""
    event = exchange.request
    found: Uri | None = None
    for other in call.of("INVITE", "UPDATE"):
        if other.request.time > event.time:
            break
        heard: list[Event] = []
        if same_sender(other.request, event) is not False:
            heard = [
                one
                for one in other.responses
                if one.time <= event.time and one.to_tag == event.to_tag
            ]
        elif other.request.wire.destination.host == event.wire.source.host:
            heard = [other.request]
        for one in heard:
            if one.contact is not None and one.status < 300 and not one.is_lost:
                found = one.contact
    return found


def _same_place(one: Uri, other: Uri) -> bool:
    return (one.user, one.host.lower(), one.port or 5060) == (
        other.user,
        other.host.lower(),
        other.port or 5060,
    )


def record_route_lost(story: Story) -> Iterator[Said]:
    """A 2xx lacks the Record-Route of its INVITE."""
    for call in story.calls:
        for exchange in call.of("INVITE"):
            success = exchange.success
            if success is None or exchange.request.to_tag is not None:
                continue
            asked = [str(one.uri) for one in exchange.request.get_list(RECORD_ROUTE)]
            said = [str(one.uri) for one in success.get_list(RECORD_ROUTE)]
            if asked and said[-len(asked) :] != asked:
                yield (
                    (
                        f"{story.sender(success)}'s {success.word} does not copy the Record-Route of "
                        f"the INVITE, so later requests will not go through {asked[0]}"
                    ),
                    [exchange.request, success],
                )


def route_missing(story: Story) -> Iterator[Said]:
    """A request inside a dialog goes around the proxies that asked to stay in it."""
    for call in story.calls:
        invite = call.invite
        if invite is None or invite.success is None:
            continue
        recorded = invite.success.get_list(RECORD_ROUTE)
        asked = invite.request.get_list(RECORD_ROUTE)
        for exchange in call.in_dialog:
            event = exchange.request
            by_caller = event.from_tag == invite.request.from_tag
            # Each side sees the proxies between itself and the other one.
            wanted = recorded if by_caller else asked
            if event.to_tag is None or not wanted or event.get_list(ROUTE):
                continue
            proxies = {one.uri.host for one in wanted}
            if event.wire.source.host in proxies or event.wire.destination.host in proxies:
                continue
            yield (
                (
                    f"{story.sender(event)}'s {event.word} went straight to {story.receiver(event)}, "
                    f"around {wanted[0].uri} of the Record-Route: it has no Route"
                ),
                [invite.success, event],
            )
