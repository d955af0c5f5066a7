"""Which services there are, in which order, and which of them a message has to be shown to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import trio

from trio_sip._errors import LocalProtocolError

from ._service import Service, ServicePriority

if TYPE_CHECKING:
    from ._stack import Stack

__all__ = ["ServiceRegistry", "service_name"]

# Which list of the registry a hook belongs to.
_LISTS = {
    "on_request": "for_requests",
    "on_response": "for_responses",
    "on_send_request": "for_sent_requests",
    "on_send_response": "for_sent_responses",
    "on_flow_closed": "for_closed_flows",
    "on_transaction_state": "for_transaction_states",
}


class _Ranks:
    """Services by priority, and among equals by registration.

    Ten thousand users share a stack, each of whom brings some and takes them away again: neither
    may cost more because of the others.
    """

    def __init__(self) -> None:
        # By identity: a service may compare as it likes.
        self._ranks: dict[int, dict[int, Service]] = {}

    def add(self, service: Service, priority: int) -> None:
        self._ranks.setdefault(priority, {})[id(service)] = service

    def remove(self, service: Service, priority: int) -> None:
        rank = self._ranks[priority]
        del rank[id(service)]
        if not rank:
            del self._ranks[priority]

    def before(self, priority: int) -> int:
        """How many stand before those of *priority*."""
        return sum(len(rank) for other, rank in self._ranks.items() if other < priority)

    def __iter__(self) -> Iterator[Service]:
        for priority in sorted(self._ranks):
            yield from self._ranks[priority].values()


class _Entry(NamedTuple):
    """What a service said of itself when it came: what it says later changes nothing."""

    name: str
    priority: int
    methods: frozenset[str]
    extensions: frozenset[str]


class ServiceRegistry:
    """The services of one stack, in order, with what each message needs precomputed.

    A hook that a service does not override is never called: looking costs nothing then.  What
    is asked for after a change is made then, once, and is a plain attribute until the next one.
    """

    def __init__(self) -> None:
        self._all = _Ranks()
        self._hooked = {hook: _Ranks() for hook in _LISTS}
        self._entries: dict[int, _Entry] = {}
        self._names: set[str] = set()
        self._methods: Counter[str] = Counter()
        self._extensions: Counter[str] = Counter()
        self._scopes: dict[int, trio.CancelScope] = {}
        self.revision: int = 0
        """How often services came or went: what was made from them is outdated by the next one."""

    # -- who is to be asked

    @cached_property
    def for_requests(self) -> tuple[Service, ...]:
        return tuple(self._hooked["on_request"])

    @cached_property
    def for_responses(self) -> tuple[Service, ...]:
        return tuple(self._hooked["on_response"])

    @cached_property
    def for_sent_requests(self) -> tuple[Service, ...]:
        return tuple(self._hooked["on_send_request"])

    @cached_property
    def for_sent_responses(self) -> tuple[Service, ...]:
        return tuple(self._hooked["on_send_response"])

    @cached_property
    def for_closed_flows(self) -> tuple[Service, ...]:
        return tuple(self._hooked["on_flow_closed"])

    @cached_property
    def for_transaction_states(self) -> tuple[Service, ...]:
        return tuple(self._hooked["on_transaction_state"])

    @cached_property
    def dialogs_are_first(self) -> bool:
        """Nobody sees the requests of dialogs before their usages do, but for identification,
        which has nothing to say about them."""
        return self._hooked["on_request"].before(ServicePriority.DIALOGS) <= 1

    @cached_property
    def methods(self) -> frozenset[str]:
        return frozenset(self._methods)

    @cached_property
    def extensions(self) -> frozenset[str]:
        return frozenset(self._extensions)

    @cached_property
    def allow(self) -> str:
        return ", ".join(sorted(self.methods))

    def _forget(self, *made: str) -> None:
        for name in made:
            self.__dict__.pop(name, None)

    # -- coming and going

    def check_name(self, service: Service) -> None:
        """Raise LocalProtocolError if there is a service of its name."""
        name = service_name(service)
        if name in self._names:
            raise LocalProtocolError(f"there is a service named {name!r} already")

    def add(self, service: Service) -> None:
        """Put it in its place; the next message sees it."""
        self.check_name(service)
        service.name = service_name(service)
        entry = self._entries[id(service)] = _Entry(
            service.name, service.priority, service.methods, service.extensions
        )
        priority = entry.priority
        self._names.add(entry.name)
        self._all.add(service, priority)
        for hook, ranks in self._hooked.items():
            if _overrides(service, hook):
                ranks.add(service, priority)
                self._forget(_LISTS[hook])
        self._methods.update(entry.methods)
        self._extensions.update(entry.extensions)
        self._forget("methods", "allow", "extensions")
        self._forget("dialogs_are_first")
        self.revision += 1

    def remove(self, service: Service) -> None:
        """Take it out; messages that are inside it finish there."""
        entry = self._entries.pop(id(service), None)
        if entry is None:
            raise LookupError(f"no such service: {service.name!r}")
        priority = entry.priority
        self._names.discard(entry.name)
        self._all.remove(service, priority)
        for hook, ranks in self._hooked.items():
            if _overrides(service, hook):
                ranks.remove(service, priority)
                self._forget(_LISTS[hook])
        for counter, words in (
            (self._methods, entry.methods),
            (self._extensions, entry.extensions),
        ):
            counter.subtract(words)
            for word in words:
                if counter[word] <= 0:
                    del counter[word]
        self._forget("methods", "allow", "extensions", "dialogs_are_first")
        scope = self._scopes.pop(id(service), None)
        if scope is not None:
            scope.cancel()
        self.revision += 1

    async def run(self, service: Service, stack: Stack) -> None:
        """Run its task, if it has one, until it is removed."""
        with trio.CancelScope() as self._scopes[id(service)]:
            await service.run(stack)

    def __iter__(self) -> Iterator[Service]:
        return iter(tuple(self._all))

    def __contains__(self, service: object) -> bool:
        return id(service) in self._entries

    def runs(self, service: Service) -> bool:
        """Whether it has a task of its own."""
        return _overrides(service, "run")


def service_name(service: Service) -> str:
    """Its name; that of its class if it has none."""
    return service.name or type(service).__name__


def _overrides(service: Service, hook: str) -> bool:
    return getattr(type(service), hook) is not getattr(Service, hook)
