"""The connections that bindings go with: kept open for them, and told apart from dead ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Protocol

from trio_sip.registration import Binding
from trio_sip.transport import Flow

__all__ = ["RegisteredFlows"]

# A registration that was on its way while its connection ended is stored a moment later.  So
# many endings are remembered to know that by.
_REMEMBERED = 4096


class FlowHolder(Protocol):
    """What keeps connections open: a `Stack`."""

    def hold_flow(self, flow: Flow) -> None: ...
    def release_flow(self, flow: Flow) -> None: ...


class RegisteredFlows:
    """Which addresses-of-record are registered over which connection, and until when.

    A connection with bindings is held, so that it is not closed for being idle; it is let go
    with the last of them.
    """

    stack: FlowHolder
    """The stack whose connections they are; set before the first message."""

    def __init__(self) -> None:
        self._held: dict[Flow, dict[str, float]] = {}
        self._ended: dict[Flow, None] = {}
        self.lost: deque[Flow] = deque()
        """Connections that ended with bindings, to be removed by whoever may wait."""

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[Flow]:
        return iter(tuple(self._held))

    def update(self, aor: str, before: Sequence[Binding], after: Sequence[Binding]) -> None:
        """Note that the bindings of an address became others."""
        kept: dict[Flow, float] = {}
        for binding in after:
            if isinstance(binding.flow, Flow):
                kept[binding.flow] = max(binding.expires_at, kept.get(binding.flow, 0.0))
        for flow, expires_at in kept.items():
            self._hold(flow, aor, expires_at)
        for binding in before:
            if isinstance(binding.flow, Flow) and binding.flow not in kept:
                self._let_go(binding.flow, aor)

    def _hold(self, flow: Flow, aor: str, expires_at: float) -> None:
        users = self._held.get(flow)
        if users is None:
            users = self._held[flow] = {}
            self.stack.hold_flow(flow)
            if flow in self._ended:
                self.lost.append(flow)
        users[aor] = expires_at

    def _let_go(self, flow: Flow, aor: str) -> None:
        users = self._held.get(flow)
        if users is None:
            return
        users.pop(aor, None)
        if not users:
            del self._held[flow]
            self.stack.release_flow(flow)

    def end(self, flow: Flow) -> None:
        """Note that a connection has ended."""
        if flow in self._ended:
            return
        if len(self._ended) >= _REMEMBERED:
            del self._ended[next(iter(self._ended))]
        self._ended[flow] = None
        if flow in self._held:
            self.lost.append(flow)

    def forget(self, flow: Flow) -> None:
        """Its bindings have been removed."""
        if self._held.pop(flow, None) is not None:
            self.stack.release_flow(flow)

    def let_go_expired(self, flow: Flow, now: float) -> None:
        """Let go of a connection whose bindings have all ended by themselves."""
        users = self._held.get(flow, {})
        for aor in [aor for aor, expires_at in users.items() if expires_at <= now]:
            self._let_go(flow, aor)
