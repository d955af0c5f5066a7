"""A transaction: a machine, the state it is in, and what it has to keep for that."""

from __future__ import annotations

from typing import Protocol

import attrs

from trio_sip.message import Request

from ._deadlines import Timer
from ._key import ClientKey, MergeKey, ServerKey
from ._machine import Machine, State
from ._timers import Durations

__all__ = ["ClientTransaction", "Flow", "ServerTransaction", "Transaction"]


class Flow(Protocol):
    """The way a message takes: a connection, or two addresses.  It must be hashable."""

    @property
    def reliable(self) -> bool:
        """The transport repeats what is lost, so the transaction need not."""
        ...

    def __hash__(self) -> int: ...


# Positional, because keywords would cost a quarter of a transaction's making.
@attrs.define(eq=False)
class Transaction:
    """One request and its responses, as RFC 3261 section 17 has it.

    Everything but `owner` belongs to the layer; read it, and leave it as it is.  It holds no more
    than its state can still use: a server transaction that has answered holds the bytes of the
    answer and nothing parsed.
    """

    method: str
    """The method of the request; ``INVITE`` for the ACKs that belong to it, too."""

    flow: Flow
    """Where it sends."""

    machine: Machine = attrs.field(repr=False)

    durations: Durations = attrs.field(repr=False)

    request: Request | None = attrs.field(repr=False)
    """The request while an ACK or a 100 may have to be built from it."""

    data: bytes = attrs.field(repr=False)
    """What it would send again; empty when nothing is."""

    state: State

    timers: tuple[Timer[Transaction], ...] = attrs.field(init=False, default=(), repr=False)
    """Those that run: what its state owns, less those that its transport needs not."""

    kept: int = attrs.field(init=False, default=0, repr=False)
    """How many bytes of `data` count as kept: those of a final answer."""

    owner: object = attrs.field(init=False, default=None, repr=False)
    """The transaction user's, who alone reads and writes it."""


@attrs.define(eq=False)
class ClientTransaction(Transaction):
    """A request that we sent (RFC 3261 section 17.1)."""

    key: ClientKey = attrs.field(repr=False)

    retransmissions: int = attrs.field(init=False, default=0)
    """How often the request was sent again."""


@attrs.define(eq=False)
class ServerTransaction(Transaction):
    """A request that we received (RFC 3261 section 17.2)."""

    key: ServerKey = attrs.field(repr=False)

    merge_key: MergeKey | None = attrs.field(repr=False)
    """By which other copies of the same request are known; ``None`` within a dialog."""
