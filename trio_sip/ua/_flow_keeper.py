"""Keeps the flow open that a registration goes by: the one who does what `KeepAlive` says."""

from __future__ import annotations

import math

import trio

from trio_sip._errors import TransportFailed
from trio_sip.registration import FlowDead, Grant, KeepAlive, KeepAliveState, SendPing
from trio_sip.stack import Stack
from trio_sip.transport import Flow, SignsOfLife

__all__ = ["FlowKeeper"]

_LEAST = 10.0
"""No registrar makes us ping more often than this many seconds."""


class FlowKeeper:
    """Sends keep-alives on one flow after the other; a connection that does not answer is closed."""

    def __init__(self, stack: Stack, seconds: float | None) -> None:
        self._stack = stack
        self._seconds = seconds
        self._flow: Flow | None = None
        self._core: KeepAlive | None = None
        self._life = SignsOfLife()

    def follow(self, flow: Flow | None, grant: Grant | None = None) -> None:
        """Keep *flow* open from now on, as *grant* asks for it; ``None`` keeps none."""
        seconds = self._seconds
        promised = False
        if grant is not None and grant.flow_timer is not None:
            # RFC 5626 section 4.4.1: whoever says when it gives up a flow answers pings.
            wanted = max(float(grant.flow_timer), _LEAST)
            seconds = wanted if seconds is None else min(seconds, wanted)
            promised = flow is not None and flow.reliable
        if flow is None or seconds is None:
            self._flow = self._core = None
        elif flow != self._flow or self._core is None or self._core.seconds != seconds:
            self._flow = flow
            self._life = self._stack.signs_of_life(flow)
            self._core = KeepAlive(
                seconds,
                state=KeepAliveState.ALIVE if promised else KeepAliveState.UNPROVEN,
                dice=self._stack.tokens.roll,
                now=trio.current_time(),
            )

    def next_deadline(self) -> float:
        """When to call `handle_timeout`."""
        return math.inf if self._core is None else self._core.next_deadline()

    def handle_timeout(self, now: float) -> None:
        """Look what has come, and do what is due."""
        core, flow = self._core, self._flow
        if core is None or flow is None or now < core.next_deadline():
            return
        before, self._life = self._life, self._stack.signs_of_life(flow)
        if core.state is KeepAliveState.UNPROVEN and self._life.pongs > before.pongs:
            core.receive_pong(now)
        elif core.state is KeepAliveState.ASKED and self._life.arrivals > before.arrivals:
            # Who says anything at all is alive.
            core.receive_pong(now)
        core.handle_timeout(now)
        for effect in core.effects():
            match effect:
                case SendPing():
                    self._ping(flow)
                case FlowDead():
                    self._stack.close_flow(flow, "nobody answers its pings")

    def _ping(self, flow: Flow) -> None:
        try:
            self._stack.ping_flow(flow)
        except TransportFailed:
            # A connection that is gone says so by itself; a datagram is sent again.
            return
