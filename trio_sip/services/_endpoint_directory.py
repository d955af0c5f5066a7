"""Where identifiers look endpoints up, and under which names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from trio_sip.stack import Endpoint

__all__ = ["EndpointDirectory", "as_directory", "find_first", "possible_names"]


class EndpointDirectory(Protocol):
    """Endpoints by name.  A mapping will do instead where all of them are in memory."""

    async def find_endpoint(self, name: str) -> Endpoint | None:
        """The endpoint that goes by *name*, ``alice`` or ``alice@example.com``.

        *name* is what a stranger wrote, without its escapes: it may hold any character.  An
        exception is not ``None``: the request is answered 500.
        """


class _Table:
    def __init__(self, endpoints: Mapping[str, Endpoint]) -> None:
        self.endpoints = endpoints

    async def find_endpoint(self, name: str) -> Endpoint | None:
        return self.endpoints.get(name)


def as_directory(endpoints: Mapping[str, Endpoint] | EndpointDirectory) -> EndpointDirectory:
    """Whatever was given, as a directory.  A mapping is not copied: it may change."""
    return _Table(endpoints) if isinstance(endpoints, Mapping) else endpoints


def possible_names(user: str, host: str, aliases: Mapping[str, str]) -> tuple[str, ...]:
    """The names to try for ``user@host``, the most particular first.

    *host* is in lower case; *aliases* lead from other names of a domain to the one that
    endpoints are configured with.
    """
    if host in aliases:
        return f"{user}@{host}", f"{user}@{aliases[host]}", user
    return f"{user}@{host}", user


async def find_first(directory: EndpointDirectory, names: Sequence[str]) -> Endpoint | None:
    """The endpoint that goes by the first of *names* that anybody has."""
    # Every request comes by here, and a mapping need not be waited for.
    if isinstance(directory, _Table):
        return _first_in(directory.endpoints, names)
    for name in names:
        endpoint = await directory.find_endpoint(name)
        if endpoint is not None:
            return endpoint
    return None


def _first_in(endpoints: Mapping[str, Endpoint], names: Sequence[str]) -> Endpoint | None:
    for name in names:
        endpoint = endpoints.get(name)
        if endpoint is not None:
            return endpoint
    return None
