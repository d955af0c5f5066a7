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
from ._sipp_port import ScenarioPort
from ._sipp_run import ScenarioResult, read_sipp_rows, run_sipp_scenario
from ._sipp_scenario import Scenario, Step, StepKind, Unsupported, load_sipp_scenario
from ._sipp_xml import ScenarioError
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
    "Scenario",
    "ScenarioError",
    "ScenarioPort",
    "ScenarioResult",
    "Step",
    "StepKind",
    "StreamReset",
    "Unsupported",
    "Wire",
    "deterministic_scheduling",
    "every",
    "explain",
    "first",
    "ladder",
    "load_sipp_scenario",
    "read_capture",
    "read_sipp_rows",
    "run_sipp_scenario",
    "svg_ladder",
    "trace",
    "write_pcapng",
]
