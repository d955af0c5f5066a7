"""Where transactions are found: by key, and by the connection that they depend on."""

from __future__ import annotations

from ._key import ClientKey, MergeKey, ServerKey
from ._transaction import ClientTransaction, Flow, ServerTransaction, Transaction

__all__ = ["Index"]


class Index:
    """All transactions that are not over."""

    __slots__ = ("_connections", "clients", "merged", "servers")

    def __init__(self) -> None:
        self.clients: dict[ClientKey, ClientTransaction] = {}
        self.servers: dict[ServerKey, ServerTransaction] = {}
        self.merged: dict[MergeKey, ServerTransaction] = {}
        # By connection only: those of datagrams are many, and a datagram flow hardly ever fails.
        self._connections: dict[Flow, dict[Transaction, None]] = {}

    def add_client(self, transaction: ClientTransaction) -> None:
        self.clients[transaction.key] = transaction
        if transaction.durations.reliable:
            self._connections.setdefault(transaction.flow, {})[transaction] = None

    def add_server(self, transaction: ServerTransaction) -> None:
        self.servers[transaction.key] = transaction
        if transaction.merge_key is not None:
            self.merged[transaction.merge_key] = transaction
        if transaction.durations.reliable:
            self._connections.setdefault(transaction.flow, {})[transaction] = None

    def unmerge(self, transaction: ServerTransaction) -> None:
        """Other copies of its request are requests of their own from now on."""
        if transaction.merge_key is not None:
            del self.merged[transaction.merge_key]
            transaction.merge_key = None

    def remove(self, transaction: Transaction) -> None:
        if isinstance(transaction, ServerTransaction):
            del self.servers[transaction.key]
            if transaction.merge_key is not None:
                del self.merged[transaction.merge_key]
        else:
            assert isinstance(transaction, ClientTransaction)
            del self.clients[transaction.key]
        if transaction.durations.reliable:
            on_flow = self._connections[transaction.flow]
            del on_flow[transaction]
            if not on_flow:
                del self._connections[transaction.flow]

    def on_flow(self, flow: Flow) -> list[Transaction]:
        """The transactions that news of *flow*'s failure concerns.

        For datagrams those are our own requests only.  Who asked us and has gone will not ask
        again, and looking through half a million kept answers for each ICMP packet would be an
        invitation.
        """
        if flow.reliable:
            return list(self._connections.get(flow, ()))
        return [one for one in self.clients.values() if one.flow == flow]
