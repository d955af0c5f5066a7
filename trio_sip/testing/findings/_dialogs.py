"""Rules about dialogs: tags, numbers, and where the requests inside them go."""

from __future__ import annotations

from collections.abc import Iterator

from trio_sip.message import RECORD_ROUTE, ROUTE, Uri

from ._finding import Said
from ._story import Call, Event, Exchange, Story, is_private, plain

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

# How long an older Contact may still be used: the newer one is perhaps on its way.
_ON_ITS_WAY = 2.0


def _dialogs(call: Call) -> dict[tuple[str, str], Event]:
    """The tags of the dialogs, the caller's first, and the response that made each."""
    made: dict[tuple[str, str], Event] = {}
    for exchange in call.of("INVITE"):
        mine = exchange.request.from_tag
        for one in exchange.responses:
            if exchange.request.to_tag is None and mine and one.to_tag and one.status < 300:
                made.setdefault((mine, one.to_tag), one)
    return made


def _is_by_caller(call: Call, event: Event) -> bool | None:
    """Whether the caller has sent it; ``None`` where that cannot be seen.

    A side is a host.  Where both sides are on one, as in tests on loopback or behind one NAT, it
    is a port, and that tells nothing of connections, which leave from any.
    """
    callers = [one for one in call.of("INVITE") if one.is_own and one.request.to_tag is None]
    if call.invite is None or len({one.request.wire.source.host for one in callers}) != 1:
        # A server between the sides may keep their tags.
        return None
    caller = call.invite.request.wire.source
    callee = call.invite.end.request.wire.destination
    source, destination = event.wire.source, event.wire.destination
    if caller.host != callee.host:
        return {caller.host: True, callee.host: False}.get(source.host)
    by_source = {caller: True, callee: False}.get(source)
    return by_source if by_source is not None else {caller: False, callee: True}.get(destination)


def wrong_tags(story: Story) -> Iterator[Said]:
    """A request inside a dialog has tags that the dialog has not."""
    for call in story.calls:
        dialogs = _dialogs(call)
        if call.invite is None or not call.invite.is_own:
            # There may be more of them than were seen.
            continue
        for exchange in call.in_dialog:
            event = exchange.request
            if event.method == "ACK" and not _is_for_success(call, event):
                continue
            mine, theirs = event.from_tag, event.to_tag
            if mine is None or theirs is None or not dialogs:
                continue
            by_caller = _is_by_caller(call, event)
            who = f"{story.sender(event)}'s {event.word}"
            right, swapped = (mine, theirs), (theirs, mine)
            if by_caller is False:
                right, swapped = swapped, right
            if right in dialogs or (by_caller is None and swapped in dialogs):
                continue
            if swapped in dialogs:
                yield f"{who} has its tags swapped: From has the other side's", [event]
                continue
            known = {tag for pair in dialogs for tag in pair}
            if (mine in known) == (theirs in known):
                # What made this dialog was perhaps not seen.
                continue
            name, wrong, other = ("To", theirs, mine) if mine in known else ("From", mine, theirs)
            others = [a if other == b else b for a, b in dialogs if other in (a, b)]
            yield (
                f"{who} has the {name} tag {wrong}, but the dialog's is {', '.join(others)}",
                [next(iter(dialogs.values())), event],
            )


def _is_for_success(call: Call, ack: Event) -> bool:
    """Whether it has the number of an INVITE that was accepted, as far as that was seen."""
    numbers = {one.request.cseq for one in call.of("INVITE") if one.success is not None}
    return ack.cseq is not None and ack.cseq.number in {one.number for one in numbers if one}


def cseq_not_increased(story: Story) -> Iterator[Said]:
    """A new request does not have a higher number than the one before."""
    for call in story.calls:
        highest: dict[tuple[str | None, ...], Exchange] = {}
        for exchange in call.exchanges:
            event = exchange.request
            if event.method in {"ACK", "CANCEL"} or event.cseq is None or not exchange.is_own:
                continue
            start = event.wire.source.host, event.from_tag
            key = *start, event.to_tag
            # Dialogs that one INVITE has made count on from it, each for itself.
            other = highest.get(key) or highest.get((*start, None))
            before = other.request if other else None
            if (
                other is None
                or before is None
                or before.cseq is None
                or event.cseq.number > before.cseq.number
            ):
                highest[key] = exchange
            elif event.from_tag is not None and not _may_share_number(other, exchange):
                yield (
                    (
                        f"{story.sender(event)}'s {event.word} has CSeq {event.cseq}, after one with "
                        f"{before.cseq}: the number must be higher"
                    ),
                    [before, event],
                )


def _may_share_number(before: Exchange, exchange: Exchange) -> bool:
    """Whether it is the same request at the next server, or was overtaken on its way."""
    one, other = before.request, exchange.request
    if one.cseq == other.cseq and one.wire.destination != other.wire.destination:
        return before.final is None or before.final.status in {408, 503}
    # What is lower may be a late copy of what was sent before anybody looked; RFC 3261 section
    # 12.2.2 has it answered with 500 if it is none.
    is_lower = (
        one.cseq is not None and other.cseq is not None and other.cseq.number < one.cseq.number
    )
    return is_lower and (exchange.final is None or exchange.final.status != 500)


def ack_number(story: Story) -> Iterator[Said]:
    """An ACK has another number than any INVITE."""
    for call in story.calls:
        for exchange in call.of("ACK"):
            event = exchange.request
            invites = [
                one.request for one in call.of("INVITE") if one.request.from_tag == event.from_tag
            ]
            numbers = {one.cseq.number for one in invites if one.cseq}
            if not numbers or exchange.before is not None or event.cseq is None:
                continue
            # The INVITE of a lower number may have been sent before anybody looked.
            if event.cseq.number > min(numbers) and event.cseq.number not in numbers:
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
            if final is not None and final.status == 481 and not exchange.onward:
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
            if exchange.before is not None:
                continue
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
        if is_private(contact.host) and plain(contact.host) != source.host and key not in seen:
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
            contacts = _remote_targets(call, event)
            target = event.target
            if target is None or not contacts or any(_same_place(target, one) for one in contacts):
                continue
            yield (
                (
                    f"{story.sender(event)}'s {event.word} is for {target}, not for {contacts[-1]}, "
                    f"which was the other side's Contact"
                ),
                [event],
            )


def _remote_targets(call: Call, event: Event) -> list[Uri]:
    """The Contacts that the sender of a request has heard lately, the last one last.

    Nothing if somebody in the route is a strict router, whose own URI the target would be.
    """
    heard: list[tuple[float, Uri]] = []
    for exchange in call.of("INVITE", "UPDATE", "SUBSCRIBE"):
        request = exchange.request
        for one in [request, *exchange.responses]:
            if one.time > event.time or one.is_lost or one.status >= 300:
                continue
            if any("lr" not in road.uri.params for road in one.get_list(RECORD_ROUTE)):
                return []
            theirs = one.to_tag if one.status else one.from_tag
            ours = one.from_tag if one.status else one.to_tag
            contact = one.contact if theirs == event.to_tag else None
            here = one.wire.destination.host == event.wire.source.host
            if here and ours in {event.from_tag, None} and contact is not None:
                heard.append((one.time, contact))
    heard.sort(key=lambda pair: pair[0])
    lately = [one for time, one in heard if time > event.time - _ON_ITS_WAY]
    before = [one for time, one in heard if time <= event.time - _ON_ITS_WAY]
    return before[-1:] + lately


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
            if success is None or exchange.request.to_tag is not None or exchange.onward:
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
        asked = invite.end.request.get_list(RECORD_ROUTE)
        for exchange in call.in_dialog:
            event = exchange.request
            by_caller = event.from_tag == invite.request.from_tag
            # Each side sees the proxies between itself and the other one.
            wanted = recorded if by_caller else asked
            if event.to_tag is None or not wanted or event.get_list(ROUTE):
                continue
            proxies = {plain(one.uri.host) for one in wanted}
            if event.wire.source.host in proxies or event.wire.destination.host in proxies:
                continue
            yield (
                (
                    f"{story.sender(event)}'s {event.word} went straight to {story.receiver(event)}, "
                    f"around {wanted[0].uri} of the Record-Route: it has no Route"
                ),
                [invite.success, event],
            )
