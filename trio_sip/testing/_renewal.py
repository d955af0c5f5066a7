"""A world as the fixtures had made it, for each example of a test that Hypothesis runs.

Fixtures that are no coroutines are set up once for all examples, and whoever wrote them holds on
to what they made.  So everything becomes again what it was, in place: the same network, hosts and
peers, with no sockets but the peers' own and no memory of the example before.
"""

from __future__ import annotations

import copy
import random
from collections import deque
from collections.abc import Sequence
from typing import Any

import attrs
import trio

from .network import MemoryHost, MemoryNetwork, Path, Pattern
from .peer import SipPeer

__all__ = ["Renewal"]


class Renewal:
    """Remembers a network and its peers before the first example."""

    def __init__(self, network: MemoryNetwork | None, peers: Sequence[SipPeer]) -> None:
        self._peers = [(peer, peer.settings()) for peer in peers]
        self._hosts: list[MemoryHost] = []
        things: list[object] = []
        if network is not None:
            self._hosts = list(network._hosts.values())
            things = [network, *self._hosts, *network._boxes.values(), *network._rules]
        self._states = [(thing, _state_of(thing)) for thing in things]

    def renew(self) -> list[SipPeer]:
        """Make everything what it was; the peers there are."""
        for thing, state in self._states:
            for name, value in state.items():
                setattr(thing, name, _copied(value))
        for host in self._hosts:
            host.forget_sockets()
        for peer, settings in self._peers:
            peer.begin_again(settings)
        return [peer for peer, _ in self._peers]


# Any: each attribute has a type of its own.
def _state_of(thing: object) -> dict[str, Any]:
    if isinstance(thing, Pattern):
        return {"remaining": thing.remaining}
    return {name: _copied(value) for name, value in vars(thing).items()}


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(one) for key, one in value.items()}
    if isinstance(value, list | set | deque):
        return type(value)(_copied(one) for one in value)
    if isinstance(value, random.Random):
        return copy.copy(value)
    if isinstance(value, Path):
        return attrs.evolve(value, dice=copy.copy(value.dice), held=[])
    if isinstance(value, trio.CancelScope | trio.lowlevel.ParkingLot):
        # Nobody waits any more, and an old deadline is none.
        return type(value)()
    return value
