"""A network in memory, with hosts, links, NAT boxes and misfortunes from one seed."""

from ._host import MemoryHost
from ._link import Link, Path
from ._nat import NatBox, NatKind
from ._network import MemoryNetwork
from ._rules import Pattern, every, first
from ._scheduling import deterministic_scheduling
from ._streams import MemoryConnection, StreamReset

__all__ = [
    "Link",
    "MemoryConnection",
    "MemoryHost",
    "MemoryNetwork",
    "NatBox",
    "NatKind",
    "Path",
    "Pattern",
    "StreamReset",
    "deterministic_scheduling",
    "every",
    "first",
]
