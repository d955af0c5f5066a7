"""What tests of SIP programs need: a network with misfortunes on a virtual clock, and drawings."""

from ._host import MemoryHost
from ._ladder import ladder
from ._network import Link, MemoryNetwork
from ._rules import Pattern, every, first
from ._scheduling import deterministic_scheduling
from ._streams import MemoryConnection, StreamReset
from ._wire import Fate, Label, Wire

__all__ = [
    "Fate",
    "Label",
    "Link",
    "MemoryConnection",
    "MemoryHost",
    "MemoryNetwork",
    "Pattern",
    "StreamReset",
    "Wire",
    "deterministic_scheduling",
    "every",
    "first",
    "ladder",
]
