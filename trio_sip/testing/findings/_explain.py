"""From what was seen to what was the matter: a table of rules, each a small function.

A rule looks at the whole `Story` and yields a sentence for each thing it recognises.  Rules know
nothing of each other.  What stands higher in the table is told first, so causes come before what
they cause.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from trio_sip.testing.recordings import Cause, Wire
from trio_sip.transport import Address

from . import (
    _acks as acks,
)
from . import (
    _auth as auth,
)
from . import (
    _calls as calls,
)
from . import (
    _dialogs as dialogs,
)
from . import (
    _habits as habits,
)
from . import (
    _media as media,
)
from . import (
    _messages as messages,
)
from . import (
    _retries as retries,
)
from . import (
    _transactions as transactions,
)
from . import (
    _ways as ways,
)
from ._finding import Finding, FindingKind, Rule, Said, times
from ._reading import read_story
from ._story import Event, Story

__all__ = ["RULES", "explain"]

FAULT, NOTE, NETWORK = FindingKind.FAULT, FindingKind.NOTE, FindingKind.NETWORK


def lost(story: Story) -> Iterator[Said]:
    """The network lost something."""
    losses = [event for event in story.events if event.is_lost]
    by_cause: dict[Cause | None, list[Event]] = {}
    for event in losses:
        by_cause.setdefault(event.wire.cause, []).append(event)
    for cause, events in by_cause.items():
        counted = Counter(event.word for event in events)
        words = ", ".join(f"{word} {times(count)}" for word, count in counted.items())
        why = f" {cause.value}" if cause is not None else ""
        yield (
            f"the network lost {len(events)} of {len(story.events)} messages{why}: {words}",
            events,
        )


RULES: tuple[Rule, ...] = (
    Rule("content-length", FAULT, "RFC 3261 section 18.3", messages.content_length),
    Rule("cseq-method", FAULT, "RFC 3261 section 8.1.1.5", messages.cseq_method),
    Rule("from-tag-missing", FAULT, "RFC 3261 section 8.1.1.3", messages.from_tag_missing),
    Rule("to-tag-missing", FAULT, "RFC 3261 section 8.2.6.2", messages.to_tag_missing),
    Rule("branch-cookie", FAULT, "RFC 3261 section 8.1.1.7", messages.branch_without_cookie),
    Rule("branch-reused", FAULT, "RFC 3261 section 8.1.1.7", transactions.branch_reused),
    Rule("max-forwards", FAULT, "RFC 3261 section 16.3", messages.max_forwards),
    Rule("loop", FAULT, "RFC 3261 section 16.3", ways.looped),
    Rule("hops-not-counted", FAULT, "RFC 3261 section 16.6", ways.hops_not_counted),
    Rule("sips", FAULT, "RFC 3261 section 26.2.2", ways.sips_in_the_clear),
    Rule("faulty", FAULT, "RFC 3261 section 7", messages.faulty),
    Rule("wrong-tags", FAULT, "RFC 3261 section 12.2.1.1", dialogs.wrong_tags),
    Rule("cseq-order", FAULT, "RFC 3261 section 12.2.1.1", dialogs.cseq_not_increased),
    Rule("ack-number", FAULT, "RFC 3261 section 13.2.2.4", dialogs.ack_number),
    Rule("response-changed", FAULT, "RFC 3261 section 8.2.6.2", transactions.response_changed),
    Rule("contact-missing", FAULT, "RFC 3261 section 12.1.1", dialogs.contact_missing),
    Rule("contact-nowhere", FAULT, "RFC 3261 section 8.1.1.8", ways.contact_nowhere),
    Rule("record-route-lost", FAULT, "RFC 3261 section 12.1.1", dialogs.record_route_lost),
    Rule("route-missing", FAULT, "RFC 3261 section 12.2.1.1", dialogs.route_missing),
    Rule("route-order", FAULT, "RFC 3261 section 12.1.1", habits.route_order),
    Rule("wrong-target", FAULT, "RFC 3261 section 12.2.1.1", dialogs.wrong_target),
    Rule("no-ack", FAULT, "RFC 3261 section 13.3.1.4", acks.no_ack),
    Rule("ack-lost", NETWORK, "RFC 3261 section 13.3.1.4", acks.ack_lost),
    Rule("2xx-not-repeated", FAULT, "RFC 3261 section 13.3.1.4", acks.success_not_repeated),
    Rule("ack-not-repeated", FAULT, "RFC 3261 section 13.2.2.4", acks.ack_not_repeated),
    Rule("no-ack-to-failure", FAULT, "RFC 3261 section 17.1.1.3", acks.no_ack_to_failure),
    Rule("failure-ack-lost", NETWORK, "RFC 3261 section 17.1.1.3", acks.failure_ack_lost),
    Rule("cancel-wrong", FAULT, "RFC 3261 section 9.1", acks.cancel_before_provisional),
    Rule("cancel-late", FAULT, "RFC 3261 section 9.1", retries.cancel_after_final),
    Rule("no-487", FAULT, "RFC 3261 section 9.2", acks.no_final_after_cancel),
    Rule("answered-elsewhere", FAULT, "RFC 3581 section 4", transactions.answered_elsewhere),
    Rule("too-large", FAULT, "RFC 3261 section 18.1.1", ways.too_large),
    Rule("never-answered", FAULT, "RFC 3261 section 17.1", transactions.never_answered),
    Rule("answer-lost", NETWORK, "RFC 3261 section 17.1", transactions.answer_lost),
    Rule("no-100", FAULT, "RFC 3261 section 17.2.1", habits.nothing_but_silence),
    Rule("repeat-interval", FAULT, "RFC 3261 section 17.1.1.2", habits.repeat_interval),
    Rule("sent-once", FAULT, "RFC 3261 section 17.1.2.2", transactions.request_not_repeated),
    Rule("answer-not-repeated", FAULT, "RFC 3261 section 17.2", transactions.response_not_repeated),
    Rule("second-final", FAULT, "RFC 3261 section 17.2.1", retries.second_final),
    Rule("too-brief", FAULT, "RFC 3261 section 10.2.8", retries.too_brief),
    Rule("required-again", FAULT, "RFC 3261 section 8.1.3.5", retries.required_again),
    Rule("too-soon", FAULT, "RFC 3261 section 21.5.4", retries.too_soon),
    Rule("ack-answered", FAULT, "RFC 3261 section 17.2.1", transactions.response_to_ack),
    Rule("credentials", FAULT, "RFC 3261 section 22.2", auth.credentials_refused),
    Rule("no-credentials", FAULT, "RFC 3261 section 22.2", auth.challenge_unanswered),
    Rule("nonce-count", FAULT, "RFC 7616 section 3.4", habits.nonce_count),
    Rule("stale-unanswered", FAULT, "RFC 7616 section 3.3", auth.stale_unanswered),
    Rule("stale-nonce", NOTE, "RFC 7616 section 3.3", auth.stale_nonce),
    Rule("private-media", FAULT, "RFC 4566 section 5.7", media.private_media),
    Rule("no-answer", FAULT, "RFC 3261 section 13.3.1.4", media.no_answer_to_offer),
    Rule("no-answer-in-ack", FAULT, "RFC 3261 section 13.2.1", media.ack_without_answer),
    Rule("no-connection", FAULT, "RFC 4566 section 5.7", media.no_connection),
    Rule("no-common-codec", FAULT, "RFC 3264 section 6.1", media.no_common_codec),
    Rule("stream-refused", NOTE, "RFC 3264 section 6", media.stream_refused),
    Rule("one-way-media", NOTE, "RFC 3264 section 5.1", media.one_way_media),
    Rule("sdp-version", FAULT, "RFC 3264 section 8", habits.same_version),
    Rule("wrong-rack", FAULT, "RFC 3262 section 7.2", habits.rack_of_nothing),
    Rule("no-prack", FAULT, "RFC 3262 section 3", calls.provisional_unacknowledged),
    Rule("private-contact", NOTE, "RFC 3261 section 8.1.1.8", dialogs.contact_private),
    Rule("no-dialog", NOTE, "RFC 3261 section 12.2.2", dialogs.no_such_dialog),
    Rule("glare", NOTE, "RFC 3261 section 14.1", calls.glare),
    Rule("late-cancel", NOTE, "RFC 3261 section 9.1", calls.cancel_too_late),
    Rule("forked", NOTE, "RFC 3261 section 13.2.2.4", calls.forked),
    Rule("early-media", NOTE, "RFC 3960 section 3", calls.early_media),
    Rule("session-timer", NOTE, "RFC 4028 section 10", calls.session_expired),
    Rule("not-removed", FAULT, "RFC 3261 section 10.3", habits.still_registered),
    Rule("registration", NOTE, "RFC 3261 section 10.3", calls.shorter_registration),
    Rule("refused", NOTE, "RFC 3261 section 21", calls.refused),
    Rule("lost", NETWORK, "", lost),
)
"""What may be the matter, causes first."""


def explain(
    wires: Iterable[Wire], names: Mapping[str | Address, str] | None = None
) -> list[Finding]:
    """Say in words what went wrong in what was sent, and what explains it.

    It is not told what was wanted, and a capture may have missed something: a finding is a
    strong hint.  An unremarkable conversation has none.

    Args:
      names: what to call an `Address`, or all ports of a host, as for `ladder`.

    Returns:
      What was found, causes before what they cause.

    Example::

        >>> print(explain(network.wires, network.names())[0])
        bob sent its 200 (INVITE) 7 times and no ACK came: its Contact says 10.0.0.5:5060, which
        is a private address, but its packets come from 203.0.113.9:40001
        [RFC 3261 section 13.3.1.4]
    """
    story = read_story(wires, names)
    found = list(messages.unreadable(story))
    for rule in RULES:
        found += rule.findings(story)
    return found
