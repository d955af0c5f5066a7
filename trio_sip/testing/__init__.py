"""What tests of SIP programs need: a network with misfortunes on a virtual clock, and drawings."""

from ._capture import Capture, read_capture
from ._explain import explain
from ._finding import Finding, FindingKind
from ._host import MemoryHost
from ._ladder import ladder
from ._link import Link
from ._nat import NatBox, NatKind
from ._network import MemoryNetwork
from ._pcapng import write_pcapng
from ._rules import Pattern, every, first
from ._scheduling import deterministic_scheduling
from ._streams import MemoryConnection, StreamReset
from ._svg import svg_ladder
from ._trace import trace
from ._wire import Cause, Fate, Label, Wire

__all__ = [
    "Capture",
    "Cause",
    "Fate",
    "Finding",
    "FindingKind",
    "Label",
    "Link",
    "MemoryConnection",
    "MemoryHost",
    "MemoryNetwork",
    "NatBox",
    "NatKind",
    "Pattern",
    "StreamReset",
    "Wire",
    "deterministic_scheduling",
    "every",
    "explain",
    "first",
    "ladder",
    "read_capture",
    "svg_ladder",
    "trace",
    "write_pcapng",
]
