"""What there is to see of a running stack: its settings, its services, its figures."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

import trio

from trio_sip.transport import Flow, Listen, PeerIdentity, SignsOfLife

from ._parts import Parts, StackState
from ._security import SecurityEvent
from ._settings import StackSettings
from ._snapshot import snapshot_of, statistics_of
from ._statistics import StackSnapshot, StackStatistics
from ._tokens import Tokens
from ._usage_support import UsageSupport

__all__ = ["StackView"]


class StackView(UsageSupport):
    """The part of `Stack` that changes nothing but what is kept open."""

    def __init__(self, parts: Parts, listening: tuple[Listen, ...], nursery: trio.Nursery) -> None:
        super().__init__(parts, nursery)
        self._listening = listening

    @property
    def listening(self) -> tuple[Listen, ...]:
        """What is listened on, with the real ports."""
        return self._listening

    @property
    def settings(self) -> StackSettings:
        return self._parts.settings

    @property
    def state(self) -> StackState:
        return self._parts.state

    @property
    def tokens(self) -> Tokens:
        """Where branches, tags and Call-IDs come from."""
        return self._parts.tokens

    @property
    def supported(self) -> tuple[str, ...]:
        """The option tags that some service understands."""
        return tuple(sorted(self._parts.services.extensions))

    @property
    def services_revision(self) -> int:
        """A number that changes whenever a service comes or goes."""
        return self._parts.services.revision

    @property
    def allow(self) -> str:
        """The value of Allow: the methods that some service serves."""
        return self._parts.services.allow

    def hold_flow(self, flow: Flow) -> None:
        """Keep an idle connection open, because somebody is registered over it."""
        self._parts.transport.hold(flow)

    def ping_flow(self, flow: Flow) -> None:
        """Keep *flow* open in the boxes on its way; on a stream it is a ping (RFC 5626).

        Raises:
          TransportFailed: it cannot be sent.
        """
        self._parts.transport.ping(flow)

    def signs_of_life(self, flow: Flow) -> SignsOfLife:
        """What has come by *flow*, if it is a connection that is there still."""
        return self._parts.transport.signs_of_life(flow)

    def close_flow(self, flow: Flow, reason: str) -> None:
        """Give the connection of *flow* up: `Service.on_flow_closed` is told."""
        self._parts.transport.close_flow(flow, reason)

    def release_flow(self, flow: Flow) -> None:
        """Undo one `hold_flow`."""
        self._parts.transport.release(flow)

    def peer_identity(self, flow: Flow) -> PeerIdentity | None:
        """Who is at the other end of a TLS connection, if a certificate has proved it."""
        return self._parts.transport.identity(flow)

    def security_events(
        self,
    ) -> AbstractAsyncContextManager[trio.MemoryReceiveChannel[SecurityEvent]]:
        """``async with stack.security_events() as events: async for event in events: …``"""
        return self._parts.events.listen()

    def statistics(self) -> StackStatistics:
        """Counts since the start, and what is there now."""
        return statistics_of(self._parts)

    def snapshot(self) -> StackSnapshot:
        """What the stack consists of at this moment."""
        return snapshot_of(self._parts, self._listening)
