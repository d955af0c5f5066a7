"""What a stack has done and what it holds, as values."""

from __future__ import annotations

import attrs

from trio_sip import transaction, transport, work

__all__ = ["Counters", "StackSnapshot", "StackStatistics"]


@attrs.define
class Counters:
    """The stack's own counts, while it runs."""

    requests_received: int = 0
    responses_received: int = 0
    cancels: int = 0
    faulty_requests: int = 0
    faulty_responses: int = 0
    garbage: int = 0
    unanswerable: int = 0
    overload_dropped: int = 0
    overload_refused: int = 0
    handler_errors: int = 0
    sends_failed: int = 0
    stray_responses: int = 0
    stray_acks: int = 0
    never_answered: int = 0
    oversized_responses: int = 0
    forgotten_responses: int = 0


@attrs.frozen(kw_only=True)
class StackStatistics:
    """Counts since the start, and numbers of what is there now."""

    requests_received: int
    """Requests that could be framed, copies included."""

    responses_received: int
    cancels: int
    """CANCELs of an INVITE that is known: answered 200."""

    faulty_requests: int
    """Answered 400, 416, 420, 505, … for their form alone."""

    faulty_responses: int
    """Dropped for their form."""

    garbage: int
    """Not SIP at all: dropped, or the connection closed."""

    unanswerable: int
    """Faulty requests without even a Via to answer by."""

    overload_dropped: int
    """New requests forgotten because there was too much to do."""

    overload_refused: int
    """New requests answered 503 for the same reason."""

    handler_errors: int
    """Exceptions of services, identifiers, authenticators and tasks that were contained."""

    sends_failed: int
    """Messages that the transports could not take."""

    stray_responses: int
    """Responses nobody waited for."""

    stray_acks: int
    """ACKs of no dialog, which are dropped."""

    never_answered: int
    """Requests that were deferred, and that nobody answered in time."""

    oversized_responses: int
    """Answers that no datagram could hold: 500 was sent instead."""

    forgotten_responses: int
    """Provisional responses to a request of ours that its history had no room for."""

    unanswered: int
    """Requests that are being handled now."""

    dialogs: int
    reminders: int
    """Deadlines that sessions and the like wait for."""

    transactions: transaction.Statistics
    transport: transport.TransportStatistics
    works: work.WorksStatistics
    security_events: dict[str, int]
    """By kind."""


@attrs.frozen(kw_only=True)
class StackSnapshot:
    """What a running stack consists of at this moment."""

    listening: tuple[str, ...]
    services: tuple[str, ...]
    """Names with priorities, in order: the way of a request."""

    identifiers: tuple[str, ...]
    """In the order in which they are asked."""

    authenticator: str | None
    dialogs: tuple[str, ...]
    works: tuple[work.WorkStatistics, ...]
    statistics: StackStatistics
